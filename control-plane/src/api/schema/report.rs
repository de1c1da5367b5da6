//! A report as the API's description shows it. The API writes `umbra_compare`'s own view; a test holds this to it.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::api::schema::words::{KindWord, OutcomeWord};

/// What the pairs of a shadow add up to. What was not measured, and what is infinite, is null.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Report)]
pub struct ReportDocument {
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
    /// Requests of which copies were sent.
    pub sent: u64,
    /// Requests that Envoys did not mirror because the shadow fails or hangs.
    pub shed: u64,
    /// How many answers were compared, and how closely.
    pub answers: AnswersDocument,
    /// Those of `sent` of which it is known what became of the copies. It gets there when nothing is under way.
    pub mirrored: u64,
    /// When the first report from an Envoy began, in milliseconds since 1970; null without one.
    #[schema(required)]
    pub began_ms: Option<u64>,
    /// When the last one ended, in milliseconds since 1970; null without one.
    #[schema(required)]
    pub ended_ms: Option<u64>,
    /// What became of the copies.
    pub outcomes: OutcomesDocument,
    /// Over all endpoints.
    pub error_rates: ErrorRatesDocument,
    /// Which statuses met, the most frequent first.
    pub statuses: Vec<StatusDocument>,
    /// How often the status differs.
    pub status_mismatch: MismatchDocument,
    /// How often headers or body differ.
    pub body_mismatch: MismatchDocument,
    /// How long the answers took.
    pub latency_ms: LatencyDocument,
    /// The endpoints, those with most pairs first. Beyond 200, the rest is one of them.
    #[schema(max_items = 201)]
    pub endpoints: Vec<EndpointDocument>,
}

/// How many answers were compared, and how closely.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ComparedAnswers)]
pub struct AnswersDocument {
    /// Pairs that were compared by digest and headers.
    pub compared: u64,
    /// Those of them that were not equal.
    pub unequal: u64,
    /// Those of them that were looked at word for word. In the figures of bodies and fields, each counts for as many as it stands for.
    pub examined: u64,
}

/// What the pairs of one endpoint add up to.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = EndpointReport)]
pub struct EndpointDocument {
    /// Its method and path, with what differs from request to request in braces.
    #[schema(example = "GET /cart/{id}")]
    pub endpoint: String,
    /// Mirrored requests for which the primary answered, and the shadow answered or failed to.
    pub pairs: u64,
    /// Empty: outcomes are counted for the shadow as a whole.
    pub outcomes: OutcomesDocument,
    /// Of this endpoint.
    pub error_rates: ErrorRatesDocument,
    /// Which statuses met, the most frequent first.
    pub statuses: Vec<StatusDocument>,
    /// How often the status differs.
    pub status_mismatch: MismatchDocument,
    /// How often headers or body differ.
    pub body_mismatch: MismatchDocument,
    /// How long the answers took.
    pub latency_ms: LatencyDocument,
    /// Comparisons of which only the beginnings of the bodies were there.
    pub truncated_bodies: u64,
    /// The fields that were ever seen to differ, the largest excess first. Beyond 200, the rest is one of them.
    #[schema(max_items = 201)]
    pub fields: Vec<DifferingFieldDocument>,
}

/// What became of the copies.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Outcomes)]
pub struct OutcomesDocument {
    /// Of those to the shadow; only what was seen.
    pub shadow: Vec<OutcomeDocument>,
    /// Of those to the control; only what was seen.
    pub control: Vec<OutcomeDocument>,
}

/// How often an outcome was seen.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = OutcomeCount)]
pub struct OutcomeDocument {
    /// What became of the copies.
    pub outcome: OutcomeWord,
    /// Of how many.
    #[schema(minimum = 1)]
    pub count: u64,
}

/// Shares of the pairs on which a party answered with an error, or not at all; null where there is nothing to divide by.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ErrorRates)]
pub struct ErrorRatesDocument {
    /// Production.
    #[schema(required, minimum = 0, maximum = 1)]
    pub primary: Option<f64>,
    /// The shadow.
    #[schema(required, minimum = 0, maximum = 1)]
    pub shadow: Option<f64>,
    /// The control.
    #[schema(required, minimum = 0, maximum = 1)]
    pub control: Option<f64>,
}

/// How often these HTTP statuses met.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = StatusCount)]
pub struct StatusDocument {
    /// Production's; 0 where it did not answer.
    #[schema(minimum = 0, maximum = 999)]
    pub primary: u16,
    /// The shadow's; null where it did not answer.
    #[schema(required, minimum = 1, maximum = 999)]
    pub shadow: Option<u16>,
    /// The control's; null where it did not answer, or there is none.
    #[schema(required, minimum = 1, maximum = 999)]
    pub control: Option<u16>,
    /// On how many pairs.
    pub count: u64,
}

/// How often answers differ from the primary's. Shares of `compared`; null where that is 0.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Mismatch)]
pub struct MismatchDocument {
    /// Pairs that were compared.
    pub compared: u64,
    /// The share in which the shadow's differs, noise and all.
    #[schema(required, minimum = 0, maximum = 1)]
    pub raw: Option<f64>,
    /// The share in which the control's does.
    #[schema(required, minimum = 0, maximum = 1)]
    pub noise: Option<f64>,
    /// The share in which the shadow's alone differs, less that in which the control's alone does; for bodies, without the
    /// fields that are known as noise.
    #[schema(required, minimum = -1, maximum = 1)]
    pub over_noise: Option<f64>,
}

/// How long the answers took, in milliseconds, from the request to the answer's end.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Latency)]
pub struct LatencyDocument {
    /// Pairs with two answers that were timed.
    pub pairs: u64,
    /// Production's, in milliseconds.
    pub primary: QuantilesDocument,
    /// The shadow's, in milliseconds.
    pub shadow: QuantilesDocument,
    /// The shadow's as a multiple of the primary's, pair by pair.
    pub ratio: RatioDocument,
}

/// Quantiles, exact to 1 %; null where nothing was measured.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Quantiles)]
pub struct QuantilesDocument {
    /// The median.
    #[schema(required, minimum = 0)]
    pub p50: Option<f64>,
    /// The 90th percentile.
    #[schema(required, minimum = 0)]
    pub p90: Option<f64>,
    /// The 95th percentile.
    #[schema(required, minimum = 0)]
    pub p95: Option<f64>,
    /// The 99th percentile.
    #[schema(required, minimum = 0)]
    pub p99: Option<f64>,
}

/// The shadow's latency as a multiple of the primary's, pair by pair; null where nothing was measured.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LatencyRatios)]
pub struct RatioDocument {
    /// The median.
    #[schema(required, minimum = 0)]
    pub p50: Option<f64>,
    /// The 90th percentile.
    #[schema(required, minimum = 0)]
    pub p90: Option<f64>,
    /// The 95th percentile.
    #[schema(required, minimum = 0)]
    pub p95: Option<f64>,
    /// The 99th percentile.
    #[schema(required, minimum = 0)]
    pub p99: Option<f64>,
    /// The geometric mean.
    #[schema(required, minimum = 0)]
    pub mean: Option<f64>,
    /// From what to what the mean can be; null where there is no end.
    #[schema(min_items = 2, max_items = 2)]
    pub interval: [Option<f64>; 2],
}

/// A field of an endpoint's answers that was seen to differ. Each pair that was examined counts for as many as it stands for.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DifferingField)]
pub struct DifferingFieldDocument {
    /// Its path, with array indices generalised; `header:NAME`, `line` and `body` for what is no JSON.
    #[schema(example = "$.items[*].price")]
    pub path: String,
    /// How it differs.
    pub kind: KindWord,
    /// Pairs in which the shadow's differs.
    pub raw: u64,
    /// Pairs in which the control's does.
    pub noise: u64,
    /// The one less the other.
    pub excess: i64,
    /// Whether the control shows it to be noise.
    pub is_noise: bool,
    /// Pairs in which the shadow's alone differs, of those that are still kept.
    #[schema(max_items = 5)]
    pub examples: Vec<FieldExampleDocument>,
}

/// A pair in which a field differs.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = FieldExample)]
pub struct FieldExampleDocument {
    /// The pair's id.
    #[schema(pattern = "^[0-9a-f]{32}$")]
    pub pair: String,
    /// The very place.
    #[schema(example = "$.items[3].price")]
    pub at: String,
    /// What production has there; null where it has nothing, or what it has is redacted. Long values are cut short.
    pub primary: Value,
    /// What the shadow has there; null where it has nothing, or what it has is redacted. Long values are cut short.
    pub shadow: Value,
}
