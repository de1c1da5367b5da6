//! Protobuf → `PolicySpec`. Collects every bad field before it gives up.

use umbra_policy::FieldError;
use umbra_policy::spec::{
    BodySpec, ClauseSpec, CompareSpec, CopySpec, FieldSpec, GuardSpec, PathSpec, PolicySpec, SampleBy,
    SampleSpec, ShadowSpec, StampSpec, ValueSpec,
};

use crate::fields::{At, Errors, each};
use crate::proto::policy::v1 as proto;

pub(crate) fn policy(message: proto::Policy) -> Result<PolicySpec, Vec<FieldError>> {
    let mut errors = Errors::default();
    let mesh_key = match <[u8; 16]>::try_from(message.mesh_key.as_slice()) {
        Ok(key) => Some(key),
        Err(_) if message.mesh_key.is_empty() => None,
        Err(_) => {
            let message = format!("must have 16 bytes or none, not {}", message.mesh_key.len());
            errors.add(At::Root.field("mesh_key"), message);
            None
        }
    };
    // A field that is bad puts nothing into the lists below: they are used only where there was no error.
    let stamps = each(message.stamps, At::Root.field("stamps"), |item, at| stamp(item, at, &mut errors));
    let shadows = each(message.shadows, At::Root.field("shadows"), |item, at| shadow(item, at, &mut errors));
    errors.or(PolicySpec { revision: message.revision, mesh_key, stamps, shadows })
}

fn stamp(message: proto::Stamp, at: At<'_>, errors: &mut Errors) -> Option<StampSpec> {
    let clauses = each(message.clauses, at.field("clauses"), |item, at| clause(item, at, errors));
    Some(StampSpec { name: message.name, clauses })
}

fn clause(message: proto::Clause, at: At<'_>, errors: &mut Errors) -> Option<ClauseSpec> {
    // A path that is there and asks nothing is an error: leaving it out would widen the rule.
    let path = match message.path {
        None => Some(None),
        Some(message) => path(message, at.field("path"), errors).map(Some),
    };
    let headers = each(message.headers, at.field("headers"), |item, at| field(item, at, errors));
    let cookies = each(message.cookies, at.field("cookies"), |item, at| field(item, at, errors));
    let query = each(message.query, at.field("query"), |item, at| field(item, at, errors));
    Some(ClauseSpec { hosts: message.hosts, path: path?, methods: message.methods, headers, cookies, query })
}

fn path(message: proto::Path, at: At<'_>, errors: &mut Errors) -> Option<PathSpec> {
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

fn field(message: proto::Field, at: At<'_>, errors: &mut Errors) -> Option<FieldSpec> {
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

fn shadow(message: proto::Shadow, at: At<'_>, errors: &mut Errors) -> Option<ShadowSpec> {
    let sample = sample(message.sample, at.field("sample"), errors);
    let guard = guard(message.guard, at.field("guard"), errors);
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
        compare: message.compare.map(compare),
    })
}

fn sample(message: Option<proto::Sample>, at: At<'_>, errors: &mut Errors) -> Option<SampleSpec> {
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
            errors.add(at.field("by"), "needs one of request, header, cookie, source_ip");
            return None;
        }
    };
    Some(SampleSpec { by, salt: message.salt })
}

fn guard(message: Option<proto::Guard>, at: At<'_>, errors: &mut Errors) -> Option<GuardSpec> {
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

fn compare(message: proto::Compare) -> CompareSpec {
    let body = match message.body() {
        proto::BodyMode::None => BodySpec::None,
        proto::BodyMode::Digest => BodySpec::Digest,
        proto::BodyMode::Full => BodySpec::Full,
    };
    CompareSpec {
        share_ppm: message.share_ppm,
        body,
        max_body_bytes: message.max_body_bytes,
        headers: message.headers,
        endpoints: message.endpoints,
    }
}
