//! Resources as a whole: what one of them says about another, and what they come to on a node.

mod compile;
mod fields;

use std::collections::BTreeMap;

use umbra_policy::Policy;
use umbra_policy::spec::PolicySpec;

use crate::manifest::shadow::{Attribute, Override};
use crate::manifest::{Kind, Resource, Shadow, Stamp};
use crate::percent::Percent;
use crate::problem::Problem;
use crate::read::{MAX_PROBLEMS, shorten, suggest};

/// What the control plane knows of an Envoy, from the `node` of its stream. What is not known is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct NodeAttributes {
    /// `node.id`.
    pub id: String,
    /// `node.cluster`: the service that the Envoy stands beside.
    pub cluster: String,
    /// `node.locality.zone`.
    pub zone: String,
    /// `node.locality.region`.
    pub region: String,
    /// The texts in `node.metadata`, by key.
    pub metadata: BTreeMap<String, String>,
}

/// Resources that hold together: names are unique within a kind, and every stamp that a shadow names is
/// there. In the order of their names.
///
/// **Invariant:** [`Self::compile`] yields a policy that `umbra_policy::Policy::build` accepts, for any node.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ResourceSet {
    stamps: Vec<Stamp>,
    shadows: Vec<Shadow>,
}

impl NodeAttributes {
    /// The value of an attribute; empty when it is not known.
    #[must_use]
    pub fn get(&self, attribute: &Attribute) -> &str {
        match attribute {
            Attribute::Node => &self.id,
            Attribute::Cluster => &self.cluster,
            Attribute::Zone => &self.zone,
            Attribute::Region => &self.region,
            Attribute::Metadata(key) => self.metadata.get(key).map_or("", String::as_str),
        }
    }
}

impl Override {
    /// Whether all that `where` asks is so. What is not known of a node fits nothing.
    #[must_use]
    pub fn fits(&self, node: &NodeAttributes) -> bool {
        self.place.iter().all(|(attribute, value)| !value.is_empty() && node.get(attribute) == value)
    }
}

impl ResourceSet {
    /// Takes resources as a whole.
    ///
    /// # Errors
    /// Everything that does not hold together, by resource: shadows, then stamps, each in the order of names.
    pub fn new(resources: Vec<Resource>) -> Result<Self, Vec<Problem>> {
        let mut set = Self::default();
        for resource in resources {
            match resource {
                Resource::Stamp(stamp) => set.stamps.push(stamp),
                Resource::Shadow(shadow) => set.shadows.push(shadow),
            }
        }
        set.stamps.sort_by(|left, right| left.metadata.name.cmp(&right.metadata.name));
        set.shadows.sort_by(|left, right| left.metadata.name.cmp(&right.metadata.name));

        let mut problems = Vec::new();
        let stamp_names: Vec<&str> = set.stamps.iter().map(|stamp| stamp.metadata.name.as_str()).collect();
        let shadow_names: Vec<&str> =
            set.shadows.iter().map(|shadow| shadow.metadata.name.as_str()).collect();
        refuse_duplicates(Kind::Stamp, &stamp_names, &mut problems);
        refuse_duplicates(Kind::Shadow, &shadow_names, &mut problems);
        for shadow in &set.shadows {
            if problems.len() >= MAX_PROBLEMS {
                break;
            }
            refuse_unknown_stamps(shadow, &stamp_names, &mut problems);
        }
        // Overrides change shares alone, and a share is right by its type: one node stands for all.
        for problem in set.policy(set.compile(&NodeAttributes::default(), 0, None)).err().unwrap_or_default()
        {
            // Of names and references, what was said above is more than the policy knows.
            let is_new = |known: &Problem| known.resource != problem.resource || known.field != problem.field;
            if problems.len() < MAX_PROBLEMS && problems.iter().all(is_new) {
                problems.push(problem);
            }
        }
        problems.sort_by(|left, right| left.resource.cmp(&right.resource));
        if problems.is_empty() { Ok(set) } else { Err(problems) }
    }

    /// In the order of their names.
    #[must_use]
    pub fn stamps(&self) -> &[Stamp] {
        &self.stamps
    }

    /// In the order of their names.
    #[must_use]
    pub fn shadows(&self) -> &[Shadow] {
        &self.shadows
    }

    /// The shares on a node of the shadows that have overrides, in the order of their names: nodes for which they are the same
    /// have the same policy.
    #[must_use]
    pub fn shares(&self, node: &NodeAttributes) -> Vec<Percent> {
        let overridden = self.shadows.iter().filter(|shadow| !shadow.spec.overrides.is_empty());
        overridden.map(|shadow| share_on(shadow, node)).collect()
    }

    /// The policy of one node: the same rules for all, and of each shadow's shares the one that is for it.
    /// The order, and so the policy, does not depend on the order in which the resources were given.
    #[must_use]
    pub fn compile(&self, node: &NodeAttributes, revision: u64, mesh_key: Option<[u8; 16]>) -> PolicySpec {
        PolicySpec {
            revision,
            mesh_key,
            stamps: self.stamps.iter().map(compile::stamp).collect(),
            shadows: self.shadows.iter().map(|shadow| compile::shadow(shadow, node)).collect(),
        }
    }
}

impl ResourceSet {
    /// Builds what was compiled from this set.
    pub(crate) fn policy(&self, spec: PolicySpec) -> Result<Policy, Vec<Problem>> {
        Policy::build(spec).map_err(|errors| {
            errors.into_iter().map(|error| fields::problem(error, &self.stamps, &self.shadows)).collect()
        })
    }
}

/// The override that holds on a node, with its place in the list: the first that fits.
pub(crate) fn override_for<'s>(shadow: &'s Shadow, node: &NodeAttributes) -> Option<(usize, &'s Override)> {
    shadow.spec.overrides.iter().enumerate().find(|(_, one)| one.fits(node))
}

/// A shadow's share on a node, all that its policy has of the node.
fn share_on(shadow: &Shadow, node: &NodeAttributes) -> Percent {
    override_for(shadow, node).map_or(shadow.spec.share(), |(_, one)| one.percent)
}

/// `names` are sorted.
fn refuse_duplicates(kind: Kind, names: &[&str], problems: &mut Vec<Problem>) {
    let mut last = None;
    for (before, name) in names.iter().zip(names.iter().skip(1)) {
        // Of a name that stands three times, once is enough.
        if before == name && last != Some(name) {
            last = Some(name);
            problems.push(Problem {
                resource: Some(format!("{kind}/{}", shorten(name))),
                field: "metadata.name".to_owned(),
                message: format!("is given twice: a {kind}'s name is unique, so rename one or leave it out"),
            });
        }
    }
}

/// `stamps` are sorted.
fn refuse_unknown_stamps(shadow: &Shadow, stamps: &[&str], problems: &mut Vec<Problem>) {
    /// Beyond this, looking for what was meant takes longer than it helps.
    const MAX_SUGGESTIONS: usize = 20;

    for (index, name) in shadow.spec.stamps.iter().enumerate() {
        if stamps.binary_search(&name.as_str()).is_ok() {
            continue;
        }
        let near = if problems.len() < MAX_SUGGESTIONS { suggest::nearest(name, stamps) } else { None };
        let name = shorten(name);
        let message = match near {
            Some(near) => format!("unknown stamp `{name}`, did you mean `{near}`?"),
            None => format!("unknown stamp `{name}`: give the name of a stamp that is there"),
        };
        problems.push(Problem {
            resource: Some(format!("{}/{}", Kind::Shadow, shorten(&shadow.metadata.name))),
            field: format!("spec.stamps[{index}]"),
            message,
        });
    }
}
