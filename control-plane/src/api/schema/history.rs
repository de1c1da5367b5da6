//! A shadow's evidence over time, as the API's description shows it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Figures over time. Shares are of 1, latencies in milliseconds; null where there is nothing to measure.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = History)]
pub struct HistoryDocument {
    /// How long a step is.
    pub step_seconds: u64,
    /// In the order of time; steps in which there was nothing are left out. At most 500.
    #[schema(max_items = 500)]
    pub points: Vec<PointDocument>,
}

/// What the pairs of one step add up to.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Point)]
pub struct PointDocument {
    /// When the step begins (RFC 3339, UTC).
    #[schema(format = DateTime)]
    pub at: String,
    /// Pairs: both answered, or the shadow failed to.
    pub pairs: u64,
    /// Requests of which it is known what became of their copies.
    pub mirrored: u64,
    /// The share of production's answers that are errors.
    pub primary_error_rate: Option<f64>,
    /// The share of the shadow's answers that are errors, or missing.
    pub shadow_error_rate: Option<f64>,
    /// The share of pairs that differ in headers or body, noise and all.
    pub mismatch_raw: Option<f64>,
    /// The same over noise.
    pub mismatch_over_noise: Option<f64>,
    /// How long production took.
    pub primary_ms: PercentilesDocument,
    /// How long the shadow took.
    pub shadow_ms: PercentilesDocument,
    /// The shadow's latency over the primary's, pair by pair.
    pub ratio: RatioDocument,
}

/// Some percentiles.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Percentiles)]
pub struct PercentilesDocument {
    /// The median.
    pub p50: Option<f64>,
    /// 95 of 100 are below.
    pub p95: Option<f64>,
    /// 99 of 100 are below.
    pub p99: Option<f64>,
}

/// A ratio, pair by pair.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PairedRatio)]
pub struct RatioDocument {
    /// The median.
    pub p50: Option<f64>,
    /// 95 of 100 are below.
    pub p95: Option<f64>,
    /// 99 of 100 are below.
    pub p99: Option<f64>,
    /// The geometric mean.
    pub mean: Option<f64>,
    /// What the mean can be, at the gates' alpha; null as long as it is not bounded.
    pub interval: Option<[f64; 2]>,
}
