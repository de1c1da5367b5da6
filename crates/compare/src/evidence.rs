//! What the pairs of a shadow add up to: everything that a verdict needs, in a size that does not grow with the pairs.
//!
//! All of it can be merged: the evidence of two workers, or of two hours, is the sum of theirs.

use crate::confidence::mean::Moments;
use crate::histogram::Histogram;

/// Everything that a verdict needs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evidence {
    /// Pairs: mirrored requests for which the primary answered, and the candidate answered or failed to.
    pub pairs: u64,
    /// From the first pair to the last, in milliseconds.
    pub duration_ms: u64,
    /// Who answered with an error (or not at all) where the other did not: the candidate against the primary.
    pub errors: Discordance,
    /// Whose status differs from the primary's: the candidate's against the control's.
    pub statuses: Discordance,
    /// Whose body differs from the primary's: the candidate's against the control's.
    pub bodies: BodyEvidence,
    /// How long the primary took to answer, in microseconds, over the pairs with two answers.
    pub primary_latency: Histogram,
    /// How long the candidate took to answer, in microseconds, over the same pairs.
    pub shadow_latency: Histogram,
    /// The natural logarithm of the candidate's latency over the primary's, pair by pair.
    pub log_latency_ratio: Moments,
}

/// What one pair adds to the evidence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Facts {
    /// The candidate answered with an error, or not at all.
    pub candidate_error: bool,
    /// The primary answered with an error.
    pub primary_error: bool,
    /// Whose status differs from the primary's; `None` when the candidate has none.
    pub status: Option<Differs>,
    /// What became of the comparison of the bodies; `None` when there was none.
    pub body: Option<BodyFacts>,
    /// The primary's latency and the candidate's, in microseconds; `None` when the candidate did not answer.
    pub latency_us: Option<(f64, f64)>,
}

/// Who differs from the primary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Differs {
    /// The candidate does.
    pub candidate: bool,
    /// The control does. `false` without a control.
    pub control: bool,
}

/// What became of a comparison of bodies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyFacts {
    /// All digests are equal.
    Equal,
    /// Some digest differs, and nobody looked closer.
    Unexamined,
    /// Some digest differs, and this is what a closer look found.
    Examined(Differs),
}

impl Evidence {
    /// Adds a pair. The duration is set by whoever knows the time.
    pub fn add(&mut self, facts: &Facts) {
        self.pairs += 1;
        self.errors.add(facts.candidate_error, facts.primary_error);
        if let Some(status) = facts.status {
            self.statuses.add(status.candidate, status.control);
        }
        if let Some(body) = facts.body {
            self.bodies.add(body);
        }
        if let Some((primary, shadow)) = facts.latency_us {
            self.primary_latency.add(primary);
            self.shadow_latency.add(shadow);
            // Values that are not above 0 have no logarithm, and the moments leave those out.
            self.log_latency_ratio.add((shadow / primary).ln());
        }
    }

    /// Adds the evidence of other pairs. The duration becomes the longer of the two: whoever knows when both began and
    /// ended sets it.
    pub fn merge(&mut self, other: &Evidence) {
        self.pairs += other.pairs;
        self.duration_ms = self.duration_ms.max(other.duration_ms);
        self.errors.merge(&other.errors);
        self.statuses.merge(&other.statuses);
        self.bodies.merge(&other.bodies);
        self.primary_latency.merge(&other.primary_latency);
        self.shadow_latency.merge(&other.shadow_latency);
        self.log_latency_ratio.merge(&other.log_latency_ratio);
    }
}

/// Trials on which two parties were tested, and those on which only one of them was positive.
///
/// What both do, or neither, says nothing about their difference: an array that is shuffled on every request makes the
/// candidate and the control both differ from the primary. So a test for a difference looks at the discordant trials
/// alone (McNemar 1947).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Discordance {
    /// All trials.
    pub trials: u64,
    /// Trials on which the candidate alone was positive.
    pub candidate_only: u64,
    /// Trials on which the other party (the primary, or the control) alone was positive. Always 0 without a control.
    pub other_only: u64,
    /// Trials on which both were.
    pub both: u64,
}

impl Discordance {
    /// Counts a trial.
    pub fn add(&mut self, candidate: bool, other: bool) {
        self.trials += 1;
        self.candidate_only += u64::from(candidate && !other);
        self.other_only += u64::from(other && !candidate);
        self.both += u64::from(candidate && other);
    }

    /// Adds other trials.
    pub fn merge(&mut self, other: &Discordance) {
        self.trials += other.trials;
        self.candidate_only += other.candidate_only;
        self.other_only += other.other_only;
        self.both += other.both;
    }

    /// The candidate's rate over the other's. `None` without trials.
    pub fn excess(&self) -> Option<f64> {
        let trials = self.trials as f64;
        (self.trials > 0).then(|| (self.candidate_only as f64 - self.other_only as f64) / trials)
    }
}

/// Body comparisons, of which only some need a look at the bodies themselves: where all digests are equal, the bodies
/// match. Of the others, a random part is examined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BodyEvidence {
    /// Pairs (or triples) whose digests were compared.
    pub compared: u64,
    /// Those of them in which some digest differs from the primary's.
    pub unequal: u64,
    /// Those of the unequal that were examined, and what was found.
    pub examined: Discordance,
}

impl BodyEvidence {
    /// Counts a comparison.
    pub fn add(&mut self, facts: BodyFacts) {
        self.compared += 1;
        self.unequal += u64::from(facts != BodyFacts::Equal);
        if let BodyFacts::Examined(differs) = facts {
            self.examined.add(differs.candidate, differs.control);
        }
    }

    /// Adds other comparisons.
    pub fn merge(&mut self, other: &BodyEvidence) {
        self.compared += other.compared;
        self.unequal += other.unequal;
        self.examined.merge(&other.examined);
    }
}
