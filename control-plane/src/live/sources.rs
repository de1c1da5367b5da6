//! Where what goes on is looked up.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::live::board::{BoardRow, NodesRow};
use crate::live::shared::Shared;
use crate::live::snapshot::{AUDIT_BYTES, AUDIT_ROWS, NodeNow, Snapshot};
use crate::live::verdicts::Verdicts;
use crate::model::audit::AuditFilter;
use crate::model::nodes::Nodes;
use crate::model::rates::Rates;
use crate::store::Store;
use crate::store::error::StoreError;

/// Where what goes on is looked up.
pub struct Sources {
    /// The resources and the audit trail.
    pub store: Arc<Store>,
    /// The Envoys.
    pub nodes: Arc<Mutex<Nodes>>,
    /// What they report.
    pub rates: Arc<Mutex<Rates>>,
    /// What it adds up to.
    pub verdicts: Verdicts,
}

/// What must be the same for a look to show the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pulse {
    revision: u64,
    nodes: u64,
    rates: (u64, u64),
    verdicts: u64,
    with_nodes: bool,
}

impl Sources {
    /// Cheaper than a look.
    pub(super) fn pulse(&self, with_nodes: bool) -> Pulse {
        Pulse {
            revision: self.store.state().revision(),
            nodes: Nodes::locked(&self.nodes).changes(),
            rates: self.rates.lock().unwrap_or_else(PoisonError::into_inner).pulse(now_s()),
            verdicts: self.verdicts.looks(),
            with_nodes,
        }
    }

    /// What goes on now, sharing with `last` what is still the same. Rows of the audit trail stay those of `last`.
    pub(super) fn look(&self, last: &Snapshot, with_nodes: bool) -> Snapshot {
        let state = self.store.state();
        let revision = state.revision();
        let (in_effect, counts, nodes, nodes_at) = {
            let nodes = Nodes::locked(&self.nodes);
            let rows = with_nodes.then(|| node_rows(&nodes, last, revision));
            (nodes.in_effect(), nodes.counts(revision), rows, nodes.changes())
        };
        let rates = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
        let now_s = now_s();
        let mut shadows = BTreeMap::new();
        for shadow in state.shadows() {
            let name = &shadow.metadata.name;
            let row = BoardRow::of(shadow, &in_effect, rates.of(name, now_s), self.verdicts.of(name));
            let row = match last.shadows.get(name) {
                Some(same) if *same.value() == row => Arc::clone(same),
                _ => Shared::new(row),
            };
            shadows.insert(name.clone(), row);
        }
        drop(rates);
        Snapshot {
            revision,
            shadows,
            counts: NodesRow::from(counts),
            nodes,
            audit: last.audit.clone(),
            audit_from: last.audit_from,
            // Without somebody who looks at the nodes, it is of no matter when one of them changed.
            nodes_at: if with_nodes { nodes_at } else { 0 },
            text: OnceLock::new(),
        }
    }

    /// Adds what the audit trail has got since.
    pub(super) async fn audit(&self, snapshot: &mut Snapshot) -> Result<(), StoreError> {
        let filter = AuditFilter::default();
        if snapshot.audit_from.is_none() {
            // Nobody is told of what was before.
            let newest = self.store.audit(&filter, 1, None).await?;
            snapshot.audit_from = Some(newest.first().map_or(0, |row| row.id));
            return Ok(());
        }
        loop {
            let rows = self.store.audit_after(&filter, snapshot.audit_head()).await?;
            if rows.is_empty() {
                return Ok(());
            }
            for row in rows {
                snapshot.audit.push_back(Shared::new(row));
                let mut bytes = 0;
                let kept = snapshot.audit.iter().rev().take(AUDIT_ROWS).take_while(|row| {
                    let record = &row.value().record;
                    bytes +=
                        [&record.before, &record.after].into_iter().flatten().map(String::len).sum::<usize>();
                    bytes <= AUDIT_BYTES
                });
                let too_many = snapshot.audit.len().saturating_sub(kept.count().max(1));
                snapshot.audit.drain(..too_many);
            }
        }
    }
}

fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn node_rows(nodes: &Nodes, last: &Snapshot, newest: u64) -> Arc<BTreeMap<String, Arc<Shared<NodeNow>>>> {
    let Some(before) = &last.nodes else {
        let all = nodes.list().into_iter();
        return Arc::new(
            all.map(|node| (node.attributes.id.clone(), Shared::new(NodeNow { node, newest }))).collect(),
        );
    };
    if last.nodes_at == nodes.changes() {
        return Arc::clone(before);
    }
    let mut rows = BTreeMap::clone(before);
    rows.retain(|id, _| nodes.is_known(id));
    for node in nodes.changed_since(last.nodes_at) {
        rows.insert(node.attributes.id.clone(), Shared::new(NodeNow { node, newest }));
    }
    Arc::new(rows)
}
