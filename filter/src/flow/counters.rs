//! What is counted, kept in memory and carried to Envoy's metrics on ticks: counting costs no host call.

use umbra_policy::Skip;

/// What became of one copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The shadow's response headers arrived.
    Answered,
    /// The copy was sent, and ended without a response: not connected, reset or timed out.
    NoResponse,
    /// Envoy made no copy: the cluster does not exist, the route has no mirror policy for the slot, or a
    /// filter after this one answered the request.
    NeverSeen,
    /// There was no room to remember the copy until its fate was known.
    Dropped,
}

const OUTCOMES: [(Outcome, &str); 4] = [
    (Outcome::Answered, "answered"),
    (Outcome::NoResponse, "no_response"),
    (Outcome::NeverSeen, "never_seen"),
    (Outcome::Dropped, "dropped"),
];

/// Counts since the last flush.
#[derive(Debug, Default)]
pub struct Counters {
    requests: u64,
    stamped: u64,
    mirrored: u64,
    skipped: [u64; Skip::ALL.len()],
    outcomes: [u64; OUTCOMES.len()],
}

impl Counters {
    /// A request passed a filter of role primary.
    pub fn request(&mut self) {
        bump(&mut self.requests);
    }

    /// It got at least one stamp.
    pub fn stamped(&mut self) {
        bump(&mut self.stamped);
    }

    /// It was steered to at least one mirror slot.
    pub fn mirrored(&mut self) {
        bump(&mut self.mirrored);
    }

    /// A shadow that its stamps were for did not get it.
    pub fn skipped(&mut self, reason: Skip) {
        for (count, skip) in self.skipped.iter_mut().zip(Skip::ALL) {
            if skip == reason {
                bump(count);
            }
        }
    }

    /// The fate of one copy is known.
    pub fn outcome(&mut self, outcome: Outcome) {
        for (count, (known, _)) in self.outcomes.iter_mut().zip(OUTCOMES) {
            if known == outcome {
                bump(count);
            }
        }
    }

    /// The counts since the last call, in the order of [`names`].
    pub fn take(&mut self) -> Vec<u64> {
        let Self { requests, stamped, mirrored, skipped, outcomes } = std::mem::take(self);
        [requests, stamped, mirrored].into_iter().chain(skipped).chain(outcomes).collect()
    }
}

/// The metrics' names; Envoy puts `wasmcustom.` before them.
pub fn names() -> Vec<String> {
    let mut names: Vec<String> =
        ["umbra.requests", "umbra.stamped", "umbra.mirrored"].map(str::to_owned).to_vec();
    names.extend(Skip::ALL.iter().map(|skip| format!("umbra.skipped.{}", skip.name())));
    names.extend(OUTCOMES.iter().map(|(_, name)| format!("umbra.pairs.{name}")));
    names
}

fn bump(count: &mut u64) {
    *count = count.saturating_add(1);
}
