//! Reports and verdicts as they are written for programs: plain data for any serializer.
//!
//! Shares are of 1, latencies in milliseconds. What is infinite or was not measured is `null`.

mod text;

use serde::Serialize;

use super::endpoint::Endpoint;
use super::fields::{FieldCount, is_noise};
use super::judge::{Finding, Judgement};
use super::part::Part;
use super::point::Percentiles;
use super::{EXAMPLES, Report, words};
use crate::confidence::mean;
use crate::difference::Field;
use crate::evidence::Discordance;
use crate::gates::Gates;
use crate::histogram::Histogram;
use crate::outcome::Outcomes;
pub use text::JsonText;

/// A verdict with everything that it rests on.
#[derive(Debug, Serialize)]
pub struct Analysis {
    /// The verdict.
    #[serde(flatten)]
    pub verdict: VerdictView,
    /// What the pairs add up to.
    #[serde(flatten)]
    pub report: ReportView,
}

/// A verdict.
#[derive(Debug, Serialize)]
pub struct VerdictView {
    verdict: &'static str,
    pairs: u64,
    summary: String,
    reasons: Vec<ReasonView>,
}

#[derive(Debug, Serialize)]
struct ReasonView {
    gate: String,
    state: &'static str,
    observed: Option<f64>,
    limit: f64,
    interval: [Option<f64>; 2],
    more_pairs: Option<u64>,
    endpoint: Option<String>,
    words: String,
    carriers: Vec<CarrierView>,
    examples: Vec<String>,
}

#[derive(Debug, Serialize)]
struct CarrierView {
    endpoint: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    pairs: u64,
    of: u64,
}

/// A report.
#[derive(Debug, Serialize)]
pub struct ReportView {
    mirrored: u64,
    began_ms: Option<u64>,
    ended_ms: Option<u64>,
    #[serde(flatten)]
    whole: PartView,
    endpoints: Vec<EndpointView>,
}

#[derive(Debug, Serialize)]
struct EndpointView {
    endpoint: String,
    pairs: u64,
    #[serde(flatten)]
    part: PartView,
    truncated_bodies: u64,
    fields: Vec<FieldView>,
}

#[derive(Debug, Serialize)]
struct PartView {
    outcomes: OutcomesView,
    error_rates: ErrorRates,
    statuses: Vec<StatusView>,
    status_mismatch: MismatchView,
    body_mismatch: MismatchView,
    latency_ms: LatencyView,
}

#[derive(Debug, Serialize)]
struct OutcomesView {
    shadow: Vec<OutcomeView>,
    control: Vec<OutcomeView>,
}

#[derive(Debug, Serialize)]
struct OutcomeView {
    outcome: &'static str,
    count: u64,
}

#[derive(Debug, Serialize)]
struct ErrorRates {
    primary: Option<f64>,
    shadow: Option<f64>,
    control: Option<f64>,
}

#[derive(Debug, Serialize)]
struct StatusView {
    primary: u16,
    /// `null`: no answer.
    shadow: Option<u16>,
    /// `null`: no answer, or no control.
    control: Option<u16>,
    count: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct MismatchView {
    /// Pairs that were compared.
    compared: u64,
    /// The share in which the candidate differs, noise and all.
    pub(super) raw: Option<f64>,
    /// The share in which the control does.
    noise: Option<f64>,
    /// The share in which the candidate alone differs over that in which the control alone does; for bodies, without
    /// the fields that are known as noise.
    pub(super) over_noise: Option<f64>,
}

#[derive(Debug, Serialize)]
pub(super) struct LatencyView {
    pairs: u64,
    pub(super) primary: Quantiles,
    pub(super) shadow: Quantiles,
    /// Of the shadow's latency over the primary's, pair by pair.
    pub(super) ratio: RatioView,
}

#[derive(Debug, Serialize)]
pub(super) struct Quantiles {
    p50: Option<f64>,
    p90: Option<f64>,
    p95: Option<f64>,
    p99: Option<f64>,
}

#[derive(Debug, Serialize)]
pub(super) struct RatioView {
    #[serde(flatten)]
    pub(super) quantiles: Quantiles,
    /// The geometric mean.
    pub(super) mean: Option<f64>,
    /// What it can be, at the gates' alpha.
    pub(super) interval: [Option<f64>; 2],
}

#[derive(Debug, Serialize)]
struct FieldView {
    path: String,
    kind: &'static str,
    /// Pairs in which the candidate differs.
    raw: u64,
    /// Pairs in which the control does.
    noise: u64,
    /// The one less the other.
    excess: i64,
    is_noise: bool,
    examples: Vec<FieldExampleView>,
}

#[derive(Debug, Serialize)]
struct FieldExampleView {
    pair: String,
    at: String,
    primary: Option<JsonText>,
    shadow: Option<JsonText>,
}

/// A verdict and its report.
pub fn analysis(judgement: &Judgement, report: &Report, gates: &Gates) -> Analysis {
    Analysis { verdict: verdict(judgement, report), report: self::report(report, gates) }
}

/// A verdict.
pub fn verdict(judgement: &Judgement, report: &Report) -> VerdictView {
    VerdictView {
        verdict: judgement.answer.name(),
        pairs: judgement.pairs,
        summary: words::headline(judgement, report),
        reasons: judgement.findings.iter().map(|finding| reason(finding, report)).collect(),
    }
}

fn reason(finding: &Finding, report: &Report) -> ReasonView {
    let reason = &finding.reason;
    let carriers = finding.carriers.iter().map(|carrier| CarrierView {
        endpoint: carrier.endpoint.clone(),
        field: carrier.field.as_ref().map(|(path, _)| path.clone()),
        kind: carrier.field.as_ref().map(|(_, kind)| kind.name()),
        pairs: carrier.pairs,
        of: carrier.of,
    });
    ReasonView {
        gate: reason.gate.name(),
        state: reason.state.name(),
        observed: reason.observed.and_then(finite),
        limit: reason.limit,
        interval: [finite(reason.interval.lo), finite(reason.interval.hi)],
        more_pairs: reason.more_pairs,
        endpoint: finding.endpoint.clone(),
        words: words::finding(finding, report),
        carriers: carriers.collect(),
        examples: finding.examples.clone(),
    }
}

/// A report. Endpoints with most pairs come first, fields with the largest excess.
pub fn report(report: &Report, gates: &Gates) -> ReportView {
    let mut endpoints: Vec<_> =
        report.endpoints.iter().map(|(name, endpoint)| one_endpoint(name, endpoint, gates)).collect();
    endpoints.sort_by_key(|endpoint| std::cmp::Reverse(endpoint.pairs));
    ReportView {
        mirrored: report.whole.mirrored(),
        began_ms: report.began_ms,
        ended_ms: report.ended_ms,
        whole: part(&report.whole, gates),
        endpoints,
    }
}

fn one_endpoint(name: &str, endpoint: &Endpoint, gates: &Gates) -> EndpointView {
    let compared = endpoint.part.evidence.bodies.compared;
    let mut fields: Vec<_> =
        endpoint.fields.iter().map(|(name, count)| field(&name, count, compared)).collect();
    fields.sort_by_key(|field| std::cmp::Reverse((field.excess, field.raw)));
    EndpointView {
        endpoint: name.to_owned(),
        pairs: endpoint.part.evidence.pairs,
        part: part(&endpoint.part, gates),
        truncated_bodies: endpoint.truncated,
        fields,
    }
}

fn field(field: &Field<'_>, count: &FieldCount, compared: u64) -> FieldView {
    let examples = count.examples.iter().take(EXAMPLES).map(|example| FieldExampleView {
        pair: example.pair.clone(),
        at: example.difference.at.clone(),
        primary: example.difference.primary.clone().map(JsonText),
        shadow: example.difference.shadow.clone().map(JsonText),
    });
    FieldView {
        path: field.path.to_owned(),
        kind: field.kind.name(),
        raw: count.raw,
        noise: count.noise,
        excess: count.excess(),
        is_noise: is_noise(field, count, compared),
        examples: examples.collect(),
    }
}

fn part(part: &Part, gates: &Gates) -> PartView {
    let evidence = &part.evidence;
    let errors = evidence.errors;
    let controls = part.control_outcomes.seen().filter(|(outcome, _)| outcome.is_evidence());
    let control_total: u64 = controls.map(|(_, count)| count).sum();
    PartView {
        outcomes: OutcomesView {
            shadow: outcomes(&part.candidate_outcomes),
            control: outcomes(&part.control_outcomes),
        },
        error_rates: ErrorRates {
            primary: share(errors.other_only + errors.both, errors.trials),
            shadow: share(errors.candidate_only + errors.both, errors.trials),
            control: share(part.control_errors, control_total),
        },
        statuses: statuses(part),
        status_mismatch: mismatch(&evidence.statuses),
        body_mismatch: bodies(part),
        latency_ms: latency(part, gates),
    }
}

fn statuses(part: &Part) -> Vec<StatusView> {
    let answered = |status: u16| (status > 0).then_some(status);
    let mut found: Vec<_> = part
        .statuses
        .iter()
        .map(|(statuses, count)| StatusView {
            primary: statuses.primary,
            shadow: answered(statuses.candidate),
            control: answered(statuses.control),
            count: *count,
        })
        .collect();
    found.sort_by_key(|statuses| std::cmp::Reverse(statuses.count));
    found
}

fn outcomes(outcomes: &Outcomes) -> Vec<OutcomeView> {
    outcomes.seen().map(|(outcome, count)| OutcomeView { outcome: outcome.name(), count }).collect()
}

fn mismatch(discordance: &Discordance) -> MismatchView {
    MismatchView {
        compared: discordance.trials,
        raw: share(discordance.candidate_only + discordance.both, discordance.trials),
        noise: share(discordance.other_only + discordance.both, discordance.trials),
        over_noise: discordance.excess(),
    }
}

pub(super) fn bodies(part: &Part) -> MismatchView {
    let bodies = &part.evidence.bodies;
    MismatchView {
        compared: bodies.compared,
        raw: share(part.raw_bodies.candidate, bodies.compared),
        noise: share(part.raw_bodies.control, bodies.compared),
        over_noise: bodies.over_noise(),
    }
}

pub(super) fn latency(part: &Part, gates: &Gates) -> LatencyView {
    let moments = &part.evidence.log_latency_ratio;
    let interval = mean::interval(moments, gates.alpha, gates.min_pairs);
    LatencyView {
        pairs: part.evidence.primary_latency.count(),
        primary: quantiles(&part.evidence.primary_latency, 1e-3),
        shadow: quantiles(&part.evidence.shadow_latency, 1e-3),
        ratio: RatioView {
            quantiles: quantiles(&part.latency_ratio, 1.0),
            mean: (moments.count > 0).then(|| moments.mean.exp()).and_then(finite),
            interval: [interval.lo, interval.hi].map(|end| finite(end).map(f64::exp).and_then(finite)),
        },
    }
}

impl Quantiles {
    /// Those that a chart shows.
    pub(super) fn some(&self) -> Percentiles {
        Percentiles { p50: self.p50, p95: self.p95, p99: self.p99 }
    }
}

fn quantiles(histogram: &Histogram, unit: f64) -> Quantiles {
    let at = |p| histogram.quantile(p).map(|value| value * unit);
    Quantiles { p50: at(0.5), p90: at(0.9), p95: at(0.95), p99: at(0.99) }
}

pub(super) fn share(count: u64, of: u64) -> Option<f64> {
    (of > 0).then(|| count as f64 / of as f64)
}

fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}
