//! What a verdict asks. Read and checked here; verdicts are elsewhere.

use std::time::Duration;

use serde::{Serialize, Serializer};

use super::compare::number;

/// The limits a shadow must stay inside. A gate that is left out has its default; a latency quantile that is left out
/// of `max_latency_ratio` is not asked.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Gates {
    /// No verdict of `go` before so many pairs; at least 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_pairs: Option<u64>,
    /// No verdict of `go` before so long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_duration: Option<Span>,
    /// The shadow's error rate over the primary's, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "optional_number")]
    pub max_error_excess: Option<f64>,
    /// The part of pairs with another status, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "optional_number")]
    pub max_status_mismatch: Option<f64>,
    /// The part of pairs with another body, over noise, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "optional_number")]
    pub max_body_mismatch: Option<f64>,
    /// The shadow's latency as a multiple of the primary's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_latency_ratio: Option<LatencyRatio>,
}

/// The shadow's latency as a multiple of the primary's, by quantile; at least one.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct LatencyRatio {
    /// Of the medians.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "optional_number")]
    pub p50: Option<f64>,
    /// Of the 95th percentiles.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "optional_number")]
    pub p95: Option<f64>,
    /// Of the 99th percentiles.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "optional_number")]
    pub p99: Option<f64>,
}

/// A length of time, kept as it was written (`10m`, `1h 30m`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    text: String,
    duration: Duration,
}

impl Span {
    /// From `10m`, `1h 30m`, `90s`.
    ///
    /// # Errors
    /// In words, when it is not a length of time.
    pub fn parse(text: &str) -> Result<Self, String> {
        match humantime::parse_duration(text) {
            Ok(duration) => Ok(Self { text: text.to_owned(), duration }),
            Err(error) => Err(format!("not a length of time ({error}): give one such as 10m or 1h 30m")),
        }
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// How long.
    #[must_use]
    pub fn duration(&self) -> Duration {
        self.duration
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

#[expect(clippy::ref_option, reason = "serde's serialize_with hands a reference to the field")]
fn optional_number<S: Serializer>(value: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => number(value, serializer),
        None => serializer.serialize_none(),
    }
}
