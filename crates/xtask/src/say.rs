//! The one place that prints: what a person or a log reads goes to standard output, line by line.

use std::fmt::Display;
use std::io::{IsTerminal, stdout};

/// Whether somebody is watching: then progress may redraw its line, else only whole lines are printed.
pub(crate) fn to_a_terminal() -> bool {
    stdout().is_terminal()
}

/// Prints one line.
#[expect(clippy::print_stdout, reason = "this is the module that prints")]
pub(crate) fn line(text: impl Display) {
    println!("{text}");
}

/// Prints a heading with an empty line above, so that the parts of a long log can be found.
pub(crate) fn heading(text: impl Display) {
    line(format_args!("\n== {text}"));
}

/// Prints an error with the chain of its causes, to standard error.
#[expect(clippy::print_stderr, reason = "this is the module that prints")]
pub(crate) fn error(error: &anyhow::Error) {
    eprintln!("error: {error:#}");
}
