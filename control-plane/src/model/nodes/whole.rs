//! The nodes as a whole: how many are in each state, and what is in effect at those that are connected.

use std::collections::HashMap;
use std::sync::Arc;

use crate::model::nodes::{Node, PolicyInfo, SyncState};

/// How all nodes stand that are remembered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NodeCounts {
    /// Those that have a stream.
    pub connected: StateCounts,
    /// Those that have none, by what they said last.
    pub away: StateCounts,
}

/// How many nodes are in each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StateCounts {
    /// Those that run what they shall run.
    pub synced: usize,
    /// Those that have not said so yet.
    pub stale: usize,
    /// Those that refused it.
    pub nacked: usize,
}

/// What the connected nodes run: each policy, and how many run it.
#[derive(Clone, Debug, Default)]
pub struct InEffect {
    connected: usize,
    policies: Vec<(Arc<PolicyInfo>, usize)>,
}

impl NodeCounts {
    /// How `nodes` stand at `newest`, the store's revision.
    pub(super) fn of<'n>(nodes: impl Iterator<Item = &'n Node>, newest: u64) -> Self {
        let mut counts = NodeCounts::default();
        for node in nodes {
            let of = if node.streams > 0 { &mut counts.connected } else { &mut counts.away };
            match node.state_at(newest) {
                SyncState::Synced => of.synced += 1,
                SyncState::Stale => of.stale += 1,
                SyncState::Nacked => of.nacked += 1,
            }
        }
        counts
    }
}

impl StateCounts {
    /// In whatever state.
    pub fn total(self) -> usize {
        self.synced + self.stale + self.nacked
    }

    /// By state.
    pub fn by_state(self) -> [(SyncState, usize); 3] {
        [(SyncState::Synced, self.synced), (SyncState::Stale, self.stale), (SyncState::Nacked, self.nacked)]
    }
}

impl InEffect {
    /// What `nodes` run.
    pub(super) fn of<'n>(nodes: impl Iterator<Item = &'n Node>) -> Self {
        // Nodes with one policy share it.
        let mut policies: HashMap<*const PolicyInfo, (Arc<PolicyInfo>, usize)> = HashMap::new();
        let mut connected = 0;
        for node in nodes.filter(|node| node.streams > 0) {
            connected += 1;
            if let Some(policy) = node.applied.as_ref().and_then(|applied| applied.policy.as_ref()) {
                policies.entry(Arc::as_ptr(policy)).or_insert_with(|| (Arc::clone(policy), 0)).1 += 1;
            }
        }
        InEffect { connected, policies: policies.into_values().collect() }
    }

    /// How many nodes are connected.
    pub fn connected(&self) -> usize {
        self.connected
    }

    /// How many of them run the shadow as it is since `revision`.
    pub fn following(&self, shadow: &str, revision: u64) -> usize {
        let follows = |policy: &PolicyInfo| policy.revision >= revision && policy.shares.contains_key(shadow);
        self.policies.iter().filter(|(policy, _)| follows(policy)).map(|(_, count)| count).sum()
    }

    /// The smallest and the largest share, in parts per million, of the nodes of which it is known what they run: 0 where
    /// the switch is off, or the shadow is not there yet.
    pub fn range(&self, shadow: &str) -> Option<(u32, u32)> {
        let share = |policy: &PolicyInfo| {
            policy.shares.get(shadow).filter(|share| share.enabled).map_or(0, |share| share.ppm)
        };
        let shares = self.policies.iter().map(|(policy, _)| share(policy));
        shares.fold(None, |range, share| match range {
            None => Some((share, share)),
            Some((lowest, highest)) => Some((share.min(lowest), share.max(highest))),
        })
    }
}
