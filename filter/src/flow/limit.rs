//! `max_rps`: one token bucket per shadow for the whole Envoy, in shared data.
//!
//! A worker takes tokens out of the bucket a few at a time and spends them without a host call. How many it
//! takes follows its need: one at first, twice as many each time it runs out within one tick, and one
//! again after an idle tick. So an idle worker holds nothing back from a busy one, and a busy one
//! does not ask for each request.

use crate::flow::shared::{KEY_PREFIX, SharedData, Versioned};
use std::collections::HashMap;

/// The bucket holds what flows in within 250 ms: the longest burst over the rate. It must be more than
/// a tick, because the clock is only read on ticks.
const BURST_DIVISOR: u64 = 4;

/// A worker takes at most what flows in within 50 ms at once, so that ten workers still share a tick's inflow.
const BATCH_DIVISOR: u64 = 20;

/// A clock that is further back than this, in milliseconds, was set back; below, it is that of a worker whose tick was earlier.
const CLOCK_STEP_MS: u64 = 1_000;

/// Ticks that follow one another faster than this, in milliseconds, are those of several plugin instances in one VM, and one
/// stretch of time: half the time between two ticks of one.
const STRETCH_MS: u64 = 50;

/// A take that lost the race so often gives up until the next tick.
const ATTEMPTS: usize = 8;

/// One worker's part of the limits of all shadows.
#[derive(Debug, Default)]
pub struct Limiter {
    purses: HashMap<String, Purse>,
    since_ms: u64,
}

/// The tokens that this worker holds of one shadow.
#[derive(Debug)]
struct Purse {
    tokens: u64,
    batch: u64,
    spent_since_tick: bool,
    /// The bucket was found empty since the last tick: no use in asking again before the clock moves.
    dry: bool,
}

impl Limiter {
    /// Whether one more request of `shadow` may be mirrored now, at most `rate` a second over all the workers.
    pub fn allow(&mut self, shadow: &str, rate: u32, wall_ms: u64, shared: &impl SharedData) -> bool {
        let rate = u64::from(rate);
        if !self.purses.contains_key(shadow) {
            self.purses.insert(
                shadow.to_owned(),
                Purse { tokens: 0, batch: 1, spent_since_tick: false, dry: false },
            );
        }
        let Some(purse) = self.purses.get_mut(shadow) else { return false };
        if purse.tokens == 0 && !purse.dry {
            purse.tokens = take(shadow, rate, purse.batch, wall_ms, shared);
            purse.dry = purse.tokens == 0;
            purse.batch = purse.batch.saturating_mul(2).min((rate / BATCH_DIVISOR).max(1));
        }
        if purse.tokens == 0 {
            return false;
        }
        purse.tokens = purse.tokens.saturating_sub(1);
        purse.spent_since_tick = true;
        true
    }

    /// Time passes. With the next stretch of it, what an idle worker holds is let go.
    pub fn tick(&mut self, monotonic_ms: u64) {
        if monotonic_ms.saturating_sub(self.since_ms) < STRETCH_MS {
            return;
        }
        self.since_ms = monotonic_ms;
        self.purses.retain(|_, purse| {
            let busy = purse.spent_since_tick || purse.dry;
            purse.spent_since_tick = false;
            purse.dry = false;
            busy
        });
    }
}

fn take(shadow: &str, rate: u64, wanted: u64, wall_ms: u64, shared: &impl SharedData) -> u64 {
    let key = format!("{KEY_PREFIX}rps.{shadow}");
    for _ in 0..ATTEMPTS {
        let entry = shared.get(&key);
        let mut bucket = entry
            .as_ref()
            .and_then(Bucket::decode)
            .unwrap_or(Bucket { millitokens: capacity(rate), filled_at_ms: wall_ms });
        let stepped_back = bucket.fill(rate, wall_ms);
        let taken = wanted.min(bucket.millitokens / 1_000);
        if taken == 0 && !stepped_back {
            return 0;
        }
        bucket.millitokens = bucket.millitokens.saturating_sub(taken.saturating_mul(1_000));
        if shared.set(&key, &bucket.encode(), entry.map(|entry| entry.version)) {
            return taken;
        }
    }
    0
}

/// In thousandths of a token; at least one token.
fn capacity(rate: u64) -> u64 {
    (rate.saturating_mul(1_000) / BURST_DIVISOR).max(1_000)
}

struct Bucket {
    millitokens: u64,
    filled_at_ms: u64,
}

impl Bucket {
    /// `rate` tokens a second are `rate` thousandths of a token a millisecond. Returns whether the clock was
    /// set back: that must be written down even if nothing is taken, or the bucket stays empty until the old time is reached.
    fn fill(&mut self, rate: u64, wall_ms: u64) -> bool {
        let mut stepped_back = false;
        if let Some(elapsed_ms) = wall_ms.checked_sub(self.filled_at_ms) {
            self.millitokens = self.millitokens.saturating_add(elapsed_ms.saturating_mul(rate));
            self.filled_at_ms = wall_ms;
        } else if self.filled_at_ms.saturating_sub(wall_ms) > CLOCK_STEP_MS {
            self.filled_at_ms = wall_ms;
            stepped_back = true;
        }
        self.millitokens = self.millitokens.min(capacity(rate));
        stepped_back
    }

    fn encode(&self) -> Vec<u8> {
        let mut out = self.millitokens.to_le_bytes().to_vec();
        out.extend_from_slice(&self.filled_at_ms.to_le_bytes());
        out
    }

    fn decode(entry: &Versioned) -> Option<Self> {
        let (millitokens, rest) = entry.value.split_first_chunk()?;
        let filled_at_ms = rest.try_into().ok()?;
        Some(Self {
            millitokens: u64::from_le_bytes(*millitokens),
            filled_at_ms: u64::from_le_bytes(filled_at_ms),
        })
    }
}
