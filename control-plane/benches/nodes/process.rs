//! A server's process: started, measured from `/proc`, ended.

use std::fs;
use std::process::{Child, Command};
use std::time::Duration;

use rustix::param::clock_ticks_per_second;

/// A process that ends with this.
pub(crate) struct Process(pub(crate) Child);

impl Process {
    pub(crate) fn start(command: &mut Command) -> Process {
        Process(command.spawn().expect("the server starts"))
    }

    /// The memory that it has, in bytes.
    pub(crate) fn resident(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() * 1_024
    }

    /// The CPU time that it has taken, in user and kernel mode (proc(5): fields 14 and 15 of `stat`).
    pub(crate) fn cpu(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0.id())).unwrap();
        let (_, fields) = stat.rsplit_once(") ").unwrap();
        let fields: Vec<&str> = fields.split(' ').collect();
        let ticks: u64 = [11, 12].map(|index| fields[index].parse::<u64>().unwrap()).iter().sum();
        Duration::from_secs_f64(ticks as f64 / clock_ticks_per_second() as f64)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
