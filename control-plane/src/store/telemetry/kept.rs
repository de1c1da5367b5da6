//! Tallies as bytes.

use prost::Message;
use umbra_compare::difference::{Field, Kind};
use umbra_compare::evidence::{Discordance, Weighted};
use umbra_compare::report::fields::{FieldCount, FieldWeights};
use umbra_compare::report::part::RawBodies;
use umbra_wire::proto::telemetry::v1 as proto;
use umbra_wire::telemetry::{EndpointReport, outcome};

use crate::model::tally::{RawWeights, Tally, Traffic};
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
    /// Not in what was kept before fields were weighted: then all count as the pairs do on average.
    #[prost(message, optional, tag = "8")]
    raw_weights: Option<KeptRawWeights>,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct KeptRawWeights {
    #[prost(double, tag = "1")]
    candidate: f64,
    #[prost(double, tag = "2")]
    control: f64,
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
    /// As those of the tally.
    #[prost(message, optional, tag = "7")]
    weights: Option<KeptFieldWeights>,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct KeptFieldWeights {
    #[prost(double, tag = "1")]
    raw: f64,
    #[prost(double, tag = "2")]
    noise: f64,
    #[prost(double, tag = "3")]
    both: f64,
    #[prost(double, tag = "4")]
    counted: f64,
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
        weights: Some(kept_weights(&count.weights)),
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
        raw_weights: Some(KeptRawWeights {
            candidate: tally.raw_weights.candidate,
            control: tally.raw_weights.control,
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
    let average = if examined.trials > 0 { weights.sum / examined.trials as f64 } else { 1.0 };
    let raw = RawBodies { candidate: kept.raw_candidate, control: kept.raw_control };
    let raw_weights = match kept.raw_weights {
        Some(KeptRawWeights { candidate, control }) => RawWeights { candidate, control },
        None => RawWeights::alike(&raw, average),
    };
    let mut tally =
        Tally { numbers, examined, weights, raw, raw_weights, truncated: kept.truncated, ..Tally::default() };
    for field in kept.fields {
        let kind = Kind::from_name(&field.kind).ok_or_else(|| unreadable("a kind is unknown".to_owned()))?;
        let KeptField { raw, noise, both, counted, .. } = field;
        let mut count = FieldCount { raw, noise, both, counted, ..FieldCount::default() };
        count.weights = match field.weights {
            Some(KeptFieldWeights { raw, noise, both, counted }) => {
                FieldWeights { raw, noise, both, counted }
            }
            None => FieldWeights::alike(&count, average),
        };
        tally.fields.add_count(&Field { path: &field.path, kind }, &count);
    }
    Ok(tally)
}

fn kept_weights(weights: &FieldWeights) -> KeptFieldWeights {
    let FieldWeights { raw, noise, both, counted } = *weights;
    KeptFieldWeights { raw, noise, both, counted }
}

fn unreadable(detail: String) -> StoreError {
    StoreError::Row { row: "a tally".to_owned(), detail }
}

#[cfg(test)]
mod tests {
    use umbra_compare::answer::{Answer, Choice};
    use umbra_compare::report::triple::{Party, Triple, examine};

    use super::*;

    /// A busy worker, of which one pair in a hundred is looked at, and a quiet one, of which every pair is.
    fn two_workers() -> Tally {
        let mut tally = Tally::default();
        tally.numbers.evidence.pairs = 1_010;
        let bodies = &mut tally.numbers.evidence.bodies;
        (bodies.compared, bodies.unequal) = (1_010, 1_010);
        bodies.examined = Discordance { trials: 1_010, candidate_only: 1_010, ..Discordance::default() };
        for (count, weight, body) in [(10, 100.0, r#"{"total":2}"#), (10, 1.0, r#"{"id":2}"#)] {
            let party = |body: &'static str| Party {
                answer: Answer { status: 200, body: body.as_bytes(), ..Answer::default() },
                has_body: true,
                ..Party::default()
            };
            let triple = Triple {
                id: "pair",
                endpoint: "GET /",
                at_ms: None,
                primary: party(r#"{"total":1,"id":1}"#),
                candidate: party(body),
                control: None,
            };
            let found = examine(&triple, &Choice::default()).unwrap();
            (0..count).for_each(|_| tally.examine("pair", &found, weight));
        }
        tally
    }

    fn raw_of(tally: &Tally) -> Vec<(String, &'static str, u64)> {
        let shown = tally.shown(false);
        shown
            .fields
            .iter()
            .map(|(field, count)| (field.path.to_owned(), field.kind.name(), count.raw))
            .collect()
    }

    #[test]
    fn a_tally_is_read_as_it_was_kept() {
        let tally = two_workers();
        let read = to_tally(&super::tally(&tally)).unwrap();
        assert_eq!(read.shown(false), tally.shown(false));
        assert_eq!(read.raw_weights, tally.raw_weights);
        assert_eq!(
            raw_of(&read),
            [
                ("$.id".to_owned(), "value", 10),
                ("$.id".to_owned(), "missing", 1_000),
                ("$.total".to_owned(), "value", 1_000),
                ("$.total".to_owned(), "missing", 10),
            ]
        );
    }

    #[test]
    fn fields_kept_without_weights_count_as_the_pairs_do_on_average() {
        let mut kept = KeptTally::decode(super::tally(&two_workers()).as_slice()).unwrap();
        kept.raw_weights = None;
        kept.fields.iter_mut().for_each(|field| field.weights = None);
        let mut read = to_tally(&kept.encode_to_vec()).unwrap();
        assert!(raw_of(&read).iter().all(|(_, _, raw)| *raw == 505), "{:?}", raw_of(&read));
        assert_eq!(read.raw_weights.candidate, 1_010.0);
        // What is counted from then on has its own.
        read.merge(&two_workers());
        assert_eq!(
            raw_of(&read).iter().map(|(_, _, raw)| *raw).collect::<Vec<_>>(),
            [515, 1_505, 1_505, 515]
        );
    }
}
