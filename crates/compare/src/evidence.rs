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
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct BodyEvidence {
    /// Pairs (or triples) whose digests were compared.
    pub compared: u64,
    /// Those of them in which some digest differs from the primary's.
    pub unequal: u64,
    /// Those of the unequal that were examined, and what was found.
    pub examined: Discordance,
    /// What that says of all unequal ones, where some of them had a better chance to be examined than others. `None`: all had
    /// the same.
    pub sample: Option<Sample>,
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

    /// Adds other comparisons: of another endpoint, say.
    pub fn merge(&mut self, other: &BodyEvidence) {
        if self.sample.is_some() || other.sample.is_some() {
            self.sample = Some(self.sample().and(&other.sample()));
        }
        self.compared += other.compared;
        self.unequal += other.unequal;
        self.examined.merge(&other.examined);
    }

    /// What those that were examined say of all unequal ones.
    pub fn sample(&self) -> Sample {
        self.sample.unwrap_or_else(|| Weighted::alike(&self.examined, 1.0).sample(self.unequal))
    }

    /// The rate of the candidate's bodies that differ, over the other's. `None` when there was nothing to see.
    pub fn over_noise(&self) -> Option<f64> {
        let sample = self.sample();
        match sample.excess() {
            _ if self.compared == 0 => None,
            _ if self.unequal == 0 => Some(0.0),
            excess => excess.map(|excess| excess * sample.of / self.compared as f64),
        }
    }
}

/// What the pairs that were examined say of all unequal ones.
///
/// It adds up over endpoints: each counts for as many unequal pairs as it has, however many of them were examined.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sample {
    /// So many unequal pairs it stands for.
    pub of: f64,
    /// So many more there are, of endpoints of which none was examined. It says nothing of them.
    pub unseen: f64,
    /// So many pairs that all had the same chance to be examined would say as much.
    pub trials: f64,
    /// Of these, those in which the candidate alone differs.
    pub candidate_only: f64,
    /// Of these, those in which the other alone differs.
    pub other_only: f64,
    /// Of these, those in which both do.
    pub both: f64,
}

impl Sample {
    /// The candidate's rate over the other's, among the unequal pairs that it stands for. `None` without trials.
    pub fn excess(&self) -> Option<f64> {
        (self.trials > 0.0).then(|| (self.candidate_only - self.other_only) / self.trials)
    }

    /// Both together: rates count by how many pairs each stands for, and so do their variances, by the square of it.
    fn and(&self, other: &Sample) -> Sample {
        let (of, unseen) = (self.of + other.of, self.unseen + other.unseen);
        let variance =
            |sample: &Sample| if sample.trials > 0.0 { sample.of * sample.of / sample.trials } else { 0.0 };
        let both_vary = variance(self) + variance(other);
        if both_vary <= 0.0 {
            return Sample { of, unseen, ..Sample::default() };
        }
        let trials = of * of / both_vary;
        let share = |sample: &Sample, count: f64| {
            if sample.trials > 0.0 { sample.of * count / sample.trials } else { 0.0 }
        };
        let counted = |mine: f64, theirs: f64| trials * (share(self, mine) + share(other, theirs)) / of;
        Sample {
            of,
            unseen,
            trials,
            candidate_only: counted(self.candidate_only, other.candidate_only),
            other_only: counted(self.other_only, other.other_only),
            both: counted(self.both, other.both),
        }
    }
}

/// Sums over pairs that were examined, each by the number of unequal pairs that it stands for.
///
/// A worker that sees many unequal pairs has a smaller part of them examined than one that sees few, and a busy hour a
/// smaller part than a quiet one. So each pair counts by the inverse of its chance (Horvitz and Thompson 1952).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Weighted {
    /// Of the weights.
    pub sum: f64,
    /// Of their squares.
    pub squares: f64,
    /// Of the weights of those in which the candidate alone differs.
    pub candidate_only: f64,
    /// Of the weights of those in which the other alone differs.
    pub other_only: f64,
    /// Of the weights of those in which both do.
    pub both: f64,
}

impl Weighted {
    /// Pairs that all stand for as many.
    pub fn alike(examined: &Discordance, weight: f64) -> Weighted {
        let times = |count: u64| count as f64 * weight;
        Weighted {
            sum: times(examined.trials),
            squares: times(examined.trials) * weight,
            candidate_only: times(examined.candidate_only),
            other_only: times(examined.other_only),
            both: times(examined.both),
        }
    }

    /// Counts a pair that stands for so many.
    pub fn add(&mut self, differs: Differs, weight: f64) {
        let mut one = Discordance::default();
        one.add(differs.candidate, differs.control);
        self.merge(&Weighted::alike(&one, weight));
    }

    /// Adds other pairs.
    pub fn merge(&mut self, other: &Weighted) {
        self.sum += other.sum;
        self.squares += other.squares;
        self.candidate_only += other.candidate_only;
        self.other_only += other.other_only;
        self.both += other.both;
    }

    /// What they say of so many unequal pairs. They say as much as (sum of weights)² / (sum of their squares) pairs of one
    /// weight would (Kish 1965, section 11.7).
    pub fn sample(&self, unequal: u64) -> Sample {
        let unequal = unequal as f64;
        if self.sum <= 0.0 || self.squares <= 0.0 {
            return Sample { unseen: unequal, ..Sample::default() };
        }
        let trials = self.sum * self.sum / self.squares;
        let counted = |weight: f64| trials * weight / self.sum;
        Sample {
            of: unequal,
            unseen: 0.0,
            trials,
            candidate_only: counted(self.candidate_only),
            other_only: counted(self.other_only),
            both: counted(self.both),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bodies() -> impl Strategy<Value = BodyEvidence> {
        (0..50_u64, 0..50_u64, 0..50_u64, 0..500_u64, any::<bool>()).prop_map(
            |(candidate, other, neither, more, part)| {
                let trials = candidate + other + neither;
                let examined = Discordance { trials, candidate_only: candidate, other_only: other, both: 0 };
                let unequal = trials + if part { more } else { 0 };
                let sample = (unequal > trials).then(|| Weighted::alike(&examined, 7.0).sample(unequal));
                BodyEvidence { compared: unequal + 9, unequal, examined, sample }
            },
        )
    }

    fn is_close(left: f64, right: f64) -> bool {
        (left - right).abs() <= 1e-9 * (1.0 + left.abs())
    }

    proptest! {
        #[test]
        fn the_order_in_which_evidence_is_added_does_not_matter(a in bodies(), b in bodies(), c in bodies()) {
            let sum = |all: [&BodyEvidence; 3]| {
                let mut sum = BodyEvidence::default();
                all.into_iter().for_each(|one| sum.merge(one));
                sum
            };
            let (one, other) = (sum([&a, &b, &c]), sum([&c, &a, &b]));
            prop_assert_eq!((one.compared, one.unequal, one.examined), (other.compared, other.unequal, other.examined));
            let (one, other) = (one.sample(), other.sample());
            for (left, right) in [
                (one.of, other.of), (one.unseen, other.unseen), (one.trials, other.trials),
                (one.candidate_only, other.candidate_only), (one.other_only, other.other_only),
            ] {
                prop_assert!(is_close(left, right), "{one:?} {other:?}");
            }
        }
    }

    #[test]
    fn pairs_count_by_what_they_stand_for() {
        // A worker of which one unequal pair in a hundred is examined, all of them wrong, and one of which all are, none wrong.
        let mut weights = Weighted::default();
        (0..20).for_each(|_| weights.add(Differs { candidate: true, control: false }, 100.0));
        (0..2_000).for_each(|_| weights.add(Differs { candidate: true, control: true }, 1.0));
        let sample = weights.sample(4_000);
        assert!(is_close(sample.excess().unwrap_or_default(), 0.5), "{sample:?}");
        assert!(sample.trials < 80.0, "{sample:?}");
        let all =
            BodyEvidence { compared: 8_000, unequal: 4_000, sample: Some(sample), ..BodyEvidence::default() };
        assert!(is_close(all.over_noise().unwrap_or_default(), 0.25));
    }
}
