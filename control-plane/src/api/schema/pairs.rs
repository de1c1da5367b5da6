//! Sampled pairs as the API's description shows them. The API passes on what was kept; a test holds these to it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::schema::words::{KindWord, OutcomeWord, PairOutcomeWord};

/// A page of pairs, newest first.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PairPage)]
pub struct PairPageDocument {
    /// The pairs.
    #[schema(max_items = 100)]
    pub items: Vec<PairDocument>,
    /// `before` of the next page; null if this is the last.
    #[schema(required)]
    pub next: Option<u64>,
}

/// A mirrored request and its answers.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Pair)]
pub struct PairDocument {
    /// Where it is in the pages: newer pairs have larger ones.
    pub id: u64,
    /// The pair's own id, as in examples.
    #[schema(pattern = "^[0-9a-f]{32}$")]
    pub pair: String,
    /// When the request came (RFC 3339, UTC).
    #[schema(format = DateTime)]
    pub at: String,
    /// The endpoint, as in the report.
    #[schema(example = "GET /cart/{id}")]
    pub endpoint: String,
    /// The request's method.
    pub method: String,
    /// The request's path with its query, as it was sent; at most 1024 bytes of it.
    #[schema(max_length = 1024)]
    pub path: String,
    /// What came of it.
    pub outcome: PairOutcomeWord,
    /// For how many pairs like it this one stands.
    #[schema(minimum = 1)]
    pub weight: f64,
    /// Production's answer.
    pub primary: PairAnswerDocument,
    /// The shadow's.
    pub shadow: PairAnswerDocument,
    /// The control's; null without one.
    #[schema(required)]
    pub control: Option<PairAnswerDocument>,
    /// The shadow's answer against production's.
    pub differences: Vec<PairDifferenceDocument>,
    /// The control's answer against production's.
    pub noise: Vec<PairDifferenceDocument>,
    /// What stood in the way of a closer look; null if nothing did.
    #[schema(required)]
    pub remark: Option<String>,
}

/// What one party answered.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PairAnswer)]
pub struct PairAnswerDocument {
    /// Whether it did.
    pub outcome: OutcomeWord,
    /// The HTTP status; left out where there is no answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 100, maximum = 999)]
    pub status: Option<u16>,
    /// `grpc-status`; left out where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub grpc_status: Option<u32>,
    /// Milliseconds from the request to the answer's headers; left out where there is no answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 0)]
    pub headers_ms: Option<f64>,
    /// Milliseconds from the request to the answer's end; left out where there is no answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 0)]
    pub end_ms: Option<f64>,
    /// The headers that are kept, in order.
    pub headers: Vec<PairHeaderDocument>,
    /// The body, as far as it is kept.
    pub body: PairBodyDocument,
}

/// A line of a header.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PairHeader)]
pub struct PairHeaderDocument {
    /// In lower case.
    pub name: String,
    /// What is not UTF-8 is replaced; `(redacted)` where it may not be kept.
    pub value: String,
}

/// A body, as far as it is kept: `text` or `hex`, or else `left_out`.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PairBody)]
pub struct PairBodyDocument {
    /// Of the whole body as it was sent, in bytes.
    pub length: u64,
    /// Of the whole body as it was sent, where digests are all that is compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, pattern = "^[0-9a-f]{32}$")]
    pub digest: Option<String>,
    /// Decoded, if it is UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub text: Option<String>,
    /// Decoded, in hexadecimal digits, if it is not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, pattern = "^([0-9a-f]{2})*$")]
    pub hex: Option<String>,
    /// Whether there is more than is kept.
    pub truncated: bool,
    /// Why there is nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub left_out: Option<String>,
}

/// A difference between production's answer and another.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PairDifference)]
pub struct PairDifferenceDocument {
    /// The field, with array indices generalised; `header:NAME`, `line` and `body` for what is no JSON.
    #[schema(example = "$.items[*].price")]
    pub path: String,
    /// The very place.
    #[schema(example = "$.items[3].price")]
    pub at: String,
    /// How it differs.
    pub kind: KindWord,
    /// What production has there, as JSON text; null where it has nothing, or what it has is redacted.
    #[schema(required)]
    pub primary: Option<String>,
    /// What the other has there, as JSON text; null where it has nothing, or what it has is redacted.
    #[schema(required)]
    pub shadow: Option<String>,
}
