//! How long ago the control plane was last heard of.
//!
//! The leader increases a number every second while its stream is open and answered. Every worker measures,
//! by its own monotonic clock, for how long the number has not changed. Only a VM that has just started cannot
//! have measured anything: it takes the age of the record by the time of day, once.

use super::reader::Reader;
use super::{KEY_PREFIX, SharedData, Versioned};
use crate::flow::time::Now;

/// How often the leader writes, in milliseconds.
pub const BEAT_MS: u64 = 1_000;

/// One worker's view of the freshness.
#[derive(Debug, Default)]
pub struct Freshness {
    beat: Option<u64>,
    /// How old the last sign of life was, and when that was so.
    known: Option<(u64, u64)>,
}

impl Freshness {
    /// Looks for a sign of life and says for how long there has been none, in milliseconds.
    /// With no record at all, that is since the first look.
    pub fn tick(&mut self, now: Now, shared: &impl SharedData) -> u64 {
        let record = shared.get(&key()).as_ref().and_then(Record::decode);
        let (age_ms, at_ms) = match (self.beat, record, self.known) {
            (None, Some(record), _) => (now.wall_ms.saturating_sub(record.wall_ms), now.monotonic_ms),
            (Some(beat), Some(record), _) if beat != record.beat => (0, now.monotonic_ms),
            (_, _, Some(known)) => known,
            (_, _, None) => (0, now.monotonic_ms),
        };
        self.known = Some((age_ms, at_ms));
        self.beat = record.map(|record| record.beat).or(self.beat);
        age_ms.saturating_add(now.monotonic_ms.saturating_sub(at_ms))
    }
}

/// The leader's sign of life from the control plane.
pub fn beat(now: Now, shared: &impl SharedData) {
    let last = shared.get(&key()).as_ref().and_then(Record::decode).map_or(0, |record| record.beat);
    let record = Record { beat: last.wrapping_add(1), wall_ms: now.wall_ms };
    shared.set(&key(), &record.encode(), None);
}

#[derive(Clone, Copy, Debug)]
struct Record {
    beat: u64,
    wall_ms: u64,
}

impl Record {
    fn encode(&self) -> Vec<u8> {
        let mut out = self.beat.to_le_bytes().to_vec();
        out.extend_from_slice(&self.wall_ms.to_le_bytes());
        out
    }

    fn decode(entry: &Versioned) -> Option<Self> {
        let mut reader = Reader::new(&entry.value);
        let record = Self { beat: reader.u64()?, wall_ms: reader.u64()? };
        reader.is_empty().then_some(record)
    }
}

fn key() -> String {
    format!("{KEY_PREFIX}freshness")
}
