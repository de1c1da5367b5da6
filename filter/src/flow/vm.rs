//! What the plugin instances in one worker's VM share.

use crate::flow::config::Primary;
use crate::flow::counters::Counters;
use crate::flow::limit::Limiter;
use crate::flow::numbers::Numbers;
use crate::flow::outbox::{Outbox, Reply};
use crate::flow::pairs::{Left, Origin, Pairs};
use crate::flow::shared::WorkerId;
use crate::flow::shedding::Shedding;
use crate::flow::time::Now;
use crate::flow::worker::{InForce, Worker};
use std::rc::Rc;
use umbra_policy::Policy;

/// One worker's state. It outlives plugin instances: a new configuration keeps the VM.
#[derive(Debug)]
pub struct Vm {
    /// Follows the control plane.
    pub worker: Worker,
    /// Counts until the next flush.
    pub counters: Counters,
    /// Mirrored requests whose fate is not known yet.
    pub pairs: Pairs,
    /// What the others add up to.
    pub numbers: Numbers,
    /// The same on its way to the control plane.
    outbox: Outbox,
    /// `max_rps`.
    pub limiter: Limiter,
    /// Spares shadows that fail.
    pub shedding: Shedding,
    /// The moment of the last tick. Requests live by this clock: to ask Envoy for the time costs a host call.
    pub now: Now,
    /// The policy under which a request was last mirrored.
    pub mirrored_under: Option<Rc<Policy>>,
    /// The static policy that a plugin instance was last configured with, of either role.
    pub fallback: Option<Rc<Policy>>,
    random: fastrand::Rng,
}

/// What a request is judged by.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The policy.
    pub policy: Rc<Policy>,
    /// The control plane's version of it; none of a static fallback.
    pub version: Option<Rc<str>>,
    /// Whether every share counts as 0, because the control plane has been silent for too long.
    pub stale: bool,
}

impl Rules {
    /// What requests are mirrored under.
    pub fn origin(&self) -> Origin {
        Origin { policy: Rc::clone(&self.policy), version: self.version.clone() }
    }
}

impl Vm {
    /// A VM that has seen nothing. `seed` should differ from VM to VM.
    pub fn new(seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        Self {
            worker: Worker::new(WorkerId::new(random.u64(..))),
            counters: Counters::default(),
            pairs: Pairs::new(random.u128(..).to_ne_bytes()),
            numbers: Numbers::default(),
            outbox: Outbox::new(random.u64(..)),
            limiter: Limiter::default(),
            shedding: Shedding::default(),
            now: Now::default(),
            mirrored_under: None,
            fallback: None,
            random,
        }
    }

    /// A random number, uniform in all 64 bits. Not for secrets.
    pub fn random(&mut self) -> u64 {
        self.random.u64(..)
    }

    /// Time passes. To be called on every tick, before anything else.
    pub fn tick(&mut self, now: Now) {
        self.now = now;
        self.limiter.tick(now.monotonic_ms);
        self.pairs.sweep(now.monotonic_ms);
        self.settle();
        self.shedding.tick(now.monotonic_ms);
    }

    /// Counts what has finished among the pairs. To be called after every event of theirs.
    pub fn settle(&mut self) {
        while let Some(Left { policy, planned, outcome }) = self.pairs.next_left() {
            if let Some(shadow) = policy.shadow(planned.shadow) {
                self.shedding.ended(shadow.name(), planned.role, outcome);
            }
        }
        while let Some(finished) = self.pairs.next_finished() {
            for copy in finished.copies.iter().flatten() {
                self.counters.outcome(copy.outcome);
                if let Some(shadow) = finished.origin.policy.shadow(copy.planned.shadow)
                    && !copy.has_left
                {
                    self.shedding.ended(shadow.name(), copy.planned.role, Some(copy.outcome));
                }
            }
            for compared in self.numbers.finished(finished, self.now, &mut self.random) {
                self.counters.compared(compared);
            }
        }
    }

    /// The report that this worker is to send to its control plane now, if any. To be called on ticks.
    pub fn report(&mut self, node: &str) -> Option<&[u8]> {
        self.counters.telemetry_dropped(self.numbers.take_lost_reports());
        let runs = match self.worker.in_force() {
            InForce::Policy { policy, version } => {
                Some(Origin { policy: Rc::clone(policy), version: Some(Rc::clone(version)) })
            }
            InForce::Nothing | InForce::Removed => None,
        };
        self.outbox.tick(self.now, node, runs.as_ref(), &mut self.numbers)
    }

    /// How the sending of a report ended.
    pub fn on_report(&mut self, reply: Reply) {
        let random = self.random();
        self.outbox.on_reply(reply, self.now, random, &mut self.numbers);
    }

    /// What a plugin instance with this configuration judges requests by; nothing if there is no policy.
    pub fn rules(&self, config: &Primary) -> Option<Rules> {
        let fallback = || config.fallback.clone().map(|policy| Rules { policy, version: None, stale: false });
        let Some(control_plane) = &config.control_plane else { return fallback() };
        match self.worker.in_force() {
            InForce::Nothing => fallback(),
            InForce::Removed => None,
            InForce::Policy { policy, version } => Some(Rules {
                policy: Rc::clone(policy),
                version: Some(Rc::clone(version)),
                stale: self.worker.silence_ms(self.now) > control_plane.max_staleness_ms,
            }),
        }
    }
}
