//! The leader's conversation with the control plane.
//!
//! **Invariant:** a policy is acknowledged only when every live worker of the Envoy runs it.

use crate::flow::config::ControlPlane;
use crate::flow::shared::SharedData;
use crate::flow::shared::freshness::{self, BEAT_MS};
use crate::flow::shared::policy;
use crate::flow::time::Now;
use crate::flow::worker::{Action, InForce, Level, read_policy};
use std::rc::Rc;
use umbra_wire::delta::Node;
use umbra_wire::delta::client::{self, Client};

/// The name of the resource that a filter of role primary asks for.
const RESOURCE: &str = "primary";

/// gRPC's status of a call that shows a token or a certificate that is not good, or none where one is asked for.
const UNAUTHENTICATED: u32 = 16;

/// gRPC's status of a call of somebody who is known, and may not be this node.
const PERMISSION_DENIED: u32 = 7;

/// The state that comes and goes with the lease.
#[derive(Debug)]
pub struct Leader {
    client: Client,
    /// The census' label of a change that not every worker has made yet.
    awaited: Option<String>,
    beat_at_ms: Option<u64>,
    /// Whether the operator was told that the control plane cannot be reached.
    told_lost: bool,
}

impl Leader {
    /// A leader that has not spoken yet. `applied` is the version that every live worker of the Envoy runs already.
    pub fn new(control_plane: &ControlPlane, applied: Option<String>) -> Self {
        let ControlPlane { node, envoy_version, .. } = control_plane;
        let node = Node {
            id: node.id.clone(),
            cluster: node.cluster.clone(),
            region: node.region.clone(),
            zone: node.zone.clone(),
            sub_zone: String::new(),
            metadata: node.metadata.clone(),
            envoy_version: envoy_version.to_string(),
        };
        Self {
            client: Client::new(node, RESOURCE, applied),
            awaited: None,
            beat_at_ms: None,
            told_lost: false,
        }
    }

    /// Does what is due. `agreed` says whether all the workers run what is `in_force` here.
    pub fn tick(
        &mut self,
        now: Now,
        random: u64,
        in_force: &InForce,
        agreed: bool,
        shared: &impl SharedData,
    ) -> Vec<Action> {
        let mut todo = self.client.on_tick(now.monotonic_ms, random);
        if agreed && self.awaited.as_ref() == Some(&in_force.label()) {
            self.awaited = None;
            todo.extend(match in_force {
                InForce::Policy { version, .. } => self.client.on_applied(version),
                InForce::Removed | InForce::Nothing => self.client.on_removed(),
            });
        }
        self.beat(now, shared);
        self.perform(todo, shared).1
    }

    /// The stream is open.
    pub fn on_opened(&mut self) -> Vec<Action> {
        let todo = self.client.on_opened();
        todo.into_iter().filter_map(sent).collect()
    }

    /// The control plane accepted the stream.
    pub fn on_accepted(&mut self, now: Now) {
        self.client.on_accepted(now.monotonic_ms);
    }

    /// A message arrived. Returns what this worker is to run from now on, if that changes.
    pub fn on_message(
        &mut self,
        bytes: &[u8],
        now: Now,
        random: u64,
        shared: &impl SharedData,
    ) -> (Option<InForce>, Vec<Action>) {
        let todo = self.client.on_message(bytes, now.monotonic_ms, random);
        let (change, actions) = self.perform(todo, shared);
        if change.is_some() {
            // The age of a policy counts from its arrival, also if the stream is lost before the next beat.
            self.beat_at_ms = None;
            self.beat(now, shared);
        }
        (change, actions)
    }

    /// The stream ended with this gRPC status, or could not be opened. No status: this Envoy ended it itself.
    pub fn on_closed(&mut self, status: Option<u32>, now: Now, random: u64) -> Vec<Action> {
        self.client.on_closed(now.monotonic_ms, random);
        let Some(status) = status else { return Vec::new() };
        if std::mem::replace(&mut self.told_lost, true) {
            return Vec::new();
        }
        let what = match status {
            UNAUTHENTICATED => {
                "control plane refused this node's token or certificate, or asks for one".to_owned()
            }
            PERMISSION_DENIED => {
                "control plane refused this node's id: its token or certificate is another node's".to_owned()
            }
            status => format!("control plane not reachable (gRPC status {status})"),
        };
        let line = format!("{what}: the last policy stays, until max_staleness");
        vec![Action::Log(Level::Warn, line)]
    }

    /// Lets the workers know that the control plane is there.
    fn beat(&mut self, now: Now, shared: &impl SharedData) {
        let due = self.beat_at_ms.is_none_or(|at_ms| now.monotonic_ms.saturating_sub(at_ms) >= BEAT_MS);
        if due && self.client.is_answered() {
            freshness::beat(now, shared);
            self.beat_at_ms = Some(now.monotonic_ms);
        }
    }

    fn perform(
        &mut self,
        todo: Vec<client::Action>,
        shared: &impl SharedData,
    ) -> (Option<InForce>, Vec<Action>) {
        let mut change = None;
        let mut actions = Vec::new();
        if self.told_lost && self.client.is_answered() {
            self.told_lost = false;
            actions.push(Action::Log(Level::Info, "control plane found again".to_owned()));
        }
        for action in todo {
            match action {
                client::Action::Open => actions.push(Action::OpenStream),
                client::Action::Close { reason } => {
                    self.told_lost = true;
                    actions.push(Action::CloseStream);
                    actions.push(Action::Log(Level::Warn, format!("control plane given up: {reason}")));
                }
                client::Action::Apply { version, body } => {
                    actions.extend(self.apply(version, &body, &mut change, shared));
                }
                client::Action::Remove => {
                    policy::withdraw(shared);
                    self.awaited = Some(InForce::Removed.label());
                    change = Some(InForce::Removed);
                    let line = "the control plane has no policy for this node: nothing is stamped";
                    actions.push(Action::Log(Level::Info, line.to_owned()));
                }
                client::Action::Send(_) => actions.extend(sent(action)),
            }
        }
        (change, actions)
    }

    fn apply(
        &mut self,
        version: String,
        body: &[u8],
        change: &mut Option<InForce>,
        shared: &impl SharedData,
    ) -> Vec<Action> {
        match read_policy(body) {
            Ok(policy) => {
                policy::publish(&version, body, shared);
                let line = format!("policy {version} (revision {}) received", policy.revision());
                let in_force = InForce::Policy { version: version.into(), policy: Rc::new(policy) };
                self.awaited = Some(in_force.label());
                *change = Some(in_force);
                vec![Action::Log(Level::Info, line)]
            }
            Err(reason) => {
                let line = format!("policy {version} rejected, the last one stays: {reason}");
                let answer = self.client.on_rejected(&version, &reason);
                let log = Action::Log(Level::Error, line);
                std::iter::once(log).chain(answer.into_iter().filter_map(sent)).collect()
            }
        }
    }
}

fn sent(action: client::Action) -> Option<Action> {
    match action {
        client::Action::Send(request) => Some(Action::Send(request.encode())),
        _ => None,
    }
}
