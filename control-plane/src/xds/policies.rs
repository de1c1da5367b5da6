//! What each node shall run, at one revision: compiled once for all the nodes that cannot be told apart.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use prost::bytes::Bytes;
use sha2::{Digest, Sha256};
use umbra_policy::spec::PolicySpec;
use umbra_resource::manifest::shadow::Attribute;
use umbra_resource::{NodeAttributes, Problem, ResourceSet};
use umbra_wire::delta::Resource;
use umbra_wire::{MAX_POLICY_BYTES, TYPE_URL};

use crate::model::nodes::{PolicyInfo, Share};
use crate::model::state::State;
use crate::xds::metrics::XdsMetrics;

/// The name of the policy for the filter's primary role.
pub const PRIMARY: &str = "primary";

/// So many different policies are kept. Beyond that, which takes an override for every single node, they are
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
    /// What overrides ask about: two nodes that agree in these run the same policy.
    asked: BTreeSet<Attribute>,
    kept: Mutex<Kept>,
    /// One at a time, so that compiling leaves cores for the streams and for the API.
    turn: tokio::sync::Mutex<()>,
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

#[derive(Default)]
struct Kept {
    /// By what the node answers to what is asked.
    by_answers: HashMap<Vec<String>, Arc<Compiled>>,
    by_version: HashMap<String, Arc<Compiled>>,
}

impl Policies {
    /// The policies of `state`. Nothing is compiled yet.
    pub fn new(state: &State, mesh_key: [u8; 16], metrics: XdsMetrics) -> Self {
        let overrides = state.shadows().flat_map(|shadow| &shadow.spec.overrides);
        let asked = overrides.flat_map(|one| one.place.keys().cloned()).collect();
        Policies {
            revision: state.revision(),
            set: Arc::clone(state.set()),
            mesh_key,
            metrics,
            asked,
            kept: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        }
    }

    /// The store's revision that they are of.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// The policy of a node.
    ///
    /// # Errors
    /// Compiling panicked. The node keeps what it has.
    pub async fn of(&self, node: &NodeAttributes) -> Result<Arc<Compiled>, CompileError> {
        let answers: Vec<String> =
            self.asked.iter().map(|attribute| node.get(attribute).to_owned()).collect();
        if let Some(compiled) = self.kept(&answers) {
            return Ok(compiled);
        }
        // Boxed, so that every stream's task need not have room for what seldom is.
        Box::pin(self.compile(node, answers)).await
    }

    async fn compile(
        &self,
        node: &NodeAttributes,
        answers: Vec<String>,
    ) -> Result<Arc<Compiled>, CompileError> {
        let _turn = self.turn.lock().await;
        if let Some(compiled) = self.kept(&answers) {
            return Ok(compiled);
        }
        self.metrics.compilations.inc();
        let (set, node, revision, mesh_key) =
            (Arc::clone(&self.set), node.clone(), self.revision, self.mesh_key);
        let compile = move || Compiled::of(&set.compile(&node, revision, Some(mesh_key)));
        let compiled = tokio::task::spawn_blocking(compile).await?;
        Ok(self.keep(answers, compiled))
    }

    fn kept(&self, answers: &[String]) -> Option<Arc<Compiled>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.by_answers.get(answers).cloned()
    }

    fn keep(&self, answers: Vec<String>, compiled: Compiled) -> Arc<Compiled> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(same) = kept.by_version.get(&compiled.info.version) {
            let same = Arc::clone(same);
            kept.by_answers.insert(answers, Arc::clone(&same));
            return same;
        }
        let compiled = Arc::new(compiled);
        if kept.by_version.len() < MAX_KEPT {
            kept.by_version.insert(compiled.info.version.clone(), Arc::clone(&compiled));
            kept.by_answers.insert(answers, Arc::clone(&compiled));
        }
        compiled
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
