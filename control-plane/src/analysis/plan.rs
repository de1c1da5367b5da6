//! How a shadow wants its pairs looked at, with the defaults in place of what it leaves out.

use umbra_compare::answer::Choice;
use umbra_compare::gates::{Gates, LatencyLimit, Noise};
use umbra_compare::json::rules::{RuleError, Rules};
use umbra_resource::manifest::compare::{self as manifest, BodyComparison};
use umbra_resource::manifest::gates::LatencyRatio;
use umbra_resource::manifest::shadow::ShadowSpec;

use crate::analysis::redact::Redaction;

/// As much as a filter samples of a body when nobody says otherwise.
pub const MAX_BODY_BYTES: u64 = 65_536;

/// How a shadow wants its pairs looked at.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What is compared.
    pub choice: Choice,
    /// How much is looked at, and kept, of bodies.
    pub bodies: BodyComparison,
    /// Only so much of a body is kept, in bytes.
    pub max_body_bytes: usize,
    /// What is never kept.
    pub redaction: Redaction,
}

impl Plan {
    /// The plan of a shadow.
    ///
    /// # Errors
    /// A rule that cannot be read. Valid manifests have none.
    pub fn of(spec: &ShadowSpec) -> Result<Plan, RuleError> {
        let compare = spec.compare.clone().unwrap_or_default();
        let tolerance: Vec<_> =
            compare.tolerance.iter().map(|tolerance| (tolerance.path.clone(), tolerance.absolute)).collect();
        let rules = Rules::new(&compare.ignore, &compare.unordered, &tolerance)?;
        let max_body_bytes = compare.max_body_bytes.unwrap_or(MAX_BODY_BYTES);
        Ok(Plan {
            choice: Choice { headers: lower(&compare.headers), rules, ..Choice::default() },
            bodies: compare.body.unwrap_or(BodyComparison::Full),
            max_body_bytes: usize::try_from(max_body_bytes).unwrap_or(usize::MAX),
            redaction: Redaction::of(&compare.redact.unwrap_or_default())?,
        })
    }
}

/// Whether the digests are all that is compared of this shadow's answers.
pub fn is_by_digest(spec: &ShadowSpec) -> bool {
    let bodies = spec.compare.as_ref().and_then(|compare| compare.body);
    !matches!(bodies, None | Some(BodyComparison::Full))
}

/// The gates of a shadow: what it asks, and the defaults for the rest.
pub fn gates(spec: &ShadowSpec) -> Gates {
    let asked = spec.gates.clone().unwrap_or_default();
    let defaults = Gates::default();
    let min_duration_ms = asked.min_duration.as_ref().map(|span| span.duration().as_millis());
    let compare = spec.compare.clone().unwrap_or_default();
    // Where nothing is compared, the default limit on it would stay open for ever. One that is asked for does.
    let is_compared = compare.body != Some(BodyComparison::None) || !compare.headers.is_empty();
    let default_body = defaults.max_body_mismatch.filter(|_| is_compared);
    Gates {
        min_pairs: asked.min_pairs.unwrap_or(defaults.min_pairs),
        min_duration_ms: min_duration_ms
            .map_or(defaults.min_duration_ms, |ms| u64::try_from(ms).unwrap_or(u64::MAX)),
        max_error_excess: asked.max_error_excess.or(defaults.max_error_excess),
        max_status_mismatch: asked.max_status_mismatch.or(defaults.max_status_mismatch),
        max_body_mismatch: asked.max_body_mismatch.or(default_body),
        max_latency_ratio: asked.max_latency_ratio.as_ref().map_or(defaults.max_latency_ratio, limits),
        noise: match compare.noise {
            Some(manifest::Noise::Diffy) => Noise::Diffy,
            _ => defaults.noise,
        },
        ..defaults
    }
}

fn limits(ratio: &LatencyRatio) -> Vec<LatencyLimit> {
    [(50, ratio.p50), (95, ratio.p95), (99, ratio.p99)]
        .into_iter()
        .filter_map(|(percentile, limit)| Some(LatencyLimit { percentile, limit: limit? }))
        .collect()
}

pub(crate) fn lower(names: &[String]) -> Vec<String> {
    names.iter().map(|name| name.to_ascii_lowercase()).collect()
}
