//! The promise of a verdict, by simulation: whoever looks after every pair is still told a wrong verdict with
//! probability alpha at most. Seeded, so that a run is the same everywhere.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test may stop at the first surprise"
)]

use std::thread;

use fastrand::Rng;
use umbra_compare::evidence::{BodyEvidence, BodyFacts, Differs, Evidence, Facts};
use umbra_compare::gates::{Gates, LatencyLimit};
use umbra_compare::verdict::{Answer, Gate, State, answer, judge};

const STREAMS: u64 = 2_000;

/// What the candidate does more often than the control, or slower.
#[derive(Clone, Copy)]
struct Candidate {
    errors: f64,
    mismatches: f64,
    slowdown: f64,
}

const TWIN: Candidate = Candidate { errors: 0.0, mismatches: 0.0, slowdown: 1.0 };

impl Candidate {
    fn pair(self, rng: &mut Rng) -> Facts {
        let mut one_in = |rate: f64| rng.f64() < rate;
        let (primary_error, own_error) = (one_in(0.01), one_in(0.01));
        let candidate_error = own_error || one_in(self.errors);
        let status = Differs { candidate: one_in(0.005) || one_in(self.mismatches), control: one_in(0.005) };
        let body = Differs { candidate: one_in(0.02) || one_in(self.mismatches), control: one_in(0.02) };
        let mut latency = || 1_000.0 - 3_000.0 * rng.f64().max(1e-12).ln();
        let latency_us = Some((latency(), latency() * self.slowdown));
        Facts {
            candidate_error,
            primary_error,
            status: Some(status),
            body: Some(BodyFacts::Examined(body)),
            latency_us,
        }
    }

    fn stream(self, seed: u64, pairs: u64, mut look: impl FnMut(&Evidence) -> bool) -> bool {
        let mut rng = Rng::with_seed(seed);
        let mut evidence = Evidence { duration_ms: 3_600_000, ..Evidence::default() };
        (0..pairs).any(|_| {
            evidence.add(&self.pair(&mut rng));
            look(&evidence)
        })
    }
}

/// In how many of the streams something is ever seen.
fn ever(seen: impl Fn(u64) -> bool + Sync) -> u64 {
    let seen = &seen;
    thread::scope(|scope| {
        let half = |rest| scope.spawn(move || (0..STREAMS).filter(|s| s % 2 == rest && seen(*s)).count());
        [half(0), half(1)].map(|half| half.join().unwrap() as u64).iter().sum()
    })
}

/// Gates without minimums: they only make a verdict rarer.
fn gates() -> Gates {
    Gates { min_pairs: 0, min_duration_ms: 0, ..Gates::default() }
}

#[test]
fn twins_are_hardly_ever_told_no_go() {
    let gates = gates();
    let wrong = ever(|seed| TWIN.stream(seed, 5_000, |seen| answer(seen, &gates) == Answer::NoGo));
    println!("no-go for twins: {wrong} of {STREAMS} streams of 5,000 pairs, looked at after every pair");
    assert!(wrong as f64 <= gates.alpha * STREAMS as f64, "{wrong}");
}

#[test]
fn a_shadow_just_past_a_limit_is_hardly_ever_told_go() {
    // Gates so wide that 5,000 pairs can pass them, and candidates a hair past each. A look after every fifth pair is
    // enough: an interval hardly moves in between, and this is four times the work of the twins.
    let says_go =
        |seen: &Evidence, gates: &Gates| seen.pairs.is_multiple_of(5) && answer(seen, gates) == Answer::Go;
    let wide = Gates {
        max_error_excess: Some(0.03),
        max_status_mismatch: Some(0.03),
        max_body_mismatch: Some(0.05),
        max_latency_ratio: vec![LatencyLimit { percentile: 50, limit: 1.25 }],
        ..gates()
    };
    let twins = ever(|seed| TWIN.stream(seed, 5_000, |seen| says_go(seen, &wide)));
    assert!(twins > STREAMS / 2, "the gates are no test: only {twins} of {STREAMS} twins pass them");
    let past = [
        // An error on top only shows where the candidate had none of its own, and the primary none either.
        ("errors", Candidate { errors: 0.0302 / 0.9801, ..TWIN }),
        ("mismatches", Candidate { mismatches: 0.0302 / 0.99, ..TWIN }),
        ("latency", Candidate { slowdown: 1.251, ..TWIN }),
    ];
    for (what, candidate) in past {
        let wrong = ever(|seed| candidate.stream(seed, 5_000, |seen| says_go(seen, &wide)));
        println!("go just past the limit on {what}: {wrong} of {STREAMS} streams of 5,000 pairs");
        assert!(wrong as f64 <= wide.alpha * STREAMS as f64, "{what}: {wrong}");
    }
}

/// Whether all unequal bodies were examined decides how the gate measures, and may change from look to look. Here the truth
/// is at the limit, so that every verdict is wrong, and whoever looks sees what both ways say after every pair: so this holds
/// whenever one takes the place of the other.
#[test]
fn a_body_gate_holds_however_many_were_examined_at_each_look() {
    // How often a body is unequal, and how often of these the candidate alone differs, or the control alone.
    for (unequal, candidate, control) in [(1.0, 0.3, 0.0), (1.0, 0.5, 0.2), (0.05, 1.0, 0.0)] {
        let limit: f64 = unequal * (candidate - control);
        let gates = Gates {
            max_error_excess: None,
            max_status_mismatch: None,
            max_body_mismatch: Some(limit),
            max_latency_ratio: Vec::new(),
            ..gates()
        };
        let wrong = |bodies: BodyEvidence| {
            let seen = Evidence { pairs: bodies.compared, bodies, ..Evidence::default() };
            answer(&seen, &gates) != Answer::NotEnoughEvidence
        };
        let found = ever(|seed| {
            let mut rng = Rng::with_seed(seed);
            let (mut all, mut some) = (BodyEvidence::default(), BodyEvidence::default());
            (0..1_000).any(|_| {
                let (is_unequal, whose, is_examined) = (rng.f64() < unequal, rng.f64(), rng.bool());
                let differs = Differs { candidate: whose < candidate, control: whose >= 1.0 - control };
                let facts = if is_unequal { BodyFacts::Examined(differs) } else { BodyFacts::Equal };
                all.add(facts);
                some.add(if is_unequal && !is_examined { BodyFacts::Unexamined } else { facts });
                wrong(all) || wrong(some)
            })
        });
        println!(
            "a verdict at the limit of {limit:.3} on bodies: {found} of {STREAMS} streams of 1,000 pairs"
        );
        assert!(found as f64 <= gates.alpha * STREAMS as f64, "{found}");
    }
}

#[test]
fn twice_the_limit_on_errors_is_found() {
    // Errors at twice the limit of 0.001 over a primary that has none.
    let gates = gates();
    let found_at = |seed: u64| {
        let mut rng = Rng::with_seed(seed);
        let mut evidence = Evidence::default();
        (1..=200_000_u64).find(|pairs| {
            let candidate_error = rng.f64() < 0.002;
            evidence.errors.add(candidate_error, false);
            evidence.pairs = *pairs;
            // The interval only moves up when there is another error.
            candidate_error
                && judge(&evidence, &gates)
                    .reasons
                    .iter()
                    .any(|reason| reason.gate == Gate::ErrorExcess && reason.state == State::Fail)
        })
    };
    let mut pairs: Vec<u64> = (0..200).map(|seed| found_at(seed).unwrap_or(u64::MAX)).collect();
    pairs.sort_unstable();
    for percent in [10, 25, 50, 75, 90] {
        println!(
            "error excess of twice the limit: {percent} % of streams say no-go within {} pairs",
            pairs[percent * 2]
        );
    }
    assert!(pairs[100] <= 25_000, "the median is {}", pairs[100]);
}
