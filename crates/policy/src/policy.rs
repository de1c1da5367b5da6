//! A policy in the form that decides: validated, its regular expressions compiled, its rules indexed.

use std::ops::Range;

use crate::clause::Clause;
use crate::index::Index;
use crate::shadow::{Shadow, ShadowId};
use crate::spec::{PolicySpec, StampSpec};
use crate::validate::{At, Errors, FieldError, check_name};

/// The most stamps in a policy.
const MAX_STAMPS: usize = 10_000;

/// The most shadows in a policy.
const MAX_SHADOWS: usize = 1_000;

/// The most clauses in a stamp.
const MAX_CLAUSES: usize = 100;

/// A validated policy. Immutable; [`crate::decide`] asks it.
#[derive(Debug)]
pub struct Policy {
    revision: u64,
    mesh_key: Option<[u8; 16]>,
    stamps: Vec<Stamp>,
    shadows: Vec<Shadow>,
    pub(crate) clauses: Vec<Clause>,
    pub(crate) index: Index,
    /// The shadows of each stamp, ascending. Same positions as `stamps`.
    shadows_of: Vec<Vec<ShadowId>>,
}

/// A stamp's position among the policy's stamps, which is the order of their names.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct StampId(pub u16);

/// A validated stamp.
#[derive(Clone, Debug)]
pub struct Stamp {
    name: String,
    /// Where its clauses are in the policy's list.
    pub(crate) clauses: Range<usize>,
}

impl Policy {
    /// Validates and indexes a policy.
    ///
    /// Stamps and shadows are put in the order of their names, whatever order they come in: names decide
    /// precedence, not the way that a policy took.
    ///
    /// # Errors
    /// Every field that is wrong, not only the first. No policy is built in part.
    pub fn build(spec: PolicySpec) -> Result<Policy, Vec<FieldError>> {
        let mut errors = Errors::default();
        let stamps_fit = errors.at_most(At::root("stamps", None), spec.stamps.len(), MAX_STAMPS);
        let shadows_fit = errors.at_most(At::root("shadows", None), spec.shadows.len(), MAX_SHADOWS);
        if !stamps_fit || !shadows_fit {
            return Err(errors.into_vec());
        }
        let stamp_specs = in_order(spec.stamps, "stamps", |stamp| &stamp.name, &mut errors);
        let shadow_specs = in_order(spec.shadows, "shadows", |shadow| &shadow.name, &mut errors);

        let mut stamps = Vec::with_capacity(stamp_specs.len());
        let mut clauses = Vec::new();
        for ((position, spec), id) in stamp_specs.into_iter().zip(0..) {
            let at = At::root("stamps", Some(position));
            stamps.push(build_stamp(spec, StampId(id), at, &mut clauses, &mut errors));
        }

        // In order, so they can be searched.
        let stamp_named = |name: &str| {
            let position = stamps.binary_search_by(|stamp| stamp.name.as_str().cmp(name)).ok()?;
            u16::try_from(position).ok().map(StampId)
        };
        let mut shadows = Vec::with_capacity(shadow_specs.len());
        for (position, spec) in shadow_specs {
            let at = At::root("shadows", Some(position));
            shadows.push(Shadow::build(spec, at, stamp_named, &mut errors));
        }

        if !errors.is_empty() {
            return Err(errors.into_vec());
        }
        let mut shadows_of = vec![Vec::new(); stamps.len()];
        for (shadow, id) in shadows.iter().zip(0..) {
            for stamp in shadow.stamps() {
                if let Some(list) = shadows_of.get_mut(usize::from(stamp.0)) {
                    list.push(ShadowId(id));
                }
            }
        }
        Ok(Policy {
            revision: spec.revision,
            mesh_key: spec.mesh_key,
            index: Index::new(&clauses),
            stamps,
            shadows,
            clauses,
            shadows_of,
        })
    }

    /// The store's revision at which the policy was compiled; 0 for a static fallback.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// The key of the mesh's pair ids, where there is one.
    pub fn mesh_key(&self) -> Option<&[u8; 16]> {
        self.mesh_key.as_ref()
    }

    /// In the order of their names; a [`StampId`] is a position here.
    pub fn stamps(&self) -> &[Stamp] {
        &self.stamps
    }

    /// In the order of their names; a [`ShadowId`] is a position here.
    pub fn shadows(&self) -> &[Shadow] {
        &self.shadows
    }

    /// The stamp of an id that this policy gave out; `None` for an id of another policy.
    pub fn stamp(&self, id: StampId) -> Option<&Stamp> {
        self.stamps.get(usize::from(id.0))
    }

    /// The shadow of an id that this policy gave out; `None` for an id of another policy.
    pub fn shadow(&self, id: ShadowId) -> Option<&Shadow> {
        self.shadows.get(usize::from(id.0))
    }

    /// The shadows that requests with this stamp are candidates for, ascending.
    pub fn shadows_of(&self, stamp: StampId) -> &[ShadowId] {
        self.shadows_of.get(usize::from(stamp.0)).map_or(&[], Vec::as_slice)
    }
}

impl Stamp {
    /// Unique among the stamps.
    pub fn name(&self) -> &str {
        &self.name
    }
}

fn build_stamp(
    spec: StampSpec,
    id: StampId,
    at: At<'_>,
    clauses: &mut Vec<Clause>,
    errors: &mut Errors,
) -> Stamp {
    errors.keep(at.field("name"), check_name(&spec.name));
    if spec.clauses.is_empty() {
        errors
            .add(at.field("clauses"), "is empty: give at least one (one without conditions fits everything)");
    }
    let start = clauses.len();
    if errors.at_most(at.field("clauses"), spec.clauses.len(), MAX_CLAUSES) {
        for (position, clause) in spec.clauses.iter().enumerate() {
            clauses.push(Clause::build(clause, id, at.item("clauses", position), errors));
        }
    }
    Stamp { name: spec.name, clauses: start..clauses.len() }
}

/// The items by name, each with the position it came in. Names that come twice are noted.
fn in_order<T>(
    items: Vec<T>,
    list: &'static str,
    name: fn(&T) -> &String,
    errors: &mut Errors,
) -> Vec<(usize, T)> {
    let mut items: Vec<(usize, T)> = items.into_iter().enumerate().collect();
    items.sort_by(|(_, left), (_, right)| name(left).cmp(name(right)));
    for pair in items.windows(2) {
        if let [(_, first), (position, second)] = pair
            && name(first) == name(second)
        {
            let at = At::root(list, Some(*position));
            errors.add(at.field("name"), format!("{:?} is there twice", name(second)));
        }
    }
    items
}
