//! What one pair says, before anybody looks into the bodies.

use crate::flow::observation::Answer;
use umbra_compare::evidence::{BodyFacts, Differs, Facts};
use umbra_compare::report::part::Statuses;
use umbra_compare::report::triple::Party;
use umbra_policy::spec::{BodySpec, CompareSpec};

/// The answers to one request, of one shadow.
#[derive(Clone, Copy, Debug)]
pub struct Triple<'a> {
    /// Production's.
    pub primary: &'a Answer,
    /// The candidate's; `None` if it did not answer.
    pub candidate: Option<&'a Answer>,
    /// The control's, likewise; the outer `None` is a shadow without a control.
    pub control: Option<Option<&'a Answer>>,
    /// When the request was routed, on the clock of the answers.
    pub routed_us: u64,
}

/// What a pair adds to the numbers of its endpoint.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judged {
    /// For the evidence.
    pub facts: Facts,
    /// For the matrix of statuses.
    pub statuses: Statuses,
    /// Whether the control answered with an error, or not at all. `false` without a control.
    pub control_error: bool,
    /// Whether all that was observed is the same everywhere.
    pub equal: bool,
}

impl Triple<'_> {
    /// Compares by these wishes: the statuses, the chosen headers and the digests.
    pub fn judge(&self, compare: &CompareSpec) -> Judged {
        let Triple { primary, candidate, control, routed_us } = *self;
        let others = || std::iter::once(candidate).chain(control);
        let status = |answer: Option<&Answer>| answer.map_or(0, |answer| answer.status);
        // A control that did not answer leaves open whether a difference is noise.
        let all_answered = others().all(|other| other.is_some());
        let differs = |differ: &dyn Fn(&Answer) -> bool| Differs {
            candidate: candidate.is_some_and(differ),
            control: control.flatten().is_some_and(differ),
        };
        let statuses = all_answered.then(|| differs(&|other| !same_status(other, primary)));
        // An error page differs in every byte from what it stands for: that counts as a status alone.
        let is_comparable = statuses == Some(Differs::default());
        // The primary may have a digest for another shadow's sake.
        let reads_bodies = compare.body != BodySpec::None;
        let compares_something = reads_bodies || !compare.headers.is_empty();
        let body = (is_comparable && compares_something).then(|| {
            let differ = differs(&|other| {
                (reads_bodies && other.digest != primary.digest)
                    || !compare.headers.iter().all(|name| same_header(other, primary, name))
            });
            if differ == Differs::default() { BodyFacts::Equal } else { BodyFacts::Examined(differ) }
        });
        let took_us = |answer: &Answer| answer.end_us.saturating_sub(routed_us).max(1) as f64;
        Judged {
            facts: Facts {
                candidate_error: candidate.is_none_or(answers_with_error),
                primary_error: answers_with_error(primary),
                status: statuses,
                body,
                latency_us: candidate.map(|candidate| (took_us(primary), took_us(candidate))),
            },
            statuses: Statuses {
                primary: primary.status,
                candidate: status(candidate),
                control: status(control.flatten()),
            },
            control_error: control.is_some_and(|control| control.is_none_or(answers_with_error)),
            equal: is_comparable && !matches!(body, Some(BodyFacts::Examined(_))),
        }
    }
}

fn answers_with_error(answer: &Answer) -> bool {
    let status = umbra_compare::answer::Answer { status: answer.status, ..Default::default() };
    Party { answer: status, grpc_status: answer.grpc_status, ..Party::default() }.is_error()
}

fn same_status(left: &Answer, right: &Answer) -> bool {
    left.status == right.status && left.grpc_status == right.grpc_status
}

fn same_header(left: &Answer, right: &Answer, name: &str) -> bool {
    lines(left, name).eq(lines(right, name))
}

fn lines<'a>(answer: &'a Answer, name: &str) -> impl Iterator<Item = &'a [u8]> {
    answer.headers.iter().filter(move |(other, _)| other == name).map(|(_, value)| value.as_slice())
}
