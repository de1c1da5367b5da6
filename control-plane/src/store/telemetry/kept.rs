//! Tallies as bytes.

use prost::Message;
use umbra_compare::difference::{Field, Kind};
use umbra_compare::evidence::{Discordance, Weighted};
use umbra_compare::report::fields::FieldCount;
use umbra_compare::report::part::RawBodies;
use umbra_wire::proto::telemetry::v1 as proto;
use umbra_wire::telemetry::{EndpointReport, outcome};

use crate::model::tally::{Tally, Traffic};
use crate::store::error::StoreError;

#[derive(Clone, PartialEq, Message)]
struct KeptTraffic {
    #[prost(uint64, tag = "1")]
    mirrored: u64,
    #[prost(message, optional, tag = "2")]
    candidate: Option<proto::Outcomes>,
    #[prost(message, optional, tag = "3")]
    control: Option<proto::Outcomes>,
    #[prost(uint64, optional, tag = "4")]
    began_ms: Option<u64>,
    #[prost(uint64, optional, tag = "5")]
    ended_ms: Option<u64>,
    #[prost(uint64, tag = "6")]
    shed: u64,
}

#[derive(Clone, PartialEq, Message)]
struct KeptTally {
    #[prost(message, optional, tag = "1")]
    numbers: Option<proto::EndpointReport>,
    #[prost(message, optional, tag = "2")]
    examined: Option<proto::Discordance>,
    #[prost(uint64, tag = "3")]
    raw_candidate: u64,
    #[prost(uint64, tag = "4")]
    raw_control: u64,
    #[prost(uint64, tag = "5")]
    truncated: u64,
    #[prost(message, repeated, tag = "6")]
    fields: Vec<KeptField>,
    /// Not in what was kept before pairs were weighted: then all count alike.
    #[prost(message, optional, tag = "7")]
    weights: Option<KeptWeights>,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct KeptWeights {
    #[prost(double, tag = "1")]
    sum: f64,
    #[prost(double, tag = "2")]
    squares: f64,
    #[prost(double, tag = "3")]
    candidate_only: f64,
    #[prost(double, tag = "4")]
    other_only: f64,
    #[prost(double, tag = "5")]
    both: f64,
}

#[derive(Clone, PartialEq, Message)]
struct KeptField {
    #[prost(string, tag = "1")]
    path: String,
    #[prost(string, tag = "2")]
    kind: String,
    #[prost(uint64, tag = "3")]
    raw: u64,
    #[prost(uint64, tag = "4")]
    noise: u64,
    #[prost(uint64, tag = "5")]
    both: u64,
    #[prost(uint64, tag = "6")]
    counted: u64,
}

pub(super) fn traffic(traffic: &Traffic) -> Vec<u8> {
    KeptTraffic {
        mirrored: traffic.mirrored,
        shed: traffic.shed,
        candidate: Some(outcome::counts(&traffic.candidate)),
        control: Some(outcome::counts(&traffic.control)),
        began_ms: traffic.seen_ms.map(|(began, _)| began),
        ended_ms: traffic.seen_ms.map(|(_, ended)| ended),
    }
    .encode_to_vec()
}

pub(super) fn to_traffic(bytes: &[u8]) -> Result<Traffic, StoreError> {
    let kept = KeptTraffic::decode(bytes).map_err(|error| unreadable(error.to_string()))?;
    Ok(Traffic {
        mirrored: kept.mirrored,
        shed: kept.shed,
        candidate: outcome::outcomes(&kept.candidate.unwrap_or_default()),
        control: outcome::outcomes(&kept.control.unwrap_or_default()),
        seen_ms: kept.began_ms.zip(kept.ended_ms),
    })
}

pub(super) fn tally(tally: &Tally) -> Vec<u8> {
    let Discordance { trials, candidate_only, other_only, both } = tally.examined;
    let Weighted { sum, squares, candidate_only: candidate, other_only: other, both: twins } = tally.weights;
    let fields = tally.fields.iter().map(|(field, count)| KeptField {
        path: field.path.to_owned(),
        kind: field.kind.name().to_owned(),
        raw: count.raw,
        noise: count.noise,
        both: count.both,
        counted: count.counted,
    });
    KeptTally {
        numbers: Some(tally.numbers.to_proto("")),
        examined: Some(proto::Discordance { trials, candidate_only, other_only, both }),
        raw_candidate: tally.raw.candidate,
        raw_control: tally.raw.control,
        truncated: tally.truncated,
        fields: fields.collect(),
        weights: Some(KeptWeights {
            sum,
            squares,
            candidate_only: candidate,
            other_only: other,
            both: twins,
        }),
    }
    .encode_to_vec()
}

pub(super) fn to_tally(bytes: &[u8]) -> Result<Tally, StoreError> {
    let kept = KeptTally::decode(bytes).map_err(|error| unreadable(error.to_string()))?;
    let numbers = EndpointReport::of_proto(&kept.numbers.unwrap_or_default()).map_err(|errors| {
        unreadable(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
    })?;
    let proto::Discordance { trials, candidate_only, other_only, both } = kept.examined.unwrap_or_default();
    let examined = Discordance { trials, candidate_only, other_only, both };
    let weights = match kept.weights {
        Some(KeptWeights { sum, squares, candidate_only, other_only, both }) => {
            Weighted { sum, squares, candidate_only, other_only, both }
        }
        None => Weighted::alike(&examined, 1.0),
    };
    let mut tally = Tally {
        numbers,
        examined,
        weights,
        raw: RawBodies { candidate: kept.raw_candidate, control: kept.raw_control },
        truncated: kept.truncated,
        ..Tally::default()
    };
    for field in kept.fields {
        let kind = Kind::from_name(&field.kind).ok_or_else(|| unreadable("a kind is unknown".to_owned()))?;
        let KeptField { raw, noise, both, counted, .. } = field;
        let count = FieldCount { raw, noise, both, counted, examples: Vec::new() };
        tally.fields.add_count(&Field { path: &field.path, kind }, &count);
    }
    Ok(tally)
}

fn unreadable(detail: String) -> StoreError {
    StoreError::Row { row: "a tally".to_owned(), detail }
}
