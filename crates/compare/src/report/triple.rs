//! One mirrored request with everything that was seen of it: the primary's answer, the candidate's, and with a control
//! a third.

use crate::answer::{Answer, AnswerDifference, Choice, difference};
use crate::outcome::Outcome;

/// A mirrored request, and what became of it.
#[derive(Clone, Copy, Debug)]
pub struct Triple<'a> {
    /// What examples are found by.
    pub id: &'a str,
    /// Where the request went, as `GET /users/{id}`.
    pub endpoint: &'a str,
    /// When, in milliseconds since 1970. `None` where nobody kept the time.
    pub at_ms: Option<u64>,
    /// The primary; its outcome is always [`Outcome::Answered`].
    pub primary: Party<'a>,
    /// The candidate.
    pub candidate: Party<'a>,
    /// The control; `None` for a shadow that has none.
    pub control: Option<Party<'a>>,
}

/// What was seen of one party.
#[derive(Clone, Copy, Debug, Default)]
pub struct Party<'a> {
    /// How the request ended there. Anything but an answer makes the rest meaningless.
    pub outcome: Outcome,
    /// The answer.
    pub answer: Answer<'a>,
    /// Whether the body was kept, be it empty. What was not kept is not compared.
    pub has_body: bool,
    /// `grpc-status`, where there is one.
    pub grpc_status: Option<u32>,
    /// From the request to the end of the answer, in microseconds.
    pub latency_us: Option<f64>,
}

impl Party<'_> {
    /// A status of 500 or above, a gRPC status that puts the fault on the server, or no answer at all.
    ///
    /// Those of gRPC are UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE and DATA_LOSS.
    pub fn is_error(&self) -> bool {
        !self.is_answered()
            || self.answer.status >= 500
            || matches!(self.grpc_status, Some(2 | 4 | 12 | 13 | 14 | 15))
    }

    /// Whether there is an answer.
    pub fn is_answered(&self) -> bool {
        self.outcome == Outcome::Answered
    }

    /// Whether both have the same status.
    pub fn same_status(&self, other: &Party<'_>) -> bool {
        self.answer.status == other.answer.status && self.grpc_status == other.grpc_status
    }
}

/// What a look at headers and bodies found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Examined {
    /// The candidate's answer against the primary's.
    pub candidate: AnswerDifference,
    /// The control's against the primary's. `None` without a control.
    pub control: Option<AnswerDifference>,
}

/// Compares headers and bodies. `None` where that would tell nothing:
///
/// - where some party did not answer, or answered with another status: that counts as such, and an error page has no
///   field in common with what it stands for. It also holds for the control, since a pair whose noise is not known
///   would count all of it against the candidate;
/// - where neither a body was kept on all sides, nor a header is to be compared.
pub fn examine<'a>(triple: &Triple<'a>, choice: &Choice) -> Option<Examined> {
    let others = || std::iter::once(&triple.candidate).chain(&triple.control);
    let comparable = others().all(|other| other.is_answered() && other.same_status(&triple.primary));
    let has_bodies = triple.primary.has_body && others().all(|other| other.has_body);
    let is_anything_compared = has_bodies || !choice.headers.is_empty();
    if !comparable || !is_anything_compared {
        return None;
    }
    let kept = |party: &Party<'a>| {
        let body = if has_bodies { party.answer.body } else { &[] };
        Answer { body, ..party.answer }
    };
    let primary = kept(&triple.primary);
    let seen = |party: &Party<'a>| difference(&primary, &kept(party), choice);
    Some(Examined { candidate: seen(&triple.candidate), control: triple.control.as_ref().map(seen) })
}
