//! The named steps of a long run, each with its time, and a summary at the end.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::{interrupt, say};

/// Steps that were taken, in order.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    taken: Vec<(String, Duration)>,
}

impl Steps {
    /// Takes one step: says its name, does it, and keeps its time.
    ///
    /// # Errors
    /// When the step fails; the message starts with its name. The steps after it are not taken.
    pub(crate) fn take<T>(&mut self, name: &str, step: impl FnOnce() -> Result<T>) -> Result<T> {
        interrupt::check()?;
        say::heading(name);
        let start = Instant::now();
        let outcome = step().with_context(|| format!("step \"{name}\""))?;
        self.taken.push((name.to_owned(), start.elapsed()));
        Ok(outcome)
    }

    /// Prints what was done and how long each step took.
    pub(crate) fn summary(&self) {
        say::heading("all steps passed");
        for (name, time) in &self.taken {
            say::line(format_args!("{:>7.1} s  {name}", time.as_secs_f64()));
        }
        let total: Duration = self.taken.iter().map(|(_, time)| *time).sum();
        say::line(format_args!("{:>7.1} s  in all", total.as_secs_f64()));
    }
}
