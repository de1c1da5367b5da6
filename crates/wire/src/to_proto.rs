//! `PolicySpec` → protobuf. Total: every specification has a message.

use umbra_policy::spec::{
    BodySpec, ClauseSpec, CompareSpec, CopySpec, FieldSpec, GuardSpec, PathSpec, PolicySpec, SampleBy,
    SampleSpec, ShadowSpec, StampSpec, ValueSpec,
};

use crate::proto::policy::v1 as proto;

pub(crate) fn policy(spec: &PolicySpec) -> proto::Policy {
    proto::Policy {
        revision: spec.revision,
        mesh_key: spec.mesh_key.map(Vec::from).unwrap_or_default(),
        stamps: spec.stamps.iter().map(stamp).collect(),
        shadows: spec.shadows.iter().map(shadow).collect(),
    }
}

fn stamp(spec: &StampSpec) -> proto::Stamp {
    proto::Stamp { name: spec.name.clone(), clauses: spec.clauses.iter().map(clause).collect() }
}

fn clause(spec: &ClauseSpec) -> proto::Clause {
    proto::Clause {
        hosts: spec.hosts.clone(),
        path: spec.path.as_ref().map(path),
        methods: spec.methods.clone(),
        headers: spec.headers.iter().map(field).collect(),
        cookies: spec.cookies.iter().map(field).collect(),
        query: spec.query.iter().map(field).collect(),
    }
}

fn path(spec: &PathSpec) -> proto::Path {
    use proto::path::Kind;
    let kind = match spec {
        PathSpec::Exact(path) => Kind::Exact(path.clone()),
        PathSpec::Prefix(path) => Kind::Prefix(path.clone()),
        PathSpec::Regex(regex) => Kind::Regex(regex.clone()),
        PathSpec::Template(template) => Kind::Template(template.clone()),
    };
    proto::Path { kind: Some(kind) }
}

fn field(spec: &FieldSpec) -> proto::Field {
    use proto::field::Value;
    let value = match &spec.value {
        ValueSpec::Exact(text) => Value::Exact(text.clone()),
        ValueSpec::Prefix(text) => Value::Prefix(text.clone()),
        ValueSpec::Suffix(text) => Value::Suffix(text.clone()),
        ValueSpec::Contains(text) => Value::Contains(text.clone()),
        ValueSpec::Regex(regex) => Value::Regex(regex.clone()),
        ValueSpec::Present => Value::Present(proto::Unit {}),
        ValueSpec::Absent => Value::Absent(proto::Unit {}),
    };
    proto::Field { name: spec.name.clone(), value: Some(value) }
}

fn shadow(spec: &ShadowSpec) -> proto::Shadow {
    proto::Shadow {
        name: spec.name.clone(),
        stamps: spec.stamps.clone(),
        target_cluster: spec.target_cluster.clone(),
        control_cluster: spec.control_cluster.clone(),
        enabled: spec.enabled,
        share_ppm: spec.share_ppm,
        sample: Some(sample(&spec.sample)),
        guard: Some(guard(&spec.guard)),
        request: Some(copy(&spec.request)),
        compare: spec.compare.as_ref().map(compare),
    }
}

fn sample(spec: &SampleSpec) -> proto::Sample {
    use proto::sample::By;
    let by = match &spec.by {
        SampleBy::Request => By::Request(proto::Unit {}),
        SampleBy::Header(name) => By::Header(name.clone()),
        SampleBy::Cookie(name) => By::Cookie(name.clone()),
        SampleBy::SourceIp => By::SourceIp(proto::Unit {}),
    };
    proto::Sample { by: Some(by), salt: spec.salt.clone() }
}

fn guard(spec: &GuardSpec) -> proto::Guard {
    proto::Guard {
        methods: spec.methods.clone(),
        max_request_bytes: spec.max_request_bytes,
        allow_unknown_length: spec.allow_unknown_length,
        max_rps: spec.max_rps,
    }
}

fn copy(spec: &CopySpec) -> proto::Copy {
    let set_headers = spec
        .set_headers
        .iter()
        .map(|(name, value)| proto::Header { name: name.clone(), value: value.clone() })
        .collect();
    proto::Copy { remove_headers: spec.remove_headers.clone(), set_headers }
}

fn compare(spec: &CompareSpec) -> proto::Compare {
    let body = match spec.body {
        BodySpec::None => proto::BodyMode::None,
        BodySpec::Digest => proto::BodyMode::Digest,
        BodySpec::Full => proto::BodyMode::Full,
    };
    proto::Compare {
        share_ppm: spec.share_ppm,
        body: body.into(),
        max_body_bytes: spec.max_body_bytes,
        headers: spec.headers.clone(),
        endpoints: spec.endpoints.clone(),
    }
}
