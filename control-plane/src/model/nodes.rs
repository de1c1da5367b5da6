//! The Envoys that the control plane has seen: what each shall run, what it runs, and what it refused.

pub mod whole;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use umbra_resource::NodeAttributes;

use crate::model::nodes::whole::{InEffect, NodeCounts};

/// A policy as far as operators are shown it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyInfo {
    /// The hash of its content.
    pub version: String,
    /// The store's revision that it was compiled at.
    pub revision: u64,
    /// Every shadow's share in it.
    pub shares: BTreeMap<String, Share>,
}

/// A shadow's share on one node, its override applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// The valve, in parts per million.
    pub ppm: u32,
    /// The switch.
    pub enabled: bool,
}

/// The Envoys that were seen, a bounded number.
#[derive(Debug)]
pub struct Nodes {
    nodes: HashMap<String, Node>,
    limit: usize,
    streams_limit: u32,
    changes: u64,
}

/// One Envoy.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// What it said of itself when it last connected.
    pub attributes: Arc<NodeAttributes>,
    /// Its version, as it said it; empty if it did not.
    pub envoy_version: String,
    /// Its open streams: one, or for a moment two while one leader follows another.
    pub streams: u32,
    /// What it shall run.
    pub desired: Option<Arc<PolicyInfo>>,
    /// What it said that it runs.
    pub applied: Option<Applied>,
    /// What it refused, until it accepts something.
    pub nack: Option<Nack>,
    /// When it last went from no stream to one.
    pub connected_at: SystemTime,
    /// When it last sent something, or its last stream ended.
    pub last_seen: SystemTime,
    /// When it last said that it runs what it shall run.
    pub synced_at: Option<SystemTime>,
    /// Those that reported lately, by the number that each life of a worker's VM draws.
    pub workers: BTreeMap<u64, Worker>,
    /// Of the changes of all nodes, the last one of this.
    changed: u64,
    recent: VecDeque<Arc<PolicyInfo>>,
}

/// What a node runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The hash of the policy's content.
    pub version: String,
    /// The policy; `None` if it is none that this server remembers, as after a restart and a change.
    pub policy: Option<Arc<PolicyInfo>>,
}

/// What a node refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nack {
    /// The hash of the policy's content.
    pub version: String,
    /// The policy's revision, if this server remembers it.
    pub revision: Option<u64>,
    /// Why, in the node's words.
    pub reason: String,
    /// When.
    pub at: SystemTime,
}

/// Whether a node runs what it shall run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncState {
    /// It does.
    Synced,
    /// It has not said so yet.
    Stale,
    /// It refused it.
    Nacked,
}

/// One worker of an Envoy, by its reports. The VM of Envoy's main thread, which takes no requests, is one too.
#[derive(Clone, Debug, PartialEq)]
pub struct Worker {
    /// The version of the policy that its last report is of; empty if it ran none.
    pub version: String,
    /// When that came.
    pub reported_at: SystemTime,
    /// The requests that it has reported to this server.
    pub requests: u64,
    /// When those who look at the node were last told of it.
    told_at: SystemTime,
}

/// Whether a worker runs what its node shall run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkerState {
    /// Its last report is of that policy.
    Synced,
    /// It is of another.
    Stale,
    /// There was none for 90 s.
    Silent,
}

/// There is no room for a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoRoom {
    /// As many nodes as may be remembered are connected.
    #[error("too many nodes are connected")]
    Nodes,
    /// The node has as many streams as one may have.
    #[error("the node has {0} streams already: does another Envoy have its id?")]
    Streams(u32),
}

/// So many policies before the desired one are remembered for each node, to tell the revision of a late answer.
const RECENT: usize = 4;
/// A worker without anything to report says so every 30 s. One that is silent for longer than this has stopped: its VM trapped,
/// or its Envoy ended.
const SILENT: Duration = Duration::from_secs(90);
/// A node that has been away for so long is forgotten: where each instance has an id of its own, most never come back. One that
/// does is entered anew.
const AWAY: Duration = Duration::from_secs(24 * 3600);
/// A worker that was not heard of for so long is forgotten: a new VM comes with every new module and configuration.
const FORGOTTEN: Duration = Duration::from_secs(600);
/// Workers that are remembered of a node; Envoy has one for each core.
const MAX_WORKERS: usize = 256;
/// Reports come every second; those who look at the node are told of them this often.
const TOLD: Duration = Duration::from_secs(60);
/// A reason is written by the filter, and should fit a line; what is sent may be anything.
const MAX_REASON_CHARACTERS: usize = 1024;

impl Nodes {
    /// Remembers at most `limit` nodes, each with at most `streams_limit` streams.
    pub fn new(limit: usize, streams_limit: u32) -> Self {
        Nodes { nodes: HashMap::new(), limit, streams_limit, changes: 0 }
    }

    /// Takes the lock. What a panic left behind is served on: every method leaves the whole in order.
    pub fn locked(nodes: &Mutex<Nodes>) -> MutexGuard<'_, Nodes> {
        nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A stream was opened. `has` is the version that the node said it has; one that starts has none, and what it ran or
    /// refused before is over. Also if another stream is open: it may be of the life before, and its end not be seen yet.
    ///
    /// # Errors
    /// There is no room for it. The caller ends the stream.
    pub fn opened(
        &mut self,
        attributes: Arc<NodeAttributes>,
        envoy_version: &str,
        desired: Arc<PolicyInfo>,
        has: Option<&str>,
        now: SystemTime,
    ) -> Result<(), NoRoom> {
        match self.nodes.get(&attributes.id) {
            None => self.make_room()?,
            Some(node) if node.streams >= self.streams_limit => return Err(NoRoom::Streams(node.streams)),
            Some(_) => {}
        }
        let node = self.nodes.entry(attributes.id.clone()).or_insert_with(|| Node::new(&attributes, now));
        if node.streams == 0 {
            node.connected_at = now;
        }
        node.streams = node.streams.saturating_add(1);
        node.attributes = attributes;
        envoy_version.clone_into(&mut node.envoy_version);
        node.last_seen = now;
        node.wants(desired);
        match has {
            Some(version) => node.accepts(version, now),
            None => (node.applied, node.nack, node.synced_at) = (None, None, None),
        }
        self.changes += 1;
        node.changed = self.changes;
        Ok(())
    }

    /// The node sent something.
    pub fn seen(&mut self, id: &str, now: SystemTime) {
        if let Some(node) = self.nodes.get_mut(id) {
            node.last_seen = now;
        }
    }

    /// The node shall run `policy`.
    pub fn desired(&mut self, id: &str, policy: Arc<PolicyInfo>) {
        self.change(id, |node| node.wants(policy));
    }

    /// The node runs `version`.
    pub fn acknowledged(&mut self, id: &str, version: &str, now: SystemTime) {
        self.change(id, |node| node.accepts(version, now));
    }

    /// The node refused `version`.
    pub fn refused(&mut self, id: &str, version: &str, reason: &str, now: SystemTime) {
        self.change(id, |node| {
            node.nack = Some(Nack {
                version: version.to_owned(),
                revision: node.known(version).map(|policy| policy.revision),
                reason: reason.chars().take(MAX_REASON_CHARACTERS).collect(),
                at: now,
            });
        });
    }

    /// A worker of the node reported so many requests under `version`. Of a node that is not known, nothing is kept.
    pub fn reported(&mut self, id: &str, instance: u64, version: &str, requests: u64, now: SystemTime) {
        let Some(node) = self.nodes.get_mut(id) else { return };
        if node.worker(instance, version, requests, now) {
            self.changes += 1;
            node.changed = self.changes;
        }
    }

    /// A stream ended.
    pub fn closed(&mut self, id: &str, now: SystemTime) {
        self.change(id, |node| {
            node.streams = node.streams.saturating_sub(1);
            node.last_seen = now;
        });
    }

    /// Forgets those that have been away for a day.
    pub fn forget(&mut self, now: SystemTime) {
        let before = self.nodes.len();
        // A clock that was set back keeps them for longer.
        self.nodes.retain(|_, node| {
            node.streams > 0 || now.duration_since(node.last_seen).unwrap_or_default() < AWAY
        });
        if self.nodes.len() < before {
            self.changes += 1;
        }
    }

    /// All of them, by id.
    pub fn list(&self) -> Vec<Node> {
        let mut nodes: Vec<Node> = self.nodes.values().cloned().collect();
        nodes.sort_by(|a, b| a.attributes.id.cmp(&b.attributes.id));
        nodes
    }

    /// What those said of themselves that have no stream now.
    pub fn disconnected(&self) -> Vec<Arc<NodeAttributes>> {
        self.nodes
            .values()
            .filter(|node| node.streams == 0)
            .map(|node| Arc::clone(&node.attributes))
            .collect()
    }

    /// How the nodes stand at `newest`, the store's revision: those that are connected, and those that are away.
    pub fn counts(&self, newest: u64) -> NodeCounts {
        NodeCounts::of(self.nodes.values(), newest)
    }

    /// What the connected nodes run.
    pub fn in_effect(&self) -> InEffect {
        InEffect::of(self.nodes.values())
    }

    /// How often a node changed: another number means that one did, for more than when it was last seen.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// The nodes that changed after [`Nodes::changes`] was this.
    pub fn changed_since(&self, changes: u64) -> Vec<Node> {
        self.nodes.values().filter(|node| node.changed > changes).cloned().collect()
    }

    /// Whether there is a node of this id.
    pub fn is_known(&self, id: &str) -> bool {
        self.nodes.contains_key(id)
    }

    fn change(&mut self, id: &str, change: impl FnOnce(&mut Node)) {
        if let Some(node) = self.nodes.get_mut(id) {
            change(node);
            self.changes += 1;
            node.changed = self.changes;
        }
    }

    /// Forgets the one that has been gone longest, if there are too many.
    fn make_room(&mut self) -> Result<(), NoRoom> {
        if self.nodes.len() < self.limit {
            return Ok(());
        }
        let gone = self
            .nodes
            .values()
            .filter(|node| node.streams == 0)
            .min_by_key(|node| node.last_seen)
            .map(|node| node.attributes.id.clone())
            .ok_or(NoRoom::Nodes)?;
        self.nodes.remove(&gone);
        self.changes += 1;
        Ok(())
    }
}

impl Node {
    fn new(attributes: &Arc<NodeAttributes>, now: SystemTime) -> Self {
        Node {
            attributes: Arc::clone(attributes),
            envoy_version: String::new(),
            streams: 0,
            desired: None,
            applied: None,
            nack: None,
            connected_at: now,
            last_seen: now,
            synced_at: None,
            workers: BTreeMap::new(),
            changed: 0,
            recent: VecDeque::new(),
        }
    }

    /// Whether it runs what it shall run.
    pub fn state(&self) -> SyncState {
        let desired = self.desired.as_ref().map(|policy| policy.version.as_str());
        if desired.is_some() && desired == self.nack.as_ref().map(|nack| nack.version.as_str()) {
            SyncState::Nacked
        } else if desired.is_some()
            && desired == self.applied.as_ref().map(|applied| applied.version.as_str())
        {
            SyncState::Synced
        } else {
            SyncState::Stale
        }
    }

    /// The same at `newest`, the store's revision. A write is answered before the policies that it makes are compiled:
    /// a node that has not been told of it is not synced with it.
    pub fn state_at(&self, newest: u64) -> SyncState {
        let told = self.desired.as_ref().is_some_and(|policy| policy.revision >= newest);
        if told { self.state() } else { SyncState::Stale }
    }

    /// Whether one of its workers runs what it shall run.
    pub fn worker_state(&self, worker: &Worker, now: SystemTime) -> WorkerState {
        // A clock that was set back makes nobody silent.
        let silence = now.duration_since(worker.reported_at).unwrap_or_default();
        match &self.desired {
            _ if silence > SILENT => WorkerState::Silent,
            Some(desired) if desired.version == worker.version => WorkerState::Synced,
            _ => WorkerState::Stale,
        }
    }

    fn wants(&mut self, policy: Arc<PolicyInfo>) {
        if self.desired.as_ref().is_some_and(|desired| desired.version == policy.version) {
            return;
        }
        if let Some(before) = self.desired.replace(policy) {
            self.recent.push_front(before);
            self.recent.truncate(RECENT);
        }
    }

    /// Notes a report; whether it is worth telling.
    fn worker(&mut self, instance: u64, version: &str, requests: u64, now: SystemTime) -> bool {
        let since = |at: SystemTime| now.duration_since(at).unwrap_or_default();
        if let Some(worker) = self.workers.get_mut(&instance) {
            worker.requests = worker.requests.saturating_add(requests);
            worker.reported_at = now;
            let told = worker.version == version && since(worker.told_at) < TOLD;
            if !told {
                version.clone_into(&mut worker.version);
                worker.told_at = now;
            }
            return !told;
        }
        self.workers.retain(|_, worker| since(worker.reported_at) < FORGOTTEN);
        if self.workers.len() >= MAX_WORKERS {
            let oldest = self.workers.iter().min_by_key(|(_, worker)| worker.reported_at);
            if let Some(oldest) = oldest.map(|(instance, _)| *instance) {
                self.workers.remove(&oldest);
            }
        }
        let version = version.to_owned();
        self.workers.insert(instance, Worker { version, reported_at: now, requests, told_at: now });
        true
    }

    fn accepts(&mut self, version: &str, now: SystemTime) {
        self.nack = None;
        self.applied = Some(Applied { version: version.to_owned(), policy: self.known(version).cloned() });
        if self.state() == SyncState::Synced {
            self.synced_at = Some(now);
        }
    }

    fn known(&self, version: &str) -> Option<&Arc<PolicyInfo>> {
        self.desired.iter().chain(&self.recent).find(|policy| policy.version == version)
    }
}
