//! One worker's part in following the control plane.
//!
//! Every worker takes over what the shared data announces. The one that holds the lease also has a
//! [`Leader`], which talks to the control plane and announces what comes from there.

use crate::flow::config::ControlPlane;
use crate::flow::leader::Leader;
use crate::flow::shared::census::Census;
use crate::flow::shared::freshness::Freshness;
use crate::flow::shared::lease::{Lease, Standing};
use crate::flow::shared::policy::{self, Announced};
use crate::flow::shared::{SharedData, WorkerId};
use crate::flow::time::Now;
use std::fmt::Write as _;
use std::rc::Rc;
use umbra_policy::Policy;

/// How many of a policy's errors a NACK and a log line name.
const NAMED_ERRORS: usize = 8;

/// What the host must do, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Open the stream to the control plane, and say what came of it.
    OpenStream,
    /// Send a message on the stream.
    Send(Vec<u8>),
    /// End the stream. Nothing more of it may be reported.
    CloseStream,
    /// Tell the operator.
    Log(Level, String),
}

/// How much a line of the log matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Something changed, as it should.
    Info,
    /// Something is wrong that may pass by itself.
    Warn,
    /// Something is wrong until somebody acts.
    Error,
}

/// The policy that this worker has from the control plane.
#[derive(Clone, Debug)]
pub enum InForce {
    /// None yet.
    Nothing,
    /// The control plane said that there is none for this node.
    Removed,
    /// This one.
    Policy {
        /// The control plane's version of it.
        version: Rc<str>,
        /// Ready to decide.
        policy: Rc<Policy>,
    },
}

impl InForce {
    /// As it stands in the census. The sign before a version keeps it apart from the other two.
    pub(super) fn label(&self) -> String {
        match self {
            Self::Nothing => String::new(),
            Self::Removed => "-".to_owned(),
            Self::Policy { version, .. } => format!("={version}"),
        }
    }

    fn version(&self) -> Option<String> {
        match self {
            Self::Nothing | Self::Removed => None,
            Self::Policy { version, .. } => Some(version.to_string()),
        }
    }
}

/// One worker.
#[derive(Debug)]
pub struct Worker {
    lease: Lease,
    census: Census,
    freshness: Freshness,
    in_force: InForce,
    leader: Option<Leader>,
    /// The silence of the control plane as of the last tick: how long, and when that was measured.
    silence: (u64, u64),
    /// A version in the shared data that this worker could not read; said once.
    unreadable: Option<String>,
    /// What the operator is to be told at the next tick.
    unsaid: Option<Action>,
}

impl Worker {
    /// A worker that has seen nothing.
    pub fn new(me: WorkerId) -> Self {
        Self {
            lease: Lease::new(me),
            census: Census::new(me),
            freshness: Freshness::default(),
            in_force: InForce::Nothing,
            leader: None,
            silence: (0, 0),
            unreadable: None,
            unsaid: None,
        }
    }

    /// The policy that this worker has from the control plane.
    pub fn in_force(&self) -> &InForce {
        &self.in_force
    }

    /// For how long the control plane has not been heard of, in milliseconds.
    pub fn silence_ms(&self, now: Now) -> u64 {
        let (silence_ms, at_ms) = self.silence;
        silence_ms.saturating_add(now.monotonic_ms.saturating_sub(at_ms))
    }

    /// Takes over what the shared data announces. On a new VM this comes before the first request.
    pub fn follow(&mut self, now: Now, shared: &impl SharedData) -> Vec<Action> {
        self.silence = (self.freshness.tick(now, shared), now.monotonic_ms);
        self.learn(shared);
        self.unsaid.take().into_iter().collect()
    }

    /// The same without the freshness, for a VM that nobody drives by ticks.
    pub fn learn(&mut self, shared: &impl SharedData) {
        match policy::announced(shared) {
            Announced::Never => {}
            Announced::Removed => self.in_force = InForce::Removed,
            Announced::Version(version) => self.take_over(&version, shared),
        }
    }

    /// Does what is due. To be called every 100 ms.
    pub fn tick(
        &mut self,
        now: Now,
        random: u64,
        control_plane: &ControlPlane,
        shared: &impl SharedData,
    ) -> Vec<Action> {
        let mut actions = self.follow(now, shared);
        let standing = self.lease.tick(now.monotonic_ms, shared);
        if standing == Standing::Follower && self.leader.is_some() {
            actions.extend(self.step_down());
        }
        // After the lease: one that was deposed while it was stalled has stepped down by now.
        self.census.report(&self.in_force.label(), now.monotonic_ms, shared);
        if standing == Standing::Leader {
            let agreed = self.census.agrees_on(&self.in_force.label(), now.monotonic_ms, shared);
            let leader = self.leader.get_or_insert_with(|| {
                actions.push(Action::Log(Level::Info, "leads this Envoy's workers".to_owned()));
                // Where a worker still lags behind, the policy is asked for anew, and acknowledged when all run it.
                Leader::new(control_plane, self.in_force.version().filter(|_| agreed))
            });
            actions.extend(leader.tick(now, random, &self.in_force, agreed, shared));
        }
        actions
    }

    /// The stream is open.
    pub fn on_stream_opened(&mut self) -> Vec<Action> {
        self.leader.as_mut().map(Leader::on_opened).unwrap_or_default()
    }

    /// The control plane accepted the stream.
    pub fn on_stream_accepted(&mut self, now: Now) {
        if let Some(leader) = &mut self.leader {
            leader.on_accepted(now);
        }
    }

    /// A message arrived on the stream.
    pub fn on_stream_message(
        &mut self,
        bytes: &[u8],
        now: Now,
        random: u64,
        shared: &impl SharedData,
    ) -> Vec<Action> {
        if !self.lease.is_held(shared) {
            // Another leads by now; what it has announced must not be overwritten.
            return if self.leader.is_some() { self.step_down() } else { Vec::new() };
        }
        let Some(leader) = &mut self.leader else { return Vec::new() };
        let (change, actions) = leader.on_message(bytes, now, random, shared);
        if let Some(change) = change {
            self.in_force = change;
        }
        actions
    }

    /// The stream ended with this gRPC status, or could not be opened. No status: this Envoy ended it itself.
    pub fn on_stream_closed(&mut self, status: Option<u32>, now: Now, random: u64) -> Vec<Action> {
        self.leader.as_mut().map(|leader| leader.on_closed(status, now, random)).unwrap_or_default()
    }

    /// The last plugin instance that follows the control plane goes: another worker should lead at once,
    /// and need not wait for this one's word.
    pub fn leave(&mut self, shared: &impl SharedData) -> Vec<Action> {
        let actions = if self.leader.is_some() { self.step_down() } else { Vec::new() };
        self.lease.release(shared);
        self.census.leave(shared);
        actions
    }

    fn step_down(&mut self) -> Vec<Action> {
        self.leader = None;
        self.census.step_down();
        vec![Action::CloseStream, Action::Log(Level::Info, "no longer leads this Envoy's workers".to_owned())]
    }

    fn take_over(&mut self, announced: &str, shared: &impl SharedData) {
        if matches!(&self.in_force, InForce::Policy { version, .. } if **version == *announced) {
            return;
        }
        let Some(published) = policy::read(shared) else { return };
        if self.unreadable.as_ref() == Some(&published.version) {
            return;
        }
        match read_policy(&published.bytes) {
            Ok(policy) => {
                self.unreadable = None;
                self.in_force =
                    InForce::Policy { version: published.version.into(), policy: Rc::new(policy) };
            }
            Err(reason) => {
                let line = format!("cannot run policy {}: {reason}", published.version);
                self.unreadable = Some(published.version);
                self.unsaid = Some(Action::Log(Level::Error, line));
            }
        }
    }
}

/// Decodes and validates a policy.
///
/// # Errors
/// Why it cannot be run, for a person.
pub(super) fn read_policy(bytes: &[u8]) -> Result<Policy, String> {
    let spec = umbra_wire::decode(bytes).map_err(|error| error.to_string())?;
    Policy::build(spec).map_err(|errors| {
        let mut reason = String::new();
        for error in errors.iter().take(NAMED_ERRORS) {
            let separator = if reason.is_empty() { "" } else { "; " };
            // Writing to a String cannot fail.
            let _ = write!(reason, "{separator}{error}");
        }
        if let Some(more @ 1..) = errors.len().checked_sub(NAMED_ERRORS) {
            let _ = write!(reason, "; and {more} more");
        }
        reason
    })
}
