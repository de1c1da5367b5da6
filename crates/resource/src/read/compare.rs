//! How responses are compared.

use serde_json::Value;

use super::object::{Object, list, unique_list};
use super::{Report, scalar, shorten};
use crate::manifest::compare::{BodyComparison, Compare, Noise, Redact, Tolerance};

/// Elements of one list.
const MAX_ELEMENTS: usize = 1_000;

/// Both bodies of a pair are held in a worker's memory.
const MAX_BODY_BYTES: u64 = 16 << 20;

const BODIES: [(&str, BodyComparison); 3] =
    [("full", BodyComparison::Full), ("digest", BodyComparison::Digest), ("none", BodyComparison::None)];

const NOISES: [(&str, Noise); 2] = [("discordant", Noise::Discordant), ("diffy", Noise::Diffy)];

pub(crate) fn compare(value: Value, report: &mut Report) -> Option<Compare> {
    let mut object = Object::open(value, report)?;
    let percent = object.optional("percent", report, scalar::percent);
    let body = object.optional("body", report, |value, report| scalar::word(value, &BODIES, report));
    let max_body_bytes = object
        .optional("max_body_bytes", report, |value, report| scalar::whole(value, 0, MAX_BODY_BYTES, report));
    let headers = object.optional("headers", report, header_names);
    let ignore = object.optional("ignore", report, json_paths);
    let unordered = object.optional("unordered", report, json_paths);
    let tolerance =
        object.optional("tolerance", report, |value, report| list(value, MAX_ELEMENTS, report, tolerance));
    let noise = object.optional("noise", report, |value, report| scalar::word(value, &NOISES, report));
    let endpoints = object.optional("endpoints", report, |value, report| {
        let template = |value, report: &mut Report| scalar::checked(value, report, path_template);
        unique_list(value, MAX_ELEMENTS, report, template, Clone::clone)
    });
    let redact = object.optional("redact", report, redact);
    object.close(report);
    Some(Compare {
        percent,
        body,
        max_body_bytes,
        headers: headers.unwrap_or_default(),
        ignore: ignore.unwrap_or_default(),
        unordered: unordered.unwrap_or_default(),
        tolerance: tolerance.unwrap_or_default(),
        noise,
        endpoints: endpoints.unwrap_or_default(),
        redact,
    })
}

fn tolerance(value: Value, report: &mut Report) -> Option<Tolerance> {
    let mut object = Object::open(value, report)?;
    let path = object.required("path", "a JSONPath such as $.price", report, scalar::json_path);
    let absolute = object.required("absolute", "a number, 0 or more", report, |value, report| {
        scalar::number(value, 0.0, 1e15, report)
    });
    object.close(report);
    Some(Tolerance { path: path?, absolute: absolute? })
}

fn redact(value: Value, report: &mut Report) -> Option<Redact> {
    let mut object = Object::open(value, report)?;
    let fields = object.optional("fields", report, json_paths);
    let headers = object.optional("headers", report, header_names);
    object.close(report);
    Some(Redact { fields: fields.unwrap_or_default(), headers: headers.unwrap_or_default() })
}

fn json_paths(value: Value, report: &mut Report) -> Option<Vec<String>> {
    unique_list(value, MAX_ELEMENTS, report, scalar::json_path, Clone::clone)
}

fn header_names(value: Value, report: &mut Report) -> Option<Vec<String>> {
    unique_list(value, MAX_ELEMENTS, report, scalar::header_name, |name| name.to_ascii_lowercase())
}

/// `/users/{id}`: whole segments in braces, braces nowhere else.
fn path_template(template: &str) -> Result<(), String> {
    let is_segment = |segment: &str| match segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        Some(name) => !name.is_empty() && !name.contains(['{', '}']),
        None => !segment.contains(['{', '}', '?', '#']),
    };
    match template.strip_prefix('/') {
        Some(rest) if rest.split('/').all(is_segment) => Ok(()),
        _ => Err(format!(
            "`{}` is not a path template: give one such as /users/{{id}}, braces around whole segments",
            shorten(template)
        )),
    }
}
