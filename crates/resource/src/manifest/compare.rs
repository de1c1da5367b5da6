//! How responses are compared. Read and checked here; the comparison is elsewhere.

use serde::{Serialize, Serializer};

use crate::percent::Percent;

/// How the shadow's responses are compared with the primary's.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Compare {
    /// Of the shadowed requests. Left out: 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub percent: Option<Percent>,
    /// What is looked at of the bodies. Left out: digests, so that bodies stay where they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<BodyComparison>,
    /// Of longer bodies only so many bytes are looked at. Left out: 65,536.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_body_bytes: Option<u64>,
    /// The response headers that are compared.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<String>,
    /// JSONPaths (RFC 9535) of what may differ.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ignore: Vec<String>,
    /// JSONPaths (RFC 9535) of arrays whose order means nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unordered: Vec<String>,
    /// Numbers that may differ a little.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tolerance: Vec<Tolerance>,
    /// How a difference is told from noise. Left out: by the discordant pairs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub noise: Option<Noise>,
    /// Path templates that group requests. Where none fits, one is inferred.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub endpoints: Vec<String>,
    /// What is never kept of the examples.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redact: Option<Redact>,
}

/// What is looked at of the bodies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum BodyComparison {
    /// Their structure, field by field.
    Full,
    /// Whether they are the same bytes. Bodies leave the node only where somebody wrote so.
    #[default]
    Digest,
    /// Nothing.
    None,
}

/// How a difference is told from noise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Noise {
    /// By the pairs in which the shadow alone differs, against those in which the control alone does.
    Discordant,
    /// By Diffy's rule, field by field.
    Diffy,
}

/// A number that may differ a little.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Tolerance {
    /// The JSONPath (RFC 9535) of the number.
    pub path: String,
    /// By so much at most, 0 or more, in the number's own unit.
    #[serde(serialize_with = "number")]
    pub absolute: f64,
}

/// What is never kept of the examples.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Redact {
    /// JSONPaths (RFC 9535) of values in bodies.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
    /// Names of headers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<String>,
}

/// The largest whole number up to which every whole number is an `f64`: 2^53.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Writes a whole number without a fraction, so that `2` stays `2` and not `2.0`.
// Where a reference is as large as the number, clippy has nothing against it.
#[cfg_attr(
    target_pointer_width = "64",
    expect(clippy::trivially_copy_pass_by_ref, reason = "serde's serialize_with hands a reference")
)]
pub(super) fn number<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    if value.fract() == 0.0 && value.abs() <= EXACT {
        serializer.serialize_i64(*value as i64)
    } else {
        serializer.serialize_f64(*value)
    }
}
