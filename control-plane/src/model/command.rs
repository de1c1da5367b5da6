//! What can be asked of the state, and what comes of it.

use std::fmt;

use umbra_resource::manifest::status::Moment;
use umbra_resource::{Kind, Problem, Resource};

use crate::model::access::Caller;
use crate::model::access::scope::Scope;

/// A write.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Create or replace one resource.
    Put {
        /// What it shall be.
        resource: Box<Resource>,
        /// What must hold of the one that is there.
        precondition: Precondition,
    },
    /// Delete one resource.
    Delete {
        /// Its kind.
        kind: Kind,
        /// Its name.
        name: String,
        /// What must hold of it.
        precondition: Precondition,
    },
    /// Create or replace several resources, all or none.
    Apply {
        /// What they shall be.
        resources: Vec<Resource>,
        /// Say what would happen and change nothing.
        dry_run: bool,
    },
    /// Move a shadow's valve, its switch, or both.
    Valve {
        /// The shadow's name.
        shadow: String,
        /// The valve, 0 to 100.
        percent: Option<f64>,
        /// The switch.
        enabled: Option<bool>,
        /// Until when: then what it moves goes back. `None`: for good.
        until: Option<Moment>,
        /// What must hold of the shadow.
        precondition: Precondition,
        /// Who moves it: the shadow must be in their scope, as it is when it is moved.
        by: Box<Caller>,
    },
    /// Take back what was moved for a limited time.
    Expire {
        /// The shadow's name.
        shadow: String,
        /// What is due then goes back.
        now: Moment,
    },
}

/// What must hold of a resource for it to be written (RFC 9110, section 13).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Precondition {
    /// Nothing.
    #[default]
    None,
    /// `If-None-Match: *`: it is not there.
    Absent,
    /// `If-Match: *`: it is there.
    Present,
    /// `If-Match: "7", "8"`: it is there, at one of these revisions.
    Revision(Vec<u64>),
}

/// What came of a write.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The store's revision after it.
    pub revision: u64,
    /// What became of each resource that was written, in the order that they were given in.
    pub results: Vec<Written>,
}

/// What became of a resource.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    /// What was done to it.
    pub effect: Effect,
    /// The resource as it is now; as it was, if it was deleted.
    pub resource: Resource,
}

/// What a write did to a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It was not there before.
    Created,
    /// It is another now.
    Updated,
    /// It was so already.
    Unchanged,
    /// It is gone.
    Deleted,
}

/// Why a write was refused. Nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// There is no such resource.
    NotFound {
        /// Its kind.
        kind: Kind,
        /// Its name.
        name: String,
    },
    /// The precondition does not hold.
    Stale {
        /// The resource's kind.
        kind: Kind,
        /// The resource's name.
        name: String,
        /// The revision it has; `None` if it is not there.
        current: Option<u64>,
    },
    /// Others refer to it.
    InUse {
        /// The stamp's name.
        name: String,
        /// The shadows that use it, by name.
        by: Vec<String>,
    },
    /// The shadow is not one of those that may be moved by whoever asks.
    OutOfScope {
        /// Who asks.
        name: String,
        /// Which ones may be.
        scope: Scope,
        /// The shadow's name.
        shadow: String,
    },
    /// What it would become is wrong.
    Invalid(Vec<Problem>),
}

impl Precondition {
    /// Whether it holds of a resource at `current`, or of one that is not there.
    pub fn holds(&self, current: Option<u64>) -> bool {
        match (self, current) {
            (Precondition::None, _) => true,
            (Precondition::Absent, current) => current.is_none(),
            (Precondition::Present, current) => current.is_some(),
            (Precondition::Revision(revisions), Some(current)) => revisions.contains(&current),
            (Precondition::Revision(_), None) => false,
        }
    }
}

impl Effect {
    /// As shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Effect::Created => "created",
            Effect::Updated => "updated",
            Effect::Unchanged => "unchanged",
            Effect::Deleted => "deleted",
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rejection::NotFound { kind, name } => write!(f, "there is no {kind} {name:?}"),
            Rejection::Stale { kind, name, current: Some(current) } => {
                write!(f, "{kind} {name:?} is at revision {current}: read it again and repeat the change")
            }
            Rejection::Stale { kind, name, current: None } => write!(f, "there is no {kind} {name:?} yet"),
            Rejection::InUse { name, by } => {
                write!(f, "stamp {name:?} is used by the shadows {}", by.join(", "))
            }
            Rejection::OutOfScope { name, scope, shadow } => {
                write!(f, "{name} may move {scope}, and {shadow} is not among them")
            }
            Rejection::Invalid(problems) => match problems.as_slice() {
                [only] => write!(f, "{only}"),
                [first, rest @ ..] => write!(f, "{first} (and {} more)", rest.len()),
                [] => f.write_str("invalid"),
            },
        }
    }
}

impl std::error::Error for Rejection {}
