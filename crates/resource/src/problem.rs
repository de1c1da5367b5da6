//! What is wrong with a resource, where, and what would be right.

use std::fmt;

use serde::Serialize;

/// One thing that is wrong with what an operator wrote.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Problem {
    /// `Shadow/checkout-v2`. Of a resource whose kind or name cannot be told, where it stands
    /// (`document 2`, `items[3]`); `None` when it is about the text as a whole.
    pub resource: Option<String>,
    /// `spec.percent`, `spec.match[0].path.regex`. Empty when it is about the resource as a whole.
    pub field: String,
    /// What is wrong and what would be right: lower case, no full stop.
    pub message: String,
}

impl Problem {
    /// A problem of the text or of the set as a whole.
    pub(crate) fn general(message: impl Into<String>) -> Self {
        Self { resource: None, field: String::new(), message: message.into() }
    }
}

impl fmt::Display for Problem {
    /// `Shadow/checkout-v2: spec.percent: 101 is out of range: give 0 to 100`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(resource) = &self.resource {
            write!(f, "{resource}: ")?;
        }
        if !self.field.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for Problem {}
