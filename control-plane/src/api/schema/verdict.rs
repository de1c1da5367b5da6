//! A verdict as the API's description shows it. The API writes `umbra_compare`'s own view; a test holds this to it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::schema::words::{AnswerWord, GateStateWord, KindWord};

/// Whether a shadow may go live, and why.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Verdict)]
pub struct VerdictDocument {
    /// The shadow's name.
    pub shadow: String,
    /// When its evidence began (RFC 3339, UTC); null for a shadow that is older than its evidence.
    #[schema(required, format = DateTime)]
    pub evidence_since: Option<String>,
    /// From when on, rounded to windows (RFC 3339, UTC); null for all of the evidence.
    #[schema(required, format = DateTime)]
    pub since: Option<String>,
    /// Until when, rounded to windows (RFC 3339, UTC); null for all of the evidence.
    #[schema(required, format = DateTime)]
    pub until: Option<String>,
    /// Whether the shadow may go live.
    pub verdict: AnswerWord,
    /// Mirrored requests that it rests on: the primary answered, and the shadow answered or failed to.
    pub pairs: u64,
    /// In one sentence.
    pub summary: String,
    /// One for each gate: failed ones first, then open ones, then those that pass.
    pub reasons: Vec<ReasonDocument>,
}

/// A gate, what was seen, and what it means.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Reason)]
pub struct ReasonDocument {
    /// As in the shadow's `gates`.
    #[schema(
        pattern = "^(min_pairs|min_duration|max_error_excess|max_status_mismatch|max_body_mismatch|max_latency_ratio[.]p[0-9]+)$",
        example = "max_latency_ratio.p99"
    )]
    pub gate: String,
    /// Where it stands.
    pub state: GateStateWord,
    /// What was seen: pairs (`min_pairs`), milliseconds (`min_duration`), a share of the pairs, -1 to 1 (rates), or a
    /// multiple of the primary's latency (`max_latency_ratio`). Null when there was nothing to see.
    #[schema(required)]
    pub observed: Option<f64>,
    /// The limit, in the unit of `observed`.
    #[schema(minimum = 0)]
    pub limit: f64,
    /// From what to what the truth can be, in the unit of `observed`; null where there is no end.
    #[schema(min_items = 2, max_items = 2)]
    pub interval: [Option<f64>; 2],
    /// How many more pairs are expected to settle an open gate; null when it is settled, or nobody can tell.
    #[schema(required)]
    pub more_pairs: Option<u64>,
    /// The endpoint that the figures are of, where it is past the limit and the whole is not; null for all pairs.
    #[schema(required)]
    pub endpoint: Option<String>,
    /// In a sentence.
    pub words: String,
    /// By which endpoints and fields the gate fails, most first.
    #[schema(max_items = 5)]
    pub carriers: Vec<CarrierDocument>,
    /// Ids of pairs that show it; none for a gate that passes.
    #[schema(max_items = 5)]
    pub examples: Vec<String>,
}

/// An endpoint, or a field of one, by which a gate fails.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Carrier)]
pub struct CarrierDocument {
    /// The endpoint.
    #[schema(example = "GET /cart/{id}")]
    pub endpoint: String,
    /// The field, with array indices generalised; left out for gates that are not about fields.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "$.items[*].price")]
    pub field: Option<String>,
    /// How it differs; left out with `field`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub kind: Option<KindWord>,
    /// On how many pairs: over noise for a body, beyond the primary for an error; for latency, all pairs of the endpoint.
    pub pairs: u64,
    /// Of how many of the endpoint.
    pub of: u64,
}
