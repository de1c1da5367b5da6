//! What goes on at one moment, and what changed since another.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, OnceLock};

use hyper::body::Bytes;

use crate::live::board::{BoardRow, NodesRow};
use crate::live::shared::Shared;
use crate::model::audit::AuditEntry;
use crate::model::nodes::Node;

/// Rows of the audit trail that a snapshot has: whoever misses more is shown a new snapshot.
pub(super) const AUDIT_ROWS: usize = 128;
/// Rows with great resources are fewer.
pub(super) const AUDIT_BYTES: usize = 4 << 20;

/// What goes on at one moment. What did not change is shared with the snapshot before.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// The store's revision.
    pub revision: u64,
    /// A row for each shadow, by name.
    pub shadows: BTreeMap<String, Arc<Shared<BoardRow>>>,
    /// How many nodes there are.
    pub counts: NodesRow,
    /// Every node by its id, if somebody looks at them one by one.
    pub nodes: Option<Arc<BTreeMap<String, Arc<Shared<NodeNow>>>>>,
    /// The newest rows of the audit trail, in the order of their ids.
    pub audit: VecDeque<Arc<Shared<AuditEntry>>>,
    /// The id of the newest row that was there when looking began; `None` before that.
    pub audit_from: Option<u64>,
    pub(super) nodes_at: u64,
    pub(super) text: OnceLock<Bytes>,
}

/// A node, and the store's revision that it is held to.
#[derive(Debug, PartialEq)]
pub struct NodeNow {
    /// The node.
    pub node: Node,
    /// The revision.
    pub newest: u64,
}

/// What changed.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// A shadow is another, or new.
    Shadow(&'a Arc<Shared<BoardRow>>),
    /// A shadow is gone.
    ShadowDeleted(&'a str),
    /// There are more or fewer nodes in some state.
    Nodes(NodesRow),
    /// A node is another, or new.
    Node(&'a Arc<Shared<NodeNow>>),
    /// A row of the audit trail was added.
    Audit(&'a Arc<Shared<AuditEntry>>),
    /// There is more than can be told: take the whole snapshot.
    Lagged,
}

impl Snapshot {
    /// The id of the newest row of the audit trail that it knows.
    pub fn audit_head(&self) -> u64 {
        self.audit.back().map_or(self.audit_from.unwrap_or_default(), |row| row.value().id)
    }

    /// What changed since `old`. [`Event::Lagged`] stands alone.
    pub fn changes<'a>(&'a self, old: &'a Snapshot, with_nodes: bool) -> Vec<Event<'a>> {
        let mut events = Vec::new();
        let head = old.audit_head();
        let is_gapless = self.audit.front().is_none_or(|first| first.value().id <= head.saturating_add(1));
        if !is_gapless && self.audit_head() > head {
            return vec![Event::Lagged];
        }
        if with_nodes && let (Some(old), Some(new)) = (&old.nodes, &self.nodes) {
            // A node was forgotten, which no event says.
            if old.keys().any(|id| !new.contains_key(id)) {
                return vec![Event::Lagged];
            }
            let is_new = |id: &String, node| !old.get(id).is_some_and(|old| Arc::ptr_eq(old, node));
            events
                .extend(new.iter().filter(|(id, node)| is_new(id, node)).map(|(_, node)| Event::Node(node)));
        } else if with_nodes && old.nodes.is_some() != self.nodes.is_some() {
            return vec![Event::Lagged];
        }
        for (name, row) in &self.shadows {
            if !old.shadows.get(name).is_some_and(|old| Arc::ptr_eq(old, row)) {
                events.push(Event::Shadow(row));
            }
        }
        let gone = old.shadows.keys().filter(|name| !self.shadows.contains_key(*name));
        events.extend(gone.map(|name| Event::ShadowDeleted(name)));
        if old.counts != self.counts {
            events.push(Event::Nodes(self.counts));
        }
        events.extend(self.audit.iter().filter(|row| row.value().id > head).map(Event::Audit));
        events
    }

    /// How it is written without the nodes: by `write`, unless somebody did already.
    pub fn text(&self, write: impl FnOnce(&Snapshot) -> Bytes) -> Bytes {
        self.text.get_or_init(|| write(self)).clone()
    }
}

impl PartialEq for Snapshot {
    /// Whether there is nothing that one of them shows and the other does not.
    fn eq(&self, other: &Self) -> bool {
        self.revision == other.revision
            && self.changes(other, true).is_empty()
            && self.nodes_at == other.nodes_at
    }
}
