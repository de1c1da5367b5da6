//! The copies that requests were steered to and that Envoy has not made yet.
//!
//! Envoy makes the copies of a request while it routes it, on the same worker, so that an entry is usually gone again within
//! the same turn of the event loop. What stays is what Envoy never copies.

use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use umbra_policy::pair::PairId;
use umbra_policy::{Policy, ShadowId, Slot};

/// How long a copy is waited for, in milliseconds. The slowest cause of a late one is a filter between
/// this one and the router that waits for another service.
pub const PATIENCE_MS: u64 = 5_000;

/// The most requests that are remembered. At 800 requests a second whose copies never come, all are
/// remembered for the whole of [`PATIENCE_MS`].
pub const MAX_ENTRIES: usize = 4_096;

/// The most that the entries themselves occupy, in bytes. They are of one size, so that the bound on their number is one on their bytes.
const MAX_BYTES: usize = 1 << 20;
const _: () = assert!(MAX_ENTRIES * size_of::<(PairId, Entry)>() * 2 <= MAX_BYTES);

/// Bounded memory of what is expected.
#[derive(Debug, Default)]
pub struct Pending {
    entries: HashMap<PairId, Entry>,
    /// In the order of their creation; may name entries that are gone.
    order: VecDeque<(PairId, u64)>,
}

/// The copies of one request that were not seen yet.
#[derive(Debug)]
struct Entry {
    policy: Rc<Policy>,
    one: Option<ShadowId>,
    two: Option<ShadowId>,
}

/// What a copy is.
#[derive(Clone, Debug)]
pub struct Expected {
    /// The policy under which the request was mirrored, which may no longer be in force.
    pub policy: Rc<Policy>,
    /// The shadow that the copy is for.
    pub shadow: ShadowId,
}

impl Pending {
    /// Expects the copies of one request. Returns how many copies of older requests are given up for lack of room.
    pub fn expect(
        &mut self,
        pair: PairId,
        policy: Rc<Policy>,
        one: Option<ShadowId>,
        two: Option<ShadowId>,
        now_ms: u64,
    ) -> u64 {
        let mut given_up: u64 = 0;
        while self.order.len() >= MAX_ENTRIES {
            let Some((oldest, _)) = self.order.pop_front() else { break };
            given_up = given_up.saturating_add(self.forget(&oldest));
        }
        self.entries.insert(pair, Entry { policy, one, two });
        self.order.push_back((pair, now_ms));
        given_up
    }

    /// A copy appeared: what is it? Each copy is expected once.
    pub fn seen(&mut self, pair: PairId, slot: Slot) -> Option<Expected> {
        let entry = self.entries.get_mut(&pair)?;
        let shadow = match slot {
            Slot::One => entry.one.take(),
            Slot::Two => entry.two.take(),
        }?;
        let policy = Rc::clone(&entry.policy);
        if entry.one.is_none() && entry.two.is_none() {
            self.entries.remove(&pair);
            // Copies come in the order of their requests, as a rule: the memory is free again at once.
            self.trim();
        }
        Some(Expected { policy, shadow })
    }

    /// Gives up what has been waited for too long. Returns how many copies that were.
    pub fn sweep(&mut self, now_ms: u64) -> u64 {
        let mut given_up: u64 = 0;
        while let Some((oldest, created_ms)) = self.order.front().copied() {
            if now_ms.saturating_sub(created_ms) < PATIENCE_MS && self.entries.contains_key(&oldest) {
                break;
            }
            self.order.pop_front();
            given_up = given_up.saturating_add(self.forget(&oldest));
        }
        given_up
    }

    fn forget(&mut self, pair: &PairId) -> u64 {
        self.entries.remove(pair).map_or(0, |entry| [entry.one, entry.two].iter().flatten().count() as u64)
    }

    /// Drops names of entries that are gone, at both ends: one request's copies are usually seen before the next request comes.
    fn trim(&mut self) {
        while self.order.back().is_some_and(|(pair, _)| !self.entries.contains_key(pair)) {
            self.order.pop_back();
        }
        while self.order.front().is_some_and(|(pair, _)| !self.entries.contains_key(pair)) {
            self.order.pop_front();
        }
    }
}
