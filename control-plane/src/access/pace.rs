//! How fast one caller may write: every write is in the audit trail for ever, and makes policies for every node.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};

/// Twenty a second: more than a script with a process for each write makes.
pub const DEFAULT_WRITES: NonZeroU32 = NonZeroU32::new(20).unwrap();
/// A caller who was quiet may do at once what takes so many seconds at that speed: three hundred by default.
const BURST_SECONDS: u32 = 15;
/// Callers that are remembered: a megabyte or so.
const MAX_CALLERS: usize = 10_000;

/// The writes of each caller.
pub(super) struct Pace {
    limiter: RateLimiter<String, HashMapStateStore<String>, DefaultClock>,
    clock: DefaultClock,
}

impl Pace {
    /// So many writes a second for each.
    pub(super) fn new(writes: NonZeroU32) -> Pace {
        let quota = Quota::per_second(writes)
            .allow_burst(writes.saturating_mul(const { NonZeroU32::new(BURST_SECONDS).unwrap() }));
        Pace { limiter: RateLimiter::hashmap(quota), clock: DefaultClock::default() }
    }

    /// One more of this caller; how long to wait, if it was one too many.
    pub(super) fn note(&self, caller: &str) -> Option<Duration> {
        if self.limiter.len() >= MAX_CALLERS {
            self.limiter.retain_recent();
        }
        let refused = self.limiter.check_key(&caller.to_owned()).err()?;
        // The header has whole seconds.
        Some(refused.wait_time_from(self.clock.now()).max(Duration::from_secs(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_caller_has_a_pace_of_its_own() {
        let pace = Pace::new(DEFAULT_WRITES);
        for _ in 0..DEFAULT_WRITES.get() * BURST_SECONDS {
            assert_eq!(pace.note("a"), None);
        }
        // A slow machine may have earned some meanwhile.
        let refused = (0..100).filter_map(|_| pace.note("a")).count();
        assert!(refused > 0);
        assert_eq!(pace.note("b"), None);
    }
}
