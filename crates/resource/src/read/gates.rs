//! What a verdict asks.

use std::time::Duration;

use serde_json::Value;

use super::object::Object;
use super::{Report, scalar};
use crate::manifest::gates::{Gates, LatencyRatio, Span};

const MAX_PAIRS: u64 = 1_000_000_000_000;
const MAX_DURATION: Duration = Duration::from_secs(365 * 24 * 3600);

pub(crate) fn gates(value: Value, report: &mut Report) -> Option<Gates> {
    let mut object = Object::open(value, report)?;
    // No data is never a pass.
    let min_pairs =
        object.optional("min_pairs", report, |value, report| scalar::whole(value, 1, MAX_PAIRS, report));
    let min_duration = object.optional("min_duration", report, span);
    let part = |value, report: &mut Report| scalar::number(value, 0.0, 1.0, report);
    let max_error_excess = object.optional("max_error_excess", report, part);
    let max_status_mismatch = object.optional("max_status_mismatch", report, part);
    let max_body_mismatch = object.optional("max_body_mismatch", report, part);
    let max_latency_ratio = object.optional("max_latency_ratio", report, latency_ratio);
    object.close(report);
    Some(Gates {
        min_pairs,
        min_duration,
        max_error_excess,
        max_status_mismatch,
        max_body_mismatch,
        max_latency_ratio,
    })
}

fn latency_ratio(value: Value, report: &mut Report) -> Option<LatencyRatio> {
    let mut object = Object::open(value, report)?;
    if object.is_used_up() {
        report.problem("is empty: give at least one of p50, p95 and p99");
    }
    let ratio = |value, report: &mut Report| scalar::number(value, 0.01, 1000.0, report);
    let p50 = object.optional("p50", report, ratio);
    let p95 = object.optional("p95", report, ratio);
    let p99 = object.optional("p99", report, ratio);
    object.close(report);
    Some(LatencyRatio { p50, p95, p99 })
}

fn span(value: Value, report: &mut Report) -> Option<Span> {
    if value.is_number() {
        report.problem(format!("{value} has no unit: give a length of time such as 10m or 1h 30m"));
        return None;
    }
    let text = scalar::filled_text(value, report)?;
    let span = match Span::parse(&text) {
        Ok(span) => span,
        Err(message) => {
            report.problem(message);
            return None;
        }
    };
    if span.duration().is_zero() || span.duration() > MAX_DURATION {
        report.problem(format!("`{text}` is out of range: give more than 0 and at most 365 days"));
        return None;
    }
    Some(span)
}
