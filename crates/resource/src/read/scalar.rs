//! Texts, numbers and the small grammars that several fields share.

use serde_json::Value;
#[cfg(feature = "yaml")]
use umbra_compare::json::path::{self, PathError};

use super::{Report, describe, shorten, suggest};
use crate::percent::Percent;

/// Longer texts are refused: a policy travels to every node.
const MAX_TEXT_BYTES: usize = 4096;

/// Longer names of headers, cookies, parameters and clusters are refused.
const MAX_NAME_BYTES: usize = 255;

/// Longer JSONPaths are refused: each is evaluated on every body.
const MAX_JSON_PATH_BYTES: usize = 512;

/// The methods of RFC 9110 and PATCH (RFC 5789), to tell a mistyped case.
const METHODS: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];

/// A text of at most 4,096 bytes, which may be empty.
pub(crate) fn text(value: Value, report: &mut Report) -> Option<String> {
    match value {
        Value::String(text) if text.len() <= MAX_TEXT_BYTES => Some(text),
        Value::String(text) => {
            report.problem(format!("is {} bytes long: give at most {MAX_TEXT_BYTES}", text.len()));
            None
        }
        Value::Bool(_) | Value::Number(_) => {
            report.problem(format!("expected a text, found {}: put it in quotes", describe(&value)));
            None
        }
        Value::Null => {
            report.problem("has no value: give a text");
            None
        }
        other => {
            report.problem(format!("expected a text, found {}", describe(&other)));
            None
        }
    }
}

/// A text with something in it.
pub(crate) fn filled_text(value: Value, report: &mut Report) -> Option<String> {
    let text = text(value, report)?;
    if text.is_empty() {
        report.problem("is empty: give a text");
        return None;
    }
    Some(text)
}

/// A text that is checked by a rule, which says what is wrong.
pub(crate) fn checked(
    value: Value,
    report: &mut Report,
    rule: impl FnOnce(&str) -> Result<(), String>,
) -> Option<String> {
    let text = filled_text(value, report)?;
    match rule(&text) {
        Ok(()) => Some(text),
        Err(message) => {
            report.problem(message);
            None
        }
    }
}

/// `true` or `false`.
pub(crate) fn boolean(value: Value, report: &mut Report) -> Option<bool> {
    match value {
        Value::Bool(value) => Some(value),
        other => {
            report.problem(format!("expected true or false, found {}", describe(&other)));
            None
        }
    }
}

/// A number from `least` to `most`.
pub(crate) fn number(value: Value, least: f64, most: f64, report: &mut Report) -> Option<f64> {
    let number = any_number(&value, report)?;
    if !(least..=most).contains(&number) {
        report.problem(format!("{number} is out of range: give {least} to {most}"));
        return None;
    }
    Some(number)
}

/// A whole number from `least` to `most`.
pub(crate) fn whole(value: Value, least: u64, most: u64, report: &mut Report) -> Option<u64> {
    let number = any_number(&value, report)?;
    let whole = match value.as_u64() {
        Some(whole) => whole,
        // `2.0` is a whole number, and so is `1e3`. Above 2^53 a fraction cannot be told.
        None if number.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(&number) => number as u64,
        None if number.fract() != 0.0 => {
            report.problem(format!("{number} is not a whole number: give {least} to {most}"));
            return None;
        }
        None => {
            report.problem(format!("{number} is out of range: give {least} to {most}"));
            return None;
        }
    };
    if !(least..=most).contains(&whole) {
        report.problem(format!("{whole} is out of range: give {least} to {most}"));
        return None;
    }
    Some(whole)
}

/// A percentage, 0 to 100 with at most four decimals.
pub(crate) fn percent(value: Value, report: &mut Report) -> Option<Percent> {
    let number = any_number(&value, report)?;
    match Percent::new(number) {
        Ok(percent) => Some(percent),
        Err(message) => {
            report.problem(message);
            None
        }
    }
}

fn any_number(value: &Value, report: &mut Report) -> Option<f64> {
    let number = value.as_f64();
    if number.is_none() {
        report.problem(format!("expected a number, found {}", describe(value)));
    }
    number
}

/// One of the words.
pub(crate) fn word<T: Copy>(value: Value, words: &[(&'static str, T)], report: &mut Report) -> Option<T> {
    let text = filled_text(value, report)?;
    if let Some((_, answer)) = words.iter().find(|(word, _)| *word == text) {
        return Some(*answer);
    }
    let names: Vec<&'static str> = words.iter().map(|(word, _)| *word).collect();
    let mut message = format!("unknown value `{}`", shorten(&text));
    match suggest::nearest(&text, &names) {
        Some(near) => message.push_str(&format!(", did you mean `{near}`?")),
        None => message.push_str(&format!(": there are {}", suggest::listed(&names))),
    }
    report.problem(message);
    None
}

/// A resource's name: 1 to 63 of `a-z 0-9 - .`, a letter or digit first and last.
pub(crate) fn resource_name(value: Value, report: &mut Report) -> Option<String> {
    let outer = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_name = |name: &str| {
        let bytes = name.as_bytes();
        (1..=63).contains(&bytes.len())
            && bytes.iter().all(|byte| outer(*byte) || b"-.".contains(byte))
            && bytes.first().copied().is_some_and(outer)
            && bytes.last().copied().is_some_and(outer)
    };
    checked(value, report, |name| {
        let what = "1 to 63 of a-z, 0-9, - and ., with a letter or digit first and last";
        if is_name(name) { Ok(()) } else { Err(format!("`{}` is not a name: give {what}", shorten(name))) }
    })
}

/// A header's name.
pub(crate) fn header_name(value: Value, report: &mut Report) -> Option<String> {
    checked(value, report, |name| token(name, "a header's name"))
}

/// A method, whose case counts.
pub(crate) fn method(value: Value, report: &mut Report) -> Option<String> {
    checked(value, report, |method| {
        let upper = method.to_ascii_uppercase();
        if upper != method && METHODS.contains(&upper.as_str()) {
            return Err(format!("`{}` is in the wrong case: give {upper}", shorten(method)));
        }
        token(method, "a method")
    })
}

/// An Envoy cluster's name. It travels in a header, so it is visible ASCII.
pub(crate) fn cluster_name(value: Value, report: &mut Report) -> Option<String> {
    checked(value, report, |name| {
        bounded(name, MAX_NAME_BYTES)?;
        if name.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Ok(());
        }
        Err(format!("`{}` is not a cluster's name: give visible ASCII without spaces", shorten(name)))
    })
}

/// A JSONPath (RFC 9535). Looked at lightly: whether it is one is for those who evaluate it.
pub(crate) fn json_path(value: Value, report: &mut Report) -> Option<String> {
    checked(value, report, |path| {
        bounded(path, MAX_JSON_PATH_BYTES)?;
        match path.strip_prefix('$') {
            Some(rest) if rest.is_empty() || rest.starts_with(['.', '[']) => well_formed(path),
            _ => Err(format!("`{}` is not a JSONPath: give one that starts with $. or $[", shorten(path))),
        }
    })
}

/// To the letter, where operators write. A node takes what the control plane has read before.
#[cfg(feature = "yaml")]
fn well_formed(path: &str) -> Result<(), String> {
    match path::read(path) {
        Ok(_) => Ok(()),
        Err(PathError::Malformed(error)) => Err(format!("`{}` is not a JSONPath: {error}", shorten(path))),
        Err(error) => Err(format!("`{}` would take too long: {error}", shorten(path))),
    }
}

#[cfg(not(feature = "yaml"))]
fn well_formed(_: &str) -> Result<(), String> {
    Ok(())
}

/// A token as in RFC 9110, section 5.6.2: what names of headers, cookies and methods are made of.
pub(crate) fn token(name: &str, what: &str) -> Result<(), String> {
    bounded(name, MAX_NAME_BYTES)?;
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if !name.is_empty() && name.bytes().all(is_token) {
        return Ok(());
    }
    Err(format!("`{}` is not {what}: give letters, digits and !#$%&'*+-.^_`|~ only", shorten(name)))
}

/// A text of at most so many bytes.
pub(crate) fn bounded(text: &str, max: usize) -> Result<(), String> {
    if text.len() <= max {
        return Ok(());
    }
    Err(format!("is {} bytes long: give at most {max}", text.len()))
}
