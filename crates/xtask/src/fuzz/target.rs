//! One fuzz target: its folders, and a run of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::figures::Figures;
use crate::process::Process;
use crate::{interrupt, say};

/// An input that takes longer, in seconds, is a finding. The slowest that is kept takes some milliseconds.
const INPUT_SECONDS: u32 = 10;

/// More memory in all, or at once, in MiB, is a finding: what comes from outside is bounded far below.
const MEMORY_MIB: u32 = 1_024;
const ALLOCATION_MIB: u32 = 256;

/// What a run may take beyond the time it was given: reading the corpus, and the last input.
const GRACE: Duration = Duration::from_secs(300);

/// A built target.
#[derive(Debug)]
pub(crate) struct Target {
    /// Its name, which is that of its file under `fuzz_targets`.
    pub(crate) name: String,
    binary: PathBuf,
    /// The inputs that are committed.
    pub(crate) kept: PathBuf,
    /// Inputs that once failed, committed too.
    regressions: PathBuf,
    dictionary: PathBuf,
    /// What this machine found beyond; not committed.
    pub(crate) found: PathBuf,
    failed: PathBuf,
    log: PathBuf,
}

impl Target {
    /// The target of this name in the fuzz workspace `folder`, with a folder to write to below `built`.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub(crate) fn new(folder: &Path, built: &Path, binaries: &Path, name: &str) -> Result<Target> {
        let state = built.join("fuzz").join(name);
        let target = Target {
            name: name.to_owned(),
            binary: binaries.join(name),
            kept: folder.join("corpus").join(name),
            regressions: folder.join("regressions").join(name),
            dictionary: folder.join("dictionaries").join(format!("{name}.dict")),
            found: state.join("found"),
            failed: state.join("failed"),
            log: state.join("log"),
        };
        for folder in [&target.found, &target.failed] {
            fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        }
        Ok(target)
    }

    /// Looks for so many seconds; with 0 it only takes what is kept.
    ///
    /// # Errors
    /// When an input fails: the message names it, and says how to try it again.
    pub(crate) fn run(&self, seconds: u64) -> Result<Figures> {
        let mut command = self.command();
        let ends = if seconds == 0 { "-runs=0".to_owned() } else { format!("-max_total_time={seconds}") };
        command.arg(ends).arg(format!("-artifact_prefix={}/", self.failed.display()));
        if self.dictionary.is_file() {
            command.arg(format!("-dict={}", self.dictionary.display()));
        }
        if seconds > 0 {
            // New inputs are written to the first folder.
            command.arg(&self.found);
        }
        command.args([&self.kept, &self.regressions].into_iter().filter(|folder| folder.is_dir()));
        let log = self.logged(&mut command, Duration::from_secs(seconds))?;
        let figures = Figures::read(&log)
            .with_context(|| format!("{}: its log has no figures: {}", self.name, self.log.display()))?;
        say::line(format_args!("fuzz {}: {} executions", self.name, figures.executions));
        Ok(figures)
    }

    /// libFuzzer with the bounds that make an input a finding.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .arg(format!("-timeout={INPUT_SECONDS}"))
            .arg(format!("-rss_limit_mb={MEMORY_MIB}"))
            .arg(format!("-malloc_limit_mb={ALLOCATION_MIB}"))
            .arg("-print_final_stats=1");
        command
    }

    /// Runs it to its end, and gives what it said.
    ///
    /// # Errors
    /// When it fails.
    pub(crate) fn logged(&self, command: &mut Command, time: Duration) -> Result<String> {
        let mut process = Process::start_logged(&self.name, command, &self.log)?;
        let what = format!("the fuzz target {}", self.name);
        let status = interrupt::wait_for(&what, time + GRACE, || process.ended())?;
        let bytes = fs::read(&self.log).with_context(|| format!("cannot read {}", self.log.display()))?;
        let log = String::from_utf8_lossy(&bytes).into_owned();
        if !status.success() {
            bail!("{}", self.finding(&log));
        }
        Ok(log)
    }

    fn finding(&self, log: &str) -> String {
        let input =
            log.lines().find_map(|line| line.split_once("Test unit written to ")).map(|(_, path)| path);
        let what = log.lines().find(|line| line.contains("panicked at") || line.contains("ERROR: "));
        match input {
            Some(input) => format!(
                "{}: {}\n  the input: {input}\n  again:     {} {input}\n  the log:   {}\n  once mended, keep it in {}",
                self.name,
                what.unwrap_or("failed").trim(),
                self.binary.display(),
                self.log.display(),
                self.regressions.display()
            ),
            None => format!("{}: {}; the log: {}", self.name, what.unwrap_or("failed"), self.log.display()),
        }
    }
}
