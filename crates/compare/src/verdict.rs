//! The verdict: may the shadow go live?
//!
//! **Invariant:** no `go` without evidence. A gate that nothing was measured for is open, and an open gate is no `go`.
//!
//! **Invariant:** over all the moments at which somebody looks, a verdict that is wrong about some gate is ever given
//! with probability `alpha` at most: `alpha` is split evenly over the gates, and each interval is a confidence sequence.

mod measure;

use crate::confidence::Interval;
use crate::evidence::Evidence;
use crate::gates::Gates;
use measure::Measure;

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Every gate's whole interval is inside its limit, and the minimum of pairs and time is reached.
    Go,
    /// Some gate's whole interval is past its limit.
    NoGo,
    /// Neither.
    NotEnoughEvidence,
}

impl Answer {
    /// `go`, `no-go` or `not-enough-evidence`.
    pub fn name(self) -> &'static str {
        match self {
            Answer::Go => "go",
            Answer::NoGo => "no-go",
            Answer::NotEnoughEvidence => "not-enough-evidence",
        }
    }
}

/// Which gate a reason speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// `min_pairs`
    MinPairs,
    /// `min_duration`
    MinDuration,
    /// `max_error_excess`
    ErrorExcess,
    /// `max_status_mismatch`
    StatusMismatch,
    /// `max_body_mismatch`
    BodyMismatch,
    /// `max_latency_ratio.pNN`, with the percentile.
    LatencyRatio(u8),
}

impl Gate {
    /// The gate as it is written in a shadow's `gates`.
    pub fn name(self) -> String {
        match self {
            Gate::MinPairs => "min_pairs".to_owned(),
            Gate::MinDuration => "min_duration".to_owned(),
            Gate::ErrorExcess => "max_error_excess".to_owned(),
            Gate::StatusMismatch => "max_status_mismatch".to_owned(),
            Gate::BodyMismatch => "max_body_mismatch".to_owned(),
            Gate::LatencyRatio(percentile) => format!("max_latency_ratio.p{percentile}"),
        }
    }
}

/// Where a gate stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The whole interval is inside the limit.
    Pass,
    /// The whole interval is past the limit.
    Fail,
    /// The interval holds the limit, or there is none yet.
    Open,
}

impl State {
    /// `pass`, `fail` or `open`.
    pub fn name(self) -> &'static str {
        match self {
            State::Pass => "pass",
            State::Fail => "fail",
            State::Open => "open",
        }
    }
}

/// A gate, what was seen, and what it means.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reason {
    /// The gate.
    pub gate: Gate,
    /// Where it stands.
    pub state: State,
    /// What was seen: a count, milliseconds, a share of the pairs, or a ratio. `None` when there was nothing to see.
    pub observed: Option<f64>,
    /// The limit, in the same unit.
    pub limit: f64,
    /// What the truth can be. For the minimum gates, the observed value itself.
    pub interval: Interval,
    /// How many more pairs are expected to settle an open gate, if things go on as they are. `None` when it is settled,
    /// when there is too little to tell, or when it would take over a million times the pairs there are.
    pub more_pairs: Option<u64>,
}

/// An answer with its reasons: failed gates first, then open ones, then those that pass.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// The answer.
    pub answer: Answer,
    /// How many pairs it rests on.
    pub pairs: u64,
    /// One per gate.
    pub reasons: Vec<Reason>,
}

/// The answer alone: what [`judge`] says, for a fraction of the work.
pub fn answer(evidence: &Evidence, gates: &Gates) -> Answer {
    let minimums = minimums(evidence, gates).into_iter().map(|reason| reason.state);
    let mut answer = of_states(minimums, evidence.pairs);
    for measure in measure::all(evidence, gates) {
        // Once it cannot be `go` any more, only a gate that may fail is worth an interval.
        if answer == Answer::NotEnoughEvidence && measure.cannot_fail() {
            continue;
        }
        match measure.state(&measure.interval(1.0)) {
            State::Fail => return Answer::NoGo,
            State::Open => answer = Answer::NotEnoughEvidence,
            State::Pass => {}
        }
    }
    answer
}

/// Judges the evidence by the gates.
pub fn judge(evidence: &Evidence, gates: &Gates) -> Verdict {
    let mut reasons = minimums(evidence, gates);
    reasons.extend(measure::all(evidence, gates).iter().map(|measure| tested(measure, evidence.pairs)));
    sort(&mut reasons, |reason| reason.state);
    let answer = of_states(reasons.iter().map(|reason| reason.state), evidence.pairs);
    Verdict { answer, pairs: evidence.pairs, reasons }
}

/// Failed ones first, then open ones, then those that pass. Inside a state, the order of the gates stays.
pub(crate) fn sort<T>(gates: &mut [T], state: impl Fn(&T) -> State) {
    gates.sort_by_key(|gate| match state(gate) {
        State::Fail => 0,
        State::Open => 1,
        State::Pass => 2,
    });
}

/// What the states of all gates mean together.
pub(crate) fn of_states(states: impl Iterator<Item = State>, pairs: u64) -> Answer {
    let mut answer = if pairs > 0 { Answer::Go } else { Answer::NotEnoughEvidence };
    for state in states {
        match state {
            State::Fail => return Answer::NoGo,
            State::Open => answer = Answer::NotEnoughEvidence,
            State::Pass => {}
        }
    }
    answer
}

fn minimums(evidence: &Evidence, gates: &Gates) -> Vec<Reason> {
    let minimum = |gate, seen: u64, least: u64| Reason {
        gate,
        state: if seen >= least { State::Pass } else { State::Open },
        observed: Some(seen as f64),
        limit: least as f64,
        interval: Interval { lo: seen as f64, hi: seen as f64 },
        more_pairs: None,
    };
    let mut pairs = minimum(Gate::MinPairs, evidence.pairs, gates.min_pairs);
    if pairs.state == State::Open {
        pairs.more_pairs = Some(gates.min_pairs - evidence.pairs);
    }
    vec![pairs, minimum(Gate::MinDuration, evidence.duration_ms, gates.min_duration_ms)]
}

fn tested(measure: &Measure<'_>, pairs: u64) -> Reason {
    let interval = measure.interval(1.0);
    let state = measure.state(&interval);
    let more_pairs = if state == State::Open { more_pairs(measure, pairs) } else { None };
    Reason {
        gate: measure.gate,
        state,
        observed: measure.observed(),
        limit: measure.limit,
        interval,
        more_pairs,
    }
}

/// How many more pairs would settle the gate if they were like those there are.
fn more_pairs(measure: &Measure<'_>, pairs: u64) -> Option<u64> {
    measure.observed()?;
    let settled = |times: f64| measure.state(&measure.interval(times)) != State::Open;
    // Doubling finds a factor that settles it; halving the step finds about the smallest.
    let mut enough = (1..=20).map(|power| f64::from(power).exp2()).find(|times| settled(*times))?;
    let mut too_few = enough / 2.0;
    for _ in 0..6 {
        let middle = 0.5 * (too_few + enough);
        if settled(middle) { enough = middle } else { too_few = middle }
    }
    Some(((enough - 1.0) * pairs as f64).ceil() as u64)
}
