//! How many sampled pairs each worker may send.
//!
//! The more pairs are looked at, the sooner a verdict is reached on bodies, and the more of a core that takes. So all
//! workers together get a fixed number a second, and each of them the same part of it.

use std::collections::HashSet;

use umbra_wire::telemetry::MAX_UNEQUAL;

/// Pairs a second of all workers: a third of what one core looks at.
const BUDGET: usize = 1_000;
/// Each worker gets as many at the least, which some hundred workers have the budget for. Beyond that, reports wait for
/// their turn, which makes them rarer.
const LEAST: usize = 10;
/// A worker that has something to say reports once a second: in this time, all of them have.
const PERIOD_MS: u64 = 10_000;

/// Counts the workers.
#[derive(Debug, Default)]
pub struct Allowance {
    began_ms: u64,
    now: HashSet<u64>,
    before: usize,
}

impl Allowance {
    /// This worker reports: how many unequal pairs its next report may carry.
    pub fn of(&mut self, instance: u64, now_ms: u64) -> usize {
        // Also when the clock was set back.
        if now_ms.abs_diff(self.began_ms) >= PERIOD_MS {
            (self.before, self.began_ms) = (self.now.len(), now_ms);
            self.now.clear();
        }
        self.now.insert(instance);
        (BUDGET / self.before.max(self.now.len()).max(1)).clamp(LEAST, MAX_UNEQUAL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_share_the_budget() {
        let mut allowance = Allowance::default();
        assert_eq!(allowance.of(1, 50_000), MAX_UNEQUAL);
        for instance in 1..=20 {
            allowance.of(instance, 51_000);
        }
        assert_eq!(allowance.of(7, 52_000), 50);
        assert_eq!(allowance.of(7, 61_000), 50, "the others may just not have reported yet");
        assert_eq!(allowance.of(7, 72_000), MAX_UNEQUAL, "they are gone");
        for instance in 0..10_000 {
            allowance.of(instance, 73_000);
        }
        assert_eq!(allowance.of(7, 74_000), LEAST);
    }
}
