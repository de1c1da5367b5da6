//! Paths: where a request target's path ends, and the patterns that rules ask of it.

use regex_lite::Regex;

use crate::spec::PathSpec;
use crate::value;

/// The longest path that a rule may give, in bytes.
const MAX_RULE_BYTES: usize = 2_048;

/// The most segments that a rule's path may have. Lookup and drop of the index recurse once a segment.
const MAX_RULE_SEGMENTS: usize = 100;

/// A rule's path, validated.
#[derive(Clone, Debug)]
pub(crate) enum PathPattern {
    Exact(Box<[u8]>),
    /// Without its trailing slash: the prefix `/` is empty here.
    Prefix(Box<[u8]>),
    Regex(Regex),
    Template(Box<[Segment]>),
}

/// One segment of a template.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Segment {
    /// The same bytes.
    Literal(Box<[u8]>),
    /// Any one segment that is not empty.
    Any,
}

/// Splits a request target into its path and its query, both as sent: the path ends at the first `?` or
/// `#`; the query is what is between that `?` and a `#`, empty when there is none.
pub fn split(target: &[u8]) -> (&[u8], &[u8]) {
    let target = until(target, b'#').0;
    until(target, b'?')
}

/// The bytes before the first `separator`, and those after it.
pub(crate) fn until(text: &[u8], separator: u8) -> (&[u8], &[u8]) {
    let at = text.iter().position(|byte| *byte == separator).unwrap_or(text.len());
    let (before, rest) = text.split_at_checked(at).unwrap_or((text, &[]));
    (before, rest.get(1..).unwrap_or_default())
}

impl PathPattern {
    pub(crate) fn parse(spec: &PathSpec) -> Result<PathPattern, String> {
        match spec {
            PathSpec::Exact(path) => {
                check_path(path)?;
                Ok(PathPattern::Exact(path.as_bytes().into()))
            }
            PathSpec::Prefix(path) => {
                check_path(path)?;
                Ok(PathPattern::Prefix(path.strip_suffix('/').unwrap_or(path).as_bytes().into()))
            }
            PathSpec::Regex(source) => value::parse_regex(source).map(PathPattern::Regex),
            PathSpec::Template(path) => {
                check_path(path)?;
                // The first piece is what is before the leading slash: nothing.
                let segments = path.split('/').skip(1).map(parse_segment).collect::<Result<_, _>>()?;
                Ok(PathPattern::Template(segments))
            }
        }
    }

    /// Whether the pattern fits, asked directly. The index answers the same question by lookups.
    pub(crate) fn fits(&self, path: &[u8]) -> bool {
        match self {
            PathPattern::Exact(exact) => path == exact.as_ref(),
            PathPattern::Prefix(prefix) => path
                .strip_prefix(prefix.as_ref())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/")),
            PathPattern::Regex(regex) => value::regex_fits(regex, path),
            PathPattern::Template(segments) => template_fits(segments, path),
        }
    }
}

fn template_fits(segments: &[Segment], path: &[u8]) -> bool {
    let Some(path) = path.strip_prefix(b"/") else {
        return false;
    };
    let mut parts = path.split(|byte| *byte == b'/');
    for segment in segments {
        let fits = match (segment, parts.next()) {
            (Segment::Literal(literal), Some(part)) => literal.as_ref() == part,
            (Segment::Any, Some(part)) => !part.is_empty(),
            (_, None) => false,
        };
        if !fits {
            return false;
        }
    }
    parts.next().is_none()
}

fn check_path(path: &str) -> Result<(), String> {
    if !path.starts_with('/') {
        return Err("does not begin with a slash".into());
    }
    if path.contains(['?', '#']) {
        return Err("has a ? or a #: a path is matched without its query (use query conditions)".into());
    }
    if path.len() > MAX_RULE_BYTES {
        return Err(format!("is longer than {MAX_RULE_BYTES} bytes"));
    }
    if path.split('/').count() > MAX_RULE_SEGMENTS + 1 {
        return Err(format!("has more than {MAX_RULE_SEGMENTS} segments"));
    }
    Ok(())
}

fn parse_segment(text: &str) -> Result<Segment, String> {
    if !text.contains(['{', '}']) {
        return Ok(Segment::Literal(text.as_bytes().into()));
    }
    let name = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or_default();
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if name.is_empty() || !name.bytes().all(is_name) {
        return Err(format!(
            "has the segment {text:?}: braces hold a name and are the whole segment, as in /users/{{id}}"
        ));
    }
    Ok(Segment::Any)
}
