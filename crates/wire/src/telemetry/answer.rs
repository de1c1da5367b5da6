//! Sampled pairs: what was answered, word for word.

use umbra_compare::outcome::Outcome;
use umbra_policy::pair::PairId;

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
