//! Every mirrored request, from its routing until it is known what became of all its copies.
//!
//! A request has up to two copies. Each ends in exactly one [`Outcome`], which is told once, in a [`Finished`]: by its
//! own end, by the end of the primary's exchange (after which Envoy makes no more copies), or because the request is given
//! up, for its age or for want of room.
//!
//! **Invariant:** the copies that were expected are those that finished and those that are still held, at every moment.

mod entry;

use crate::flow::observation::{Answer, Headers, Wanted};
use entry::Entry;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};
use std::rc::Rc;
use umbra_compare::outcome::Outcome;
use umbra_policy::pair::PairId;
use umbra_policy::{MirrorRole, Policy, ShadowId, Slot};

/// How long a request is held, in milliseconds. Four times Envoy's own timeout for routes that state none: a copy that takes
/// longer is counted as late.
pub const PATIENCE_MS: u64 = 60_000;

/// For how many times [`PATIENCE_MS`] the end of a copy is waited for after its pair was given up, only to know what became of
/// it. Envoy 1.36 never ends a copy that a circuit breaker stopped (ADR 0005).
const ROUNDS: u8 = 9;

/// The most requests that are held.
pub const MAX_ENTRIES: usize = 16_384;

/// The most that they occupy, in bytes.
pub const MAX_BYTES: usize = 32 << 20;

/// The policy under which a request was mirrored, which may no longer be in force.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The policy.
    pub policy: Rc<Policy>,
    /// The control plane's version of it; none of a static fallback.
    pub version: Option<Rc<str>>,
}

/// A request that is mirrored.
#[derive(Debug)]
pub struct Mirrored {
    /// Under which policy.
    pub origin: Origin,
    /// The copy of each slot.
    pub copies: [Option<Planned>; 2],
    /// What is known of the request itself; `None` where no copy is compared.
    pub request: Option<Request>,
}

/// A copy to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Planned {
    /// Whose copy it is.
    pub shadow: ShadowId,
    /// What it is to that shadow.
    pub role: MirrorRole,
    /// What is looked at of its answer, and of the primary's; `None` where it is not compared.
    pub compared: Option<Wanted>,
}

/// What a pair tells of its request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// The method.
    pub method: String,
    /// The path, with its query.
    pub path: String,
    /// When it came, in milliseconds since 1970.
    pub at_ms: u64,
}

/// Which of the answers to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Party {
    /// Production's.
    Primary,
    /// That of the copy in this slot.
    Copy(Slot),
}

/// What a copy is.
#[derive(Clone, Debug)]
pub struct Expected {
    /// The policy under which the request was mirrored.
    pub policy: Rc<Policy>,
    /// The shadow that the copy is for.
    pub shadow: ShadowId,
    /// Whether its answer is compared.
    pub compared: bool,
}

/// Copies whose outcome is known, and what they are compared by.
#[derive(Debug)]
pub struct Finished {
    /// The request.
    pub pair: PairId,
    /// Under which policy it was mirrored.
    pub origin: Origin,
    /// The copies that are told of, one of a slot.
    pub copies: [Option<FinishedCopy>; 2],
    /// What is known of the request, if some copy was compared.
    pub request: Option<Request>,
    /// When the request was routed, in microseconds of the VM's clock: both answers are measured from here.
    pub routed_us: u64,
    /// The primary's answer, if it was observed and came to its end.
    pub primary: Option<Answer>,
}

/// A copy that is under way no longer, though its request is still held.
#[derive(Debug)]
pub struct Left {
    /// Under which policy it was mirrored.
    pub policy: Rc<Policy>,
    /// What it was.
    pub planned: Planned,
    /// What became of it; `None` if it has not ended, and is waited for no longer.
    pub outcome: Option<Outcome>,
}

/// A copy whose outcome is known.
#[derive(Debug)]
pub struct FinishedCopy {
    /// What it was.
    pub planned: Planned,
    /// What became of it.
    pub outcome: Outcome,
    /// Its answer, if it was compared and came to its end.
    pub answer: Option<Answer>,
    /// Whether it [`Left`] before.
    pub has_left: bool,
}

/// The requests that are held.
#[derive(Debug)]
pub struct Pairs {
    entries: HashMap<PairId, Entry, BuildHasherDefault<Drawn>>,
    /// By age: the number of each entry.
    order: BTreeMap<u64, PairId>,
    next_number: u64,
    bytes: usize,
    key: [u8; 16],
    finished: VecDeque<Finished>,
    left: VecDeque<Left>,
}

/// A hash of pair ids, whose bits are drawn at random already. Only ids that this VM drew are keys, so no client can make
/// them collide.
#[derive(Debug, Default)]
struct Drawn(u64);

impl Hasher for Drawn {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u64(&mut self, half: u64) {
        self.0 = self.0.rotate_left(8) ^ half;
    }
}

impl Pairs {
    /// Holds nothing yet. `key` is that of the digests.
    pub fn new(key: [u8; 16]) -> Self {
        Self {
            entries: HashMap::default(),
            order: BTreeMap::new(),
            next_number: 0,
            bytes: 0,
            key,
            finished: VecDeque::new(),
            left: VecDeque::new(),
        }
    }

    /// What has finished, each once, in order.
    pub fn next_finished(&mut self) -> Option<Finished> {
        self.finished.pop_front()
    }

    /// What is under way no longer, before it has finished: each once, in order.
    pub fn next_left(&mut self) -> Option<Left> {
        self.left.pop_front()
    }

    /// How many requests are held.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// What they occupy, in bytes, estimated from above.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Expects the copies of a request. Returns whether its primary's answer is observed.
    pub fn expect(&mut self, pair: PairId, mirrored: Mirrored, now_ms: u64) -> bool {
        while self.entries.len() >= MAX_ENTRIES && self.give_up_oldest() {}
        let number = self.number();
        let entry = Entry::new(mirrored, number, now_ms, &self.key);
        let observed = entry.is_compared();
        self.bytes = self.bytes.saturating_add(entry.bytes());
        self.order.insert(number, pair);
        if let Some(twin) = self.entries.insert(pair, entry) {
            // Two requests drew the same 64 random bits.
            self.forget(&twin);
            self.finished.extend(twin.drop_for_room(pair));
        }
        self.make_room();
        observed
    }

    /// A copy appeared: what is it? Each is expected once. `now_us` costs a host call, and is asked only for the
    /// first copy of a request that is compared.
    pub fn seen(&mut self, pair: PairId, slot: Slot, now_us: impl FnOnce() -> u64) -> Option<Expected> {
        let entry = self.entries.get_mut(&pair)?;
        let planned = entry.seen(slot, &self.key)?;
        if planned.compared.is_some() {
            entry.routed_us.get_or_insert_with(now_us);
        }
        let policy = Rc::clone(&entry.origin.policy);
        Some(Expected { policy, shadow: planned.shadow, compared: planned.compared.is_some() })
    }

    /// What is to be looked at of an answer; nothing of one that is not observed, or no more.
    pub fn wanted(&mut self, pair: PairId, party: Party) -> Option<Wanted> {
        Some(self.entries.get_mut(&pair)?.observation(party)?.wanted())
    }

    /// The headers of an answer came. Returns whether its body is to be read.
    pub fn on_headers(&mut self, pair: PairId, party: Party, headers: &Headers, now_us: u64) -> bool {
        self.observe(pair, party, |entry| entry.on_headers(party, headers, now_us)).unwrap_or_default()
    }

    /// So much of an answer's body came, in bytes.
    pub fn on_length(&mut self, pair: PairId, party: Party, bytes: usize) {
        self.observe(pair, party, |entry| {
            if let Some(observation) = entry.observation(party) {
                observation.on_length(bytes);
            }
        });
    }

    /// The next bytes of an answer's body.
    pub fn on_body(&mut self, pair: PairId, party: Party, chunk: &[u8]) {
        self.observe(pair, party, |entry| entry.on_body(party, chunk));
    }

    /// The trailers of an answer came, with this `grpc-status`.
    pub fn on_trailers(&mut self, pair: PairId, party: Party, grpc_status: Option<&[u8]>) {
        self.observe(pair, party, |entry| {
            if let Some(observation) = entry.observation(party) {
                observation.on_trailers(grpc_status);
            }
        });
    }

    /// An answer is whole. `now_us` is when, if it was observed.
    pub fn on_answered(&mut self, pair: PairId, party: Party, now_us: Option<u64>) {
        let Some(entry) = self.entries.get_mut(&pair) else { return };
        match party {
            Party::Primary => entry.primary_answered(now_us),
            Party::Copy(slot) => self.left.extend(entry.copy_ended(slot, Outcome::Answered, now_us)),
        }
        self.settle(pair);
    }

    /// A copy ended without a whole answer.
    pub fn on_failed(&mut self, pair: PairId, slot: Slot, outcome: Outcome) {
        let Some(entry) = self.entries.get_mut(&pair) else { return };
        self.left.extend(entry.copy_ended(slot, outcome, None));
        self.settle(pair);
    }

    /// The primary's exchange is over, whole or not: no more copies are made. `was_routed` says whether a cluster was chosen
    /// for it; it costs a host call, and is asked only if a copy is missing.
    pub fn on_primary_gone(&mut self, pair: PairId, was_routed: impl FnOnce() -> bool) {
        let Some(entry) = self.entries.get_mut(&pair) else { return };
        entry.primary_gone(was_routed);
        self.settle(pair);
    }

    /// Gives up what has been held for too long.
    pub fn sweep(&mut self, now_ms: u64) {
        while let Some((number, oldest)) = self.order.first_key_value().map(|(number, pair)| (*number, *pair))
        {
            let renewed = self.number();
            let Some(entry) = self.entries.get_mut(&oldest) else {
                self.order.remove(&number);
                continue;
            };
            if now_ms.saturating_sub(entry.since_ms) < PATIENCE_MS {
                break;
            }
            if !entry.is_awaited() {
                self.settle_anyway(oldest, Outcome::NeverSeen);
                continue;
            }
            if entry.rounds >= ROUNDS {
                self.settle_anyway(oldest, Outcome::NoAnswer);
                continue;
            }
            // Its copies' outcomes are still to come: what remains of it is small, and bounded like the rest.
            let before = entry.bytes();
            self.left.extend(entry.overdue());
            self.finished.extend(entry.give_up(oldest));
            self.bytes = self.bytes.saturating_sub(before).saturating_add(entry.bytes());
            (entry.number, entry.since_ms) = (renewed, now_ms);
            entry.rounds = entry.rounds.saturating_add(1);
            self.order.remove(&number);
            self.order.insert(renewed, oldest);
        }
    }

    fn observe<R>(&mut self, pair: PairId, party: Party, f: impl FnOnce(&mut Entry) -> R) -> Option<R> {
        let entry = self.entries.get_mut(&pair)?;
        entry.observation(party)?;
        let before = entry.bytes();
        let result = f(entry);
        self.bytes = self.bytes.saturating_sub(before).saturating_add(entry.bytes());
        self.make_room();
        Some(result)
    }

    /// Lets a request go whose copies have all ended, and whose primary too if it is compared.
    fn settle(&mut self, pair: PairId) {
        if self.entries.get(&pair).is_some_and(Entry::is_settled) {
            self.settle_anyway(pair, Outcome::NeverSeen);
        }
    }

    /// The same whatever is still to come: such copies have the outcome `unended`.
    fn settle_anyway(&mut self, pair: PairId, unended: Outcome) {
        if let Some(entry) = self.entries.remove(&pair) {
            self.forget(&entry);
            self.finished.extend(entry.finish(pair, unended));
        }
    }

    fn make_room(&mut self) {
        while self.bytes > MAX_BYTES && self.give_up_oldest() {}
    }

    /// Gives up the oldest request for want of room: all that is not told of its copies yet counts as dropped.
    fn give_up_oldest(&mut self) -> bool {
        let Some((_, oldest)) = self.order.pop_first() else { return false };
        if let Some(entry) = self.entries.remove(&oldest) {
            self.forget(&entry);
            self.finished.extend(entry.drop_for_room(oldest));
        }
        true
    }

    /// An entry is no longer among the others.
    fn forget(&mut self, entry: &Entry) {
        self.order.remove(&entry.number);
        self.bytes = self.bytes.saturating_sub(entry.bytes());
    }

    fn number(&mut self) -> u64 {
        self.next_number = self.next_number.wrapping_add(1);
        self.next_number
    }
}
