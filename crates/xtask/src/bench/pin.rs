//! Which processor does what: the proxy that is measured has one of its own, where there are two or more, and what loads and
//! serves it has the others. Left to itself, the system would move them about, and a proxy that moves costs more.

use std::ffi::OsStr;
use std::process::Command;
use std::thread;

use crate::run;

/// A command for a proxy that is measured.
pub(crate) fn proxy(program: impl AsRef<OsStr>) -> Command {
    on(program, |_| "0".to_owned())
}

/// A command for what loads a proxy, or serves it.
pub(crate) fn others(program: impl AsRef<OsStr>) -> Command {
    on(program, |last| format!("1-{last}"))
}

/// What came of it, for whoever reads the figures.
pub(crate) fn words() -> &'static str {
    if is_possible() { "on a processor of its own" } else { "on any processor" }
}

fn on(program: impl AsRef<OsStr>, processors: impl FnOnce(usize) -> String) -> Command {
    if !is_possible() {
        return Command::new(program);
    }
    let mut command = Command::new("taskset");
    command.args(["--cpu-list", &processors(processors_here() - 1)]).arg(program);
    command
}

fn is_possible() -> bool {
    processors_here() > 1 && run::find("taskset").is_some()
}

fn processors_here() -> usize {
    thread::available_parallelism().map_or(1, std::num::NonZero::get)
}
