//! A request and a policy to write tables with, and the one check that the tables go through.

use std::net::IpAddr;

use umbra_policy::explain::explain;
use umbra_policy::spec::{
    ClauseSpec, CopySpec, FieldSpec, GuardSpec, PolicySpec, SampleBy, SampleSpec, ShadowSpec, StampSpec,
    ValueSpec,
};
use umbra_policy::{BodyLength, Policy, RequestView, decide};

/// A request whose every part can be any bytes.
#[derive(Clone, Debug)]
pub(crate) struct TestRequest {
    pub(crate) method: Vec<u8>,
    pub(crate) authority: Vec<u8>,
    pub(crate) path: Vec<u8>,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: BodyLength,
    pub(crate) source_ip: Option<IpAddr>,
}

impl TestRequest {
    pub(crate) fn get(path: impl AsRef<[u8]>) -> TestRequest {
        TestRequest {
            method: b"GET".to_vec(),
            authority: b"shop.example.com".to_vec(),
            path: path.as_ref().to_vec(),
            headers: Vec::new(),
            body: BodyLength::None,
            source_ip: None,
        }
    }

    pub(crate) fn host(authority: impl AsRef<[u8]>) -> TestRequest {
        TestRequest { authority: authority.as_ref().to_vec(), ..TestRequest::get("/") }
    }

    pub(crate) fn with(mut self, name: &str, value: impl AsRef<[u8]>) -> TestRequest {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }
}

impl RequestView for TestRequest {
    fn method(&self) -> &[u8] {
        &self.method
    }

    fn authority(&self) -> &[u8] {
        &self.authority
    }

    fn path(&self) -> &[u8] {
        &self.path
    }

    fn header<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.headers.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_slice())
    }

    fn body(&self) -> BodyLength {
        self.body
    }

    fn source_ip(&self) -> Option<IpAddr> {
        self.source_ip
    }
}

/// A policy with one stamp, `s`, of these clauses.
pub(crate) fn policy_of(clauses: Vec<ClauseSpec>) -> Policy {
    let stamps = vec![StampSpec { name: "s".into(), clauses }];
    Policy::build(PolicySpec { stamps, ..PolicySpec::default() }).expect("a valid policy")
}

/// Asserts, for each request, whether a stamp of this clause fits, both through the index and without it.
pub(crate) fn check(clause: ClauseSpec, cases: &[(TestRequest, bool)]) {
    let policy = policy_of(vec![clause.clone()]);
    for (request, expected) in cases {
        let indexed = !decide(&policy, request, 0).stamps.is_empty();
        assert_eq!(indexed, *expected, "indexed: {clause:?} for {}", show(request));
        let linear = explain(&policy, request, 0).stamps[0].clauses[0].is_none();
        assert_eq!(linear, *expected, "linear: {clause:?} for {}", show(request));
    }
}

pub(crate) fn field(name: &str, value: ValueSpec) -> FieldSpec {
    FieldSpec { name: name.into(), value }
}

/// A stamp that every request gets.
pub(crate) fn stamp_for_all(name: &str) -> StampSpec {
    StampSpec { name: name.into(), clauses: vec![ClauseSpec::default()] }
}

/// A shadow of the stamp `s` that takes everything.
pub(crate) fn shadow(name: &str) -> ShadowSpec {
    ShadowSpec {
        name: name.into(),
        stamps: vec!["s".into()],
        target_cluster: format!("{name}-cluster"),
        control_cluster: None,
        enabled: true,
        share_ppm: 1_000_000,
        sample: SampleSpec { by: SampleBy::Request, salt: name.into() },
        guard: GuardSpec {
            methods: Vec::new(),
            max_request_bytes: 262_144,
            allow_unknown_length: false,
            max_rps: None,
        },
        request: CopySpec::default(),
        compare: None,
    }
}

/// A policy that stamps every request with `s` and has these shadows.
pub(crate) fn shadowed(shadows: Vec<ShadowSpec>) -> Policy {
    let stamps = vec![stamp_for_all("s")];
    Policy::build(PolicySpec { stamps, shadows, ..PolicySpec::default() }).expect("a valid policy")
}

fn show(request: &TestRequest) -> String {
    let headers: Vec<String> =
        request.headers.iter().map(|(name, value)| format!("{name}: {}", value.escape_ascii())).collect();
    format!(
        "{} {} {} {headers:?}",
        request.method.escape_ascii(),
        request.authority.escape_ascii(),
        request.path.escape_ascii()
    )
}
