//! Protobuf → `PolicySpec`. Collects every bad field before it gives up.

use umbra_policy::FieldError;
use umbra_policy::spec::{
    ClauseSpec, CopySpec, FieldSpec, GuardSpec, PathSpec, PolicySpec, SampleBy, SampleSpec, ShadowSpec,
    StampSpec, ValueSpec,
};

use crate::proto::policy::v1 as proto;

pub(crate) fn policy(message: proto::Policy) -> Result<PolicySpec, Vec<FieldError>> {
    let mut errors = Errors(Vec::new());
    let mesh_key = match <[u8; 16]>::try_from(message.mesh_key.as_slice()) {
        Ok(key) => Some(key),
        Err(_) if message.mesh_key.is_empty() => None,
        Err(_) => {
            let message = format!("must have 16 bytes or none, not {}", message.mesh_key.len());
            errors.add("mesh_key", message);
            None
        }
    };
    // A field that is bad puts nothing into the lists below: they are used only where there was no error.
    let stamps = each(message.stamps, "stamps", |item, at| stamp(item, at, &mut errors));
    let shadows = each(message.shadows, "shadows", |item, at| shadow(item, at, &mut errors));
    if errors.0.is_empty() {
        Ok(PolicySpec { revision: message.revision, mesh_key, stamps, shadows })
    } else {
        Err(errors.0)
    }
}

struct Errors(Vec<FieldError>);

impl Errors {
    fn add(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.0.push(FieldError { path: path.into(), message: message.into() });
    }
}

/// Converts each item under its own path, `path[index]`, and leaves out those that are bad.
fn each<From, To>(
    items: Vec<From>,
    path: &str,
    mut convert: impl FnMut(From, &str) -> Option<To>,
) -> Vec<To> {
    let mut converted = Vec::with_capacity(items.len());
    for (index, item) in items.into_iter().enumerate() {
        converted.extend(convert(item, &format!("{path}[{index}]")));
    }
    converted
}

fn stamp(message: proto::Stamp, at: &str, errors: &mut Errors) -> Option<StampSpec> {
    let clauses = each(message.clauses, &format!("{at}.clauses"), |item, at| clause(item, at, errors));
    Some(StampSpec { name: message.name, clauses })
}

fn clause(message: proto::Clause, at: &str, errors: &mut Errors) -> Option<ClauseSpec> {
    // A path that is there and asks nothing is an error: leaving it out would widen the rule.
    let path = match message.path {
        None => Some(None),
        Some(message) => path(message, &format!("{at}.path"), errors).map(Some),
    };
    let headers = each(message.headers, &format!("{at}.headers"), |item, at| field(item, at, errors));
    let cookies = each(message.cookies, &format!("{at}.cookies"), |item, at| field(item, at, errors));
    let query = each(message.query, &format!("{at}.query"), |item, at| field(item, at, errors));
    Some(ClauseSpec { hosts: message.hosts, path: path?, methods: message.methods, headers, cookies, query })
}

fn path(message: proto::Path, at: &str, errors: &mut Errors) -> Option<PathSpec> {
    use proto::path::Kind;
    match message.kind {
        Some(Kind::Exact(path)) => Some(PathSpec::Exact(path)),
        Some(Kind::Prefix(path)) => Some(PathSpec::Prefix(path)),
        Some(Kind::Regex(regex)) => Some(PathSpec::Regex(regex)),
        Some(Kind::Template(template)) => Some(PathSpec::Template(template)),
        None => {
            errors.add(at, "needs one of exact, prefix, regex, template");
            None
        }
    }
}

fn field(message: proto::Field, at: &str, errors: &mut Errors) -> Option<FieldSpec> {
    use proto::field::Value;
    let value = match message.value {
        Some(Value::Exact(text)) => ValueSpec::Exact(text),
        Some(Value::Prefix(text)) => ValueSpec::Prefix(text),
        Some(Value::Suffix(text)) => ValueSpec::Suffix(text),
        Some(Value::Contains(text)) => ValueSpec::Contains(text),
        Some(Value::Regex(regex)) => ValueSpec::Regex(regex),
        Some(Value::Present(proto::Unit {})) => ValueSpec::Present,
        Some(Value::Absent(proto::Unit {})) => ValueSpec::Absent,
        None => {
            errors.add(at, "needs one of exact, prefix, suffix, contains, regex, present, absent");
            return None;
        }
    };
    Some(FieldSpec { name: message.name, value })
}

fn shadow(message: proto::Shadow, at: &str, errors: &mut Errors) -> Option<ShadowSpec> {
    let sample = sample(message.sample, &format!("{at}.sample"), errors);
    let guard = guard(message.guard, &format!("{at}.guard"), errors);
    Some(ShadowSpec {
        name: message.name,
        stamps: message.stamps,
        target_cluster: message.target_cluster,
        control_cluster: message.control_cluster,
        enabled: message.enabled,
        share_ppm: message.share_ppm,
        sample: sample?,
        guard: guard?,
        request: copy(message.request.unwrap_or_default()),
    })
}

fn sample(message: Option<proto::Sample>, at: &str, errors: &mut Errors) -> Option<SampleSpec> {
    use proto::sample::By;
    let Some(message) = message else {
        errors.add(at, "is missing");
        return None;
    };
    let by = match message.by {
        Some(By::Request(proto::Unit {})) => SampleBy::Request,
        Some(By::Header(name)) => SampleBy::Header(name),
        Some(By::Cookie(name)) => SampleBy::Cookie(name),
        Some(By::SourceIp(proto::Unit {})) => SampleBy::SourceIp,
        None => {
            errors.add(format!("{at}.by"), "needs one of request, header, cookie, source_ip");
            return None;
        }
    };
    Some(SampleSpec { by, salt: message.salt })
}

fn guard(message: Option<proto::Guard>, at: &str, errors: &mut Errors) -> Option<GuardSpec> {
    // An empty guard takes every method, so that one that is missing must not be read as empty.
    let Some(message) = message else {
        errors.add(at, "is missing");
        return None;
    };
    Some(GuardSpec {
        methods: message.methods,
        max_request_bytes: message.max_request_bytes,
        allow_unknown_length: message.allow_unknown_length,
        max_rps: message.max_rps,
    })
}

fn copy(message: proto::Copy) -> CopySpec {
    let set_headers = message.set_headers.into_iter().map(|header| (header.name, header.value)).collect();
    CopySpec { remove_headers: message.remove_headers, set_headers }
}
