//! A row as an export has it: one JSON object on a line.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{Entry, Hash};

/// A row of an export. Fields that are not known here are an error: they would not be hashed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    id: u64,
    revision: u64,
    at: String,
    actor: String,
    source: String,
    action: String,
    kind: String,
    name: String,
    before: Option<Box<RawValue>>,
    after: Option<Box<RawValue>>,
    reason: Option<String>,
    hash: String,
}

impl Line {
    /// Reads a line.
    ///
    /// # Errors
    /// It is not a row of an export.
    pub fn read(text: &str) -> Result<Line, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    /// What is hashed of it.
    #[must_use]
    pub fn entry(&self) -> Entry<'_> {
        Entry {
            id: self.id,
            revision: self.revision,
            at: &self.at,
            actor: &self.actor,
            source: &self.source,
            action: &self.action,
            kind: &self.kind,
            name: &self.name,
            before: self.before.as_deref().map(RawValue::get),
            after: self.after.as_deref().map(RawValue::get),
            reason: self.reason.as_deref(),
        }
    }

    /// The hash that it says it has; `None` where that is no hash at all.
    #[must_use]
    pub fn hash(&self) -> Option<Hash> {
        self.hash.parse().ok()
    }
}
