//! What reports add up to, and what is judged by endpoint and field.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use proptest::prelude::*;
use umbra_compare::answer::{Answer, Choice};
use umbra_compare::difference::Kind;
use umbra_compare::gates::{Gates, Noise};
use umbra_compare::outcome::Outcome;
use umbra_compare::report::Report;
use umbra_compare::report::judge::{Finding, Judgement, judge};
use umbra_compare::report::triple::{Party, Triple, examine};
use umbra_compare::verdict::{self, Gate, State};

/// A mirrored request in short: the bodies are digits.
#[derive(Clone, Debug)]
struct Pair {
    endpoint: u8,
    status: u16,
    outcome: Outcome,
    bodies: (u8, u8, Option<u8>),
    at_ms: u64,
}

impl Pair {
    fn plain(endpoint: u8) -> Pair {
        Pair { endpoint, status: 200, outcome: Outcome::Answered, bodies: (1, 1, None), at_ms: 0 }
    }

    fn add_to(&self, report: &mut Report, choice: &Choice) {
        let text = |value: u8| format!(r#"{{"a":{value},"b":1}}"#).into_bytes();
        let (primary, candidate, control) =
            (text(self.bodies.0), text(self.bodies.1), self.bodies.2.map(text));
        let party = |body, status| Party {
            answer: Answer { status, body, ..Answer::default() },
            has_body: true,
            latency_us: Some(1_000.0),
            ..Party::default()
        };
        let triple = Triple {
            id: "pair",
            endpoint: &format!("GET /{}", self.endpoint),
            at_ms: Some(self.at_ms),
            primary: party(&primary, 200),
            candidate: Party { outcome: self.outcome, ..party(&candidate, self.status) },
            control: control.as_deref().map(|body| party(body, 200)),
        };
        report.add(&triple, examine(&triple, choice).as_ref());
    }
}

fn report(pairs: &[Pair]) -> Report {
    let mut report = Report::default();
    pairs.iter().for_each(|pair| pair.add_to(&mut report, &Choice::default()));
    report
}

fn merged(reports: &[&Report]) -> Report {
    let mut sum = Report::default();
    reports.iter().for_each(|report| sum.merge(report));
    sum
}

fn pairs() -> impl Strategy<Value = Vec<Pair>> {
    let outcome = prop_oneof![4 => Just(Outcome::Answered), 1 => prop::sample::select(Outcome::ALL.to_vec())];
    let status = prop_oneof![4 => Just(200_u16), 1 => Just(500)];
    let bodies = (0..3_u8, 0..3_u8, prop::option::of(0..3_u8));
    let pair = (0..3_u8, status, outcome, bodies, 0..1_000_u64).prop_map(
        |(endpoint, status, outcome, bodies, at_ms)| Pair { endpoint, status, outcome, bodies, at_ms },
    );
    prop::collection::vec(pair, 0..12)
}

proptest! {
    #[test]
    fn reports_add_up_in_any_order(a in pairs(), b in pairs(), c in pairs()) {
        let (a, b, c) = (report(&a), report(&b), report(&c));
        let left = merged(&[&merged(&[&a, &b]), &c]);
        prop_assert_eq!(&left, &merged(&[&a, &merged(&[&b, &c])]));
        // Every pair has the same name, so that the examples say nothing of the order.
        let mut other = merged(&[&c, &a, &b]);
        for (name, endpoint) in &mut other.endpoints {
            let fields = endpoint.fields.iter().map(|(field, count)| (field.path.to_owned(), count.raw, count.noise, count.both));
            let expected = left.endpoints[name].fields.iter();
            let expected = expected.map(|(field, count)| (field.path.to_owned(), count.raw, count.noise, count.both));
            prop_assert!(fields.eq(expected));
            endpoint.fields = left.endpoints[name].fields.clone();
        }
        prop_assert_eq!(left, other);
    }

    #[test]
    fn what_is_merged_is_what_was_seen_at_once(a in pairs(), b in pairs()) {
        let sum = merged(&[&report(&a), &report(&b)]);
        let whole = report(&[a, b].concat());
        prop_assert_eq!(sum.whole.mirrored(), whole.whole.mirrored());
        prop_assert_eq!(&sum.whole.statuses, &whole.whole.statuses);
        prop_assert_eq!(sum.whole.evidence.errors, whole.whole.evidence.errors);
        prop_assert_eq!(sum.whole.evidence.statuses, whole.whole.evidence.statuses);
        prop_assert_eq!(&sum.whole.evidence.primary_latency, &whole.whole.evidence.primary_latency);
        prop_assert_eq!((sum.began_ms, sum.ended_ms), (whole.began_ms, whole.ended_ms));
    }
}

fn finding(judgement: &Judgement, gate: Gate) -> &Finding {
    judgement.findings.iter().find(|finding| finding.reason.gate == gate).unwrap()
}

#[test]
fn one_broken_endpoint_is_a_no_go_although_the_whole_is_not() {
    let gates = Gates { max_status_mismatch: Some(0.05), ..Gates::default() };
    let mut pairs: Vec<Pair> = (0..20_000).map(|_| Pair::plain(0)).collect();
    pairs.extend((0..400).map(|_| Pair { status: 404, ..Pair::plain(1) }));
    let judged = judge(&report(&pairs), &gates);
    let status = finding(&judged, Gate::StatusMismatch);
    assert_eq!((judged.answer, status.reason.state), (verdict::Answer::NoGo, State::Fail));
    assert_eq!(status.endpoint.as_deref(), Some("GET /1"));
    assert_eq!(status.reason.observed, Some(1.0), "the figures are the endpoint's");
    let carriers: Vec<_> =
        status.carriers.iter().map(|one| (one.endpoint.as_str(), one.pairs, one.of)).collect();
    assert_eq!(carriers, [("GET /1", 400, 400)]);

    // The same pairs, spread over both, are inside the limit.
    for (index, pair) in pairs.iter_mut().enumerate() {
        pair.endpoint = u8::from(index % 2 == 0);
    }
    let judged = judge(&report(&pairs), &gates);
    assert_ne!(finding(&judged, Gate::StatusMismatch).reason.state, State::Fail);
}

#[test]
fn by_digests_the_same_document_in_other_bytes_differs() {
    let party = |body| Party {
        answer: Answer { status: 200, body, ..Answer::default() },
        has_body: true,
        ..Party::default()
    };
    for (digests, other, expected) in [
        (true, br#"{"b":1,"a":1}"#.as_slice(), Some(("body", Kind::Value))),
        (true, br#"{"a":1, "b":1}"#, Some(("body", Kind::Length))),
        (true, br#"{"a":1,"b":1}"#, None),
        (false, br#"{"b":1,"a":1}"#, None),
        (false, br#"{"a":2,"b":1}"#, Some(("$.a", Kind::Value))),
    ] {
        let choice = Choice { digests, ..Choice::default() };
        let triple = Triple {
            id: "pair",
            endpoint: "GET /",
            at_ms: None,
            primary: party(br#"{"a":1,"b":1}"#),
            candidate: party(other),
            control: None,
        };
        let examined = examine(&triple, &choice).unwrap();
        let found = examined.candidate.differences().next().map(|found| (found.path.as_str(), found.kind));
        assert_eq!(found, expected, "{digests} {}", String::from_utf8_lossy(other));
    }
}

#[test]
fn diffys_rule_weighs_the_shadow_against_the_control() {
    let gates = Gates { noise: Noise::Diffy, ..Gates::default() };
    let state = |candidate: usize, control: usize| {
        let differing = |count, of: u8, index| if index < count { of } else { 1 };
        let pairs: Vec<Pair> = (0..2_000)
            .map(|index| {
                let bodies = (1, differing(candidate, 2, index), Some(differing(control, 3, 1_999 - index)));
                Pair { bodies, ..Pair::plain(0) }
            })
            .collect();
        let judged = judge(&report(&pairs), &gates);
        finding(&judged, Gate::BodyMismatch).reason.state
    };
    // Diffy: different when the rates differ by over 20 % of their sum and by over 0.03 % of the pairs.
    for (candidate, control, expected) in [
        (0, 0, State::Pass),
        (1, 0, State::Fail),
        (30, 20, State::Pass),
        (60, 40, State::Pass),
        (31, 20, State::Fail),
        (20, 31, State::Pass),
        (1_000, 900, State::Pass),
    ] {
        assert_eq!(state(candidate, control), expected, "{candidate} against {control}");
    }
}

#[test]
fn diffys_rule_is_asked_of_each_field() {
    // Bodies of two fields: of so many pairs, the first has another value in the shadow's answer, and in the control's.
    let judged = |shadow: [usize; 2], control: [usize; 2], is_apart: bool| {
        let body = |index: usize, [a, b]: [usize; 2], apart: bool, value: u8| {
            // Apart: the fields differ on pairs of their own, the first from the front, the second from the back.
            let b_index = if apart { 1_999 - index } else { index };
            let of = |is_other: bool| if is_other { value } else { 1 };
            format!(r#"{{"a":{},"b":{}}}"#, of(index < a), of(b_index < b)).into_bytes()
        };
        let mut report = Report::default();
        for index in 0..2_000 {
            let primary = body(index, [0, 0], false, 1);
            let candidate = body(index, shadow, is_apart, 2);
            let control = body(index, control, false, 3);
            let party = |body| Party {
                answer: Answer { status: 200, body, ..Answer::default() },
                has_body: true,
                ..Party::default()
            };
            let triple = Triple {
                id: "pair",
                endpoint: "GET /",
                at_ms: None,
                primary: party(&primary),
                candidate: party(&candidate),
                control: Some(party(&control)),
            };
            report.add(&triple, examine(&triple, &Choice::default()).as_ref());
        }
        let judged = judge(&report, &Gates { noise: Noise::Diffy, ..Gates::default() });
        let bodies = finding(&judged, Gate::BodyMismatch);
        let carriers: Vec<_> =
            bodies.carriers.iter().filter_map(|one| Some(one.field.as_ref()?.0.clone())).collect();
        (bodies.reason.state, carriers)
    };
    // Neither field is worse than its noise, although twice as many bodies differ as in the control's.
    assert_eq!(judged([60, 60], [60, 60], true).0, State::Pass);
    // One field is worse by a little, beside a noisy one: hardly a body more differs.
    let (state, carriers) = judged([900, 4], [900, 0], true);
    assert_eq!(state, State::Fail);
    assert!(carriers.contains(&"$.b".to_owned()), "{carriers:?}");
    // One is better than its noise, and does not make up for the other.
    assert_eq!(judged([0, 60], [60, 20], false).0, State::Fail);
    assert_eq!(judged([60, 20], [40, 20], true).0, State::Pass);
    assert_eq!(judged([61, 20], [40, 20], true).0, State::Fail);
}

/// A map by identifiers makes a field of each: more than are told apart.
#[test]
fn fields_that_are_not_told_apart_are_no_noise() {
    let mut report = Report::default();
    let body = |at: u64, price: u64, id: u64| {
        format!(r#"{{"prices":{{"sku{id}":{{"amount":{price},"at":{at}}}}}}}"#)
    };
    for id in 0..6_000_u64 {
        let wrong = if id % 10 == 0 { 6 } else { 5 };
        let bodies = [body(1, 5, id), body(2, wrong, id), body(3, 5, id)].map(String::into_bytes);
        let [primary, candidate, control] = bodies.each_ref().map(|body| Party {
            answer: Answer { status: 200, body, ..Answer::default() },
            has_body: true,
            ..Party::default()
        });
        let triple =
            Triple { id: "pair", endpoint: "GET /", at_ms: None, primary, candidate, control: Some(control) };
        report.add(&triple, examine(&triple, &Choice::default()).as_ref());
    }
    let gate = finding(&judge(&report, &Gates::default()), Gate::BodyMismatch).reason;
    assert_eq!(gate.state, State::Fail, "{gate:?}");
    assert!((0.09..0.11).contains(&gate.observed.unwrap()), "{gate:?}");
}
