//! Sampled pairs: what was answered, word for word.

use umbra_policy::pair::PairId;

use crate::telemetry::outcome::Outcome;

/// One pair, picked at random among those like it.
#[derive(Clone, Debug, PartialEq)]
pub struct SampledPair {
    /// Which pair.
    pub pair: PairId,
    /// The shadow.
    pub shadow: String,
    /// The endpoint, as in the reports.
    pub endpoint: String,
    /// The request's method.
    pub method: String,
    /// The request's path with its query, or the beginning of it.
    pub path: String,
    /// When the request came, in milliseconds since 1970 (UTC).
    pub at_ms: u64,
    /// For how many pairs it stands: 1 over the probability with which it was picked; 1 or more.
    pub weight: f64,
    /// Production's answer.
    pub primary: SampledAnswer,
    /// The shadow's.
    pub candidate: SampledAnswer,
    /// The control's, where there is one.
    pub control: Option<SampledAnswer>,
}

/// What one party answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SampledAnswer {
    /// Whether it did. Everything else is empty where it did not.
    pub outcome: Outcome,
    /// The HTTP status; 0 where there is none.
    pub status: u16,
    /// `grpc-status`, if there is one.
    pub grpc_status: Option<u32>,
    /// Microseconds from the request's start to the answer's headers.
    pub headers_us: u64,
    /// Microseconds from the request's start to the answer's end.
    pub end_us: u64,
    /// Names in lower case.
    pub headers: Vec<(String, Vec<u8>)>,
    /// As it was sent, or the beginning of it.
    pub body: Vec<u8>,
    /// Of the whole body, in bytes.
    pub body_length: u64,
    /// Whether `body` is only the beginning.
    pub truncated: bool,
    /// Of the whole body.
    pub digest: Option<[u8; 16]>,
}

impl SampledAnswer {
    /// Whether it counts as an error: see [`is_error`].
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.outcome != Outcome::Answered || is_error(self.status, self.grpc_status)
    }
}

/// Whether an answer is an error: a status from 500 up, or a gRPC status that stands for one, which are those that
/// `google/rpc/code.proto` maps to 5xx. Both sides count by this one rule.
#[must_use]
pub fn is_error(status: u16, grpc_status: Option<u32>) -> bool {
    // UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE, DATA_LOSS
    status >= 500 || grpc_status.is_some_and(|code| matches!(code, 2 | 4 | 12..=15))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_those_of_the_server() {
        let cases = [
            (200, None, false),
            (404, None, false),
            (499, None, false),
            (500, None, true),
            (503, Some(0), true),
            (200, Some(0), false),
            (200, Some(5), false),
            (200, Some(13), true),
            (200, Some(14), true),
            (200, Some(16), false),
        ];
        for (status, grpc_status, expected) in cases {
            assert_eq!(is_error(status, grpc_status), expected, "{status} {grpc_status:?}");
        }
        let unanswered = SampledAnswer { outcome: Outcome::Reset, ..SampledAnswer::default() };
        assert!(unanswered.is_error());
    }
}
