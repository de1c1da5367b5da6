//! What a verdict says of services whose truth is known, looked at again and again.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test may stop at the first surprise"
)]

use fastrand::Rng;
use umbra_compare::evidence::{BodyFacts, Differs, Evidence, Facts};
use umbra_compare::gates::Gates;
use umbra_compare::verdict::{Answer, Gate, State, Verdict, judge};

/// A service as its pairs show it.
#[derive(Clone, Copy)]
struct Service {
    /// How often the primary and the candidate answer with an error, each for itself.
    error_rate: f64,
    /// How often the candidate does so on top.
    extra_errors: f64,
    /// How often both candidate and control differ from the primary for no reason: a timestamp, a request id.
    shared_noise: f64,
    /// How often one of them alone does, each for itself: two items with the same rank that change places.
    noise: f64,
    /// How often the candidate's body differs for a reason.
    body_change: f64,
    /// How many times slower the candidate is.
    slowdown: f64,
}

/// A service and its twin: an error in 10,000 answers, a timestamp in 90 % of the bodies, and other noise in 0.3 %.
const TWINS: Service = Service {
    error_rate: 0.0001,
    extra_errors: 0.0,
    shared_noise: 0.9,
    noise: 0.003,
    body_change: 0.0,
    slowdown: 1.0,
};

impl Service {
    fn pair(&self, rng: &mut Rng) -> Facts {
        let primary_error = rng.f64() < self.error_rate;
        let candidate_error = rng.f64() < self.error_rate || rng.f64() < self.extra_errors;
        let changed = rng.f64() < self.body_change;
        let shared = rng.f64() < self.shared_noise;
        let body = Differs {
            candidate: shared || rng.f64() < self.noise || changed,
            control: shared || rng.f64() < self.noise,
        };
        let body = if body == Differs::default() { BodyFacts::Equal } else { BodyFacts::Examined(body) };
        let mut latency = || 2_000.0 + 8_000.0 * rng.f64() - 1_000.0 * rng.f64().max(1e-9).ln();
        let latency_us = Some((latency(), latency() * self.slowdown));
        Facts {
            candidate_error,
            primary_error,
            status: Some(Differs::default()),
            body: Some(body),
            latency_us,
        }
    }

    /// Looks after every `step` pairs until `done`, and returns what was seen last with the number of pairs.
    fn watch(&self, seed: u64, most: u64, step: u64, done: impl Fn(&Verdict) -> bool) -> (Verdict, u64) {
        let mut rng = Rng::with_seed(seed);
        let mut evidence = Evidence { duration_ms: 3_600_000, ..Evidence::default() };
        let mut last = judge(&evidence, &Gates::default());
        for pairs in 1..=most {
            evidence.add(&self.pair(&mut rng));
            if pairs % step == 0 {
                last = judge(&evidence, &Gates::default());
                if done(&last) {
                    return (last, pairs);
                }
            }
        }
        (last, most)
    }
}

fn state_of(verdict: &Verdict, gate: Gate) -> State {
    verdict.reasons.iter().find(|reason| reason.gate == gate).unwrap().state
}

#[test]
fn noisy_twins_may_go_live_within_20000_pairs() {
    let (verdict, pairs) = TWINS.watch(1, 20_000, 100, |v| v.answer != Answer::NotEnoughEvidence);
    println!("noisy twins: {} after {pairs} pairs", verdict.answer.name());
    assert_eq!(verdict.answer, Answer::Go, "{verdict:#?}");
}

#[test]
fn changes_are_found_and_named() {
    let cases = [
        ("one more error in 100", Service { extra_errors: 0.01, ..TWINS }, Gate::ErrorExcess),
        (
            "a change in 2 % of the bodies",
            Service { shared_noise: 0.0, body_change: 0.02, ..TWINS },
            Gate::BodyMismatch,
        ),
        ("30 % slower", Service { slowdown: 1.3, ..TWINS }, Gate::LatencyRatio(95)),
    ];
    for (what, service, gate) in cases {
        let (verdict, pairs) = service.watch(2, 60_000, 100, |v| state_of(v, gate) == State::Fail);
        println!("{what}: {} on {} after {pairs} pairs", verdict.answer.name(), gate.name());
        assert_eq!(verdict.answer, Answer::NoGo, "{what}: {verdict:#?}");
        assert_eq!(state_of(&verdict, gate), State::Fail, "{what}: {verdict:#?}");
    }
}

#[test]
fn fifty_pairs_are_not_enough() {
    let (verdict, _) = TWINS.watch(3, 50, 50, |_| true);
    assert_eq!(verdict.answer, Answer::NotEnoughEvidence);
    let fewest = verdict.reasons.iter().find(|r| r.gate == Gate::MinPairs).unwrap();
    assert_eq!(fewest.more_pairs, Some(950));
}

#[test]
fn nothing_is_never_a_pass() {
    let gates = Gates { min_pairs: 0, min_duration_ms: 0, ..Gates::default() };
    assert_eq!(judge(&Evidence::default(), &gates).answer, Answer::NotEnoughEvidence);
    let none = Gates { max_error_excess: None, max_status_mismatch: None, max_body_mismatch: None, ..gates };
    let none = Gates { max_latency_ratio: Vec::new(), ..none };
    assert_eq!(judge(&Evidence::default(), &none).answer, Answer::NotEnoughEvidence);
}

#[test]
fn the_forecast_is_about_right() {
    let (verdict, _) = TWINS.watch(4, 2_000, 2_000, |_| true);
    let open = verdict.reasons.iter().find(|r| r.gate == Gate::StatusMismatch).unwrap();
    assert_eq!(open.state, State::Open);
    let (_, settled) = TWINS.watch(4, 60_000, 100, |v| state_of(v, Gate::StatusMismatch) == State::Pass);
    let forecast = 2_000 + open.more_pairs.unwrap();
    assert!(forecast.abs_diff(settled) < settled / 10, "forecast {forecast}, settled {settled}");
}
