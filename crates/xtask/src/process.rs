//! A process that this one started, which ends when its owner lets go of it.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};

/// How long a process may take to end by itself once asked, before it is killed.
const GRACE: Duration = Duration::from_secs(5);

/// How many of a log's last lines are shown when its process failed.
const TAIL_LINES: usize = 25;

/// A started process, in a process group of its own: Ctrl-C on a terminal reaches this program alone, which
/// then ends what it started, children of children included.
///
/// **Invariant:** when the value is dropped, the process has ended and was waited for.
#[derive(Debug)]
pub(crate) struct Process {
    name: String,
    child: Child,
    log: Option<PathBuf>,
}

impl Process {
    /// Starts `command` with its output in the file `log`.
    ///
    /// # Errors
    /// When the file cannot be written or the program cannot be started.
    pub(crate) fn start_logged(name: &str, command: &mut Command, log: &Path) -> Result<Self> {
        let out = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        let err = out.try_clone().with_context(|| format!("cannot write {}", log.display()))?;
        let mut process = Self::start(name, command.stdout(out).stderr(err))?;
        process.log = Some(log.to_owned());
        Ok(process)
    }

    /// Starts `command` with the output it is set up for.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub(crate) fn start(name: &str, command: &mut Command) -> Result<Self> {
        let child = command
            .stdin(Stdio::null())
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().display()))?;
        Ok(Self { name: name.to_owned(), child, log: None })
    }

    /// The process's id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The pipes that were asked for.
    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// How it ended, if it did.
    ///
    /// # Errors
    /// When the system does not say.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait().with_context(|| format!("cannot ask after {}", self.name))
    }

    /// Fails, with the end of its log, when it is no longer running.
    ///
    /// # Errors
    /// When it has ended.
    pub(crate) fn must_run(&mut self) -> Result<()> {
        match self.ended()? {
            Some(status) => bail!("{} ended ({status}){}", self.name, self.tail()),
            None => Ok(()),
        }
    }

    /// The last lines of its log, introduced; empty without a log.
    pub(crate) fn tail(&self) -> String {
        let Some(log) = &self.log else { return String::new() };
        let text =
            fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let from = lines.len().saturating_sub(TAIL_LINES);
        format!("; the end of {}:\n{}", log.display(), lines.get(from..).unwrap_or_default().join("\n"))
    }

    fn signal(&self, signal: Signal) {
        let group = i32::try_from(self.id()).ok().and_then(Pid::from_raw);
        if let Some(group) = group {
            // It may have ended meanwhile, and then there is nobody to tell.
            let _ = kill_process_group(group, signal);
        }
    }

    fn ends_within(&mut self, limit: Duration) -> bool {
        let start = Instant::now();
        while start.elapsed() < limit {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return true;
            }
            thread::sleep(Duration::from_millis(10));
        }
        false
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(None)) {
            return;
        }
        self.signal(Signal::TERM);
        if !self.ends_within(GRACE) {
            self.signal(Signal::KILL);
            let _ = self.child.wait();
        }
    }
}
