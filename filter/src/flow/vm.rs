//! What the plugin instances in one worker's VM share.

use crate::flow::config::Primary;
use crate::flow::counters::{Counters, Outcome};
use crate::flow::limit::Limiter;
use crate::flow::pending::Pending;
use crate::flow::shared::WorkerId;
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
    /// Copies that were not seen yet.
    pub pending: Pending,
    /// `max_rps`.
    pub limiter: Limiter,
    /// The moment of the last tick. Requests live by this clock: to ask Envoy for the time costs a host call.
    pub now: Now,
    /// The policy under which a request was last mirrored.
    pub mirrored_under: Option<Rc<Policy>>,
    random: fastrand::Rng,
}

/// What a request is judged by.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The policy.
    pub policy: Rc<Policy>,
    /// Whether every share counts as 0, because the control plane has been silent for too long.
    pub stale: bool,
}

impl Vm {
    /// A VM that has seen nothing. `seed` should differ from VM to VM.
    pub fn new(seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        Self {
            worker: Worker::new(WorkerId::new(random.u64(..))),
            counters: Counters::default(),
            pending: Pending::default(),
            limiter: Limiter::default(),
            now: Now::default(),
            mirrored_under: None,
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
        self.limiter.tick();
        for _ in 0..self.pending.sweep(now.monotonic_ms) {
            self.counters.outcome(Outcome::NeverSeen);
        }
    }

    /// What a plugin instance with this configuration judges requests by; nothing if there is no policy.
    pub fn rules(&self, config: &Primary) -> Option<Rules> {
        let fallback = || config.fallback.clone().map(|policy| Rules { policy, stale: false });
        let Some(control_plane) = &config.control_plane else { return fallback() };
        match self.worker.in_force() {
            InForce::Nothing => fallback(),
            InForce::Removed => None,
            InForce::Policy { policy, .. } => Some(Rules {
                policy: Rc::clone(policy),
                stale: self.worker.silence_ms(self.now) > control_plane.max_staleness_ms,
            }),
        }
    }
}
