//! Comparing two bodies, whatever they are: decoded, then as JSON, as text, or as bytes.

pub mod decode;
mod text;

use crate::difference::{Difference, Differences, Field, Kind};
use crate::json::diff::diff;
use crate::json::rules::Rules;
use crate::json::tree::{Node, NotJson, parse};

/// A body as it came, with the headers that say how to read it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Body<'a> {
    /// `content-type`, if there is one.
    pub content_type: Option<&'a [u8]>,
    /// `content-encoding`, if there is one.
    pub content_encoding: Option<&'a [u8]>,
    /// The bytes, as sent.
    pub bytes: &'a [u8],
    /// Whether only the beginning of the body is here.
    pub truncated: bool,
}

impl Body<'_> {
    /// Whether this is known to be shorter than the other: it is whole, and of the other there is more.
    fn is_shorter_than(&self, other: &Body<'_>) -> bool {
        !self.truncated && self.bytes.len() < other.bytes.len()
    }
}

/// How large things may get.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// A body is decoded up to this many bytes.
    pub max_decoded_bytes: usize,
    /// This many differences are kept to be shown; all are counted, and their fields.
    pub max_differences: usize,
    /// Values are shown up to about this many bytes.
    pub max_shown_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        // 8 MiB is far over the bodies that are sampled, and far under what a compression bomb unfolds to.
        Limits { max_decoded_bytes: 8 << 20, max_differences: 100, max_shown_bytes: 256 }
    }
}

/// As what the bodies were compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ComparedAs {
    /// Both are JSON.
    Json,
    /// Line by line.
    Text,
    /// Byte by byte.
    Bytes,
}

/// What came of a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// As what the bodies were compared.
    pub compared_as: ComparedAs,
    /// What is different.
    pub differences: Differences,
    /// Only the beginnings were compared: a body was cut off when it was sampled, or decodes to more than is allowed.
    pub truncated: bool,
    /// What stood in the way of a closer look, for a person to read.
    pub remark: Option<String>,
}

/// Compares the bodies of two answers.
///
/// JSON by structure where both are JSON (by content type, or by trying where there is none). What is UTF-8 on both
/// sides, by lines: so also JSON that nests too deep or has too many values. Anything else, and what is cut off, by bytes.
pub fn compare(primary: &Body<'_>, shadow: &Body<'_>, rules: &Rules, limits: &Limits) -> Comparison {
    let (left, right) = (decoded(primary, limits), decoded(shadow, limits));
    let truncated = left.truncated || right.truncated;
    let mut remark = left.remark.or(right.remark);
    if left.bytes == right.bytes {
        let compared_as = if truncated { ComparedAs::Bytes } else { kind_of(primary, &left.bytes) };
        return Comparison { compared_as, differences: Differences::default(), truncated, remark };
    }
    if !truncated && may_be_json(primary) && may_be_json(shadow) {
        match (parse(&left.bytes), parse(&right.bytes)) {
            (Ok(mut a), Ok(mut b)) => {
                rules.mark(&mut a);
                rules.mark(&mut b);
                let differences = diff(&a, &b, limits.max_differences, limits.max_shown_bytes);
                return Comparison { compared_as: ComparedAs::Json, differences, truncated, remark };
            }
            (a, b) => remark = remark.or_else(|| why_not_json(&a, &b)),
        }
    }
    let (compared_as, differences) =
        match (std::str::from_utf8(&left.bytes), std::str::from_utf8(&right.bytes)) {
            (Ok(a), Ok(b)) if !truncated => (ComparedAs::Text, text::diff(a, b, limits)),
            _ => (
                ComparedAs::Bytes,
                bytes(&bare(&left.bytes, left.truncated), &bare(&right.bytes, right.truncated)),
            ),
        };
    Comparison { compared_as, differences, truncated, remark }
}

/// Compares the bodies of two answers as they were sent.
pub fn compare_bytes(primary: &Body<'_>, shadow: &Body<'_>) -> Comparison {
    Comparison {
        compared_as: ComparedAs::Bytes,
        differences: bytes(primary, shadow),
        truncated: primary.truncated || shadow.truncated,
        remark: None,
    }
}

struct Decoded {
    bytes: Vec<u8>,
    truncated: bool,
    remark: Option<String>,
}

/// What cannot be decoded is compared as it came.
fn decoded(body: &Body<'_>, limits: &Limits) -> Decoded {
    match decode::decode(body.content_encoding, body.bytes, limits.max_decoded_bytes) {
        Ok(decode::Decoded { bytes, truncated }) => {
            Decoded { bytes, truncated: truncated || body.truncated, remark: None }
        }
        // The beginning of a compressed body does not decode to its end; that is no fault of the server's.
        Err(decode::DecodeError { bytes, .. }) if body.truncated => {
            Decoded { bytes, truncated: true, remark: None }
        }
        Err(error) => {
            Decoded { bytes: body.bytes.to_vec(), truncated: false, remark: Some(error.to_string()) }
        }
    }
}

/// Whether the content type says JSON, or says nothing.
fn may_be_json(body: &Body<'_>) -> bool {
    let Some(content_type) = body.content_type else { return true };
    let essence = content_type.split(|byte| *byte == b';').next().unwrap_or_default();
    let essence = essence.trim_ascii().to_ascii_lowercase();
    essence.is_empty() || essence.ends_with(b"/json") || essence.ends_with(b"+json")
}

fn kind_of(body: &Body<'_>, decoded: &[u8]) -> ComparedAs {
    if may_be_json(body) && parse(decoded).is_ok() {
        ComparedAs::Json
    } else if std::str::from_utf8(decoded).is_ok() {
        ComparedAs::Text
    } else {
        ComparedAs::Bytes
    }
}

/// Two texts that are both no JSON are just that; one that is deeper or larger than is read, or one alone, is worth a word.
fn why_not_json(primary: &Result<Node<'_>, NotJson>, shadow: &Result<Node<'_>, NotJson>) -> Option<String> {
    match (primary, shadow) {
        (Err(limit @ (NotJson::TooDeep | NotJson::TooLarge)), _) => {
            Some(format!("the primary's body is {limit}"))
        }
        (_, Err(limit @ (NotJson::TooDeep | NotJson::TooLarge))) => {
            Some(format!("the shadow's body is {limit}"))
        }
        (Ok(_), Err(error)) => Some(format!("the shadow's body is {error}")),
        (Err(error), Ok(_)) => Some(format!("the primary's body is {error}")),
        _ => None,
    }
}

/// A body that is looked at as bytes alone.
fn bare(bytes: &[u8], truncated: bool) -> Body<'_> {
    Body { bytes, truncated, ..Body::default() }
}

/// Of what was cut off, the beginnings: how much of each was kept says nothing of how long they are.
fn bytes(primary: &Body<'_>, shadow: &Body<'_>) -> Differences {
    let mut found = Differences::default();
    let mut note = |at: String, kind, primary: String, shadow: String| {
        found.add(2, &Field { path: "body", kind }, || Difference {
            path: "body".to_owned(),
            at,
            kind,
            primary: Some(primary),
            shadow: Some(shadow),
        });
    };
    if primary.is_shorter_than(shadow) || shadow.is_shorter_than(primary) {
        let length =
            |body: &Body<'_>| format!("{}{}", body.bytes.len(), if body.truncated { "+" } else { "" });
        note("body".to_owned(), Kind::Length, length(primary), length(shadow));
    }
    let first = primary.bytes.iter().zip(shadow.bytes).enumerate().find(|(_, (left, right))| left != right);
    if let Some((at, (left, right))) = first {
        note(format!("byte {at}"), Kind::Value, left.to_string(), right.to_string());
    }
    found
}
