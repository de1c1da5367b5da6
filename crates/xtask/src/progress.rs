//! One thing that takes a while: a spinner on a terminal, plain lines otherwise.

use std::cell::Cell;
use std::fmt::Display;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::say;

/// A running piece of work; dropped without [`Progress::done`], its line says that it failed.
#[derive(Debug)]
pub(crate) struct Progress {
    what: String,
    start: Instant,
    bar: Option<ProgressBar>,
    said: Cell<Instant>,
    ended: bool,
}

/// How often a log is told how far something is.
const SAY_EVERY: Duration = Duration::from_secs(5);

impl Progress {
    /// Says what begins.
    pub(crate) fn start(what: impl Display) -> Self {
        let what = what.to_string();
        let bar = say::to_a_terminal().then(|| {
            let bar = ProgressBar::new_spinner().with_message(format!("{what} …"));
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        if bar.is_none() {
            say::line(format_args!("{what} …"));
        }
        let start = Instant::now();
        Self { what, start, bar, said: Cell::new(start), ended: false }
    }

    /// Nothing to show: for work that is part of other work.
    pub(crate) fn silent() -> Self {
        let start = Instant::now();
        Self { what: String::new(), start, bar: None, said: Cell::new(start), ended: true }
    }

    /// Shows a bar of `total` steps in place of the spinner; nothing where nobody watches.
    pub(crate) fn of(self, total: u64) -> Self {
        if let Some(bar) = &self.bar {
            bar.set_length(total);
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {wide_bar} {pos}/{len}") {
                bar.set_style(style);
            }
        }
        self
    }

    /// How many of the steps are done.
    pub(crate) fn at(&self, position: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(position);
        }
    }

    /// Says how far it is: beside the spinner, else as a line every few seconds.
    pub(crate) fn says(&self, how_far: impl Display) {
        let text = format!("{}: {how_far}", self.what);
        if let Some(bar) = &self.bar {
            bar.set_message(text);
        } else if self.said.get().elapsed() >= SAY_EVERY {
            self.said.set(Instant::now());
            say::line(format_args!("  {how_far}"));
        }
    }

    /// Says what came of it.
    pub(crate) fn done(mut self, outcome: impl Display) {
        let text = format!("{}: {outcome} ({:.1} s)", self.what, self.start.elapsed().as_secs_f64());
        self.end(&text);
    }

    fn end(&mut self, text: &str) {
        self.ended = true;
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        say::line(text);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if !self.ended {
            let text = format!("{}: failed", self.what);
            self.end(&text);
        }
    }
}
