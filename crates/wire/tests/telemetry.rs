//! Reports as bytes: there and back, and what is said of bytes that no worker sends.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may stop at once")]

use fastrand::Rng;
use proptest::prelude::*;
use prost::Message;
use umbra_compare::evidence::{BodyFacts, Differs, Facts};
use umbra_compare::outcome::Outcome;
use umbra_compare::report::part::Statuses;
use umbra_policy::pair::PairId;
use umbra_wire::proto::telemetry::v1 as proto;
use umbra_wire::telemetry::answer::{SampledAnswer, SampledPair};
use umbra_wire::telemetry::{
    EndpointReport, MAX_COUNT, MAX_REPORT_BYTES, Report, ReportError, ShadowReport, checked, decode, encode,
};

/// A report as a worker makes it.
fn report(seed: u64) -> Report {
    let mut random = Rng::with_seed(seed);
    let mut report = Report {
        node_id: "node".to_owned(),
        instance: random.u64(1..),
        sequence: random.u64(1..100),
        policy_revision: random.u64(0..100),
        policy_version: "v".to_owned(),
        started_ms: 1_000,
        ended_ms: 2_000,
        requests: random.u64(500..1_000),
        stamped: random.u64(0..500),
        ..Report::default()
    };
    for shadow in 0..random.usize(0..3) {
        let mut numbers = ShadowReport { mirrored: random.u64(0..9), ..ShadowReport::default() };
        for outcome in Outcome::ALL {
            numbers.candidate.add(outcome, random.u64(0..3));
            numbers.control.add(outcome, random.u64(0..3));
        }
        for endpoint in 0..random.usize(0..3) {
            numbers.endpoints.insert(format!("GET /{endpoint}"), endpoint_report(&mut random));
        }
        report.shadows.insert(format!("shadow-{shadow}"), numbers);
    }
    report.pairs = (0..random.usize(0..3)).map(|_| pair(&mut random)).collect();
    if random.bool() {
        report.dropped.insert("pending_full".to_owned(), random.u64(1..9));
    }
    report
}

fn endpoint_report(random: &mut Rng) -> EndpointReport {
    let mut report = EndpointReport::default();
    for _ in 0..random.usize(1..40) {
        let differs = Differs { candidate: random.bool(), control: random.bool() };
        let body =
            if differs == Differs::default() { BodyFacts::Equal } else { BodyFacts::Examined(differs) };
        report.evidence.add(&Facts {
            candidate_error: random.bool(),
            primary_error: random.bool(),
            status: random.bool().then_some(differs),
            body: random.bool().then_some(body),
            latency_us: random.bool().then(|| (random.f64() * 1e6, random.f64() * 1e6)),
        });
        report.latency_ratio.add(random.f64() * 3.0);
        report.control_errors += u64::from(random.bool());
        let statuses = Statuses { primary: 200, candidate: random.u16(0..600), control: 0 };
        *report.statuses.entry(statuses).or_default() += 1;
    }
    report
}

fn pair(random: &mut Rng) -> SampledPair {
    let control = random.bool().then(|| answer(random));
    SampledPair {
        pair: PairId::from_bytes(random.u128(..).to_be_bytes()),
        shadow: "shadow-0".to_owned(),
        endpoint: "GET /0".to_owned(),
        method: "GET".to_owned(),
        path: "/0?a=b".to_owned(),
        at_ms: 1_500,
        weight: 1.0 + random.f64() * 100.0,
        primary: answer(random),
        candidate: answer(random),
        control,
    }
}

fn answer(random: &mut Rng) -> SampledAnswer {
    let body: Vec<u8> = (0..random.usize(0..50)).map(|_| random.u8(..)).collect();
    let truncated = random.bool();
    SampledAnswer {
        outcome: Outcome::ALL[random.usize(0..Outcome::ALL.len())],
        status: random.u16(0..=999),
        grpc_status: random.bool().then(|| random.u32(..)),
        headers_us: random.u64(0..1_000),
        end_us: random.u64(0..1_000_000),
        headers: vec![("content-type".to_owned(), vec![0xff, 0])],
        body_length: body.len() as u64 + u64::from(truncated),
        body,
        truncated,
        digest: random.bool().then(|| random.u128(..).to_be_bytes()),
    }
}

proptest! {
    #[test]
    fn reports_come_back_as_they_were(seed: u64) {
        let report = report(seed);
        prop_assert_eq!(decode(&encode(&report)).unwrap(), report);
    }

    #[test]
    fn sums_come_back_as_they_were(seeds in prop::collection::vec(any::<u64>(), 1..20)) {
        let mut sum = EndpointReport::default();
        for seed in seeds {
            let other = endpoint_report(&mut Rng::with_seed(seed));
            sum.evidence.merge(&other.evidence);
            sum.latency_ratio.merge(&other.latency_ratio);
            sum.control_errors += other.control_errors;
            for (statuses, count) in other.statuses {
                *sum.statuses.entry(statuses).or_default() += count;
            }
        }
        prop_assert_eq!(EndpointReport::of_proto(&sum.to_proto("x")).unwrap(), sum);
    }

    /// What a worker may say is no more than what can be read of the sum.
    #[test]
    fn sums_of_whatever_is_taken_come_back_as_they_were(
        is_wide: bool,
        moments in prop::collection::vec(
            (1..4_u64, prop_oneof![Just(-64.0), Just(64.0), -64.0..=64.0_f64], prop_oneof![1 => Just(0.0), 4 => Just(1.0), 1 => 0.0..=1.0_f64]),
            1..6,
        ),
    ) {
        let mut sum = EndpointReport::default();
        for (count, mean, spread) in moments {
            let most = if is_wide { 4.0 * 64.0 * 64.0 } else { 64.0 * 64.0 - mean * mean };
            let sum_of_squares = count as f64 * most * spread;
            let moments = proto::Moments { count, mean, sum_of_squares };
            let pairs = count;
            let endpoint = proto::EndpointReport {
                endpoint: "x".to_owned(),
                pairs,
                log_latency_ratio: Some(moments),
                ..proto::EndpointReport::default()
            };
            let shadow = proto::ShadowReport { shadow: "a".to_owned(), endpoints: vec![endpoint], ..proto::ShadowReport::default() };
            let message = proto::ReportRequest {
                node_id: "node".to_owned(),
                instance: 1,
                sequence: 1,
                shadows: vec![shadow],
                ..proto::ReportRequest::default()
            };
            if let Ok(report) = checked(message) {
                sum.evidence.merge(&report.shadows["a"].endpoints["x"].evidence);
            }
        }
        prop_assert_eq!(EndpointReport::of_proto(&sum.to_proto("x")).unwrap(), sum);
    }

    #[test]
    fn any_bytes_are_taken_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        drop(decode(&bytes));
    }

    /// What is taken has numbers that can be added up.
    #[test]
    fn damaged_reports_are_taken_or_refused(seed: u64, damage in prop::collection::vec((any::<usize>(), any::<u8>()), 1..4)) {
        let mut bytes = encode(&report(seed));
        for (at, byte) in damage {
            let at = at % bytes.len();
            bytes[at] = byte;
        }
        if let Ok(report) = decode(&bytes) {
            for endpoint in report.shadows.values().flat_map(|shadow| shadow.endpoints.values()) {
                prop_assert!(endpoint.evidence.pairs <= MAX_COUNT);
                prop_assert!(endpoint.evidence.bodies.unequal <= endpoint.evidence.bodies.compared);
                prop_assert!(endpoint.evidence.log_latency_ratio.variance().is_finite());
            }
        }
    }
}

/// What is said of a report after `spoil` got at it.
fn refused(spoil: impl FnOnce(&mut proto::ReportRequest)) -> String {
    let discordance = proto::Discordance { trials: 5, candidate_only: 1, other_only: 1, both: 1 };
    let histogram = proto::Histogram { buckets: vec![-3, 1, 4], counts: vec![1, 2, 1] };
    let endpoint = proto::EndpointReport {
        endpoint: "GET /".to_owned(),
        pairs: 5,
        statuses: vec![proto::Statuses { primary: 200, candidate: 500, control: 0, count: 5 }],
        errors: Some(discordance),
        status: Some(discordance),
        digests: Some(discordance),
        primary_latency: Some(histogram.clone()),
        shadow_latency: Some(histogram),
        log_latency_ratio: Some(proto::Moments { count: 4, mean: 0.1, sum_of_squares: 0.2 }),
        latency_ratio: None,
        control_errors: 2,
    };
    let shadow = proto::ShadowReport {
        shadow: "a".to_owned(),
        mirrored: 5,
        endpoints: vec![endpoint],
        ..proto::ShadowReport::default()
    };
    let answer = proto::SampledAnswer { outcome: 1, status: 200, ..proto::SampledAnswer::default() };
    let pair = proto::SampledPair {
        pair: vec![7; 16],
        shadow: "a".to_owned(),
        endpoint: "GET /".to_owned(),
        weight: 1.0,
        primary: Some(answer.clone()),
        candidate: Some(answer),
        ..proto::SampledPair::default()
    };
    let mut message = proto::ReportRequest {
        node_id: "node".to_owned(),
        instance: 1,
        sequence: 1,
        shadows: vec![shadow],
        pairs: vec![pair],
        ..proto::ReportRequest::default()
    };
    decode(&message.encode_to_vec()).unwrap();
    spoil(&mut message);
    decode(&message.encode_to_vec()).unwrap_err().to_string()
}

#[test]
fn every_bad_field_is_named() {
    fn endpoint(message: &mut proto::ReportRequest) -> &mut proto::EndpointReport {
        &mut message.shadows[0].endpoints[0]
    }
    type Spoil = fn(&mut proto::ReportRequest);
    let cases: &[(Spoil, &str)] = &[
        (|m| m.node_id.clear(), "node_id: must have 1 to 256 bytes"),
        (|m| m.instance = 0, "instance: must not be 0"),
        (|m| m.sequence = 0, "sequence: must not be 0"),
        (|m| m.sequence = u64::MAX, "sequence: is out of range"),
        (|m| m.started_ms = 1, "ended_ms: must be a time, and not before started_ms"),
        (|m| m.requests = u64::MAX, "requests: is more than 1000000000"),
        (|m| m.stamped = 1, "stamped: is more than requests"),
        (|m| m.shadows.push(m.shadows[0].clone()), "shadows[1].shadow: comes twice"),
        (|m| m.shadows[0].mirrored = u64::MAX, "shadows[0].mirrored: is more than 1000000000"),
        (
            |m| {
                m.shadows[0].candidate =
                    Some(proto::Outcomes { late: u64::MAX, ..proto::Outcomes::default() })
            },
            "shadows[0].candidate.late: is more than 1000000000",
        ),
        (|m| endpoint(m).endpoint.clear(), "shadows[0].endpoints[0].endpoint: must have 1 to 1024 bytes"),
        (|m| endpoint(m).statuses[0].count = 6, "shadows[0].endpoints[0].statuses: counts more than pairs"),
        (
            |m| endpoint(m).statuses[0].candidate = 70_000,
            "shadows[0].endpoints[0].statuses[0].candidate: is more than 999",
        ),
        (
            |m| endpoint(m).errors.as_mut().unwrap().both = u64::MAX,
            "shadows[0].endpoints[0].errors: has parts that are more than its trials",
        ),
        (
            |m| endpoint(m).digests.as_mut().unwrap().trials = 6,
            "shadows[0].endpoints[0].digests.trials: is more than pairs",
        ),
        (
            |m| endpoint(m).primary_latency.as_mut().unwrap().counts[0] = u64::MAX,
            "shadows[0].endpoints[0].primary_latency: counts more than 5",
        ),
        (
            |m| endpoint(m).primary_latency.as_mut().unwrap().buckets[1] = 0,
            "shadows[0].endpoints[0].primary_latency: must have ascending buckets with something in each",
        ),
        (
            |m| endpoint(m).primary_latency.as_mut().unwrap().buckets[2] = i32::MAX,
            "shadows[0].endpoints[0].primary_latency: has a bucket beyond 2500",
        ),
        (
            |m| endpoint(m).shadow_latency = None,
            "shadows[0].endpoints[0].shadow_latency: must count as many as primary_latency",
        ),
        (
            |m| endpoint(m).log_latency_ratio.as_mut().unwrap().mean = f64::NAN,
            "shadows[0].endpoints[0].log_latency_ratio.mean: cannot be",
        ),
        (
            |m| endpoint(m).log_latency_ratio.as_mut().unwrap().sum_of_squares = -1.0,
            "shadows[0].endpoints[0].log_latency_ratio.sum_of_squares: cannot be",
        ),
        (
            |m| {
                let (mean, sum_of_squares) = (-63.0, 4.0 * (64.0 * 64.0 - 63.0 * 63.0) + 1.0);
                endpoint(m).log_latency_ratio = Some(proto::Moments { count: 4, mean, sum_of_squares });
            },
            "shadows[0].endpoints[0].log_latency_ratio.sum_of_squares: cannot be",
        ),
        (
            |m| endpoint(m).log_latency_ratio.as_mut().unwrap().count = 1,
            "shadows[0].endpoints[0].log_latency_ratio.sum_of_squares: cannot be",
        ),
        (|m| endpoint(m).control_errors = 6, "shadows[0].endpoints[0].control_errors: is more than 5"),
        (|m| m.pairs[0].pair.push(1), "pairs[0].pair: must have 16 bytes, not 17"),
        (|m| m.pairs[0].weight = 0.5, "pairs[0].weight: must be 1 to 1000000000"),
        (|m| m.pairs[0].weight = f64::INFINITY, "pairs[0].weight: must be 1 to 1000000000"),
        (|m| m.pairs[0].candidate = None, "pairs[0].candidate: is missing"),
        (
            |m| m.pairs[0].primary.as_mut().unwrap().outcome = 99,
            "pairs[0].primary.outcome: is not an outcome",
        ),
        (
            |m| m.pairs[0].primary.as_mut().unwrap().body = vec![1],
            "pairs[0].primary.body_length: is less than the body has",
        ),
        (
            |m| m.dropped.push(proto::Dropped { reason: "A b".to_owned(), count: 1 }),
            "dropped[0].reason: must be 1 to 63 lower-case letters and underscores",
        ),
    ];
    for (spoil, expected) in cases {
        assert_eq!(refused(spoil), *expected);
    }
}

#[test]
fn more_than_fits_is_refused_before_it_is_read() {
    assert!(matches!(decode(&vec![0; MAX_REPORT_BYTES + 1]), Err(ReportError::TooLong { .. })));
    assert_eq!(decode(&[0x5a, 0].repeat(MAX_REPORT_BYTES / 2)), Err(ReportError::TooMany));
    let many = Report { pairs: vec![pair(&mut Rng::with_seed(1)); 257], ..report(1) };
    assert_eq!(
        decode(&encode(&many)).unwrap_err().to_string(),
        "pairs: must have at most 256 items, not 257"
    );
}
