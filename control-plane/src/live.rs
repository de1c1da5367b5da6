//! What goes on now, for whoever looks: every shadow with its valve, its rates and its verdict, the Envoys, and what was
//! changed last.
//!
//! One task looks and publishes the newest [`snapshot::Snapshot`]; whoever follows it compares the one that it showed last
//! with the newest ([`snapshot::Snapshot::changes`]). So a slow reader costs one old snapshot, most of which it shares with
//! the newest, and skips what it was too slow for.
//!
//! Not here: how any of it is written for a client (`api`).

pub mod board;
pub mod shared;
pub mod snapshot;
mod sources;
pub mod verdicts;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::error;

use crate::live::snapshot::Snapshot;
pub use crate::live::sources::Sources;

/// How often it is looked whether something changed: a change is seen within that, and never more often is anything sent.
const PACE: Duration = Duration::from_millis(50);
/// The audit trail may grow by what is no change of a resource; it is looked at so often at the least.
const AUDIT_LOOKS: u32 = 20;

/// A way to follow what goes on.
#[derive(Clone)]
pub struct Live {
    sources: Arc<Sources>,
    newest: watch::Receiver<Arc<Snapshot>>,
    node_viewers: Arc<AtomicUsize>,
}

/// Somebody looks at the nodes one by one, as long as this is kept.
pub struct NodeViewer(Arc<AtomicUsize>);

impl Live {
    /// Begins to look, until `stopping`.
    pub fn start(sources: Sources, stopping: CancellationToken) -> Live {
        let sources = Arc::new(sources);
        let first = Arc::new(sources.look(&Snapshot::default(), false));
        let (sender, newest) = watch::channel(first);
        let node_viewers = Arc::new(AtomicUsize::new(0));
        let live = Live { sources: Arc::clone(&sources), newest, node_viewers };
        tokio::spawn(verdicts::run(Arc::clone(&sources), stopping.clone()));
        tokio::spawn(publish(live.clone(), sender, stopping));
        live
    }

    /// What goes on at this very moment, all that was acknowledged included.
    pub fn now(&self) -> Snapshot {
        let newest = Arc::clone(&self.newest.borrow());
        self.sources.look(&newest, false)
    }

    /// What goes on now and whenever it changes. Whoever is slow sees only the newest.
    pub fn follow(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.newest.clone()
    }

    /// From now on snapshots have every node.
    pub fn view_nodes(&self) -> NodeViewer {
        self.node_viewers.fetch_add(1, Ordering::Relaxed);
        NodeViewer(Arc::clone(&self.node_viewers))
    }
}

impl Drop for NodeViewer {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn publish(live: Live, sender: watch::Sender<Arc<Snapshot>>, stopping: CancellationToken) {
    let Live { sources, node_viewers, .. } = live;
    let mut pace = tokio::time::interval(PACE);
    pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut last = Arc::clone(&sender.borrow());
    let (mut looks, mut pulse) = (0_u32, None);
    loop {
        tokio::select! {
            () = stopping.cancelled() => return,
            _ = pace.tick() => {}
        }
        let with_nodes = node_viewers.load(Ordering::Relaxed) > 0;
        looks = looks.wrapping_add(1);
        let before = pulse.replace(sources.pulse(with_nodes));
        if before == pulse && !looks.is_multiple_of(AUDIT_LOOKS) {
            continue;
        }
        let mut newest = sources.look(&last, with_nodes);
        if (newest.revision != last.revision || looks.is_multiple_of(AUDIT_LOOKS))
            && let Err(error) = sources.audit(&mut newest).await
        {
            error!(error = &error as &dyn std::error::Error, "the audit trail cannot be read");
        }
        if newest != *last {
            last = Arc::new(newest);
            sender.send_replace(Arc::clone(&last));
        }
    }
}
