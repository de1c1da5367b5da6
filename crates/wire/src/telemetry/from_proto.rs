//! Protobuf → plain reports, believing nothing. Collects every bad field before it gives up.

mod endpoint;
mod pair;

use std::collections::BTreeMap;

use umbra_compare::outcome::Outcomes;
use umbra_policy::FieldError;

use crate::fields::{At, Errors};
use crate::proto::telemetry::v1 as proto;
use crate::telemetry::{
    EndpointReport, MAX_COUNT, MAX_DROPPED, MAX_ENDPOINT_BYTES, MAX_ENDPOINTS, MAX_PAIRS, Report,
    ShadowReport, outcome,
};

/// The longest that an Envoy is known by, in bytes; also of a policy's version.
const MAX_ID_BYTES: usize = 256;
/// A policy has no more.
const MAX_SHADOWS: usize = 1_000;
/// As for every resource.
const MAX_NAME_BYTES: usize = 63;
/// The last millisecond of the year 9999, which is also the last that RFC 3339 can write.
const MAX_TIME_MS: u64 = 253_402_300_799_999;

pub(super) fn report(message: proto::ReportRequest) -> Result<Report, Vec<FieldError>> {
    let mut errors = Errors::default();
    let at = At::Root;
    if message.node_id.is_empty() || message.node_id.len() > MAX_ID_BYTES {
        errors.add(at.field("node_id"), format!("must have 1 to {MAX_ID_BYTES} bytes"));
    }
    if message.policy_version.len() > MAX_ID_BYTES {
        errors.add(at.field("policy_version"), format!("must have at most {MAX_ID_BYTES} bytes"));
    }
    for (name, number) in [("instance", message.instance), ("sequence", message.sequence)] {
        if number == 0 {
            errors.add(at.field(name), "must not be 0");
        }
    }
    for (name, number) in [("sequence", message.sequence), ("policy_revision", message.policy_revision)] {
        if number > i64::MAX.unsigned_abs() {
            errors.add(at.field(name), "is out of range");
        }
    }
    if message.ended_ms < message.started_ms || message.ended_ms > MAX_TIME_MS {
        errors.add(at.field("ended_ms"), "must be a time, and not before started_ms");
    }
    bounded(message.requests, MAX_COUNT, at.field("requests"), &mut errors);
    if message.stamped > message.requests {
        errors.add(at.field("stamped"), "is more than requests");
    }
    let shadows = shadows(message.shadows, at.field("shadows"), &mut errors);
    most(message.pairs.len(), MAX_PAIRS, at.field("pairs"), &mut errors);
    let pairs = pair::pairs(message.pairs, at.field("pairs"), &mut errors);
    let dropped = dropped(message.dropped, at.field("dropped"), &mut errors);
    errors.or(Report {
        node_id: message.node_id,
        instance: message.instance,
        sequence: message.sequence,
        policy_revision: message.policy_revision,
        policy_version: message.policy_version,
        started_ms: message.started_ms,
        ended_ms: message.ended_ms,
        requests: message.requests,
        stamped: message.stamped,
        shadows,
        pairs,
        dropped,
    })
}

fn shadows(
    messages: Vec<proto::ShadowReport>,
    list: At<'_>,
    errors: &mut Errors,
) -> BTreeMap<String, ShadowReport> {
    most(messages.len(), MAX_SHADOWS, list, errors);
    let mut shadows = BTreeMap::new();
    for (index, message) in messages.into_iter().enumerate() {
        let at = At::Item(&list, index);
        name(&message.shadow, at.field("shadow"), errors);
        bounded(message.mirrored, MAX_COUNT, at.field("mirrored"), errors);
        bounded(message.shed, MAX_COUNT, at.field("shed"), errors);
        let report = ShadowReport {
            mirrored: message.mirrored,
            shed: message.shed,
            candidate: outcomes(message.candidate, at.field("candidate"), errors),
            control: outcomes(message.control, at.field("control"), errors),
            endpoints: endpoints(message.endpoints, at.field("endpoints"), errors),
        };
        if shadows.insert(message.shadow, report).is_some() {
            errors.add(at.field("shadow"), "comes twice");
        }
    }
    shadows
}

fn endpoints(
    messages: Vec<proto::EndpointReport>,
    list: At<'_>,
    errors: &mut Errors,
) -> BTreeMap<String, EndpointReport> {
    most(messages.len(), MAX_ENDPOINTS + 1, list, errors);
    let mut endpoints = BTreeMap::new();
    for (index, message) in messages.into_iter().enumerate() {
        let at = At::Item(&list, index);
        endpoint_name(&message.endpoint, at.field("endpoint"), errors);
        let Some(report) = endpoint::endpoint(&message, at, &endpoint::ONE_REPORT, errors) else { continue };
        if endpoints.insert(message.endpoint, report).is_some() {
            errors.add(at.field("endpoint"), "comes twice");
        }
    }
    endpoints
}

impl EndpointReport {
    /// What [`EndpointReport::to_proto`] wrote, of however many reports it is the sum.
    ///
    /// # Errors
    /// Every field that it did not write so.
    pub fn of_proto(message: &proto::EndpointReport) -> Result<EndpointReport, Vec<FieldError>> {
        let mut errors = Errors::default();
        let report = endpoint::endpoint(message, At::Root, &endpoint::ANY_SUM, &mut errors);
        errors.or(report.unwrap_or_default())
    }
}

fn outcomes(message: Option<proto::Outcomes>, at: At<'_>, errors: &mut Errors) -> Outcomes {
    let outcomes = outcome::outcomes(&message.unwrap_or_default());
    for (outcome, count) in outcomes.seen() {
        bounded(count, MAX_COUNT, at.field(outcome.name()), errors);
    }
    outcomes
}

fn dropped(messages: Vec<proto::Dropped>, list: At<'_>, errors: &mut Errors) -> BTreeMap<String, u64> {
    most(messages.len(), MAX_DROPPED, list, errors);
    let mut dropped = BTreeMap::new();
    for (index, message) in messages.into_iter().enumerate() {
        let at = At::Item(&list, index);
        bounded(message.count, MAX_COUNT, at.field("count"), errors);
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
        if !(1..=MAX_NAME_BYTES).contains(&message.reason.len()) || !message.reason.bytes().all(plain) {
            errors.add(at.field("reason"), "must be 1 to 63 lower-case letters and underscores");
        }
        if dropped.insert(message.reason, message.count).is_some() {
            errors.add(at.field("reason"), "comes twice");
        }
    }
    dropped
}

fn name(name: &str, at: At<'_>, errors: &mut Errors) {
    if name.is_empty() || name.len() > MAX_NAME_BYTES {
        errors.add(at, format!("must have 1 to {MAX_NAME_BYTES} bytes"));
    }
}

fn endpoint_name(name: &str, at: At<'_>, errors: &mut Errors) {
    if name.is_empty() || name.len() > MAX_ENDPOINT_BYTES {
        errors.add(at, format!("must have 1 to {MAX_ENDPOINT_BYTES} bytes"));
    }
}

fn bounded(count: u64, max: u64, at: At<'_>, errors: &mut Errors) {
    if count > max {
        errors.add(at, format!("is more than {max}"));
    }
}

fn most(length: usize, max: usize, at: At<'_>, errors: &mut Errors) {
    if length > max {
        errors.add(at, format!("must have at most {max} items, not {length}"));
    }
}
