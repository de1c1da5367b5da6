//! Sampled pairs.

use umbra_policy::pair::PairId;

use super::{MAX_TIME_MS, bounded, endpoint_name, most, name};
use crate::fields::{At, Errors, each};
use crate::proto::telemetry::v1 as proto;
use crate::telemetry::answer::{SampledAnswer, SampledPair};
use crate::telemetry::{MAX_COUNT, MAX_HEADER_BYTES, MAX_HEADERS, MAX_PATH_BYTES, outcome};

/// Longer methods are made up.
const MAX_METHOD_BYTES: usize = 32;
/// No HTTP status is larger.
const MAX_STATUS: u16 = 999;
/// A day: no answer takes longer.
const MAX_LATENCY_US: u64 = 86_400_000_000;
/// Names longer than this are not the ones that a shadow compares.
const MAX_HEADER_NAME_BYTES: usize = 256;

pub(super) fn pairs(
    messages: Vec<proto::SampledPair>,
    list: At<'_>,
    errors: &mut Errors,
) -> Vec<SampledPair> {
    each(messages, list, |message, at| pair(message, at, errors))
}

fn pair(message: proto::SampledPair, at: At<'_>, errors: &mut Errors) -> Option<SampledPair> {
    let id = <[u8; 16]>::try_from(message.pair.as_slice());
    if id.is_err() {
        errors.add(at.field("pair"), format!("must have 16 bytes, not {}", message.pair.len()));
    }
    name(&message.shadow, at.field("shadow"), errors);
    endpoint_name(&message.endpoint, at.field("endpoint"), errors);
    most(message.method.len(), MAX_METHOD_BYTES, at.field("method"), errors);
    most(message.path.len(), MAX_PATH_BYTES, at.field("path"), errors);
    bounded(message.at_ms, MAX_TIME_MS, at.field("at_ms"), errors);
    if !(1.0..=MAX_COUNT as f64).contains(&message.weight) {
        errors.add(at.field("weight"), format!("must be 1 to {MAX_COUNT}"));
    }
    let primary = required(message.primary, at.field("primary"), errors);
    let candidate = required(message.candidate, at.field("candidate"), errors);
    let control = match message.control {
        Some(control) => Some(answer(control, at.field("control"), errors)?),
        None => None,
    };
    Some(SampledPair {
        pair: PairId::from_bytes(id.ok()?),
        shadow: message.shadow,
        endpoint: message.endpoint,
        method: message.method,
        path: message.path,
        at_ms: message.at_ms,
        weight: message.weight,
        primary: primary?,
        candidate: candidate?,
        control,
    })
}

fn required(message: Option<proto::SampledAnswer>, at: At<'_>, errors: &mut Errors) -> Option<SampledAnswer> {
    match message {
        Some(message) => answer(message, at, errors),
        None => {
            errors.add(at, "is missing");
            None
        }
    }
}

fn answer(message: proto::SampledAnswer, at: At<'_>, errors: &mut Errors) -> Option<SampledAnswer> {
    let outcome = outcome::from_proto(message.outcome);
    if outcome.is_none() {
        errors.add(at.field("outcome"), "is not an outcome");
    }
    let status = u16::try_from(message.status).ok().filter(|status| *status <= MAX_STATUS);
    if status.is_none() {
        errors.add(at.field("status"), format!("is more than {MAX_STATUS}"));
    }
    bounded(message.headers_us, MAX_LATENCY_US, at.field("headers_us"), errors);
    bounded(message.end_us, MAX_LATENCY_US, at.field("end_us"), errors);
    let headers = headers(message.headers, at.field("headers"), errors);
    let held = message.body.len() as u64;
    if held > message.body_length {
        errors.add(at.field("body_length"), "is less than the body has");
    } else if message.truncated && held == message.body_length {
        errors.add(at.field("truncated"), "is said of a whole body");
    }
    let digest = <[u8; 16]>::try_from(message.digest.as_slice()).ok();
    if digest.is_none() && !message.digest.is_empty() {
        errors.add(at.field("digest"), format!("must have 16 bytes or none, not {}", message.digest.len()));
    }
    Some(SampledAnswer {
        outcome: outcome?,
        status: status?,
        grpc_status: message.grpc_status,
        headers_us: message.headers_us,
        end_us: message.end_us,
        headers,
        body: message.body,
        body_length: message.body_length,
        truncated: message.truncated,
        digest,
    })
}

fn headers(messages: Vec<proto::Header>, list: At<'_>, errors: &mut Errors) -> Vec<(String, Vec<u8>)> {
    most(messages.len(), MAX_HEADERS, list, errors);
    each(messages, list, |message, at| {
        let upper = message.name.bytes().any(|byte| byte.is_ascii_uppercase());
        if upper || message.name.is_empty() || message.name.len() > MAX_HEADER_NAME_BYTES {
            errors.add(at.field("name"), "must be a header's name in lower case");
        }
        most(message.value.len(), MAX_HEADER_BYTES, at.field("value"), errors);
        Some((message.name, message.value))
    })
}
