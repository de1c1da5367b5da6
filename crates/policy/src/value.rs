//! Conditions on the values of a header, cookie or query parameter.

use regex_lite::{Regex, RegexBuilder};

use crate::spec::ValueSpec;

/// The longest regular expression, in bytes of its source.
const MAX_REGEX_BYTES: usize = 1_024;

/// The largest compiled regular expression, in bytes. Matching takes time in proportion to this times the
/// value's length. `.{1,255}` and a UUID fit well within it.
const MAX_REGEX_PROGRAM_BYTES: usize = 32 * 1_024;

/// The longest value that a regular expression is asked about, in bytes; no longer one fits. Envoy accepts
/// 60 KB of headers, and on such a value even `.*` takes milliseconds, which a client could ask for at will.
const MAX_REGEX_VALUE_BYTES: usize = 8_192;

/// The longest text that a condition may compare with, in bytes.
const MAX_TEXT_BYTES: usize = 4_096;

/// A validated [`ValueSpec`].
#[derive(Clone, Debug)]
pub(crate) enum ValuePattern {
    Exact(Box<str>),
    Prefix(Box<str>),
    Suffix(Box<str>),
    Contains(Box<str>),
    Regex(Regex),
    Present,
    Absent,
}

impl ValuePattern {
    /// Validates; the error comes with the name of the field that it is about.
    pub(crate) fn parse(spec: &ValueSpec) -> Result<ValuePattern, (&'static str, String)> {
        match spec {
            // An empty value is a value; an empty part of a value is in every one.
            ValueSpec::Exact(text) if text.is_empty() => Ok(ValuePattern::Exact("".into())),
            ValueSpec::Exact(text) => part(text, "exact").map(ValuePattern::Exact),
            ValueSpec::Prefix(text) => part(text, "prefix").map(ValuePattern::Prefix),
            ValueSpec::Suffix(text) => part(text, "suffix").map(ValuePattern::Suffix),
            ValueSpec::Contains(text) => part(text, "contains").map(ValuePattern::Contains),
            ValueSpec::Regex(source) => {
                parse_regex(source).map(ValuePattern::Regex).map_err(|message| ("regex", message))
            }
            ValueSpec::Present => Ok(ValuePattern::Present),
            ValueSpec::Absent => Ok(ValuePattern::Absent),
        }
    }

    /// Whether any of the values fits; for `Absent`, whether there is none.
    pub(crate) fn fits<V: AsRef<[u8]>>(&self, mut values: impl Iterator<Item = V>) -> bool {
        match self {
            ValuePattern::Absent => values.next().is_none(),
            pattern => values.any(|value| pattern.fits_one(value.as_ref())),
        }
    }

    fn fits_one(&self, value: &[u8]) -> bool {
        match self {
            ValuePattern::Exact(text) => value == text.as_bytes(),
            ValuePattern::Prefix(text) => value.starts_with(text.as_bytes()),
            ValuePattern::Suffix(text) => value.ends_with(text.as_bytes()),
            ValuePattern::Contains(text) => contains(value, text),
            ValuePattern::Regex(regex) => regex_fits(regex, value),
            ValuePattern::Present => true,
            ValuePattern::Absent => false,
        }
    }
}

/// Compiles a regular expression so that it matches whole values only.
pub(crate) fn parse_regex(source: &str) -> Result<Regex, String> {
    if source.is_empty() {
        return Err("is empty".into());
    }
    if source.len() > MAX_REGEX_BYTES {
        return Err(format!("is longer than {MAX_REGEX_BYTES} bytes"));
    }
    // By itself first: `a)|(b` must be refused and not be completed by the group around it.
    compile(source)?;
    compile(&format!(r"\A(?:{source})\z"))
}

/// Whether the value is UTF-8, not longer than 8,192 bytes, and the expression matches all of it.
pub(crate) fn regex_fits(regex: &Regex, value: &[u8]) -> bool {
    if value.len() > MAX_REGEX_VALUE_BYTES {
        return false;
    }
    std::str::from_utf8(value).is_ok_and(|text| regex.is_match(text))
}

fn compile(source: &str) -> Result<Regex, String> {
    RegexBuilder::new(source)
        .size_limit(MAX_REGEX_PROGRAM_BYTES)
        .build()
        .map_err(|error| format!("is not a usable regular expression: {error}"))
}

fn part(text: &str, field: &'static str) -> Result<Box<str>, (&'static str, String)> {
    if text.is_empty() {
        return Err((field, "is empty: use present to ask for any value".into()));
    }
    if text.len() > MAX_TEXT_BYTES {
        return Err((field, format!("is longer than {MAX_TEXT_BYTES} bytes")));
    }
    Ok(text.into())
}

/// Whether `text` is somewhere in `value`, in linear time (`str::contains` is; a loop of comparisons is not).
///
/// Looking only inside the stretches of valid UTF-8 misses nothing: a decoder starts afresh at every byte
/// that begins a character, so it is in step where an occurrence begins and finds all of it valid.
fn contains(value: &[u8], text: &str) -> bool {
    value.utf8_chunks().any(|chunk| chunk.valid().contains(text))
}
