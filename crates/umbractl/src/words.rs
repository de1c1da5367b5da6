//! Parts of resources and answers in words, as tables and descriptions show them.

use std::time::{Duration, SystemTime};

use serde::Serialize;
use serde_json::Value;
use umbra_resource::manifest::{
    shadow::{CopyRequest, Guard, Override, Sample, SampleBy},
    stamp::{Clause, FieldMatch, PathMatch, ValueMatch},
    status::Expiry,
};

/// So many changed fields of an audit entry are shown; the rest is counted.
const SHOWN_CHANGES: usize = 3;

/// `hosts shop.example.com; path prefix /api/cart; header x-tenant exact acme`.
pub(crate) fn clause(clause: &Clause) -> String {
    let mut parts = Vec::new();
    if !clause.hosts.is_empty() {
        parts.push(format!("host {}", clause.hosts.join("|")));
    }
    match &clause.path {
        Some(PathMatch::Exact(text)) => parts.push(format!("path exact {text}")),
        Some(PathMatch::Prefix(text)) => parts.push(format!("path prefix {text}")),
        Some(PathMatch::Regex(text)) => parts.push(format!("path regex {text}")),
        Some(PathMatch::Template(text)) => parts.push(format!("path template {text}")),
        None => {}
    }
    if !clause.methods.is_empty() {
        parts.push(format!("method {}", clause.methods.join("|")));
    }
    for (what, fields) in [("header", &clause.headers), ("cookie", &clause.cookies), ("query", &clause.query)]
    {
        parts.extend(fields.iter().map(|wanted| format!("{what} {}", field(wanted))));
    }
    parts.join("; ")
}

fn field(field: &FieldMatch) -> String {
    let name = &field.name;
    match &field.value {
        ValueMatch::Exact(text) => format!("{name} exact {text}"),
        ValueMatch::Prefix(text) => format!("{name} prefix {text}"),
        ValueMatch::Suffix(text) => format!("{name} suffix {text}"),
        ValueMatch::Contains(text) => format!("{name} contains {text}"),
        ValueMatch::Regex(text) => format!("{name} regex {text}"),
        ValueMatch::Present => format!("{name} present"),
        ValueMatch::Absent => format!("{name} absent"),
    }
}

/// `on` or `off`.
pub(crate) fn switch(enabled: bool) -> &'static str {
    if enabled { "on" } else { "off" }
}

/// `goes back to 5%, on at 2030-01-31T12:00:00.000Z`.
pub(crate) fn expiry(expiry: &Expiry) -> String {
    let percent = expiry.percent.map(|percent| format!("{percent}%"));
    let enabled = expiry.enabled.map(|enabled| switch(enabled).to_owned());
    let to: Vec<_> = percent.into_iter().chain(enabled).collect();
    format!("goes back to {} at {}", to.join(", "), expiry.at)
}

/// `request`, `cookie session`, `source-ip`.
pub(crate) fn sample(sample: Option<&Sample>) -> String {
    match sample.and_then(|sample| sample.by.as_ref()) {
        None => SampleBy::Request.as_str().to_owned(),
        Some(by @ (SampleBy::Header(name) | SampleBy::Cookie(name))) => format!("{} {name}", by.as_str()),
        Some(by) => by.as_str().to_owned(),
    }
}

/// `GET, HEAD; bodies up to 262144 bytes; …`, with the defaults in place of what was left out.
pub(crate) fn guard(guard: Option<&Guard>) -> String {
    let guard = guard.cloned().unwrap_or_default();
    let methods = match guard.methods {
        None => "GET, HEAD".to_owned(),
        Some(methods) if methods.is_empty() => "every method".to_owned(),
        Some(methods) => methods.join(", "),
    };
    let unknown = if guard.allow_unknown_length.unwrap_or(false) { "mirrored" } else { "not mirrored" };
    let rate = match guard.max_rps {
        Some(rate) => format!("at most {rate} requests a second on a node"),
        None => "no limit on the rate".to_owned(),
    };
    let bytes = guard.max_request_bytes.unwrap_or(DEFAULT_MAX_REQUEST_BYTES);
    format!("{methods}; bodies up to {bytes} bytes; bodies of unknown length {unknown}; {rate}")
}

/// A shadow's `guard.max_request_bytes` where it is left out.
const DEFAULT_MAX_REQUEST_BYTES: u64 = 262_144;

/// `without authorization, cookie; with x-env: shadow`.
pub(crate) fn copy(request: &CopyRequest) -> String {
    let mut parts = Vec::new();
    if !request.remove_headers.is_empty() {
        parts.push(format!("without {}", request.remove_headers.join(", ")));
    }
    if !request.set_headers.is_empty() {
        let set: Vec<_> =
            request.set_headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        parts.push(format!("with {}", set.join(", ")));
    }
    parts.join("; ")
}

/// `zone=us-east-1a: 50%`.
pub(crate) fn place(place: &Override) -> String {
    let wanted: Vec<_> = place.place.iter().map(|(key, value)| format!("{key}={value}")).collect();
    format!("{}: {}%", wanted.join(" "), place.percent)
}

/// `min_pairs 1000, max_latency_ratio.p50 1.1`: every field of something, flat.
pub(crate) fn flat<T: Serialize>(data: &T) -> String {
    let mut parts = Vec::new();
    flatten("", &serde_json::to_value(data).unwrap_or_default(), &mut |path, value| {
        parts.push(format!("{path} {value}"));
    });
    parts.join(", ")
}

fn flatten(path: &str, value: &Value, leaf: &mut impl FnMut(&str, String)) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                flatten(&path, value, leaf);
            }
        }
        Value::Null => {}
        other => leaf(path, scalar(other)),
    }
}

/// A text without quotes, a whole number without a fraction, a list with commas.
fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => {
            number.as_f64().map_or_else(|| number.to_string(), |number| number.to_string())
        }
        Value::Array(items) => items.iter().map(scalar).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

/// `spec.percent 0 -> 25`: what a change changed.
pub(crate) fn change(before: Option<&Value>, after: Option<&Value>) -> String {
    let (Some(before), Some(after)) = (before, after) else { return String::new() };
    let leaves = |value: &Value| {
        let mut leaves = std::collections::BTreeMap::new();
        flatten("", value, &mut |path, value| {
            leaves.insert(path.to_owned(), value);
        });
        leaves.remove("metadata.revision");
        leaves.remove("metadata.updated_at");
        leaves
    };
    let (old, new) = (leaves(before), leaves(after));
    let paths: std::collections::BTreeSet<_> = old.keys().chain(new.keys()).collect();
    let mut changes: Vec<_> = paths
        .into_iter()
        .filter(|path| old.get(*path) != new.get(*path))
        .map(|path| {
            let side = |leaves: &std::collections::BTreeMap<String, String>| {
                leaves.get(path).cloned().unwrap_or_else(|| "nothing".to_owned())
            };
            format!("{path} {} -> {}", side(&old), side(&new))
        })
        .collect();
    let more = changes.len().saturating_sub(SHOWN_CHANGES);
    changes.truncate(SHOWN_CHANGES);
    if more > 0 {
        changes.push(format!("{more} more"));
    }
    changes.join(", ")
}

/// How long ago an RFC 3339 time was, in its largest unit: `12s`, `3m`, `5h`, `2d`. A time in the future, as
/// clocks that differ make it, is `0s`; what is no time is shown as it is.
pub(crate) fn age(now: SystemTime, at: Option<&str>) -> String {
    let Some(at) = at else { return String::new() };
    let Ok(then) = humantime::parse_rfc3339(at) else { return at.to_owned() };
    let seconds = now.duration_since(then).unwrap_or(Duration::ZERO).as_secs();
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m", seconds / 60),
        3_600..86_400 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// `1 node`, `2 nodes`.
pub(crate) fn count(number: u64, thing: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{plural}")
}

/// A gate of a verdict and where it stands; what carries it and the ids of pairs that show it have lines of their own.
pub(crate) fn gate(
    state: &str,
    gate: &str,
    words: &str,
    carriers: impl IntoIterator<Item = String>,
    examples: &[String],
) -> String {
    let mut text = format!("{state}  {gate}: {words}\n");
    for carrier in carriers {
        text += &format!("      {carrier}\n");
    }
    if !examples.is_empty() {
        text += &format!("      such as {}\n", examples.join(", "));
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_change_names_the_fields_that_differ() {
        let shadow = |percent: u32, revision: u32| json!({"metadata": {"name": "x", "revision": revision}, "spec": {"percent": percent, "stamps": ["a"]}});
        assert_eq!(
            change(Some(&json!({"a": 0.0, "b": ["x", 1]})), Some(&json!({"a": 2.5, "b": ["x", 1]}))),
            "a 0 -> 2.5"
        );
        assert_eq!(change(Some(&shadow(0, 1)), Some(&shadow(25, 2))), "spec.percent 0 -> 25");
        assert_eq!(
            change(Some(&json!({"a": 1})), Some(&json!({"b": "x"}))),
            "a 1 -> nothing, b nothing -> x"
        );
        assert_eq!(
            change(Some(&json!({})), Some(&json!({"a": 1, "b": 2, "c": 3, "d": 4, "e": 5}))),
            "a nothing -> 1, b nothing -> 2, c nothing -> 3, 2 more"
        );
        assert_eq!(change(None, Some(&shadow(0, 1))), "");
    }

    #[test]
    fn an_age_has_one_unit() {
        let now = humantime::parse_rfc3339("2026-01-02T00:00:00Z").unwrap();
        for (at, age_of) in [
            ("2026-01-01T23:59:59.5Z", "0s"),
            ("2026-01-01T23:59:01Z", "59s"),
            ("2026-01-01T23:59:00Z", "1m"),
            ("2026-01-01T22:59:00Z", "1h"),
            ("2025-12-30T00:00:00Z", "3d"),
            ("2026-01-02T00:00:09Z", "0s"),
            ("yesterday", "yesterday"),
        ] {
            assert_eq!(age(now, Some(at)), age_of, "{at}");
        }
        assert_eq!(age(now, None), "");
    }
}
