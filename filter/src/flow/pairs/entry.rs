//! One mirrored request.

use super::{Finished, FinishedCopy, Left, Mirrored, Origin, Party, Planned, Request};
use crate::flow::observation::{Answer, Headers, Observation, Wanted};
use std::rc::Rc;
use umbra_compare::outcome::Outcome;
use umbra_policy::pair::PairId;
use umbra_policy::{Policy, Slot};
use umbra_wire::telemetry::MAX_PATH_BYTES;

/// What an entry occupies without what it observes, in bytes: itself, three observations, and its places in the maps,
/// which have room to spare.
const BASE_BYTES: usize = 1_024;

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) origin: Origin,
    pub(super) routed_us: Option<u64>,
    /// Its place among the others.
    pub(super) number: u64,
    /// Since when it is held.
    pub(super) since_ms: u64,
    /// How often it was given up.
    pub(super) rounds: u8,
    request: Option<Request>,
    primary: Primary,
    copies: [Option<Copy>; 2],
    observed_bytes: usize,
    /// An answer that comes from now on is late.
    given_up: bool,
}

#[derive(Debug)]
enum Primary {
    Open(Option<Box<Observation>>),
    Over(Option<Answer>),
}

#[derive(Debug)]
struct Copy {
    planned: Planned,
    state: State,
    /// Whether it is under way no longer, and that was said.
    has_left: bool,
}

#[derive(Debug)]
enum State {
    Expected,
    Open(Option<Box<Observation>>),
    Ended(Outcome, Option<Answer>),
    /// Its outcome was told.
    Told,
}

impl Entry {
    pub(super) fn new(mirrored: Mirrored, number: u64, now_ms: u64, key: &[u8; 16]) -> Self {
        let Mirrored { origin, copies, request } = mirrored;
        let wanted = copies.iter().flatten().filter_map(|copy| copy.compared).reduce(Wanted::or);
        Self {
            origin,
            routed_us: None,
            number,
            since_ms: now_ms,
            rounds: 0,
            request,
            primary: Primary::Open(wanted.map(|wanted| Box::new(Observation::new(wanted, key)))),
            copies: copies.map(|planned| {
                planned.map(|planned| Copy { planned, state: State::Expected, has_left: false })
            }),
            observed_bytes: 0,
            given_up: false,
        }
    }

    pub(super) fn is_compared(&self) -> bool {
        self.copies.iter().flatten().any(|copy| copy.planned.compared.is_some())
    }

    pub(super) fn bytes(&self) -> usize {
        let request = self
            .request
            .as_ref()
            .map_or(0, |request| request.method.len().saturating_add(request.path.len()));
        BASE_BYTES.saturating_add(request).saturating_add(self.observed_bytes)
    }

    /// Whether nothing more is to come that would change what is told.
    pub(super) fn is_settled(&self) -> bool {
        let ended = |copy: &Copy| matches!(copy.state, State::Ended(..) | State::Told);
        let primary_over = matches!(self.primary, Primary::Over(_)) || !self.is_compared() || self.given_up;
        primary_over && self.copies.iter().flatten().all(ended)
    }

    /// Whether a copy is on its way whose end is still to come.
    pub(super) fn is_awaited(&self) -> bool {
        self.copies.iter().flatten().any(|copy| matches!(copy.state, State::Open(_)))
    }

    pub(super) fn seen(&mut self, slot: Slot, key: &[u8; 16]) -> Option<Planned> {
        let copy = self.copy(slot)?;
        if !matches!(copy.state, State::Expected) {
            return None;
        }
        let observation = copy.planned.compared.map(|wanted| Box::new(Observation::new(wanted, key)));
        copy.state = State::Open(observation);
        Some(copy.planned)
    }

    pub(super) fn observation(&mut self, party: Party) -> Option<&mut Observation> {
        match party {
            Party::Primary => match &mut self.primary {
                Primary::Open(observation) => observation.as_deref_mut(),
                Primary::Over(_) => None,
            },
            Party::Copy(slot) => match &mut self.copy(slot)?.state {
                State::Open(observation) => observation.as_deref_mut(),
                State::Expected | State::Ended(..) | State::Told => None,
            },
        }
    }

    pub(super) fn on_headers(&mut self, party: Party, headers: &Headers, now_us: u64) -> bool {
        let policy = Rc::clone(&self.origin.policy);
        let planned = self.copies.each_ref().map(|copy| copy.as_ref().map(|copy| copy.planned));
        let chosen = |name: &str| {
            ["content-type", "content-encoding"].contains(&name)
                || planned.iter().flatten().any(|planned| is_chosen(&policy, *planned, name))
        };
        let Some(observation) = self.observation(party) else { return false };
        let bytes = observation.on_headers(headers, chosen, now_us);
        let reads_body = observation.reads_body();
        self.observed_bytes = self.observed_bytes.saturating_add(bytes);
        reads_body
    }

    pub(super) fn on_body(&mut self, party: Party, chunk: &[u8]) {
        let Some(observation) = self.observation(party) else { return };
        let kept = observation.on_body(chunk);
        self.observed_bytes = self.observed_bytes.saturating_add(kept);
    }

    pub(super) fn primary_answered(&mut self, now_us: Option<u64>) {
        if let Primary::Open(observation) = &mut self.primary {
            let answer =
                observation.take().zip(now_us).map(|(observation, now_us)| observation.on_end(now_us));
            self.primary = Primary::Over(answer);
        }
    }

    pub(super) fn primary_gone(&mut self, was_routed: impl FnOnce() -> bool) {
        if matches!(self.primary, Primary::Open(_)) {
            self.primary = Primary::Over(None);
        }
        let expected = |copy: &&mut Copy| matches!(copy.state, State::Expected);
        let mut missing = self.copies.iter_mut().flatten().filter(expected).peekable();
        if missing.peek().is_some() {
            let outcome = if was_routed() { Outcome::NeverSeen } else { Outcome::NotRouted };
            missing.for_each(|copy| copy.state = State::Ended(outcome, None));
        }
    }

    /// Returns the copy if it leaves before all is known of its request.
    pub(super) fn copy_ended(&mut self, slot: Slot, outcome: Outcome, now_us: Option<u64>) -> Option<Left> {
        let late = self.given_up && outcome == Outcome::Answered;
        let copy = self.copy(slot)?;
        let State::Open(observation) = &mut copy.state else { return None };
        let answer = observation.take().zip(now_us).map(|(observation, now_us)| observation.on_end(now_us));
        copy.state = match outcome {
            _ if late => State::Ended(Outcome::Late, None),
            Outcome::Answered => State::Ended(outcome, answer),
            _ => State::Ended(outcome, None),
        };
        if self.is_settled() {
            return None;
        }
        let policy = Rc::clone(&self.origin.policy);
        self.copy(slot)?.leaves(policy, Some(outcome))
    }

    /// The copies that [`Entry::give_up`] stops waiting for.
    pub(super) fn overdue(&mut self) -> impl Iterator<Item = Left> {
        let open = |copy: &&mut Copy| matches!(copy.state, State::Open(_));
        let policy = &self.origin.policy;
        let copies = self.copies.iter_mut().flatten().filter(open);
        copies.filter_map(|copy| copy.leaves(Rc::clone(policy), None))
    }

    /// Held for too long: tells what is known, and lets go of all that was observed but what the error of a copy that ends
    /// later is told with.
    pub(super) fn give_up(&mut self, pair: PairId) -> Option<Finished> {
        self.given_up = true;
        let primary = match std::mem::replace(&mut self.primary, Primary::Over(None)) {
            Primary::Over(answer) => answer,
            Primary::Open(_) => None,
        };
        self.primary = Primary::Over(primary.as_ref().map(Answer::outline));
        let request = self.request.clone();
        if let Some(Request { path, .. }) = &mut self.request {
            path.truncate(path.floor_char_boundary(MAX_PATH_BYTES));
            path.shrink_to_fit();
        }
        self.observed_bytes = 0;
        let is_open = |copy: &&Copy| matches!(copy.state, State::Open(_));
        let awaited = self.copies.iter().flatten().find(is_open).map(|copy| copy.planned.shadow);
        let told = self.copies.each_mut().map(|copy| {
            let copy = copy.as_mut()?;
            let (outcome, answer) = match &mut copy.state {
                State::Expected => (Outcome::NeverSeen, None),
                // Nothing can be said of an answer whose control, or candidate, is still to come.
                State::Ended(outcome, answer) => {
                    (*outcome, answer.take().filter(|_| awaited != Some(copy.planned.shadow)))
                }
                State::Open(observation) => {
                    *observation = None;
                    return None;
                }
                State::Told => return None,
            };
            copy.state = State::Told;
            Some(FinishedCopy { planned: copy.planned, outcome, answer, has_left: copy.has_left })
        });
        self.finished(pair, told, request, primary)
    }

    /// Tells all that was not told yet. Copies that have not ended have the outcome `unended`.
    pub(super) fn finish(mut self, pair: PairId, unended: Outcome) -> Option<Finished> {
        let told = self.tell(|state| match state {
            State::Expected | State::Open(_) => Some((unended, None)),
            State::Ended(outcome, answer) => Some((outcome, answer)),
            State::Told => None,
        });
        let primary = match std::mem::replace(&mut self.primary, Primary::Over(None)) {
            Primary::Over(answer) => answer,
            Primary::Open(_) => None,
        };
        let request = self.request.take();
        self.finished(pair, told, request, primary)
    }

    /// The same when there is no room: whatever became of the copies, the observation is lost.
    pub(super) fn drop_for_room(mut self, pair: PairId) -> Option<Finished> {
        let told = self.tell(|state| (!matches!(state, State::Told)).then_some((Outcome::Dropped, None)));
        self.finished(pair, told, None, None)
    }

    fn tell(
        &mut self,
        outcome: impl Fn(State) -> Option<(Outcome, Option<Answer>)>,
    ) -> [Option<FinishedCopy>; 2] {
        self.copies.each_mut().map(|copy| {
            let copy = copy.as_mut()?;
            let (outcome, answer) = outcome(std::mem::replace(&mut copy.state, State::Told))?;
            Some(FinishedCopy { planned: copy.planned, outcome, answer, has_left: copy.has_left })
        })
    }

    /// Nothing if there is nothing to tell.
    fn finished(
        &self,
        pair: PairId,
        copies: [Option<FinishedCopy>; 2],
        request: Option<Request>,
        primary: Option<Answer>,
    ) -> Option<Finished> {
        copies.iter().flatten().next()?;
        let routed_us = self.routed_us.unwrap_or_default();
        Some(Finished { pair, origin: self.origin.clone(), copies, request, routed_us, primary })
    }

    fn copy(&mut self, slot: Slot) -> Option<&mut Copy> {
        let [one, two] = &mut self.copies;
        match slot {
            Slot::One => one.as_mut(),
            Slot::Two => two.as_mut(),
        }
    }
}

impl Copy {
    /// It is under way no longer: said once.
    fn leaves(&mut self, policy: Rc<Policy>, outcome: Option<Outcome>) -> Option<Left> {
        let said = std::mem::replace(&mut self.has_left, true);
        (!said).then(|| Left { policy, planned: self.planned, outcome })
    }
}

fn is_chosen(policy: &Policy, planned: Planned, name: &str) -> bool {
    let compare = planned.compared.and_then(|_| policy.shadow(planned.shadow)?.compare());
    compare.is_some_and(|compare| compare.headers.iter().any(|chosen| chosen == name))
}
