//! What a decision costs, by the number of rules. `cargo xtask bench` runs this.
//!
//! Half of the rules name a host and a prefix, a quarter a wildcard and a template, a quarter an exact path, and
//! one in ten has a shadow. Times should not follow the number of rules; allocations are counted as well.

use std::net::IpAddr;

use umbra_policy::spec::{
    ClauseSpec, CopySpec, FieldSpec, GuardSpec, PathSpec, PolicySpec, SampleBy, SampleSpec, ShadowSpec,
    StampSpec, ValueSpec,
};
use umbra_policy::{BodyLength, Policy, RequestView, decide};

#[global_allocator]
static ALLOCATOR: divan::AllocProfiler = divan::AllocProfiler::system();

const RULES: [usize; 3] = [1, 100, 1_000];

fn main() {
    divan::main();
}

/// The request fits the last rule: one stamp, one shadow sampled by cookie.
#[divan::bench(args = RULES)]
fn matching(bencher: divan::Bencher<'_, '_>, rules: usize) {
    let policy = policy(rules);
    let request = Request { path: format!("/service-{}/cart/items?page=2", rules - 1) };
    assert_eq!(decide(&policy, &request, 1).mirrors.len(), 1, "the bench measures a match");
    bencher.bench(|| decide(divan::black_box(&policy), divan::black_box(&request), 1));
}

/// The host is one of the rules', the path is none.
#[divan::bench(args = RULES)]
fn not_matching(bencher: divan::Bencher<'_, '_>, rules: usize) {
    let policy = policy(rules);
    let request = Request { path: "/elsewhere/cart/items?page=2".to_owned() };
    assert!(decide(&policy, &request, 1).stamps.is_empty(), "the bench measures a miss");
    bencher.bench(|| decide(divan::black_box(&policy), divan::black_box(&request), 1));
}

/// The same rules asked one by one, to show what the index saves.
#[divan::bench(args = RULES)]
fn without_index(bencher: divan::Bencher<'_, '_>, rules: usize) {
    let policy = policy(rules);
    let request = Request { path: "/elsewhere/cart/items?page=2".to_owned() };
    bencher
        .bench(|| umbra_policy::explain::explain(divan::black_box(&policy), divan::black_box(&request), 1));
}

#[divan::bench(args = RULES)]
fn build(bencher: divan::Bencher<'_, '_>, rules: usize) {
    bencher.with_inputs(|| spec(rules)).bench_values(Policy::build);
}

fn policy(rules: usize) -> Policy {
    Policy::build(spec(rules)).unwrap_or_else(|errors| unreachable!("{errors:?}"))
}

fn spec(rules: usize) -> PolicySpec {
    let stamps = (0..rules)
        .map(|rule| StampSpec { name: format!("stamp-{rule}"), clauses: vec![clause(rule, rules)] });
    // The last rule always has one.
    let shadows = (0..rules).filter(|rule| (rules - 1 - rule).is_multiple_of(10)).map(|rule| ShadowSpec {
        name: format!("shadow-{rule}"),
        stamps: vec![format!("stamp-{rule}")],
        target_cluster: "candidate".to_owned(),
        control_cluster: None,
        enabled: true,
        share_ppm: 1_000_000,
        sample: SampleSpec { by: SampleBy::Cookie("session".to_owned()), salt: format!("shadow-{rule}") },
        guard: GuardSpec {
            methods: vec!["GET".to_owned(), "HEAD".to_owned()],
            max_request_bytes: 262_144,
            allow_unknown_length: false,
            max_rps: None,
        },
        request: CopySpec::default(),
        compare: None,
    });
    PolicySpec { stamps: stamps.collect(), shadows: shadows.collect(), ..PolicySpec::default() }
}

fn clause(rule: usize, rules: usize) -> ClauseSpec {
    let (host, path) = match rule % 4 {
        _ if rule == rules - 1 => ("shop.example.com", PathSpec::Prefix(format!("/service-{rule}/cart"))),
        0 | 1 => ("shop.example.com", PathSpec::Prefix(format!("/service-{rule}/cart"))),
        2 => ("*.example.com", PathSpec::Template(format!("/service-{rule}/users/{{id}}"))),
        _ => ("shop.example.com", PathSpec::Exact(format!("/service-{rule}/health"))),
    };
    ClauseSpec {
        hosts: vec![host.to_owned()],
        path: Some(path),
        methods: vec!["GET".to_owned()],
        headers: vec![FieldSpec { name: "x-tenant".to_owned(), value: ValueSpec::Exact("acme".to_owned()) }],
        ..ClauseSpec::default()
    }
}

/// About what a browser sends.
const HEADERS: [(&str, &[u8]); 10] = [
    ("accept", b"text/html,application/json;q=0.9"),
    ("accept-encoding", b"gzip, br"),
    ("accept-language", b"en-GB,en;q=0.7"),
    ("user-agent", b"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"),
    ("x-request-id", b"6f0f3f1e-8a3b-4a54-9e0f-1d2c3b4a5968"),
    ("x-forwarded-for", b"192.0.2.1"),
    ("x-forwarded-proto", b"https"),
    ("x-tenant", b"acme"),
    ("cookie", b"theme=dark; consent=1; session=5f3c9a1e77d04b6f; lang=en"),
    ("referer", b"https://shop.example.com/"),
];

struct Request {
    path: String,
}

impl RequestView for Request {
    fn method(&self) -> &[u8] {
        b"GET"
    }

    fn authority(&self) -> &[u8] {
        b"Shop.example.com:443"
    }

    fn path(&self) -> &[u8] {
        self.path.as_bytes()
    }

    fn header<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        HEADERS.iter().filter(move |(key, _)| *key == name).map(|(_, value)| *value)
    }

    fn body(&self) -> BodyLength {
        BodyLength::None
    }

    fn source_ip(&self) -> Option<IpAddr> {
        None
    }
}
