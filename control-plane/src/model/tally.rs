//! What reports add up to. All of it can be merged: of two workers, of two windows.

use umbra_compare::evidence::{BodyEvidence, Discordance, Weighted};
use umbra_compare::outcome::Outcomes;
use umbra_compare::report::endpoint::Endpoint;
use umbra_compare::report::fields::{FieldCount, Fields};
use umbra_compare::report::part::{Part, RawBodies};
use umbra_compare::report::triple::Examined;
use umbra_wire::telemetry::{EndpointReport, ShadowReport};

/// What became of the copies for one shadow.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Traffic {
    /// Requests that were mirrored.
    pub mirrored: u64,
    /// Requests that were not mirrored because the shadow fails or hangs.
    pub shed: u64,
    /// What became of the copies.
    pub candidate: Outcomes,
    /// What became of those for the control.
    pub control: Outcomes,
    /// When the first report began, and when the last one ended, in milliseconds since 1970. `None` without one.
    pub seen_ms: Option<(u64, u64)>,
}

impl Traffic {
    /// Adds a report that covers such a time.
    pub fn add(&mut self, report: &ShadowReport, started_ms: u64, ended_ms: u64) {
        self.merge(&Traffic {
            mirrored: report.mirrored,
            shed: report.shed,
            candidate: report.candidate.clone(),
            control: report.control.clone(),
            seen_ms: Some((started_ms, ended_ms)),
        });
    }

    /// Adds what others counted.
    pub fn merge(&mut self, other: &Traffic) {
        self.mirrored = self.mirrored.saturating_add(other.mirrored);
        self.shed = self.shed.saturating_add(other.shed);
        self.candidate.merge(&other.candidate);
        self.control.merge(&other.control);
        self.seen_ms = match (self.seen_ms, other.seen_ms) {
            (Some((began, ended)), Some((other_began, other_ended))) => {
                Some((began.min(other_began), ended.max(other_ended)))
            }
            (mine, theirs) => mine.or(theirs),
        };
    }
}

/// The pairs of one endpoint.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tally {
    /// What the filters counted. Of bodies they know digests only.
    pub numbers: EndpointReport,
    /// Of the pairs that are not equal, those whose answers were compared word for word, and who differs over noise.
    pub examined: Discordance,
    /// The same by how many each stands for.
    pub weights: Weighted,
    /// In how many of those they differ at all.
    pub raw: RawBodies,
    /// The same by how many each stands for.
    pub raw_weights: RawWeights,
    /// In how many of those only the beginning of a body was there.
    pub truncated: u64,
    /// In which fields they differ.
    pub fields: Fields,
}

/// Sums over the pairs that differ at all, each by the number of unequal pairs that it stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RawWeights {
    /// Of those in which the candidate does.
    pub candidate: f64,
    /// Of those in which the control does.
    pub control: f64,
}

impl RawWeights {
    /// Pairs that all stand for as many.
    pub fn alike(raw: &RawBodies, weight: f64) -> RawWeights {
        RawWeights { candidate: raw.candidate as f64 * weight, control: raw.control as f64 * weight }
    }

    /// Adds other pairs.
    fn merge(&mut self, other: &RawWeights) {
        self.candidate += other.candidate;
        self.control += other.control;
    }
}

/// A pair counts for one part in so many, at the most, of all that were examined before.
const PARTS: f64 = 20.0;

/// So many combinations of statuses are kept of an endpoint, as in a report that is shown.
const MAX_STATUSES: usize = 256;

impl Tally {
    /// Adds what a filter counted.
    pub fn add(&mut self, report: &EndpointReport) {
        self.numbers.evidence.merge(&report.evidence);
        self.numbers.latency_ratio.merge(&report.latency_ratio);
        self.numbers.control_errors = self.numbers.control_errors.saturating_add(report.control_errors);
        for (statuses, count) in &report.statuses {
            if self.numbers.statuses.len() < MAX_STATUSES || self.numbers.statuses.contains_key(statuses) {
                let seen = self.numbers.statuses.entry(*statuses).or_default();
                *seen = seen.saturating_add(*count);
            }
        }
    }

    /// Adds a pair that the filter found not equal, which stands for `weight` of them, and what a comparison found.
    pub fn examine(&mut self, pair: &str, examined: &Examined, weight: f64) {
        let differs = |found: &umbra_compare::answer::AnswerDifference| found.differences().next().is_some();
        let control = examined.control.as_ref();
        let raw = RawBodies {
            candidate: u64::from(differs(&examined.candidate)),
            control: u64::from(control.is_some_and(differs)),
        };
        self.raw.candidate += raw.candidate;
        self.raw.control += raw.control;
        self.raw_weights.merge(&RawWeights::alike(&raw, weight));
        let bodies = || std::iter::once(&examined.candidate).chain(control);
        self.truncated += u64::from(bodies().any(|found| found.body.truncated));
        // Of the pairs that were compared at all, those examined stand for a part that grows with them.
        let compared = self.stands_for(self.numbers.evidence.bodies.compared);
        let over_noise = self.fields.add(pair, examined, weight, compared);
        self.examined.add(over_noise.candidate, over_noise.control);
        self.weights.add(over_noise, weight);
    }

    /// For how many pairs the next one that is examined may count, if it stands for `weight` of them.
    ///
    /// While nobody knows yet what is noise, any field tells the candidate from the control. A worker sends few pairs until it
    /// hears how many it may, so that just these would stand for many, and outweigh what is learnt from thousands. So weights are
    /// trimmed (Potter 1990) by what was examined before, and not by what is in the pair: twins stay as likely as each other to be
    /// the one that differs.
    pub fn trimmed(&self, weight: f64) -> f64 {
        weight.min((self.weights.sum / PARTS).max(1.0))
    }

    /// Counts a pair of which only the beginnings were there, and the same.
    pub fn cut_off(&mut self) {
        self.truncated += 1;
    }

    /// Adds what others counted.
    pub fn merge(&mut self, other: &Tally) {
        self.add(&other.numbers);
        self.examined.merge(&other.examined);
        self.weights.merge(&other.weights);
        self.raw.candidate += other.raw.candidate;
        self.raw.control += other.raw.control;
        self.raw_weights.merge(&other.raw_weights);
        self.truncated += other.truncated;
        self.fields.merge(&other.fields);
    }

    /// As a report shows it. With `digests`, nothing is compared beyond the digests. Otherwise each pair that was examined
    /// counts for as many as it stands for, of bodies and fields alike.
    pub fn shown(&self, digests: bool) -> Endpoint {
        let mut evidence = self.numbers.evidence.clone();
        let Discordance { candidate_only, other_only, both, .. } = evidence.bodies.examined;
        let mut raw = RawBodies { candidate: candidate_only + both, control: other_only + both };
        let mut fields = Fields::default();
        if !digests {
            let unequal = evidence.bodies.unequal;
            let is_sampled = self.examined.trials < unequal;
            let sample = is_sampled.then(|| self.weights.sample(unequal));
            evidence.bodies = BodyEvidence { examined: self.examined, sample, ..evidence.bodies };
            // What the weights add up to is near the number of the unequal: pairs are lost on the way.
            let times = (is_sampled && self.weights.sum > 0.0).then(|| unequal as f64 / self.weights.sum);
            raw = times.map_or(self.raw, |times| RawBodies {
                candidate: (self.raw_weights.candidate * times).round() as u64,
                control: (self.raw_weights.control * times).round() as u64,
            });
            for (field, count) in self.fields.iter() {
                let seen = || FieldCount { examples: Vec::new(), ..count.clone() };
                fields.add_count(&field, &times.map_or_else(seen, |times| count.of_all(times)));
            }
        }
        let part = Part {
            evidence,
            control_errors: self.numbers.control_errors,
            raw_bodies: raw,
            statuses: self.numbers.statuses.clone(),
            latency_ratio: self.numbers.latency_ratio.clone(),
            ..Part::default()
        };
        Endpoint { part, fields, truncated: self.truncated }
    }

    /// How many of the unequal pairs there are for each that was examined.
    fn weight(&self) -> f64 {
        let unequal = self.numbers.evidence.bodies.unequal;
        if self.examined.trials == 0 || self.examined.trials >= unequal {
            1.0
        } else {
            unequal as f64 / self.examined.trials as f64
        }
    }

    fn stands_for(&self, count: u64) -> u64 {
        (count as f64 / self.weight()).round() as u64
    }
}
