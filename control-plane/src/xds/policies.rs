//! What each node shall run, at one revision: compiled once for all the nodes that cannot be told apart.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prost::bytes::Bytes;
use sha2::{Digest, Sha256};
use tokio::sync::watch;
use umbra_policy::spec::PolicySpec;
use umbra_resource::{NodeAttributes, Percent, Problem, ResourceSet};
use umbra_wire::delta::Resource;
use umbra_wire::{MAX_POLICY_BYTES, TYPE_URL};

use crate::model::nodes::{PolicyInfo, Share};
use crate::model::state::State;
use crate::xds::metrics::XdsMetrics;

/// The name of the policy for the filter's primary role.
pub const PRIMARY: &str = "primary";

/// So many different policies are kept. Beyond that, which takes a share of its own for every single node, they are
/// compiled again when they are needed again.
const MAX_KEPT: usize = 1024;

/// How much an override may add to a policy: a shadow's share is a number of at most three bytes, and there are at
/// most 1,000 shadows.
const OVERRIDES_BYTES: usize = 4 * 1024;

/// What each node shall run, at one revision.
pub struct Policies {
    revision: u64,
    set: Arc<ResourceSet>,
    mesh_key: [u8; 16],
    metrics: XdsMetrics,
    /// By the shares that they have in common.
    kept: Mutex<HashMap<Vec<Percent>, Arc<Compiled>>>,
    /// One at a time, so that compiling leaves cores for the streams and for the API; of all revisions, so that whoever
    /// waits keeps its place when the next is published.
    turn: Arc<tokio::sync::Mutex<()>>,
}

/// A policy, ready to be sent.
#[derive(Debug)]
pub struct Compiled {
    /// For operators.
    pub info: Arc<PolicyInfo>,
    /// Encoded. Clones share the bytes.
    pub body: Bytes,
}

/// Compiling ended badly, which is a defect.
#[derive(Debug, thiserror::Error)]
#[error("the policy cannot be compiled")]
pub struct CompileError(#[from] tokio::task::JoinError);

impl Policies {
    /// The policies of `state`. Nothing is compiled yet.
    pub fn new(state: &State, mesh_key: [u8; 16], metrics: XdsMetrics) -> Self {
        Policies {
            revision: state.revision(),
            set: Arc::clone(state.set()),
            mesh_key,
            metrics,
            kept: Mutex::default(),
            turn: Arc::default(),
        }
    }

    /// Those of `state`, which comes after theirs.
    pub fn next(&self, state: &State) -> Self {
        let turn = Arc::clone(&self.turn);
        Policies { turn, ..Policies::new(state, self.mesh_key, self.metrics.clone()) }
    }

    /// The policy of a node at the newest revision: also of one that is published while its turn to be compiled is waited for.
    ///
    /// # Errors
    /// Compiling panicked. The node keeps what it has.
    pub async fn newest(
        policies: &mut watch::Receiver<Arc<Policies>>,
        node: &NodeAttributes,
    ) -> Result<Arc<Compiled>, CompileError> {
        let newest = Arc::clone(&policies.borrow_and_update());
        if let Some(compiled) = newest.kept(&newest.set.shares(node)) {
            return Ok(compiled);
        }
        // Boxed, so that every stream's task need not have room for what seldom is.
        Box::pin(async {
            let _turn = newest.turn.lock().await;
            let newest = Arc::clone(&policies.borrow_and_update());
            newest.compile(node).await
        })
        .await
    }

    /// Unless it was compiled already.
    async fn compile(&self, node: &NodeAttributes) -> Result<Arc<Compiled>, CompileError> {
        let shares = self.set.shares(node);
        if let Some(compiled) = self.kept(&shares) {
            return Ok(compiled);
        }
        self.metrics.compilations.inc();
        let (set, node, revision, mesh_key) =
            (Arc::clone(&self.set), node.clone(), self.revision, self.mesh_key);
        let compile = move || Compiled::of(&set.compile(&node, revision, Some(mesh_key)));
        let compiled = Arc::new(tokio::task::spawn_blocking(compile).await?);
        let mut kept = self.locked();
        if kept.len() < MAX_KEPT {
            kept.insert(shares, Arc::clone(&compiled));
        }
        Ok(compiled)
    }

    fn kept(&self, shares: &[Percent]) -> Option<Arc<Compiled>> {
        self.locked().get(shares).cloned()
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<Vec<Percent>, Arc<Compiled>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Compiled {
    /// Encodes `spec`. Its version is the first 16 bytes of the SHA-256 of the encoding, in hexadecimal digits, so
    /// that every replica and every run gives equal policies equal versions.
    pub fn of(spec: &PolicySpec) -> Self {
        let body = Bytes::from(umbra_wire::encode(spec));
        let version = Sha256::digest(&body).iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        let share = |shadow: &umbra_policy::spec::ShadowSpec| Share {
            ppm: shadow.share_ppm,
            enabled: shadow.enabled,
        };
        let shares = spec.shadows.iter().map(|shadow| (shadow.name.clone(), share(shadow))).collect();
        Compiled { info: Arc::new(PolicyInfo { version, revision: spec.revision, shares }), body }
    }

    /// As it is sent.
    pub fn resource(&self) -> Resource {
        Resource {
            name: PRIMARY.to_owned(),
            version: self.info.version.clone(),
            type_url: TYPE_URL.to_owned(),
            body: self.body.clone(),
        }
    }
}

/// Refuses a state whose policies are too large for a filter to take, before it becomes the state.
///
/// # Errors
/// One problem that says how large.
pub fn admit(state: &State) -> Result<(), Vec<Problem>> {
    let limit = MAX_POLICY_BYTES - OVERRIDES_BYTES;
    let spec = state.set().compile(&NodeAttributes::default(), state.revision(), Some([0; 16]));
    let bytes = umbra_wire::encode(&spec).len();
    if bytes <= limit {
        return Ok(());
    }
    let message = format!(
        "the policy would be {bytes} bytes long, and filters take {limit} at most: \
         use fewer or shorter stamps and shadows"
    );
    Err(vec![Problem { resource: None, field: String::new(), message }])
}

#[cfg(test)]
mod tests {
    use futures::future::join_all;
    use umbra_resource::from_yaml;

    use super::*;
    use crate::model::nodes::Nodes;
    use crate::xds::serve::publish;

    /// A shadow at 5 %, on the node `node-7` at 50 %.
    fn state(revision: u64) -> State {
        let yaml = "
- {apiVersion: umbra/v1, kind: Stamp, metadata: {name: a}, spec: {match: [{hosts: ['*']}]}}
- apiVersion: umbra/v1
  kind: Shadow
  metadata: {name: s}
  spec:
    {stamps: [a], target: {cluster: t}, percent: 5, overrides: [{where: {node: node-7}, percent: 50}]}
";
        State::new(revision, from_yaml(yaml).unwrap()).unwrap()
    }

    fn node(number: u32) -> NodeAttributes {
        NodeAttributes { id: format!("node-{number}"), ..NodeAttributes::default() }
    }

    fn policies(revision: u64) -> (watch::Sender<Arc<Policies>>, XdsMetrics) {
        let metrics = XdsMetrics::default();
        let policies = Policies::new(&state(revision), [0; 16], metrics.clone());
        (watch::channel(Arc::new(policies)).0, metrics)
    }

    #[tokio::test]
    async fn an_override_for_one_node_is_one_policy_more() {
        let (sender, metrics) = policies(1);
        let compiled = join_all((0..1_000).map(|number| {
            let mut receiver = sender.subscribe();
            async move { Policies::newest(&mut receiver, &node(number)).await.unwrap() }
        }))
        .await;
        let shares: Vec<u32> = compiled.iter().map(|policy| policy.info.shares["s"].ppm).collect();
        let mut expected = vec![50_000; 1_000];
        expected[7] = 500_000;
        assert_eq!(shares, expected);
        assert_eq!(metrics.compilations.get(), 2);
    }

    #[tokio::test]
    async fn who_waits_for_its_turn_is_given_what_is_newest_then() {
        let (sender, metrics) = policies(1);
        let turn = Arc::clone(&sender.borrow().turn).lock_owned().await;
        let mut receiver = sender.subscribe();
        let waiting = tokio::spawn(async move { Policies::newest(&mut receiver, &node(1)).await });
        tokio::task::yield_now().await;
        for revision in 2..=10 {
            let next = sender.borrow().next(&state(revision));
            sender.send_replace(Arc::new(next));
        }
        drop(turn);
        assert_eq!(waiting.await.unwrap().unwrap().info.revision, 10);
        assert_eq!(metrics.compilations.get(), 1, "nothing is compiled that is over");
    }

    /// A change that must be quick is published though policies are still compiled for the one before.
    #[tokio::test]
    async fn compiling_holds_up_no_change() {
        let (sender, _) = policies(1);
        let turn = Arc::clone(&sender.borrow().turn).lock_owned().await;
        let mut nodes = Nodes::new(1, 8);
        let now = std::time::SystemTime::now();
        nodes.opened(Arc::new(node(1)), "", Arc::default(), None, now).unwrap();
        nodes.closed("node-1", now);
        let nodes = Arc::new(Mutex::new(nodes));
        let (states, watched) = watch::channel(Arc::new(state(1)));
        let mut published = sender.subscribe();
        tokio::spawn(publish(watched, sender, Arc::clone(&nodes)));
        for revision in 2..=3 {
            states.send_replace(Arc::new(state(revision)));
            let seen = published.wait_for(|policies| policies.revision == revision);
            let patience = std::time::Duration::from_secs(20);
            assert!(tokio::time::timeout(patience, seen).await.is_ok(), "{revision}");
        }
        drop(turn);
        let desired = |nodes: &Nodes| nodes.list()[0].desired.as_ref().unwrap().revision;
        while desired(&Nodes::locked(&nodes)) != 3 {
            tokio::task::yield_now().await;
        }
    }
}
