//! The numbers of one endpoint: each in its bounds, and none at odds with another.

use std::collections::BTreeMap;

use umbra_compare::confidence::mean::Moments;
use umbra_compare::evidence::{BodyEvidence, Discordance, Evidence};
use umbra_compare::histogram::Histogram;
use umbra_compare::report::part::Statuses;

use super::{bounded, most};
use crate::fields::{At, Errors};
use crate::proto::telemetry::v1 as proto;
use crate::telemetry::{EndpointReport, MAX_COUNT, MAX_STATUSES, histogram};

/// How large the numbers may be.
pub(super) struct Bounds {
    count: u64,
    statuses: usize,
    /// Of the logarithms of ratios, the mean of their squares: of two that keep to it, the sum does too.
    mean_square: f64,
}

/// What one worker can have counted.
pub(super) const ONE_REPORT: Bounds =
    Bounds { count: MAX_COUNT, statuses: MAX_STATUSES, mean_square: MAX_LOG_RATIO * MAX_LOG_RATIO };
/// What any number of workers can have counted. A sum is rounded with every report, which must not make it unreadable.
pub(super) const ANY_SUM: Bounds = Bounds {
    count: i64::MAX.unsigned_abs(),
    statuses: usize::MAX,
    mean_square: 8.0 * MAX_LOG_RATIO * MAX_LOG_RATIO,
};

/// The largest logarithm of a ratio of two latencies that can be: of an hour to a nanosecond it is below 30.
const MAX_LOG_RATIO: f64 = 64.0;
/// No HTTP status is larger.
const MAX_STATUS: u32 = 999;

/// `None` where a part cannot be read, which was noted then.
pub(super) fn endpoint(
    message: &proto::EndpointReport,
    at: At<'_>,
    bounds: &Bounds,
    errors: &mut Errors,
) -> Option<EndpointReport> {
    let pairs = message.pairs;
    bounded(pairs, bounds.count, at.field("pairs"), errors);
    let statuses = statuses(&message.statuses, pairs, at.field("statuses"), bounds, errors);
    let digests = discordance(message.digests, pairs, at.field("digests"), errors);
    let unequal = digests.candidate_only + digests.other_only + digests.both;
    let evidence = Evidence {
        pairs,
        duration_ms: 0,
        errors: discordance(message.errors, pairs, at.field("errors"), errors),
        statuses: discordance(message.status, pairs, at.field("status"), errors),
        bodies: BodyEvidence {
            compared: digests.trials,
            unequal,
            examined: Discordance { trials: unequal, ..digests },
            sample: None,
        },
        primary_latency: latency(&message.primary_latency, pairs, at.field("primary_latency"), errors)?,
        shadow_latency: latency(&message.shadow_latency, pairs, at.field("shadow_latency"), errors)?,
        log_latency_ratio: moments(
            message.log_latency_ratio,
            pairs,
            at.field("log_latency_ratio"),
            bounds,
            errors,
        ),
    };
    if evidence.primary_latency.count() != evidence.shadow_latency.count() {
        errors.add(at.field("shadow_latency"), "must count as many as primary_latency");
    }
    bounded(message.control_errors, pairs, at.field("control_errors"), errors);
    let latency_ratio = latency(&message.latency_ratio, pairs, at.field("latency_ratio"), errors)?;
    Some(EndpointReport { evidence, latency_ratio, control_errors: message.control_errors, statuses })
}

fn statuses(
    messages: &[proto::Statuses],
    pairs: u64,
    list: At<'_>,
    bounds: &Bounds,
    errors: &mut Errors,
) -> BTreeMap<Statuses, u64> {
    most(messages.len(), bounds.statuses, list, errors);
    let mut statuses = BTreeMap::new();
    let mut total = 0_u64;
    for (index, message) in messages.iter().enumerate() {
        let at = At::Item(&list, index);
        let mut status = |name, number: u32| match u16::try_from(number) {
            Ok(status) if number <= MAX_STATUS => status,
            _ => {
                errors.add(at.field(name), format!("is more than {MAX_STATUS}"));
                0
            }
        };
        let key = Statuses {
            primary: status("primary", message.primary),
            candidate: status("candidate", message.candidate),
            control: status("control", message.control),
        };
        total = total.saturating_add(message.count);
        if statuses.insert(key, message.count).is_some() {
            errors.add(at, "comes twice");
        }
    }
    if total > pairs {
        errors.add(list, "counts more than pairs");
    }
    statuses
}

/// What cannot be is noted, and counts as nothing.
fn discordance(
    message: Option<proto::Discordance>,
    pairs: u64,
    at: At<'_>,
    errors: &mut Errors,
) -> Discordance {
    let proto::Discordance { trials, candidate_only, other_only, both } = message.unwrap_or_default();
    let parts = candidate_only.checked_add(other_only).and_then(|sum| sum.checked_add(both));
    if parts.is_none_or(|parts| parts > trials) {
        errors.add(at, "has parts that are more than its trials");
        return Discordance::default();
    }
    if trials > pairs {
        errors.add(at.field("trials"), "is more than pairs");
    }
    Discordance { trials, candidate_only, other_only, both }
}

fn latency(
    message: &Option<proto::Histogram>,
    pairs: u64,
    at: At<'_>,
    errors: &mut Errors,
) -> Option<Histogram> {
    match message {
        Some(message) => histogram::from_proto(message, at, pairs, errors),
        None => Some(Histogram::default()),
    }
}

fn moments(
    message: Option<proto::Moments>,
    pairs: u64,
    at: At<'_>,
    bounds: &Bounds,
    errors: &mut Errors,
) -> Moments {
    let proto::Moments { count, mean, sum_of_squares } = message.unwrap_or_default();
    if count > pairs {
        errors.add(at.field("count"), "is more than pairs");
    }
    let most = count as f64 * (bounds.mean_square - mean * mean);
    // What is not a number is in no range.
    if !(-MAX_LOG_RATIO..=MAX_LOG_RATIO).contains(&mean) || (count == 0 && mean != 0.0) {
        errors.add(at.field("mean"), "cannot be");
    } else if !(0.0..=most).contains(&sum_of_squares) || (count == 1 && sum_of_squares != 0.0) {
        errors.add(at.field("sum_of_squares"), "cannot be");
    }
    Moments { count, mean, sum_of_squares }
}
