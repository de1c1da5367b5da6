//! Running a command to its end, with a time limit and an error that a person understands.

use std::env;
use std::io::Read;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};

use crate::interrupt;
use crate::process::Process;

/// Runs `command` with its output where this program's goes.
///
/// # Errors
/// When it cannot be started, fails, or takes longer than `limit`.
pub(crate) fn show(command: &mut Command, limit: Duration) -> Result<()> {
    let status = show_any(command, limit)?;
    if !status.success() {
        bail!("`{}` failed ({status})", name(command));
    }
    Ok(())
}

/// Runs `command` with its output where this program's goes, and gives how it ended: for one that answers by its
/// exit code.
///
/// # Errors
/// When it cannot be started, or takes longer than `limit`.
pub(crate) fn show_any(command: &mut Command, limit: Duration) -> Result<ExitStatus> {
    let name = name(command);
    let mut process = Process::start(&name, command)?;
    interrupt::wait_for(&format!("`{name}`"), limit, || process.ended())
}

/// Runs `command` and gives what it wrote to standard output.
///
/// # Errors
/// When it cannot be started, fails (the message carries all that it wrote), or takes longer than `limit`.
pub(crate) fn capture(command: &mut Command, limit: Duration) -> Result<String> {
    let name = name(command);
    let mut process = Process::start(&name, command.stdout(Stdio::piped()).stderr(Stdio::piped()))?;
    // Both pipes are emptied while it runs: a full one would stop it.
    let out = collect(process.child().stdout.take());
    let err = collect(process.child().stderr.take());
    let status = interrupt::wait_for(&format!("`{name}`"), limit, || process.ended())?;
    let (out, err) = (finish(out)?, finish(err)?);
    if !status.success() {
        bail!("`{name}` failed ({status}):\n{}{}", out, err);
    }
    Ok(out)
}

/// Where a program is on the `PATH`, if anywhere.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// Fails with what is missing, what for, and what to do about it.
///
/// # Errors
/// When `program` is not on the `PATH`.
pub(crate) fn need(program: &str, hint: &str) -> Result<PathBuf> {
    find(program).with_context(|| format!("`{program}` is missing: {hint}"))
}

fn name(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    words.join(" ")
}

type Collector = Option<thread::JoinHandle<std::io::Result<Vec<u8>>>>;

fn collect(pipe: Option<impl Read + Send + 'static>) -> Collector {
    pipe.map(|mut pipe| {
        thread::spawn(move || {
            let mut bytes = Vec::new();
            pipe.read_to_end(&mut bytes)?;
            Ok(bytes)
        })
    })
}

fn finish(collector: Collector) -> Result<String> {
    let Some(collector) = collector else { return Ok(String::new()) };
    let bytes = collector.join().map_err(|_| anyhow!("the reader of a pipe ended early"))??;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
