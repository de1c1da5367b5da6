//! What a worker of an Envoy saw, on its way to the control plane.
//!
//! [`encode`] is for the filter; [`decode`] and [`checked`] are for the control plane, which believes nothing:
//! a report that is too large, does not add up or has a number that cannot be is refused, with every bad field.

pub mod answer;
mod from_proto;
#[cfg(feature = "grpc")]
pub mod grpc;
pub mod histogram;
pub mod outcome;
mod to_proto;

use std::collections::BTreeMap;

use prost::Message;
use umbra_compare::evidence::Evidence;
use umbra_compare::histogram::Histogram;
use umbra_compare::outcome::Outcomes;
use umbra_compare::report::part::Statuses;
use umbra_policy::FieldError;

use crate::proto::telemetry::v1 as proto;
use crate::telemetry::answer::SampledPair;
use crate::unfold;

/// The path of the service's one method.
pub const METHOD_PATH: &str = "/umbra.telemetry.v1.TelemetryService/Report";

/// The longest report that is taken, in bytes: 8 MiB, a second's worth of sampled bodies and far more.
pub const MAX_REPORT_BYTES: usize = 8 * 1024 * 1024;
/// Endpoints that a shadow can have in one report; [`OTHER`] stands for the rest and is one more.
pub const MAX_ENDPOINTS: usize = 200;
/// The endpoint of those that are over [`MAX_ENDPOINTS`], or whose name is too long.
pub const OTHER: &str = "other";
/// The longest name of an endpoint, in bytes.
pub const MAX_ENDPOINT_BYTES: usize = 1024;
/// Combinations of statuses that an endpoint can have in one report. What is over is not listed.
pub const MAX_STATUSES: usize = 64;
/// Sampled pairs in one report.
pub const MAX_PAIRS: usize = 256;
/// Of those, pairs that are not equal. The rest is for pairs that are.
pub const MAX_UNEQUAL: usize = 200;
/// Reasons for losses in one report.
pub const MAX_DROPPED: usize = 64;
/// The longest path of a sampled pair, in bytes; what is longer is cut off.
pub const MAX_PATH_BYTES: usize = 1024;
/// Headers of one sampled answer.
pub const MAX_HEADERS: usize = 64;
/// The longest header value of a sampled answer, in bytes.
pub const MAX_HEADER_BYTES: usize = 8 * 1024;
/// The largest number of anything that one worker can have counted since its last report.
pub const MAX_COUNT: u64 = 1_000_000_000;

/// What one worker saw since the report before.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// The id of the Envoy.
    pub node_id: String,
    /// Random, and another one in each life of a VM.
    pub instance: u64,
    /// 1, 2, 3 and so on. A number is never used for another report, and never goes back.
    pub sequence: u64,
    /// The revision of the policy under which all of this was mirrored.
    pub policy_revision: u64,
    /// That policy's version.
    pub policy_version: String,
    /// When the span began that the report covers, in milliseconds since 1970 (UTC).
    pub started_ms: u64,
    /// When it ended.
    pub ended_ms: u64,
    /// Requests that the filter looked at.
    pub requests: u64,
    /// Those of them that got a stamp.
    pub stamped: u64,
    /// By shadow.
    pub shadows: BTreeMap<String, ShadowReport>,
    /// Sampled pairs.
    pub pairs: Vec<SampledPair>,
    /// What the worker lost, by reason: lower-case letters and underscores.
    pub dropped: BTreeMap<String, u64>,
}

/// What happened to the copies for one shadow.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ShadowReport {
    /// Requests that were mirrored.
    pub mirrored: u64,
    /// Requests that were not mirrored because the shadow fails or hangs.
    pub shed: u64,
    /// What became of the copies.
    pub candidate: Outcomes,
    /// What became of the copies for the control.
    pub control: Outcomes,
    /// The pairs, by endpoint.
    pub endpoints: BTreeMap<String, EndpointReport>,
}

/// The pairs of one endpoint.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EndpointReport {
    /// The numbers of the pairs. `duration_ms` is not sent.
    ///
    /// Of `bodies`, `examined` speaks of digests and compared headers: a filter compares nothing else, so that it
    /// examines every pair that it compares. It adds a pair with [`Evidence::add`] and `BodyFacts::Examined` where
    /// something differs; and no `BodyFacts` at all where a party did not answer, or with another status.
    pub evidence: Evidence,
    /// The candidate's latency over the primary's, pair by pair, over the pairs of `log_latency_ratio`.
    pub latency_ratio: Histogram,
    /// How many answers of the control were errors; copies that were never routed or seen are none.
    pub control_errors: u64,
    /// How many pairs had which statuses.
    pub statuses: BTreeMap<Statuses, u64>,
}

/// A report as bytes. Equal reports have equal bytes.
#[must_use]
pub fn encode(report: &Report) -> Vec<u8> {
    to_proto::report(report).encode_to_vec()
}

/// The answer to a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Acknowledgement {
    /// The highest sequence number of the instance that is on disk.
    pub sequence: u64,
    /// How many unequal pairs a report may carry from the one after the next on, at most [`MAX_UNEQUAL`]; `None` leaves it
    /// to the instance.
    pub samples: Option<usize>,
}

/// What the answer to a report says. `None` if it is not protobuf of this message.
#[must_use]
pub fn acknowledgement(answer: &[u8]) -> Option<Acknowledgement> {
    let proto::ReportResponse { acknowledged, samples } = proto::ReportResponse::decode(answer).ok()?;
    let samples = usize::try_from(samples).unwrap_or(MAX_UNEQUAL).min(MAX_UNEQUAL);
    Some(Acknowledgement { sequence: acknowledged, samples: (samples > 0).then_some(samples) })
}

/// A report from its bytes.
///
/// # Errors
/// See [`ReportError`].
pub fn decode(bytes: &[u8]) -> Result<Report, ReportError> {
    checked(message(bytes)?)
}

/// A report from its message.
///
/// # Errors
/// Every field that no worker could have sent, up to a thousand.
pub fn checked(message: proto::ReportRequest) -> Result<Report, ReportError> {
    from_proto::report(message).map_err(ReportError::Fields)
}

/// The message, if it is one and does not unfold to far more memory than its bytes.
fn message(bytes: &[u8]) -> Result<proto::ReportRequest, ReportError> {
    if bytes.len() > MAX_REPORT_BYTES {
        return Err(ReportError::TooLong { bytes: bytes.len() });
    }
    if !unfold::fits(bytes, unfold::Kind::Report) {
        return Err(ReportError::TooMany);
    }
    proto::ReportRequest::decode(bytes).map_err(ReportError::Protobuf)
}

/// Why something is not a report.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ReportError {
    /// Longer than [`MAX_REPORT_BYTES`].
    #[error("the report is {bytes} bytes long, more than {MAX_REPORT_BYTES}")]
    TooLong {
        /// How long it is.
        bytes: usize,
    },
    /// So many items that they would take far more memory than the bytes do.
    #[error("the report has too many items")]
    TooMany,
    /// Not protobuf, or not of this message.
    // Not a source: the status of a call carries one line of text.
    #[error("the report is not protobuf: {0}")]
    Protobuf(prost::DecodeError),
    /// Fields that no worker could have sent. At least one. Values are not repeated: they may be secret.
    #[error("{}", crate::listed(.0))]
    Fields(Vec<FieldError>),
}
