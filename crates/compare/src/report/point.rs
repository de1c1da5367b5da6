//! A report in a few figures, for a chart over time.

use serde::Serialize;

use super::part::Part;
use super::view::{bodies, latency, share};
use crate::gates::Gates;

/// What the pairs of a stretch of time add up to. Shares are of 1, latencies in milliseconds; `null` where there is nothing
/// to measure.
#[derive(Clone, Debug, Serialize)]
pub struct Point {
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
    pub primary_ms: Percentiles,
    /// How long the shadow took.
    pub shadow_ms: Percentiles,
    /// The shadow's latency over the primary's, pair by pair.
    pub ratio: Ratio,
}

/// Some percentiles.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Percentiles {
    /// The median.
    pub p50: Option<f64>,
    /// 95 of 100 are below.
    pub p95: Option<f64>,
    /// 99 of 100 are below.
    pub p99: Option<f64>,
}

/// A ratio, pair by pair.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Ratio {
    /// Its percentiles.
    #[serde(flatten)]
    pub percentiles: Percentiles,
    /// The geometric mean.
    pub mean: Option<f64>,
    /// What the mean can be, at the gates' alpha; `null` as long as it is not bounded.
    pub interval: Option<[f64; 2]>,
}

/// The figures of all pairs.
pub fn point(part: &Part, gates: &Gates) -> Point {
    let errors = part.evidence.errors;
    let bodies = bodies(part);
    let latency = latency(part, gates);
    let [lo, hi] = latency.ratio.interval;
    Point {
        pairs: part.evidence.pairs,
        mirrored: part.mirrored(),
        primary_error_rate: share(errors.other_only + errors.both, errors.trials),
        shadow_error_rate: share(errors.candidate_only + errors.both, errors.trials),
        mismatch_raw: bodies.raw,
        mismatch_over_noise: bodies.over_noise,
        primary_ms: latency.primary.some(),
        shadow_ms: latency.shadow.some(),
        ratio: Ratio {
            percentiles: latency.ratio.quantiles.some(),
            mean: latency.ratio.mean,
            interval: lo.zip(hi).map(|(lo, hi)| [lo, hi]),
        },
    }
}
