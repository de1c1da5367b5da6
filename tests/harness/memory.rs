//! How much memory a process takes, as Linux counts it.

use std::fs;

/// The memory of a process since some moment.
#[derive(Debug)]
pub struct Growth {
    id: u32,
    before: u64,
}

impl Growth {
    /// From now on. `id` is the process's.
    pub fn of(id: u32) -> Self {
        // 5 makes the peak what is resident now (proc_pid_clear_refs(5)).
        fs::write(format!("/proc/{id}/clear_refs"), "5").expect("resetting a peak of memory");
        Self { id, before: bytes(id, "VmRSS") }
    }

    /// How far its peak was above what was resident then, in bytes.
    pub fn peak(&self) -> u64 {
        bytes(self.id, "VmHWM").saturating_sub(self.before)
    }
}

/// What is resident of a process now, in bytes.
pub fn resident(id: u32) -> u64 {
    bytes(id, "VmRSS")
}

/// One line of `/proc/ID/status`.
fn bytes(id: u32, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).expect("a process's status");
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kib.unwrap_or_else(|| panic!("no {name}: {status}")) << 10
}
