//! A whole resource: what it is, its name, its `spec`.

use std::collections::BTreeMap;

use serde_json::Value;

use super::object::Object;
use super::{Report, describe, scalar, shadow, shorten, stamp, suggest};
use crate::manifest::status::ShadowStatus;
use crate::manifest::{API_VERSION, Kind, Metadata, Resource, Shadow, Stamp};
use crate::problem::Problem;

const MAX_LABELS: usize = 64;
const MAX_LABEL_BYTES: usize = 253;

const KINDS: [(&str, Kind); 2] = [("Stamp", Kind::Stamp), ("Shadow", Kind::Shadow)];

/// Reads one resource. `place` names it as long as its kind and name cannot be told.
pub(crate) fn resource(value: Value, place: Option<String>) -> Result<Resource, Vec<Problem>> {
    let mut report = Report::new(label(&value).or(place));
    match read(value, &mut report) {
        Some(resource) if report.is_empty() => Ok(resource),
        _ => Err(report.into_problems()),
    }
}

/// `Shadow/checkout-v2`, when both can be told.
fn label(value: &Value) -> Option<String> {
    let kind = value.get("kind")?.as_str()?;
    let (kind, _) = KINDS.iter().find(|(word, _)| *word == kind)?;
    let name = value.get("metadata")?.get("name")?.as_str()?;
    (!name.is_empty()).then(|| format!("{kind}/{}", shorten(name)))
}

fn read(value: Value, report: &mut Report) -> Option<Resource> {
    let mut object = Object::open(value, report)?;
    object.required("apiVersion", API_VERSION, report, |value, report| {
        scalar::checked(value, report, |text| match text {
            API_VERSION => Ok(()),
            other => Err(format!("`{}` is not known: give {API_VERSION}", shorten(other))),
        })
    });
    let kind = object
        .required("kind", "Stamp or Shadow", report, |value, report| scalar::word(value, &KINDS, report));
    let metadata = object.required("metadata", "a mapping with at least `name`", report, metadata);
    let what = "a mapping with what the resource says";
    let resource = match kind {
        Some(Kind::Stamp) => {
            let spec = object.required("spec", what, report, stamp::spec);
            metadata.zip(spec).map(|(metadata, spec)| Resource::Stamp(Stamp { metadata, spec }))
        }
        Some(Kind::Shadow) => {
            let spec = object.required("spec", what, report, shadow::spec);
            // The server's own, as in the metadata.
            let status = object.take("status").map(|value| ShadowStatus::read(&value)).unwrap_or_default();
            metadata.zip(spec).map(|(metadata, spec)| Resource::Shadow(Shadow { metadata, spec, status }))
        }
        // Without a kind nothing can be said of the spec.
        None => {
            object.take("spec");
            None
        }
    };
    object.close(report);
    resource
}

fn metadata(value: Value, report: &mut Report) -> Option<Metadata> {
    let mut object = Object::open(value, report)?;
    let name = object.required("name", "a name", report, scalar::resource_name);
    let labels = object.optional("labels", report, labels).unwrap_or_default();
    // The server's own: whatever stands there is no problem of the operator's.
    let revision = object.take("revision").and_then(|value| value.as_u64());
    let updated_at = object.take("updated_at").and_then(|value| value.as_str().map(str::to_owned));
    object.close(report);
    Some(Metadata { name: name?, labels, revision, updated_at })
}

fn labels(value: Value, report: &mut Report) -> Option<BTreeMap<String, String>> {
    let Value::Object(fields) = value else {
        report.problem(format!("expected a mapping of texts, found {}", describe(&value)));
        return None;
    };
    if fields.len() > MAX_LABELS {
        report.problem(format!("has {} labels: give at most {MAX_LABELS}", fields.len()));
        return None;
    }
    let mut labels = BTreeMap::new();
    for (key, value) in fields {
        let value = report.field(&key, |report| {
            if let Err(message) = label_key(&key) {
                report.problem(message);
            }
            let text = scalar::text(value, report)?;
            if let Err(message) = scalar::bounded(&text, MAX_LABEL_BYTES) {
                report.problem(message);
            }
            Some(text)
        });
        labels.extend(value.map(|value| (key, value)));
    }
    Some(labels)
}

fn label_key(key: &str) -> Result<(), String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte);
    if (1..=MAX_LABEL_BYTES).contains(&key.len()) && key.bytes().all(allowed) {
        return Ok(());
    }
    Err(format!(
        "`{}` is not a label's name: give 1 to {MAX_LABEL_BYTES} letters, digits and {}",
        shorten(key),
        suggest::listed(&["-", "_", ".", "/"])
    ))
}
