//! One thing that takes a while: a spinner on a terminal, plain lines otherwise.

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
    ended: bool,
}

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
        Self { what, start: Instant::now(), bar, ended: false }
    }

    /// Nothing to show: for work that is part of other work.
    pub(crate) fn silent() -> Self {
        Self { what: String::new(), start: Instant::now(), bar: None, ended: true }
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
