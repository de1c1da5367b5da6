//! Which workers live, and which policy each of them runs.
//!
//! Each worker increases a number beside its id. A reader takes those for alive whose number it has seen change
//! within [`LIVE_MS`] by its own monotonic clock.

use super::reader::{Reader, put_short_bytes};
use super::{KEY_PREFIX, SharedData, Versioned, WorkerId};
use std::collections::HashMap;

/// A worker that gave no sign of life for so long, in milliseconds, is not waited for.
pub const LIVE_MS: u64 = 3_000;

/// How often a worker gives a sign of life, in milliseconds, if it has nothing new to say.
const BEAT_MS: u64 = 1_000;

/// A worker that was silent for so long, in milliseconds, is struck off the list.
const FORGET_MS: u64 = 30_000;

/// A write that lost the race so often is left for the next tick.
const ATTEMPTS: usize = 8;

/// One worker's view of the census.
#[derive(Debug)]
pub struct Census {
    me: WorkerId,
    /// What this worker last wrote, and when.
    written: Option<(String, u64)>,
    /// Each worker's number as last seen, and since when.
    ///
    /// **Invariant:** empty, unless this worker leads and looks on every tick. A view that nobody keeps up would strike the
    /// living off the list.
    seen: HashMap<WorkerId, (u64, u64)>,
}

impl Census {
    /// The view of a worker that is not on the list yet.
    pub fn new(me: WorkerId) -> Self {
        Self { me, written: None, seen: HashMap::new() }
    }

    /// Notes that this worker lives and runs `version` (empty: no policy from a control plane).
    pub fn report(&mut self, version: &str, monotonic_ms: u64, shared: &impl SharedData) {
        let due = self.written.as_ref().is_none_or(|(written, at_ms)| {
            written != version || monotonic_ms.saturating_sub(*at_ms) >= BEAT_MS
        });
        if !due {
            return;
        }
        let seen = &self.seen;
        let me = self.me;
        let written = update(shared, |lines| {
            lines.retain(|line| {
                let silent_ms =
                    seen.get(&line.worker).map_or(0, |(_, since_ms)| monotonic_ms.saturating_sub(*since_ms));
                line.worker == me || silent_ms < FORGET_MS
            });
            match lines.iter_mut().find(|line| line.worker == me) {
                Some(line) => {
                    line.beat = line.beat.wrapping_add(1);
                    line.version = version.to_owned();
                }
                None => lines.push(Line { worker: me, beat: 1, version: version.to_owned() }),
            }
        });
        if written {
            self.written = Some((version.to_owned(), monotonic_ms));
        }
    }

    /// Whether every live worker, this one included, runs `version`. To be called on every tick of a leader: it is also
    /// how the view learns who lives.
    pub fn agrees_on(&mut self, version: &str, monotonic_ms: u64, shared: &impl SharedData) -> bool {
        let lines = shared.get(&key()).as_ref().and_then(decode).unwrap_or_default();
        self.seen.retain(|worker, _| lines.iter().any(|line| line.worker == *worker));
        let mut includes_me = false;
        let mut agreed = true;
        for line in lines {
            let seen = self.seen.entry(line.worker).or_insert((line.beat, monotonic_ms));
            if seen.0 != line.beat {
                *seen = (line.beat, monotonic_ms);
            }
            let live = monotonic_ms.saturating_sub(seen.1) <= LIVE_MS;
            includes_me |= line.worker == self.me;
            agreed &= !live || line.version == version;
        }
        includes_me && agreed
    }

    /// This worker leads no longer, and will not look.
    pub fn step_down(&mut self) {
        self.seen.clear();
    }

    /// Takes this worker off the list: it ends in good order and need not be waited for.
    pub fn leave(&mut self, shared: &impl SharedData) {
        let me = self.me;
        update(shared, |lines| lines.retain(|line| line.worker != me));
        self.written = None;
    }
}

struct Line {
    worker: WorkerId,
    beat: u64,
    version: String,
}

fn update(shared: &impl SharedData, mut change: impl FnMut(&mut Vec<Line>)) -> bool {
    for _ in 0..ATTEMPTS {
        let entry = shared.get(&key());
        let mut lines = entry.as_ref().and_then(decode).unwrap_or_default();
        change(&mut lines);
        if shared.set(&key(), &encode(&lines), entry.map(|entry| entry.version)) {
            return true;
        }
    }
    false
}

fn encode(lines: &[Line]) -> Vec<u8> {
    let mut out = Vec::new();
    for line in lines {
        out.extend_from_slice(&WorkerId::to_wire(Some(line.worker)).to_le_bytes());
        out.extend_from_slice(&line.beat.to_le_bytes());
        put_short_bytes(&mut out, line.version.as_bytes());
    }
    out
}

fn decode(entry: &Versioned) -> Option<Vec<Line>> {
    let mut reader = Reader::new(&entry.value);
    let mut lines = Vec::new();
    while !reader.is_empty() {
        let worker = WorkerId::from_wire(reader.u64()?)?;
        let beat = reader.u64()?;
        let version = String::from_utf8(reader.short_bytes()?.to_vec()).ok()?;
        lines.push(Line { worker, beat, version });
    }
    Some(lines)
}

fn key() -> String {
    format!("{KEY_PREFIX}census")
}
