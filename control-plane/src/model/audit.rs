//! Who changed what, when, from what, to what, and why.

use umbra_resource::{Kind, Resource};

/// Who asks for a write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The caller's name: `dev`, `token:deploy-bot`, `oidc:ann@example.com`.
    pub actor: String,
    /// The address that the request came from.
    pub source: String,
    /// Why, in the operator's words, if they were given.
    pub reason: Option<String>,
}

/// What was done to a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It was not there before.
    Create,
    /// It was replaced.
    Update,
    /// It is gone.
    Delete,
    /// Its valve or its switch was moved, and nothing else.
    Valve,
}

/// One resource's part of a write.
#[derive(Clone, Debug, PartialEq)]
pub struct Edit {
    /// What was done.
    pub action: Action,
    /// The resource's kind.
    pub kind: Kind,
    /// The resource's name.
    pub name: String,
    /// `None` if it was created.
    pub before: Option<Resource>,
    /// `None` if it was deleted.
    pub after: Option<Resource>,
}

/// A row of the audit trail, as kept.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditEntry {
    /// Grows by one with every row.
    pub id: u64,
    /// The revision that the write made. All the rows of one apply share it.
    pub revision: u64,
    /// RFC 3339, UTC.
    pub at: String,
    /// As in [`Origin`].
    pub actor: String,
    /// As in [`Origin`].
    pub source: String,
    /// `create`, `update`, `delete` or `valve`.
    pub action: String,
    /// `Stamp` or `Shadow`.
    pub kind: String,
    /// The resource's name.
    pub name: String,
    /// The resource before, as JSON text; `None` if it was created.
    pub before: Option<String>,
    /// The resource after, as JSON text; `None` if it was deleted.
    pub after: Option<String>,
    /// As in [`Origin`].
    pub reason: Option<String>,
}

impl Action {
    /// As kept and as shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Action::Create => "create",
            Action::Update => "update",
            Action::Delete => "delete",
            Action::Valve => "valve",
        }
    }
}
