//! What a manifest asks of comparisons and verdicts, with the defaults in place of what it leaves out.

use umbra_compare::answer::Choice;
use umbra_compare::gates::{Gates, LatencyLimit, Noise};
use umbra_compare::json::rules::{RuleError, Rules};

use crate::manifest::compare::{self, BodyComparison, Compare};
use crate::manifest::gates::{self, LatencyRatio};

/// How answers are compared, with a look at the bodies that is this close.
///
/// # Errors
/// A rule that cannot be read. Valid manifests have none.
pub fn choice(compare: &Compare, bodies: BodyComparison) -> Result<Choice, RuleError> {
    let tolerance: Vec<_> =
        compare.tolerance.iter().map(|tolerance| (tolerance.path.clone(), tolerance.absolute)).collect();
    Ok(Choice {
        headers: compare.headers.iter().map(|name| name.to_ascii_lowercase()).collect(),
        rules: Rules::new(&compare.ignore, &compare.unordered, &tolerance)?,
        digests: bodies == BodyComparison::Digest,
        ..Choice::default()
    })
}

/// The gates of a shadow.
pub fn gates(compare: &Compare, asked: &gates::Gates) -> Gates {
    let defaults = Gates::default();
    let min_duration_ms = asked.min_duration.as_ref().map(|span| span.duration().as_millis());
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
            Some(compare::Noise::Diffy) => Noise::Diffy,
            _ => defaults.noise,
        },
        alpha: defaults.alpha,
    }
}

fn limits(ratio: &LatencyRatio) -> Vec<LatencyLimit> {
    [(50, ratio.p50), (95, ratio.p95), (99, ratio.p99)]
        .into_iter()
        .filter_map(|(percentile, limit)| Some(LatencyLimit { percentile, limit: limit? }))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_has_its_default() {
        assert_eq!(gates(&Compare::default(), &gates::Gates::default()), Gates::default());
        let asked = gates::Gates {
            min_pairs: Some(7),
            max_body_mismatch: Some(0.5),
            max_latency_ratio: Some(LatencyRatio { p95: Some(2.0), ..LatencyRatio::default() }),
            ..gates::Gates::default()
        };
        let compare = Compare { noise: Some(compare::Noise::Diffy), ..Compare::default() };
        let expected = Gates {
            min_pairs: 7,
            max_body_mismatch: Some(0.5),
            max_latency_ratio: vec![LatencyLimit { percentile: 95, limit: 2.0 }],
            noise: Noise::Diffy,
            ..Gates::default()
        };
        assert_eq!(gates(&compare, &asked), expected);
    }

    #[test]
    fn no_default_limit_is_put_on_what_is_not_compared() {
        let nothing = Compare { body: Some(BodyComparison::None), ..Compare::default() };
        let headers = Compare { headers: vec!["Location".to_owned()], ..nothing.clone() };
        let asked = gates::Gates { max_body_mismatch: Some(0.1), ..gates::Gates::default() };
        let limit = |compare: &Compare, asked: &gates::Gates| gates(compare, asked).max_body_mismatch;
        assert_eq!(limit(&nothing, &gates::Gates::default()), None);
        assert_eq!(limit(&nothing, &asked), Some(0.1));
        assert_eq!(limit(&headers, &gates::Gates::default()), Some(0.005));
        let choice = choice(&headers, BodyComparison::Digest).unwrap();
        assert!(choice.digests && choice.headers == ["location"]);
    }
}
