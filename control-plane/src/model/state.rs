//! Every resource at one revision.

use std::collections::BTreeMap;
use std::sync::Arc;

use umbra_resource::{Kind, Problem, Resource, ResourceSet, Shadow};

/// Every resource at one revision, validated as a whole. It never changes; a write makes another.
#[derive(Clone, Debug)]
pub struct State {
    revision: u64,
    resources: Resources,
    set: Arc<ResourceSet>,
}

/// By kind, then by name. Shared, so that the next state copies only what it changes.
pub(crate) type Resources = BTreeMap<(Kind, String), Arc<Resource>>;

impl State {
    /// The state of `revision`, from its resources.
    ///
    /// # Errors
    /// All that is wrong with them, taken as a whole.
    pub fn new(revision: u64, resources: Vec<Resource>) -> Result<State, Vec<Problem>> {
        let by_name = resources
            .into_iter()
            .map(|resource| ((resource.kind(), resource.name().to_owned()), Arc::new(resource)))
            .collect();
        State::of(revision, by_name)
    }

    pub(crate) fn of(revision: u64, resources: Resources) -> Result<State, Vec<Problem>> {
        let set = ResourceSet::new(resources.values().map(|resource| Resource::clone(resource)).collect())?;
        Ok(State { revision, resources, set: Arc::new(set) })
    }

    /// The revision: 0 for an empty store, one more with every write that changed something.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// The resource of this kind and name.
    pub fn get(&self, kind: Kind, name: &str) -> Option<&Arc<Resource>> {
        self.resources.get(&(kind, name.to_owned()))
    }

    /// The resources of this kind, by name.
    pub fn list(&self, kind: Kind) -> impl Iterator<Item = &Arc<Resource>> {
        self.resources.iter().filter(move |((of, _), _)| *of == kind).map(|(_, resource)| resource)
    }

    /// The resources as a whole, which is what policies are compiled from.
    pub fn set(&self) -> &Arc<ResourceSet> {
        &self.set
    }

    /// The shadows, by name.
    pub fn shadows(&self) -> impl Iterator<Item = &Shadow> {
        self.resources.values().filter_map(|resource| match resource.as_ref() {
            Resource::Shadow(shadow) => Some(shadow),
            Resource::Stamp(_) => None,
        })
    }

    pub(crate) fn resources(&self) -> &Resources {
        &self.resources
    }
}
