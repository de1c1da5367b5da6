//! Asking again and again for a while, also where the control plane is away in the middle of it.

use std::time::{Duration, Instant};

use crate::{client::error::Error, output::Output};

/// For how long it is asked, and how often.
pub(super) struct Patience<'a> {
    output: &'a Output,
    every: Duration,
    limit: Duration,
    began: Instant,
    /// One that never answered may be the wrong address.
    has_answered: bool,
    was_away: bool,
}

impl<'a> Patience<'a> {
    /// From now on, of a control plane that has not answered yet.
    pub(super) fn new(output: &'a Output, every: Duration, limit: Duration) -> Patience<'a> {
        Patience { output, every, limit, began: Instant::now(), has_answered: false, was_away: false }
    }

    /// Of a control plane that has answered, and from then on.
    pub(super) fn since(self, answered: Instant) -> Patience<'a> {
        Patience { began: answered, has_answered: true, ..self }
    }

    /// The next answer. One that answered before and is away, as during a restart, is asked until the time is over.
    ///
    /// # Errors
    /// What does not pass by itself, or does not pass in time.
    pub(super) async fn ask<T>(&mut self, question: impl AsyncFn() -> Result<T, Error>) -> Result<T, Error> {
        let mut is_away = false;
        loop {
            match question().await {
                Ok(answer) => {
                    self.has_answered = true;
                    return Ok(answer);
                }
                Err(error) if self.has_answered && error.may_pass() && !self.left().is_zero() => {
                    if !is_away {
                        self.output.progress("");
                        self.output.note(&format!("{error}\nthere is no answer yet; trying again"));
                    }
                    (is_away, self.was_away) = (true, true);
                }
                Err(error) => return Err(error),
            }
            self.pause().await;
        }
    }

    /// Until it is time to ask again.
    pub(super) async fn pause(&self) {
        tokio::time::sleep(self.every.min(self.left())).await;
    }

    /// How much of the time is left.
    pub(super) fn left(&self) -> Duration {
        self.limit.saturating_sub(self.began.elapsed())
    }

    /// Whether the control plane was away since it was asked first.
    pub(super) fn was_away(&self) -> bool {
        self.was_away
    }
}
