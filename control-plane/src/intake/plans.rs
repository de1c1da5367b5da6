//! How each shadow wants its pairs looked at, at the store's newest revision.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::{Mutex, watch};
use tracing::error;

use crate::analysis::plan::Plan;
use crate::model::state::State;
use crate::store::error::StoreError;
use crate::store::telemetry::Telemetry;

/// Follows the state.
pub struct Plans {
    state: watch::Receiver<Arc<State>>,
    telemetry: Telemetry,
    kept: Mutex<Option<Arc<Snapshot>>>,
}

/// The plans at one revision.
pub struct Snapshot {
    revision: u64,
    shadows: HashMap<String, Arc<ShadowPlan>>,
}

/// One shadow's.
pub struct ShadowPlan {
    /// `None` if its rules cannot be read; its pairs are then not looked at, and not kept.
    pub plan: Option<Plan>,
    /// Where its evidence began, in ascending order.
    beginnings: Vec<Beginning>,
}

/// Where evidence began; the default for a shadow that is older than its evidence is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Beginning {
    /// The revision.
    pub epoch: u64,
    /// When that was, in milliseconds since 1970.
    pub at_ms: u64,
}

impl Plans {
    /// Those of this state, and of each that follows.
    pub fn new(state: watch::Receiver<Arc<State>>, telemetry: Telemetry) -> Self {
        Plans { state, telemetry, kept: Mutex::default() }
    }

    /// The newest.
    ///
    /// # Errors
    /// The store failed.
    pub async fn now(&self) -> Result<Arc<Snapshot>, StoreError> {
        let mut kept = self.kept.lock().await;
        let state = Arc::clone(&self.state.borrow());
        if let Some(snapshot) = kept.as_ref().filter(|snapshot| snapshot.revision == state.revision()) {
            return Ok(Arc::clone(snapshot));
        }
        // A state is published after it is committed, so that its beginnings are there to be read.
        let mut epochs = self.telemetry.epochs().await?;
        let mut shadows = HashMap::new();
        for shadow in state.shadows() {
            let name = &shadow.metadata.name;
            let plan = Plan::of(&shadow.spec);
            let plan =
                plan.inspect_err(|error| error!(shadow = name, %error, "its pairs cannot be compared")).ok();
            let beginnings = epochs.remove(name).unwrap_or_default().into_iter();
            let beginnings = beginnings.map(|(epoch, at_ms)| Beginning { epoch, at_ms }).collect();
            shadows.insert(name.clone(), Arc::new(ShadowPlan { plan, beginnings }));
        }
        let snapshot = Arc::new(Snapshot { revision: state.revision(), shadows });
        *kept = Some(Arc::clone(&snapshot));
        Ok(snapshot)
    }
}

impl Snapshot {
    /// The plan of a shadow that there is.
    pub fn of(&self, shadow: &str) -> Option<&Arc<ShadowPlan>> {
        self.shadows.get(shadow)
    }
}

impl ShadowPlan {
    /// Where its evidence began last.
    pub fn newest(&self) -> Beginning {
        self.beginnings.last().copied().unwrap_or_default()
    }

    /// To which evidence that counts which was seen under the policy of this revision.
    pub fn beginning_at(&self, policy_revision: u64) -> Beginning {
        let mut latest_first = self.beginnings.iter().rev();
        latest_first.find(|beginning| beginning.epoch <= policy_revision).copied().unwrap_or_default()
    }

    /// Whether that is the newest evidence.
    pub fn is_current(&self, policy_revision: u64) -> bool {
        self.beginning_at(policy_revision) == self.newest()
    }
}
