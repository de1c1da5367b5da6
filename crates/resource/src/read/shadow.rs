//! Where copies go, which requests are copied, and how many.

use std::collections::BTreeMap;

use serde_json::Value;

use super::object::{Object, list, refuse_empty, unique_list};
use super::{Report, compare, describe, gates, scalar, shorten, suggest};
use crate::manifest::shadow::{
    Attribute, CopyRequest, Destination, Guard, Override, Sample, SampleBy, ShadowSpec,
};

const MAX_STAMPS: usize = 1_000;
const MAX_OVERRIDES: usize = 1_000;
const MAX_HEADERS: usize = 100;
const MAX_METHODS: usize = 100;
const MAX_SALT_BYTES: usize = 255;

/// A body is held in Envoy's memory until its copy is sent.
const MAX_REQUEST_BYTES: u64 = 1 << 30;

/// Headers that Envoy routes or frames a copy by: with another value, or without, it would go elsewhere or
/// not be a request any more.
const FRAMING: [&str; 7] =
    ["host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer"];

pub(crate) fn spec(value: Value, report: &mut Report) -> Option<ShadowSpec> {
    let mut object = Object::open(value, report)?;
    let stamps = object.required("stamps", "a list of stamps' names", report, |value, report| {
        let stamps = unique_list(value, MAX_STAMPS, report, scalar::resource_name, Clone::clone)?;
        refuse_empty(&stamps, "at least one stamp's name", report);
        Some(stamps)
    });
    let target =
        object.required("target", "a destination, such as {cluster: checkout-v2}", report, destination);
    let control = object.optional("control", report, |value, report| {
        let control = destination(value, report)?;
        if Some(&control) == target.as_ref() {
            report.problem("is the target itself: give a cluster that runs what production runs");
        }
        Some(control)
    });
    let enabled = object.optional("enabled", report, scalar::boolean);
    let percent = object.optional("percent", report, scalar::percent);
    let sample = object.optional("sample", report, sample);
    let guard = object.optional("guard", report, guard);
    let request = object.optional("request", report, request);
    let overrides = object.optional("overrides", report, |value, report| {
        let overrides = list(value, MAX_OVERRIDES, report, one_override)?;
        refuse_unreachable(&overrides, report);
        Some(overrides)
    });
    let compare = object.optional("compare", report, compare::compare);
    let gates = object.optional("gates", report, gates::gates);
    object.close(report);
    Some(ShadowSpec {
        stamps: stamps?,
        target: target?,
        control,
        enabled,
        percent,
        sample,
        guard,
        request,
        overrides: overrides.unwrap_or_default(),
        compare,
        gates,
    })
}

fn destination(value: Value, report: &mut Report) -> Option<Destination> {
    let mut object = Object::open(value, report)?;
    let cluster = object.required("cluster", "an Envoy cluster's name", report, scalar::cluster_name);
    object.close(report);
    Some(Destination { cluster: cluster? })
}

fn sample(value: Value, report: &mut Report) -> Option<Sample> {
    #[derive(Clone, Copy)]
    enum By {
        Request,
        Header,
        Cookie,
        SourceIp,
    }
    const WORDS: [(&str, By); 4] = [
        ("request", By::Request),
        ("header", By::Header),
        ("cookie", By::Cookie),
        ("source-ip", By::SourceIp),
    ];

    let mut object = Object::open(value, report)?;
    let has_by = object.has("by");
    let by = object.optional("by", report, |value, report| scalar::word(value, &WORDS, report));
    let by = match by {
        Some(By::Header) => {
            object.required("name", "the header's name", report, scalar::header_name).map(SampleBy::Header)
        }
        Some(By::Cookie) => {
            object.required("name", "the cookie's name", report, scalar::filled_text).map(SampleBy::Cookie)
        }
        Some(By::Request | By::SourceIp) | None => {
            // Where `by` itself is wrong, nothing can be said of the name.
            let is_surplus = object.take("name").is_some() && (by.is_some() || !has_by);
            if is_surplus {
                let message =
                    "goes with `by: header` or `by: cookie`: give one of them, or leave the name out";
                report.field("name", |report| report.problem(message));
            }
            by.map(|by| if matches!(by, By::SourceIp) { SampleBy::SourceIp } else { SampleBy::Request })
        }
    };
    let salt = object.optional("salt", report, |value, report| {
        scalar::checked(value, report, |salt| scalar::bounded(salt, MAX_SALT_BYTES))
    });
    object.close(report);
    Some(Sample { by, salt })
}

fn guard(value: Value, report: &mut Report) -> Option<Guard> {
    let mut object = Object::open(value, report)?;
    let methods = object.optional("methods", report, |value, report| {
        unique_list(value, MAX_METHODS, report, scalar::method, Clone::clone)
    });
    let max_request_bytes = object.optional("max_request_bytes", report, |value, report| {
        scalar::whole(value, 0, MAX_REQUEST_BYTES, report)
    });
    let allow_unknown_length = object.optional("allow_unknown_length", report, scalar::boolean);
    let max_rps = object
        .optional("max_rps", report, |value, report| scalar::whole(value, 1, u64::from(u32::MAX), report));
    object.close(report);
    let max_rps = max_rps.and_then(|rate| u32::try_from(rate).ok());
    Some(Guard { methods, max_request_bytes, allow_unknown_length, max_rps })
}

fn request(value: Value, report: &mut Report) -> Option<CopyRequest> {
    let mut object = Object::open(value, report)?;
    let remove_headers = object.optional("remove_headers", report, |value, report| {
        let name = |value, report: &mut Report| scalar::checked(value, report, copied_header);
        unique_list(value, MAX_HEADERS, report, name, |name| name.to_ascii_lowercase())
    });
    let set_headers = object.optional("set_headers", report, set_headers);
    object.close(report);
    Some(CopyRequest {
        remove_headers: remove_headers.unwrap_or_default(),
        set_headers: set_headers.unwrap_or_default(),
    })
}

fn set_headers(value: Value, report: &mut Report) -> Option<BTreeMap<String, String>> {
    let Value::Object(fields) = value else {
        report.problem(format!("expected a mapping of texts, found {}", describe(&value)));
        return None;
    };
    if fields.len() > MAX_HEADERS {
        report.problem(format!("has {} headers: give at most {MAX_HEADERS}", fields.len()));
        return None;
    }
    let mut headers = BTreeMap::new();
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in fields {
        let value = report.field(&name, |report| {
            if let Err(message) = copied_header(&name) {
                report.problem(message);
            }
            if let Some(other) = names.insert(name.to_ascii_lowercase(), name.clone()) {
                report.problem(format!("is the same header as `{}`: leave one out", shorten(&other)));
            }
            let text = scalar::text(value, report)?;
            // RFC 9110, section 5.5: a value has no control characters but the tab.
            if text.chars().any(|letter| letter.is_control() && letter != '\t') {
                report.problem("has control characters: give text in one line");
            }
            Some(text)
        });
        headers.extend(value.map(|value| (name, value)));
    }
    Some(headers)
}

/// A header that a copy may lose or get.
fn copied_header(name: &str) -> Result<(), String> {
    let lower = name.to_ascii_lowercase();
    if lower.starts_with("x-umbra-") {
        return Err(format!("`{}` is Umbra's own: give another header", shorten(name)));
    }
    if lower.starts_with(':') || FRAMING.contains(&lower.as_str()) {
        return Err(format!(
            "`{}` is what a copy is routed or framed by: give another header",
            shorten(name)
        ));
    }
    scalar::token(name, "a header's name")
}

fn one_override(value: Value, report: &mut Report) -> Option<Override> {
    let mut object = Object::open(value, report)?;
    let place = object.required("where", "the nodes it is for, such as {zone: us-east-1a}", report, place);
    let percent = object.required("percent", "0 to 100", report, scalar::percent);
    object.close(report);
    Some(Override { place: place?, percent: percent? })
}

fn place(value: Value, report: &mut Report) -> Option<BTreeMap<Attribute, String>> {
    let Value::Object(fields) = value else {
        report.problem(format!("expected a mapping of texts, found {}", describe(&value)));
        return None;
    };
    if fields.is_empty() {
        report.problem("is empty: give at least one of node, cluster, zone, region and metadata.KEY");
        return None;
    }
    let mut place = BTreeMap::new();
    for (name, value) in fields {
        let entry = report.field(&name, |report| {
            let attribute = match attribute(&name) {
                Ok(attribute) => Some(attribute),
                Err(message) => {
                    report.problem(message);
                    None
                }
            };
            let text = scalar::filled_text(value, report)?;
            Some((attribute?, text))
        });
        place.extend(entry);
    }
    Some(place)
}

fn attribute(name: &str) -> Result<Attribute, String> {
    const NAMES: [&str; 5] = ["node", "cluster", "zone", "region", "metadata.KEY"];
    match name {
        "node" => return Ok(Attribute::Node),
        "cluster" => return Ok(Attribute::Cluster),
        "zone" => return Ok(Attribute::Zone),
        "region" => return Ok(Attribute::Region),
        _ => {}
    }
    if let Some(key) = name.strip_prefix("metadata.").filter(|key| !key.is_empty()) {
        return Ok(Attribute::Metadata(key.to_owned()));
    }
    let mut message = format!("unknown field `{}`", shorten(name));
    match suggest::nearest(name, &NAMES) {
        Some(near) => message.push_str(&format!(", did you mean `{near}`?")),
        None => message.push_str(&format!(": there are {}", suggest::listed(&NAMES))),
    }
    Err(message)
}

/// An override behind another that asks the same, or less of the same, is never reached.
fn refuse_unreachable(overrides: &[Override], report: &mut Report) {
    for (index, later) in overrides.iter().enumerate() {
        let earlier = overrides.iter().take(index).position(|earlier| {
            earlier.place.iter().all(|(attribute, value)| later.place.get(attribute) == Some(value))
        });
        if let Some(earlier) = earlier {
            report.index(index, |report| {
                report.field("where", |report| {
                    report.problem(format!(
                        "never applies, because spec.overrides[{earlier}] fits the same nodes and comes first: \
                         put the narrower one first"
                    ));
                });
            });
        }
    }
}
