//! From manifests to the policy: defaults are applied here, and nowhere else.

use umbra_policy::share::WHOLE_PPM;
use umbra_policy::spec::{
    BodySpec, ClauseSpec, CompareSpec, CopySpec, FieldSpec, GuardSpec, PathSpec, SampleBy as PolicySampleBy,
    SampleSpec, ShadowSpec, StampSpec, ValueSpec,
};

use super::{NodeAttributes, share_on};
use crate::manifest::compare::{BodyComparison, Compare};
use crate::manifest::shadow::{CopyRequest, Guard, Sample, SampleBy};
use crate::manifest::stamp::{Clause, FieldMatch, PathMatch, ValueMatch};
use crate::manifest::{Shadow, Stamp};

/// Only what is safe to send twice, by RFC 9110, section 9.2.1.
const DEFAULT_METHODS: [&str; 2] = ["GET", "HEAD"];

/// What is kept of one body, where bodies are kept: a page of JSON, of which a worker can hold thousands.
const DEFAULT_MAX_BODY_BYTES: u64 = 65_536;

/// A slow shadow holds up the upload of a larger body at the primary, inside Envoy.
const DEFAULT_MAX_REQUEST_BYTES: u64 = 262_144;

pub(super) fn stamp(stamp: &Stamp) -> StampSpec {
    StampSpec { name: stamp.metadata.name.clone(), clauses: stamp.spec.clauses.iter().map(clause).collect() }
}

pub(super) fn shadow(shadow: &Shadow, node: &NodeAttributes) -> ShadowSpec {
    let spec = &shadow.spec;
    ShadowSpec {
        name: shadow.metadata.name.clone(),
        stamps: spec.stamps.clone(),
        target_cluster: spec.target.cluster.clone(),
        control_cluster: spec.control.as_ref().map(|control| control.cluster.clone()),
        enabled: spec.is_enabled(),
        share_ppm: share_on(shadow, node).ppm(),
        sample: sample(spec.sample.as_ref(), &shadow.metadata.name),
        guard: guard(spec.guard.as_ref()),
        request: spec.request.as_ref().map(copy).unwrap_or_default(),
        compare: Some(compare(spec.compare.as_ref())),
    }
}

fn clause(clause: &Clause) -> ClauseSpec {
    ClauseSpec {
        hosts: clause.hosts.clone(),
        path: clause.path.as_ref().map(PathMatch::compile),
        methods: clause.methods.clone(),
        headers: clause.headers.iter().map(FieldMatch::compile).collect(),
        cookies: clause.cookies.iter().map(FieldMatch::compile).collect(),
        query: clause.query.iter().map(FieldMatch::compile).collect(),
    }
}

impl PathMatch {
    pub(crate) fn compile(&self) -> PathSpec {
        match self {
            Self::Exact(text) => PathSpec::Exact(text.clone()),
            Self::Prefix(text) => PathSpec::Prefix(text.clone()),
            Self::Regex(text) => PathSpec::Regex(text.clone()),
            Self::Template(text) => PathSpec::Template(text.clone()),
        }
    }
}

impl FieldMatch {
    pub(crate) fn compile(&self) -> FieldSpec {
        let value = match &self.value {
            ValueMatch::Exact(text) => ValueSpec::Exact(text.clone()),
            ValueMatch::Prefix(text) => ValueSpec::Prefix(text.clone()),
            ValueMatch::Suffix(text) => ValueSpec::Suffix(text.clone()),
            ValueMatch::Contains(text) => ValueSpec::Contains(text.clone()),
            ValueMatch::Regex(text) => ValueSpec::Regex(text.clone()),
            ValueMatch::Present => ValueSpec::Present,
            ValueMatch::Absent => ValueSpec::Absent,
        };
        // A header's name keeps its case here: the policy compares it without.
        FieldSpec { name: self.name.clone(), value }
    }
}

fn sample(sample: Option<&Sample>, shadow: &str) -> SampleSpec {
    let by = match sample.and_then(|sample| sample.by.as_ref()) {
        None | Some(SampleBy::Request) => PolicySampleBy::Request,
        Some(SampleBy::Header(name)) => PolicySampleBy::Header(name.clone()),
        Some(SampleBy::Cookie(name)) => PolicySampleBy::Cookie(name.clone()),
        Some(SampleBy::SourceIp) => PolicySampleBy::SourceIp,
    };
    let salt = sample.and_then(|sample| sample.salt.clone()).unwrap_or_else(|| shadow.to_owned());
    SampleSpec { by, salt }
}

fn guard(guard: Option<&Guard>) -> GuardSpec {
    let methods = guard.and_then(|guard| guard.methods.clone());
    let default_methods = || DEFAULT_METHODS.iter().map(|method| (*method).to_owned()).collect();
    GuardSpec {
        methods: methods.unwrap_or_else(default_methods),
        max_request_bytes: guard
            .and_then(|guard| guard.max_request_bytes)
            .unwrap_or(DEFAULT_MAX_REQUEST_BYTES),
        allow_unknown_length: guard.and_then(|guard| guard.allow_unknown_length).unwrap_or(false),
        max_rps: guard.and_then(|guard| guard.max_rps),
    }
}

fn copy(request: &CopyRequest) -> CopySpec {
    CopySpec {
        remove_headers: request.remove_headers.iter().map(|name| name.to_ascii_lowercase()).collect(),
        set_headers: request
            .set_headers
            .iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), value.clone()))
            .collect(),
    }
}

/// Every shadowed request is compared unless somebody wrote otherwise.
fn compare(compare: Option<&Compare>) -> CompareSpec {
    let percent = compare.and_then(|compare| compare.percent);
    CompareSpec {
        share_ppm: percent.map_or(WHOLE_PPM, |percent| percent.ppm()),
        body: match compare.and_then(|compare| compare.body).unwrap_or_default() {
            BodyComparison::Full => BodySpec::Full,
            BodyComparison::Digest => BodySpec::Digest,
            BodyComparison::None => BodySpec::None,
        },
        max_body_bytes: compare.and_then(|compare| compare.max_body_bytes).unwrap_or(DEFAULT_MAX_BODY_BYTES),
        headers: compare
            .map(|compare| compare.headers.iter().map(|name| name.to_ascii_lowercase()).collect())
            .unwrap_or_default(),
        endpoints: compare.map(|compare| compare.endpoints.clone()).unwrap_or_default(),
    }
}
