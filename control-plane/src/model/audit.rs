//! Who changed what, when, from what, to what, and why.

use umbra_audit::{Entry, Hash};
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
    /// Its valve or its switch went back, as its time was over.
    Expire,
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
    /// What the server has to say of it, beside the operator's reason.
    pub note: Option<String>,
}

/// What a row of the audit trail says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AuditRecord {
    /// The revision that the write made, or at which it was made. All the rows of one apply share it.
    pub revision: u64,
    /// RFC 3339, UTC.
    pub at: String,
    /// As in [`Origin`].
    pub actor: String,
    /// As in [`Origin`].
    pub source: String,
    /// As of [`Action::as_str`].
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

/// A row of the audit trail, as kept.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditEntry {
    /// Grows by one with every row.
    pub id: u64,
    /// What it says.
    pub record: AuditRecord,
    /// What chains it to the row before, as kept.
    pub hash: String,
}

/// Which rows of the audit trail; all of them by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// By whom.
    pub actor: Option<String>,
    /// What was done.
    pub action: Option<String>,
    /// To what kind of thing.
    pub kind: Option<String>,
    /// To which.
    pub name: Option<String>,
    /// Not before that: RFC 3339, UTC, with milliseconds.
    pub since: Option<String>,
    /// Before that, written alike.
    pub until: Option<String>,
}

impl AuditRecord {
    /// What is hashed of it as row `id`.
    pub fn entry(&self, id: u64) -> Entry<'_> {
        Entry {
            id,
            revision: self.revision,
            at: &self.at,
            actor: &self.actor,
            source: &self.source,
            action: &self.action,
            kind: &self.kind,
            name: &self.name,
            before: self.before.as_deref(),
            after: self.after.as_deref(),
            reason: self.reason.as_deref(),
        }
    }
}

impl AuditEntry {
    /// What chains it to the row before; `None` if that was tampered with so far that it is no hash.
    pub fn hash(&self) -> Option<Hash> {
        self.hash.parse().ok()
    }
}

impl Action {
    /// As kept and as shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Action::Create => "create",
            Action::Update => "update",
            Action::Delete => "delete",
            Action::Valve => "valve",
            Action::Expire => "expire",
        }
    }
}
