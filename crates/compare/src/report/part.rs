//! What is counted of all pairs, and of those of each endpoint.

use std::collections::BTreeMap;

use super::EXAMPLES;
use super::triple::{Party, Triple};
use crate::evidence::{BodyFacts, Differs, Evidence, Facts};
use crate::histogram::Histogram;
use crate::outcome::{Outcome, Outcomes};

/// This many combinations of statuses are told apart.
const MAX_STATUSES: usize = 256;

/// Counts, evidence and examples.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Part {
    /// Everything that a verdict needs. Its duration is not kept here.
    pub evidence: Evidence,
    /// How the copies to the candidate ended.
    pub candidate_outcomes: Outcomes,
    /// How the copies to the control ended.
    pub control_outcomes: Outcomes,
    /// How many answers of the control were errors, of those that are evidence.
    pub control_errors: u64,
    /// In how many pairs headers or body differ from the primary's at all, noise and all.
    pub raw_bodies: RawBodies,
    /// How often which statuses met. Combinations beyond the first 256 are left out.
    pub statuses: BTreeMap<Statuses, u64>,
    /// The candidate's latency over the primary's, pair by pair.
    pub latency_ratio: Histogram,
    /// Pairs that show what a gate is about.
    pub examples: Examples,
}

/// In how many pairs headers or body differ from the primary's, before noise is told apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RawBodies {
    /// The candidate's.
    pub candidate: u64,
    /// The control's.
    pub control: u64,
}

/// The statuses of one mirrored request, 0 where there was no answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Statuses {
    /// The primary's.
    pub primary: u16,
    /// The candidate's.
    pub candidate: u16,
    /// The control's; also 0 without a control.
    pub control: u16,
}

/// The pairs that show what a gate is about: the first, and for latency the slowest.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Examples {
    /// The candidate alone answered with an error, or not at all.
    pub errors: Vec<String>,
    /// The candidate alone has another status.
    pub statuses: Vec<String>,
    /// The candidate alone differs in headers or body.
    pub bodies: Vec<String>,
    /// Those in which the candidate took longest beyond the primary, in microseconds, the longest first.
    pub slowest: Vec<(f64, String)>,
}

/// What was found in headers and bodies.
#[derive(Clone, Copy)]
pub(super) struct Looked {
    /// Who differs at all.
    pub(super) raw: Differs,
    /// What it means over noise.
    pub(super) facts: BodyFacts,
}

/// One mirrored request, as it is counted.
pub(super) struct Seen<'a> {
    pair: &'a str,
    facts: Option<Facts>,
    raw: Differs,
    candidate: Outcome,
    control: Option<Outcome>,
    control_error: bool,
    statuses: Statuses,
}

impl<'a> Seen<'a> {
    pub(super) fn new(triple: &Triple<'a>, body: Option<Looked>) -> Seen<'a> {
        let Triple { primary, candidate, control, .. } = triple;
        let status = |party: &Party<'_>| if party.is_answered() { party.answer.status } else { 0 };
        // A control that did not answer leaves open whether a difference is noise.
        let is_comparable = candidate.is_answered() && control.is_none_or(|control| control.is_answered());
        let facts = Facts {
            candidate_error: candidate.is_error(),
            primary_error: primary.is_error(),
            status: is_comparable.then(|| Differs {
                candidate: !candidate.same_status(primary),
                control: control.is_some_and(|control| !control.same_status(primary)),
            }),
            body: body.map(|looked| looked.facts),
            latency_us: if candidate.is_answered() {
                primary.latency_us.zip(candidate.latency_us)
            } else {
                None
            },
        };
        Seen {
            pair: triple.id,
            facts: candidate.outcome.is_evidence().then_some(facts),
            raw: body.map(|looked| looked.raw).unwrap_or_default(),
            candidate: candidate.outcome,
            control: control.map(|control| control.outcome),
            control_error: control.is_some_and(|control| control.outcome.is_evidence() && control.is_error()),
            statuses: Statuses {
                primary: status(primary),
                candidate: status(candidate),
                control: control.as_ref().map(status).unwrap_or_default(),
            },
        }
    }
}

impl Part {
    /// How many mirrored requests there are, pairs and losses.
    pub fn mirrored(&self) -> u64 {
        self.candidate_outcomes.total()
    }

    pub(super) fn add(&mut self, seen: &Seen<'_>) {
        self.candidate_outcomes.add(seen.candidate, 1);
        if let Some(outcome) = seen.control {
            self.control_outcomes.add(outcome, 1);
            self.control_errors += u64::from(seen.control_error);
        }
        let Some(facts) = &seen.facts else { return };
        self.evidence.add(facts);
        self.raw_bodies.candidate += u64::from(seen.raw.candidate);
        self.raw_bodies.control += u64::from(seen.raw.control);
        self.count_statuses(seen.statuses, 1);
        if let Some((primary, shadow)) = facts.latency_us
            && primary > 0.0
        {
            self.latency_ratio.add(shadow / primary);
        }
        self.examples.add(seen.pair, facts);
    }

    /// Adds what was counted of other pairs.
    pub fn merge(&mut self, other: &Part) {
        self.evidence.merge(&other.evidence);
        self.candidate_outcomes.merge(&other.candidate_outcomes);
        self.control_outcomes.merge(&other.control_outcomes);
        self.control_errors += other.control_errors;
        self.raw_bodies.candidate += other.raw_bodies.candidate;
        self.raw_bodies.control += other.raw_bodies.control;
        other.statuses.iter().for_each(|(statuses, count)| self.count_statuses(*statuses, *count));
        self.latency_ratio.merge(&other.latency_ratio);
        self.examples.merge(&other.examples);
    }

    fn count_statuses(&mut self, statuses: Statuses, count: u64) {
        if self.statuses.len() < MAX_STATUSES || self.statuses.contains_key(&statuses) {
            *self.statuses.entry(statuses).or_default() += count;
        }
    }
}

impl Examples {
    fn add(&mut self, pair: &str, facts: &Facts) {
        let keep = |examples: &mut Vec<String>, shows: bool| {
            if shows && examples.len() < EXAMPLES {
                examples.push(pair.to_owned());
            }
        };
        let alone = |differs: Differs| differs.candidate && !differs.control;
        keep(&mut self.errors, facts.candidate_error && !facts.primary_error);
        keep(&mut self.statuses, facts.status.is_some_and(alone));
        keep(&mut self.bodies, matches!(facts.body, Some(BodyFacts::Examined(differs)) if alone(differs)));
        if let Some((primary, shadow)) = facts.latency_us {
            self.slow(shadow - primary, pair);
        }
    }

    fn slow(&mut self, beyond_us: f64, pair: &str) {
        let place = self.slowest.iter().position(|(other, _)| beyond_us > *other);
        let place = place.unwrap_or(self.slowest.len());
        if place < EXAMPLES && beyond_us > 0.0 {
            self.slowest.insert(place, (beyond_us, pair.to_owned()));
            self.slowest.truncate(EXAMPLES);
        }
    }

    fn merge(&mut self, other: &Examples) {
        for (ours, theirs) in [
            (&mut self.errors, &other.errors),
            (&mut self.statuses, &other.statuses),
            (&mut self.bodies, &other.bodies),
        ] {
            ours.extend(theirs.iter().cloned());
            ours.truncate(EXAMPLES);
        }
        other.slowest.iter().for_each(|(beyond_us, pair)| self.slow(*beyond_us, pair));
    }
}
