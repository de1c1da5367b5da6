//! A process that this one started, which ends when its owner lets go of it.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};

/// How long a process and its children may take to end by themselves once asked, before they are killed.
const GRACE: Duration = Duration::from_secs(5);

/// How many of a log's last lines are shown when its process failed.
const TAIL_LINES: usize = 25;

/// A started process, in a process group of its own: Ctrl-C on a terminal reaches this program alone, which
/// then ends what it started, children of children included.
///
/// **Invariant:** when the value is dropped, the process has ended and was waited for, and whoever did not leave its
/// group in time was killed.
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

    /// Its group, which has its id for as long as anybody is in it.
    fn group(&self) -> Option<Pid> {
        i32::try_from(self.id()).ok().and_then(Pid::from_raw)
    }

    /// Whether nobody of the group is left within this time.
    fn is_gone_within(&mut self, group: Pid, limit: Duration) -> bool {
        let start = Instant::now();
        loop {
            // One that has ended stays in its group until it was waited for.
            let _ = self.child.try_wait();
            if test_kill_process_group(group).is_err() {
                return true;
            }
            if start.elapsed() >= limit {
                return false;
            }
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The first of the group may have ended before what it started.
        if let Some(group) = self.group()
            && !self.is_gone_within(group, Duration::ZERO)
        {
            // Whoever ended meanwhile need not be told.
            let _ = kill_process_group(group, Signal::TERM);
            if !self.is_gone_within(group, GRACE) {
                let _ = kill_process_group(group, Signal::KILL);
            }
        }
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::sync::mpsc;

    use super::*;

    /// Whoever is left holds the pipe.
    #[test]
    fn nobody_of_the_group_is_left() {
        for script in ["sleep 60 & exit 0", "sleep 60 & wait", "trap '' TERM; sleep 60 & exit 0"] {
            let mut command = Command::new("sh");
            command.args(["-c", script]).stdout(Stdio::piped());
            let mut process = Process::start("a shell", &mut command).unwrap();
            let mut pipe = process.child().stdout.take().unwrap();
            if script.ends_with("exit 0") {
                process.child().wait().unwrap();
            }
            drop(process);
            let (sender, closed) = mpsc::channel();
            thread::spawn(move || sender.send(pipe.read_to_end(&mut Vec::new()).is_ok()));
            assert_eq!(closed.recv_timeout(GRACE), Ok(true), "{script}");
        }
    }
}
