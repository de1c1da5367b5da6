//! What was found different.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// A difference between the primary's answer and another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The field, with array indices generalised: `$.items[*].price`, `header:content-type`, `line`, `body`.
    pub path: String,
    /// The very place: `$.items[3].price`, `line 17`, `byte 1024`.
    pub at: String,
    /// What kind of difference.
    pub kind: Kind,
    /// What the primary has there, as JSON text. `None` where it has nothing.
    pub primary: Option<String>,
    /// What the other has there, as JSON text. `None` where it has nothing.
    pub shadow: Option<String>,
}

impl Difference {
    /// The field that differs, and how.
    pub fn field(&self) -> Field<'_> {
        Field { path: &self.path, kind: self.kind }
    }
}

/// A field and the way in which it differs: what differences are counted by.
///
/// An identifier that is new in every answer is noise as a value. That it has become a string is none: so the same
/// path with another kind is another field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Field<'a> {
    /// The generalised path.
    pub path: &'a str,
    /// How it differs.
    pub kind: Kind,
}

/// What kind of difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Another value of the same type.
    Value,
    /// A value of another type.
    Type,
    /// The primary has it, the other does not.
    Missing,
    /// The other has it, the primary does not.
    Extra,
    /// The same elements in another order.
    Order,
    /// Another number of elements, or of bytes.
    Length,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 6] =
        [Kind::Value, Kind::Type, Kind::Missing, Kind::Extra, Kind::Order, Kind::Length];

    /// The kind of this name.
    pub fn from_name(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// `value`, `type`, `missing`, `extra`, `order` or `length`.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Value => "value",
            Kind::Type => "type",
            Kind::Missing => "missing",
            Kind::Extra => "extra",
            Kind::Order => "order",
            Kind::Length => "length",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The differences of two answers: the first of them, in which fields there are any, and how many there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Differences {
    /// The first, at most as many as asked for, in the order of the primary's document.
    pub first: Vec<Difference>,
    /// How many were found.
    pub total: usize,
    /// The fields of all of them: what is noise, and what counts, is decided by these, so none may hide behind others.
    fields: BTreeMap<Kind, BTreeSet<String>>,
}

impl Differences {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// The fields that differ.
    pub fn fields(&self) -> impl Iterator<Item = Field<'_>> {
        self.fields.iter().flat_map(|(kind, paths)| paths.iter().map(|path| Field { path, kind: *kind }))
    }

    /// Counts a difference of a field, and keeps it while there are fewer than `keep`.
    pub fn add(&mut self, keep: usize, field: &Field<'_>, difference: impl FnOnce() -> Difference) {
        let paths = self.fields.entry(field.kind).or_default();
        if !paths.contains(field.path) {
            paths.insert(field.path.to_owned());
        }
        if self.first.len() < keep {
            self.first.push(difference());
        }
        self.total += 1;
    }
}
