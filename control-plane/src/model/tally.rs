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
    /// In how many of those only the beginning of a body was there.
    pub truncated: u64,
    /// In which fields they differ.
    pub fields: Fields,
}

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
        self.raw.candidate += u64::from(differs(&examined.candidate));
        self.raw.control += u64::from(control.is_some_and(differs));
        let bodies = || std::iter::once(&examined.candidate).chain(control);
        self.truncated += u64::from(bodies().any(|found| found.body.truncated));
        // Of the pairs that were compared at all, those examined stand for a part that grows with them.
        let over_noise =
            self.fields.add(pair, examined, self.stands_for(self.numbers.evidence.bodies.compared));
        self.examined.add(over_noise.candidate, over_noise.control);
        self.weights.add(over_noise, weight);
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
        self.truncated += other.truncated;
        self.fields.merge(&other.fields);
    }

    /// As a report shows it. With `digests`, nothing is compared beyond the digests. Otherwise counts of the pairs that
    /// were examined are weighted for those that were not.
    pub fn shown(&self, digests: bool) -> Endpoint {
        let mut evidence = self.numbers.evidence.clone();
        let Discordance { candidate_only, other_only, both, .. } = evidence.bodies.examined;
        let mut raw = RawBodies { candidate: candidate_only + both, control: other_only + both };
        let mut fields = Fields::default();
        if !digests {
            let unequal = evidence.bodies.unequal;
            let sample = (self.examined.trials < unequal).then(|| self.weights.sample(unequal));
            evidence.bodies = BodyEvidence { examined: self.examined, sample, ..evidence.bodies };
            raw = RawBodies {
                candidate: self.weighted(self.raw.candidate),
                control: self.weighted(self.raw.control),
            };
            for (field, count) in self.fields.iter() {
                let weighted = FieldCount {
                    raw: self.weighted(count.raw),
                    noise: self.weighted(count.noise),
                    both: self.weighted(count.both),
                    counted: self.weighted(count.counted),
                    examples: Vec::new(),
                };
                fields.add_count(&field, &weighted);
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

    fn weighted(&self, count: u64) -> u64 {
        (count as f64 * self.weight()).round() as u64
    }

    fn stands_for(&self, count: u64) -> u64 {
        (count as f64 / self.weight()).round() as u64
    }
}
