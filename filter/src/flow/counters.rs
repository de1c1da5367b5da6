//! What is counted, kept in memory and carried to Envoy's metrics on ticks: counting costs no host call.

use crate::flow::numbers::Compared;
use umbra_compare::outcome::Outcome;
use umbra_policy::Skip;

/// Counts since the last flush.
#[derive(Debug, Default)]
pub struct Counters {
    requests: u64,
    stamped: u64,
    mirrored: u64,
    skipped: [u64; Skip::ALL.len()],
    outcomes: [u64; Outcome::ALL.len()],
    equal: u64,
    unequal: u64,
    telemetry_dropped: u64,
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

    /// What became of one copy is known.
    pub fn outcome(&mut self, outcome: Outcome) {
        for (count, known) in self.outcomes.iter_mut().zip(Outcome::ALL) {
            if known == outcome {
                bump(count);
            }
        }
    }

    /// A pair was compared.
    pub fn compared(&mut self, compared: Compared) {
        match compared {
            Compared::Equal => bump(&mut self.equal),
            Compared::Unequal => bump(&mut self.unequal),
        }
    }

    /// So many reports were lost.
    pub fn telemetry_dropped(&mut self, reports: u64) {
        self.telemetry_dropped = self.telemetry_dropped.saturating_add(reports);
    }

    /// The counts since the last call, in the order of [`names`].
    pub fn take(&mut self) -> Vec<u64> {
        let Self { requests, stamped, mirrored, skipped, outcomes, equal, unequal, telemetry_dropped } =
            std::mem::take(self);
        let first = [requests, stamped, mirrored].into_iter();
        first.chain(skipped).chain(outcomes).chain([equal, unequal, telemetry_dropped]).collect()
    }
}

/// The metrics' names; Envoy puts `wasmcustom.` before them.
pub fn names() -> Vec<String> {
    let mut names: Vec<String> =
        ["umbra.requests", "umbra.stamped", "umbra.mirrored"].map(str::to_owned).to_vec();
    names.extend(Skip::ALL.iter().map(|skip| format!("umbra.skipped.{}", skip.name())));
    names.extend(Outcome::ALL.iter().map(|outcome| format!("umbra.pairs.{}", outcome.name())));
    names.extend(
        ["umbra.compared.equal", "umbra.compared.unequal", "umbra.telemetry_dropped"].map(str::to_owned),
    );
    names
}

fn bump(count: &mut u64) {
    *count = count.saturating_add(1);
}
