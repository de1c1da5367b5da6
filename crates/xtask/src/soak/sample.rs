//! Memory over time, and whether it is level.

use std::fmt::{self, Write};
use std::time::Duration;

/// Memory at one moment, in bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sample {
    /// Since the load began.
    pub(crate) at: Duration,
    /// What is resident of Envoy.
    pub(crate) envoy: u64,
    /// The heap of Envoy's allocator. The memory of wasm VMs is not in it.
    pub(crate) envoy_heap: u64,
    /// What is resident of the control plane.
    pub(crate) control_plane: u64,
    /// Requests that came in so far.
    pub(crate) requests: u64,
}

/// One figure of a sample, in bytes.
pub(crate) type Column = fn(&Sample) -> u64;

impl Sample {
    /// What is plotted and held to be level, with its name.
    pub(crate) const COLUMNS: [(&'static str, Column); 4] = [
        ("Envoy, resident", |sample| sample.envoy),
        ("Envoy, heap of its allocator", |sample| sample.envoy_heap),
        ("Envoy, the rest (code, stacks, wasm VMs)", |sample| sample.envoy.saturating_sub(sample.envoy_heap)),
        ("control plane, resident", |sample| sample.control_plane),
    ];
}

/// The samples of a run, in order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Series {
    samples: Vec<Sample>,
}

/// The middle of memory in the second quarter of a run and in its last, in bytes. In the first, pools and caches fill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Level {
    second: u64,
    last: u64,
}

/// How far the last quarter may be above the second: a twentieth, and what an allocator's and a kernel's pages scatter by.
const ROOM_BYTES: u64 = 4 << 20;

impl Series {
    /// Adds one.
    pub(crate) fn push(&mut self, sample: Sample) {
        self.samples.push(sample);
    }

    /// All of them.
    pub(crate) fn samples(&self) -> &[Sample] {
        &self.samples
    }

    /// The level of a figure; `None` of fewer than four samples.
    pub(crate) fn level(&self, of: Column) -> Option<Level> {
        let quarter = self.samples.len() / 4;
        let second = self.samples.get(quarter..2 * quarter)?;
        let last = self.samples.get(self.samples.len() - quarter..)?;
        Some(Level { second: median(second, of)?, last: median(last, of)? })
    }

    /// A line for each, with a head.
    pub(crate) fn csv(&self) -> String {
        let mut csv = "seconds,envoy_resident_bytes,envoy_heap_bytes,control_plane_resident_bytes,requests\n"
            .to_owned();
        for Sample { at, envoy, envoy_heap, control_plane, requests } in &self.samples {
            let seconds = at.as_secs_f64();
            // Writing to a text cannot fail.
            let _ = writeln!(csv, "{seconds:.1},{envoy},{envoy_heap},{control_plane},{requests}");
        }
        csv
    }
}

fn median(samples: &[Sample], of: Column) -> Option<u64> {
    let mut figures: Vec<u64> = samples.iter().map(of).collect();
    figures.sort_unstable();
    figures.get(figures.len() / 2).copied()
}

impl Level {
    /// Whether it did not rise by more than a twentieth and 4 MiB.
    pub(crate) fn holds(self) -> bool {
        self.last <= self.second + self.second / 20 + ROOM_BYTES
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        let word = if self.holds() { "level" } else { "rising" };
        let (second, last) = (mib(self.second), mib(self.last));
        write!(f, "{second:.1} MiB in the second quarter, {last:.1} MiB in the last: {word}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(envoy: impl Fn(u64) -> u64) -> Series {
        let sample = |second| Sample {
            at: Duration::from_secs(second),
            envoy: envoy(second),
            envoy_heap: 0,
            control_plane: 0,
            requests: second,
        };
        Series { samples: (0..100).map(sample).collect() }
    }

    #[test]
    fn a_level_is_told_from_a_slope() {
        const MIB: u64 = 1 << 20;
        for (envoy, holds) in [
            (&(|_| 100 * MIB) as &dyn Fn(u64) -> u64, true),
            // Filling up at first is no slope, and neither is a short peak.
            (&|second| (100 + second.min(20)) * MIB, true),
            (&|second| if second == 90 { 900 * MIB } else { 100 * MIB }, true),
            // 50 seconds lie between the middles of the quarters: 25 MiB, and 5 and 4 are allowed.
            (&|second| 100 * MIB + second * MIB / 2, false),
            (&|second| 100 * MIB + second * MIB / 8, true),
        ] {
            let level = series(envoy).level(|sample| sample.envoy).unwrap();
            assert_eq!(level.holds(), holds, "{level}");
        }
    }

    #[test]
    fn too_few_samples_have_no_level() {
        assert_eq!(Series::default().level(|sample| sample.envoy), None);
    }

    #[test]
    fn every_sample_is_a_line() {
        let csv = series(|_| 7).csv();
        assert_eq!(csv.lines().count(), 101);
        assert_eq!(csv.lines().nth(3), Some("2.0,7,0,0,2"));
    }
}
