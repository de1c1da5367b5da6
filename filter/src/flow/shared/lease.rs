//! Who of an Envoy's workers talks to the control plane.
//!
//! The lease is a record of its holder and of a number that the holder increases while it lives. The others
//! take the lease when they have not seen the record change for [`EXPIRY_MS`] *by their own monotonic
//! clock*. No time of day is written or compared, so that a clock that is set forth or back neither
//! deposes a leader nor keeps a dead one in office.
//!
//! **Invariant:** two workers both believe in their leadership at most for the time until the deposed one's
//! next tick.

use super::reader::Reader;
use super::{KEY_PREFIX, SharedData, Versioned, WorkerId};

/// A holder that shows no sign of life for so long has lost the lease, in milliseconds. A worker's event loop that stalls for
/// that long serves no requests either.
pub const EXPIRY_MS: u64 = 2_000;

/// How often a holder shows a sign of life, in milliseconds: four chances before the lease expires.
const RENEWAL_MS: u64 = 500;

/// Whether this worker leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Another worker leads, or none does yet.
    Follower,
    /// This worker holds the lease.
    Leader,
}

/// One worker's view of the lease.
#[derive(Debug)]
pub struct Lease {
    me: WorkerId,
    /// The record as last seen, and since when it has looked like that.
    seen: Option<(Record, u64)>,
}

impl Lease {
    /// The view of a worker that has not looked yet.
    pub fn new(me: WorkerId) -> Self {
        Self { me, seen: None }
    }

    /// Looks at the lease, renews or takes it, and says where this worker stands. To be called on every tick.
    ///
    /// A worker that takes the lease leads from its next tick on: by then it has seen that no other took it in the same moment.
    pub fn tick(&mut self, monotonic_ms: u64, shared: &impl SharedData) -> Standing {
        let entry = shared.get(&key());
        let version = entry.as_ref().map(|entry| entry.version);
        let record = entry.as_ref().and_then(Record::decode).unwrap_or(Record { holder: None, beat: 0 });
        let since_ms = match &self.seen {
            Some((seen, since_ms)) if *seen == record => *since_ms,
            _ => monotonic_ms,
        };
        self.seen = Some((record, since_ms));
        let silent_ms = monotonic_ms.saturating_sub(since_ms);

        if record.holder == Some(self.me) {
            if silent_ms >= RENEWAL_MS && !self.write(record.beat, monotonic_ms, version, shared) {
                return Standing::Follower;
            }
            return Standing::Leader;
        }
        if record.holder.is_none() || silent_ms >= EXPIRY_MS {
            self.write(record.beat, monotonic_ms, version, shared);
        }
        Standing::Follower
    }

    /// Whether the lease is this worker's at this moment. A worker that was stalled finds out here that it was deposed.
    pub fn is_held(&self, shared: &impl SharedData) -> bool {
        let record = shared.get(&key()).as_ref().and_then(Record::decode);
        record.is_some_and(|record| record.holder == Some(self.me))
    }

    /// Gives the lease back, so that another worker takes over on its next tick instead of after the expiry.
    pub fn release(&mut self, shared: &impl SharedData) {
        let Some(entry) = shared.get(&key()) else { return };
        if let Some(record) = Record::decode(&entry)
            && record.holder == Some(self.me)
        {
            let free = Record { holder: None, beat: record.beat.wrapping_add(1) };
            shared.set(&key(), &free.encode(), Some(entry.version));
        }
        self.seen = None;
    }

    fn write(&mut self, beat: u64, now_ms: u64, version: Option<u32>, shared: &impl SharedData) -> bool {
        let record = Record { holder: Some(self.me), beat: beat.wrapping_add(1) };
        let written = shared.set(&key(), &record.encode(), version);
        if written {
            self.seen = Some((record, now_ms));
        }
        written
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Record {
    holder: Option<WorkerId>,
    beat: u64,
}

impl Record {
    fn encode(&self) -> Vec<u8> {
        let mut out = WorkerId::to_wire(self.holder).to_le_bytes().to_vec();
        out.extend_from_slice(&self.beat.to_le_bytes());
        out
    }

    fn decode(entry: &Versioned) -> Option<Self> {
        let mut reader = Reader::new(&entry.value);
        let record = Self { holder: WorkerId::from_wire(reader.u64()?), beat: reader.u64()? };
        reader.is_empty().then_some(record)
    }
}

fn key() -> String {
    format!("{KEY_PREFIX}lease")
}
