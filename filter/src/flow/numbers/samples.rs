//! Pairs that are reported word for word: a random few, with the number of those that each stands for.

use crate::flow::observation::Answer;
use crate::flow::pairs::{Finished, FinishedCopy, Request};
use umbra_compare::outcome::Outcome;
use umbra_policy::spec::{BodySpec, CompareSpec};
use umbra_wire::telemetry::MAX_PATH_BYTES;
use umbra_wire::telemetry::answer::{SampledAnswer, SampledPair};

/// Unequal pairs of all shadows in one report, as far as each shadow has one at least, until the control plane says how
/// many it has time for.
const UNEQUAL: usize = 20;

/// Equal pairs of one shadow in one report: they show an operator what a match looks like.
const EQUAL: usize = 1;

/// The most that the samples of one policy occupy, in bytes: what one report holds. Its compared shadows have equal parts, half
/// for unequal pairs and half for equal ones.
const ALL_BYTES: usize = 8 << 20;

/// The most of it that a part has.
const MAX_BYTES: usize = 2 << 20;

/// The most that a method of a sampled pair has, in bytes.
const MAX_METHOD_BYTES: usize = 32;

/// How many unequal pairs of all shadows a report may carry, if the control plane said so.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Allowance(pub(super) Option<usize>);

/// The samples of one shadow since the last report.
#[derive(Debug)]
pub(super) struct Samples {
    shadows: usize,
    unequal: Reservoir,
    equal: Reservoir,
}

/// Algorithm R (Vitter 1985): of the `seen` pairs so far, each is among the kept with the same probability.
#[derive(Debug)]
struct Reservoir {
    capacity: usize,
    max_bytes: usize,
    seen: u64,
    bytes: usize,
    kept: Vec<SampledPair>,
}

impl Samples {
    /// For one of so many shadows.
    pub(super) fn new(shadows: usize, allowance: Allowance) -> Self {
        let max_bytes = ALL_BYTES.checked_div(shadows.saturating_mul(2)).unwrap_or(ALL_BYTES).min(MAX_BYTES);
        let of = |capacity| Reservoir { capacity, max_bytes, seen: 0, bytes: 0, kept: Vec::new() };
        Self { shadows, unequal: of(allowance.share(shadows)), equal: of(EQUAL) }
    }

    /// A pair may be drawn. Returns whether it was, and there was no room for it.
    pub(super) fn offer(
        &mut self,
        equal: bool,
        random: &mut fastrand::Rng,
        pair: impl FnOnce() -> SampledPair,
    ) -> bool {
        let reservoir = if equal { &mut self.equal } else { &mut self.unequal };
        reservoir.offer(random, pair)
    }

    /// The samples, weighted. What follows is drawn anew.
    pub(super) fn take(&mut self, allowance: Allowance) -> Vec<SampledPair> {
        let mut pairs = self.unequal.take(allowance.share(self.shadows));
        pairs.extend(self.equal.take(EQUAL));
        pairs
    }

    /// The end of sampling until the next report. Returns how many samples that costs.
    pub(super) fn close(&mut self) -> usize {
        let lost = self.unequal.kept.len().saturating_add(self.equal.kept.len());
        for reservoir in [&mut self.unequal, &mut self.equal] {
            (reservoir.capacity, reservoir.bytes, reservoir.kept) = (0, 0, Vec::new());
        }
        lost
    }
}

impl Allowance {
    fn share(self, shadows: usize) -> usize {
        let all = self.0.unwrap_or(UNEQUAL);
        all.checked_div(shadows).unwrap_or(all).max(1)
    }
}

impl Reservoir {
    fn offer(&mut self, random: &mut fastrand::Rng, pair: impl FnOnce() -> SampledPair) -> bool {
        self.seen = self.seen.saturating_add(1);
        let is_full = self.kept.len() >= self.capacity;
        let place = is_full.then(|| usize::try_from(random.u64(..self.seen)).unwrap_or(usize::MAX));
        if place.is_some_and(|place| place >= self.kept.len()) {
            return false;
        }
        let mut pair = pair();
        let Some(bytes) = fit(&mut pair, self.max_bytes) else { return true };
        if let Some(place) = place {
            self.remove(place);
        }
        self.bytes = self.bytes.saturating_add(bytes);
        self.kept.push(pair);
        if self.bytes > self.max_bytes {
            // Large pairs have the same chance as small ones if any of them may be the one to go.
            self.capacity = self.kept.len().div_euclid(2).max(1);
            while self.kept.len() > self.capacity {
                self.remove(random.usize(..self.kept.len()));
            }
        }
        false
    }

    fn remove(&mut self, place: usize) {
        let removed = self.kept.swap_remove(place);
        self.bytes = self.bytes.saturating_sub(size(&removed));
    }

    fn take(&mut self, capacity: usize) -> Vec<SampledPair> {
        let mut pairs = std::mem::take(&mut self.kept);
        let weight = self.seen as f64 / pairs.len().max(1) as f64;
        for pair in &mut pairs {
            pair.weight = weight.max(1.0);
        }
        (self.seen, self.bytes, self.capacity) = (0, 0, capacity);
        pairs
    }
}

/// What a sampled pair tells. Of the primary's answer, which may be observed for two shadows, only what this one compares.
#[expect(clippy::too_many_arguments, reason = "the parts of a pair, from where it is put together")]
pub(super) fn pair(
    finished: &Finished,
    request: &Request,
    shadow: &str,
    endpoint: &str,
    compare: &CompareSpec,
    primary: &Answer,
    candidate: &FinishedCopy,
    control: Option<&FinishedCopy>,
) -> SampledPair {
    let told = |outcome, answer: Option<&Answer>| told(outcome, answer, compare, finished.routed_us);
    SampledPair {
        pair: finished.pair,
        shadow: shadow.to_owned(),
        endpoint: endpoint.to_owned(),
        method: cut(&request.method, MAX_METHOD_BYTES),
        path: cut(&request.path, MAX_PATH_BYTES),
        at_ms: request.at_ms,
        weight: 1.0,
        primary: told(Outcome::Answered, Some(primary)),
        candidate: told(candidate.outcome, candidate.answer.as_ref()),
        control: control.map(|control| told(control.outcome, control.answer.as_ref())),
    }
}

fn told(outcome: Outcome, answer: Option<&Answer>, compare: &CompareSpec, routed_us: u64) -> SampledAnswer {
    let Some(answer) = answer else { return SampledAnswer { outcome, ..SampledAnswer::default() } };
    let is_told = |name: &str| {
        ["content-type", "content-encoding"].contains(&name)
            || compare.headers.iter().any(|chosen| chosen == name)
    };
    let kept_bytes = match compare.body {
        BodySpec::Full => usize::try_from(compare.max_body_bytes).unwrap_or(usize::MAX),
        BodySpec::Digest | BodySpec::None => 0,
    };
    let body = answer.body.get(..kept_bytes.min(answer.body.len())).unwrap_or_default().to_vec();
    SampledAnswer {
        outcome,
        status: answer.status,
        grpc_status: answer.grpc_status,
        headers_us: answer.headers_us.saturating_sub(routed_us),
        end_us: answer.end_us.saturating_sub(routed_us),
        headers: answer.headers.iter().filter(|(name, _)| is_told(name)).cloned().collect(),
        truncated: u64::try_from(body.len()).is_ok_and(|kept| kept < answer.body_length),
        body,
        body_length: answer.body_length,
        digest: answer.digest.filter(|_| compare.body != BodySpec::None),
    }
}

fn cut(text: &str, most: usize) -> String {
    let end = (0..=most.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
    text.get(..end).unwrap_or_default().to_owned()
}

/// Cuts the bodies of a pair that is too large to equal shares of the room, as `max_body_bytes` does: without it the samples would
/// stand for small pairs alone. Returns the pair's size, or nothing if its headers leave no room.
fn fit(pair: &mut SampledPair, most: usize) -> Option<usize> {
    let bytes = size(pair);
    if bytes <= most {
        return Some(bytes);
    }
    let mut answers = [Some(&mut pair.primary), Some(&mut pair.candidate), pair.control.as_mut()];
    let bodies = answers.iter().flatten().fold(0, |sum: usize, answer| sum.saturating_add(answer.body.len()));
    let room = most.checked_sub(bytes.saturating_sub(bodies))?;
    let share = room.checked_div(answers.iter().flatten().count())?;
    for answer in answers.iter_mut().flatten().filter(|answer| answer.body.len() > share) {
        answer.body.truncate(share);
        answer.body.shrink_to_fit();
        answer.truncated = true;
    }
    Some(size(pair))
}

fn size(pair: &SampledPair) -> usize {
    let answers = [Some(&pair.primary), Some(&pair.candidate), pair.control.as_ref()];
    let answers = answers.into_iter().flatten().map(|answer| {
        let headers = answer.headers.iter().map(|(name, value)| name.len().saturating_add(value.len()));
        headers.fold(answer.body.len().saturating_add(256), usize::saturating_add)
    });
    answers.fold(pair.path.len().saturating_add(pair.endpoint.len()), usize::saturating_add)
}
