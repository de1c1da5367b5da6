//! Which requests get a stamp.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

/// Which requests get the stamp: those that fit any of the clauses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct StampSpec {
    /// `match`: at least one clause.
    #[serde(rename = "match")]
    pub clauses: Vec<Clause>,
}

/// Conditions that must all hold. A clause without any fits every request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Clause {
    /// Any of these: `shop.example.com`, `*.example.com`, `*`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
    /// The path, without its query.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<PathMatch>,
    /// Any of these, compared with case.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<String>,
    /// All of these. Names are compared without case.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<FieldMatch>,
    /// All of these. Names are compared with case.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cookies: Vec<FieldMatch>,
    /// All of these. Names are compared with case, after percent-decoding.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub query: Vec<FieldMatch>,
}

/// A condition on the path: exactly one of these.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PathMatch {
    /// The same bytes.
    Exact(String),
    /// Whole segments: `/api` takes `/api` and `/api/x`, not `/apix`.
    Prefix(String),
    /// The regular expression matches the whole path.
    Regex(String),
    /// `/users/{id}`: a segment in braces stands for any one segment.
    Template(String),
}

/// A condition on a named header, cookie or query parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldMatch {
    /// The header's, cookie's or parameter's name.
    pub name: String,
    /// What is asked of its values.
    pub value: ValueMatch,
}

/// A condition on the values of one name: exactly one of these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValueMatch {
    /// The same bytes.
    Exact(String),
    /// Starts with these bytes.
    Prefix(String),
    /// Ends with these bytes.
    Suffix(String),
    /// Has these bytes somewhere.
    Contains(String),
    /// The regular expression matches the whole value.
    Regex(String),
    /// There is one, whatever it is.
    Present,
    /// There is none.
    Absent,
}

impl Serialize for FieldMatch {
    /// `{"name": "x-tenant", "exact": "acme"}`, `{"name": "session", "present": true}`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("name", &self.name)?;
        match &self.value {
            ValueMatch::Exact(value) => map.serialize_entry("exact", value)?,
            ValueMatch::Prefix(value) => map.serialize_entry("prefix", value)?,
            ValueMatch::Suffix(value) => map.serialize_entry("suffix", value)?,
            ValueMatch::Contains(value) => map.serialize_entry("contains", value)?,
            ValueMatch::Regex(value) => map.serialize_entry("regex", value)?,
            ValueMatch::Present => map.serialize_entry("present", &true)?,
            ValueMatch::Absent => map.serialize_entry("absent", &true)?,
        }
        map.end()
    }
}
