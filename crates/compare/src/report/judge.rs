//! The verdict on a report: the gates over all pairs, and the rates on each endpoint for itself.
//!
//! A rare endpoint that is broken altogether hides in the rate over all pairs. So a rate is also past its limit when it
//! is so on one endpoint. For `go`, the whole is asked alone: an endpoint with ten pairs would hold it up for ever.

use super::endpoint::Endpoint;
use super::{MAX_ENDPOINTS, Report};
use crate::confidence::Interval;
use crate::difference::Kind;
use crate::gates::{Gates, Noise};
use crate::verdict::{self, Answer, Gate, Reason, State};

/// The part of alpha that goes to the endpoints, split evenly over as many as there can be. It costs the whole about
/// 3 % more pairs.
const ENDPOINTS_SHARE: f64 = 0.2;

/// So many of the endpoints or fields that carry a failed gate are named.
const CARRIERS: usize = 5;

/// An answer with its findings: failed gates first, then open ones, then those that pass.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// The answer.
    pub answer: Answer,
    /// How many pairs it rests on.
    pub pairs: u64,
    /// One per gate.
    pub findings: Vec<Finding>,
}

/// A gate, what was seen, and where.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The gate with its figures.
    pub reason: Reason,
    /// The endpoint that the figures are of, where it is past the limit and the whole is not. `None`: all pairs.
    pub endpoint: Option<String>,
    /// What carries a failed gate, most first.
    pub carriers: Vec<Carrier>,
    /// Pairs that show it, at most [`super::EXAMPLES`]. None for a gate that passes.
    pub examples: Vec<String>,
}

/// An endpoint, or a field of one, by which a gate fails.
#[derive(Clone, Debug, PartialEq)]
pub struct Carrier {
    /// The endpoint.
    pub endpoint: String,
    /// The field, and how it differs. `None` for gates that are not about fields.
    pub field: Option<(String, Kind)>,
    /// On how many pairs: over noise for a body, beyond the primary for an error; for latency, all pairs of the
    /// endpoint.
    pub pairs: u64,
    /// Of how many of the endpoint.
    pub of: u64,
}

impl Carrier {
    /// The field, and the name of the kind in which it differs.
    pub fn named_field(&self) -> Option<(&str, &str)> {
        self.field.as_ref().map(|(path, kind)| (path.as_str(), kind.name()))
    }
}

/// Judges a report by the gates.
///
/// Where no pair carries a time, `min_duration` counts as met: then its finding has nothing observed.
pub fn judge(report: &Report, gates: &Gates) -> Judgement {
    let evidence = report.evidence();
    let is_timeless = report.began_ms.is_none();
    let for_the_whole = Gates { alpha: gates.alpha * (1.0 - ENDPOINTS_SHARE), ..gates.clone() };
    let mut reasons = verdict::judge(&evidence, &for_the_whole).reasons;
    for reason in &mut reasons {
        if reason.gate == Gate::MinDuration && is_timeless {
            reason.state = State::Pass;
            reason.observed = None;
        }
        if reason.gate == Gate::BodyMismatch && gates.noise == Noise::Diffy {
            diffy(report, reason);
        }
    }
    let on_endpoints = worst_endpoints(report, gates);
    let mut findings: Vec<Finding> = reasons
        .into_iter()
        .map(|whole| {
            let worst = on_endpoints.iter().find(|(_, reason)| reason.gate == whole.gate);
            let (endpoint, reason) = match worst {
                Some((name, reason)) if whole.state != State::Fail => (Some((*name).to_owned()), *reason),
                _ => (None, whole),
            };
            let carriers = if reason.state == State::Fail {
                carriers(report, &reason, endpoint.as_deref())
            } else {
                Vec::new()
            };
            let examples = examples(report, &reason, endpoint.as_deref());
            Finding { reason, endpoint, carriers, examples }
        })
        .collect();
    verdict::sort(&mut findings, |finding| finding.reason.state);
    let answer = verdict::of_states(findings.iter().map(|finding| finding.reason.state), evidence.pairs);
    Judgement { answer, pairs: evidence.pairs, findings }
}

/// For each gate on a rate, the endpoint that is farthest past the limit, if there is one.
fn worst_endpoints<'a>(report: &'a Report, gates: &Gates) -> Vec<(&'a str, Reason)> {
    let mut worst: Vec<(&str, Reason)> = Vec::new();
    let rates = Gates {
        alpha: gates.alpha * ENDPOINTS_SHARE / (MAX_ENDPOINTS + 1) as f64,
        max_latency_ratio: Vec::new(),
        // Diffy's rule asks each endpoint anyway.
        max_body_mismatch: gates.max_body_mismatch.filter(|_| gates.noise == Noise::Discordant),
        ..gates.clone()
    };
    for (name, endpoint) in &report.endpoints {
        for reason in verdict::judge(&endpoint.part.evidence, &rates).reasons {
            if reason.state != State::Fail {
                continue;
            }
            match worst.iter_mut().find(|(_, other)| other.gate == reason.gate) {
                Some((_, other)) if other.interval.lo >= reason.interval.lo => {}
                Some(other) => *other = (name, reason),
                None => worst.push((name, reason)),
            }
        }
    }
    worst
}

/// Puts Diffy's rule, asked of each field of each endpoint, in place of the interval.
fn diffy(report: &Report, reason: &mut Reason) {
    let Some(observed) = reason.observed else { return };
    let is_past = report.endpoints.values().any(|endpoint| {
        let compared = endpoint.part.evidence.bodies.compared;
        endpoint.fields.iter().any(|(_, count)| count.is_different_to_diffy(compared))
    });
    reason.state = if is_past { State::Fail } else { State::Pass };
    reason.interval = Interval { lo: observed, hi: observed };
    reason.more_pairs = None;
}

fn carriers(report: &Report, reason: &Reason, only: Option<&str>) -> Vec<Carrier> {
    let mut found = Vec::new();
    for (name, endpoint) in report.endpoints.iter().filter(|(name, _)| only.is_none_or(|only| only == **name))
    {
        let evidence = &endpoint.part.evidence;
        let mut add = |field, pairs, of| {
            found.push(Carrier { endpoint: name.clone(), field, pairs, of });
        };
        match reason.gate {
            Gate::ErrorExcess => {
                add(None, over(evidence.errors.candidate_only, evidence.errors.other_only), evidence.pairs);
            }
            Gate::StatusMismatch => {
                let statuses = evidence.statuses;
                add(None, over(statuses.candidate_only, statuses.other_only), statuses.trials);
            }
            Gate::BodyMismatch => {
                for (field, pairs) in over_noise(endpoint) {
                    add(Some(field), pairs, evidence.bodies.compared);
                }
            }
            Gate::LatencyRatio(percentile) => {
                let p = f64::from(percentile) / 100.0;
                let quantiles = evidence.shadow_latency.quantile(p).zip(evidence.primary_latency.quantile(p));
                if quantiles.is_some_and(|(shadow, primary)| shadow > reason.limit * primary) {
                    add(None, evidence.primary_latency.count(), evidence.pairs);
                }
            }
            Gate::MinPairs | Gate::MinDuration => {}
        }
    }
    found.retain(|carrier| carrier.pairs > 0);
    found.sort_by_key(|carrier| std::cmp::Reverse(carrier.pairs));
    found.truncate(CARRIERS);
    found
}

/// The fields of an endpoint that the candidate alone differs in more often than the control alone.
fn over_noise(endpoint: &Endpoint) -> impl Iterator<Item = ((String, Kind), u64)> {
    endpoint.fields.iter().map(|(field, count)| {
        let pairs = over(count.counted, count.noise.saturating_sub(count.both));
        ((field.path.to_owned(), field.kind), pairs)
    })
}

fn over(candidate: u64, other: u64) -> u64 {
    candidate.saturating_sub(other)
}

fn examples(report: &Report, reason: &Reason, endpoint: Option<&str>) -> Vec<String> {
    if reason.state == State::Pass {
        return Vec::new();
    }
    let part = endpoint.and_then(|name| report.endpoints.get(name)).map_or(&report.whole, |one| &one.part);
    match reason.gate {
        Gate::MinPairs | Gate::MinDuration => Vec::new(),
        Gate::ErrorExcess => part.examples.errors.clone(),
        Gate::StatusMismatch => part.examples.statuses.clone(),
        Gate::BodyMismatch => part.examples.bodies.clone(),
        Gate::LatencyRatio(_) => part.examples.slowest.iter().map(|(_, pair)| pair.clone()).collect(),
    }
}
