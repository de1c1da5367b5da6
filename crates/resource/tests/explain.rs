//! What a request would get, and why.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may stop at the first surprise"
)]

use proptest::prelude::*;
use umbra_policy::{BodyLength, MirrorRole, Policy, RequestView, Skip, Slot, decide};
use umbra_resource::explain::{ExplainRequest, Explanation, Outcome, explain};
use umbra_resource::{NodeAttributes, ResourceSet, from_yaml};

const STAMPS: &str = "
apiVersion: umbra/v1
kind: Stamp
metadata: {name: cart}
spec:
  match:
    - hosts: [shop.example.com, '*.shop.example.com']
      path: {prefix: /api/cart}
      methods: [GET, POST, CONNECT]
      headers: [{name: X-Tenant, exact: acme}, {name: x-debug, absent: true}]
      cookies: [{name: session, present: true}]
      query: [{name: page, regex: '[0-9]+'}]
    - path: {template: '/carts/{id}'}
    - path: {regex: '/v[0-9]/cart'}
---
apiVersion: umbra/v1
kind: Stamp
metadata: {name: everything}
spec: {match: [{path: {prefix: /}}]}
";

fn set(shadows: &[&str]) -> ResourceSet {
    let mut yaml = STAMPS.to_owned();
    for shadow in shadows {
        let (name, spec) = shadow.split_once(": ").unwrap();
        yaml.push_str(&format!(
            "---\n{{apiVersion: umbra/v1, kind: Shadow, metadata: {{name: {name}}}, spec: {{{spec}}}}}\n"
        ));
    }
    ResourceSet::new(from_yaml(&yaml).unwrap()).unwrap()
}

fn get(path: &str) -> ExplainRequest {
    ExplainRequest {
        path: path.to_owned(),
        host: "Shop.example.com:443".to_owned(),
        ..ExplainRequest::default()
    }
}

fn explained(shadows: &[&str], request: &ExplainRequest) -> Explanation {
    explain(&set(shadows), &NodeAttributes::default(), request).unwrap()
}

#[test]
fn says_which_condition_failed_first() {
    #[track_caller]
    fn check(request: ExplainRequest, expected: &str) {
        let explanation = explained(&[], &request);
        let mut lines = String::new();
        for clause in &explanation.stamps[0].clauses {
            let failed = clause.failed.as_ref().map(|failed| format!("{}: {}", failed.field, failed.words));
            lines.push_str(&failed.unwrap_or_else(|| format!("{}: matched", clause.field)));
            lines.push('\n');
        }
        assert!(lines.starts_with(expected), "{lines}");
    }
    let header = |name: &str, value: &[u8]| (name.to_owned(), value.to_vec());
    let full = ExplainRequest {
        headers: vec![header("x-tenant", b"acme"), header("Cookie", b"session=1")],
        ..get("/api/cart/1?page=2")
    };
    check(full.clone(), "spec.match[0]: matched\n");
    check(
        ExplainRequest { host: "other.example".to_owned(), ..full.clone() },
        "spec.match[0].hosts: host \"other.example\" is none of shop.example.com, *.shop.example.com\n\
         spec.match[1].path: path \"/api/cart/1\" does not fit the template /carts/{id} (without its query)\n\
         spec.match[2].path: path \"/api/cart/1\" is not matched as a whole by the expression /v[0-9]/cart (without its query)\n",
    );
    check(
        ExplainRequest { path: "/api/carts".to_owned(), ..full.clone() },
        "spec.match[0].path: path \"/api/carts\" is not \"/api/cart\" and does not lie below it\n",
    );
    check(
        ExplainRequest { method: "get".to_owned(), ..full.clone() },
        "spec.match[0].methods: method \"get\" is none of GET, POST, CONNECT\n",
    );
    check(
        ExplainRequest {
            headers: vec![header("x-tenant", b"a\xff\n"), header("X-TENANT", b"b")],
            ..full.clone()
        },
        "spec.match[0].headers[0]: header x-tenant is \"a\u{fffd}\\n\", \"b\", not \"acme\"\n",
    );
    check(
        ExplainRequest { headers: vec![header("x-tenant", b"acme"), header("x-debug", b"")], ..full.clone() },
        "spec.match[0].headers[1]: header x-debug is there, as \"\", and must not be\n",
    );
    check(
        ExplainRequest { headers: vec![header("x-tenant", b"acme")], ..full.clone() },
        "spec.match[0].cookies[0]: cookie session is not there\n",
    );
    check(
        ExplainRequest {
            headers: vec![header("x-tenant", b"acme")],
            cookies: vec![("a".to_owned(), "b".to_owned()), ("session".to_owned(), "1".to_owned())],
            ..full.clone()
        },
        "spec.match[0]: matched\n",
    );
    check(
        ExplainRequest { path: "/api/cart?page=x&page=%79".to_owned(), ..full },
        "spec.match[0].query[0]: query parameter page is \"x\", \"y\", which is not matched as a whole by the expression [0-9]+\n",
    );
}

#[test]
fn says_why_a_shadow_takes_no_copy() {
    #[track_caller]
    fn check(shadow: &str, request: ExplainRequest, expected: (Outcome, Option<&str>, &str)) {
        let explanation = explained(&[shadow], &request);
        let found = &explanation.shadows[0];
        assert_eq!((found.decision, found.reason, found.words.as_str()), expected, "{shadow}");
    }
    use Outcome::{Mirrored, NotStamped, Sampled, Skipped};
    let post = || ExplainRequest { method: "POST".to_owned(), ..get("/") };
    let body = |body| ExplainRequest { body, ..get("/") };
    const S: &str = "s: stamps: [everything], target: {cluster: t}, percent: 100";
    let with = |more: &str| format!("{S}, {more}");
    check(S, get("/"), (Mirrored, None, "mirrored"));
    check(
        "s: stamps: [cart], target: {cluster: t}, percent: 100",
        get("/"),
        (NotStamped, None, "the request does not get the stamp it asks for: cart"),
    );
    check(&with("enabled: false"), get("/"), (Skipped, Some("off"), "switched off"));
    check(
        "s: stamps: [everything], target: {cluster: t}",
        get("/"),
        (Skipped, Some("zero_share"), "its share is 0 %"),
    );
    check(
        "s: stamps: [everything], target: {cluster: t}, percent: 0.25",
        get("/"),
        (Sampled, None, "0.25 % of requests"),
    );
    check(S, post(), (Skipped, Some("method"), "the guard takes GET and HEAD alone, not POST"));
    check(&with("guard: {methods: []}"), post(), (Mirrored, None, "mirrored"));
    check(
        S,
        ExplainRequest { method: "CONNECT".to_owned(), ..get("/") },
        (Skipped, Some("upgrade"), "upgrades and CONNECT are never mirrored"),
    );
    check(
        &with("guard: {max_request_bytes: 9}"),
        body(BodyLength::Known(10)),
        (Skipped, Some("body_too_large"), "the body has 10 bytes, and the guard takes 9"),
    );
    check(
        S,
        body(BodyLength::Unknown),
        (
            Skipped,
            Some("unknown_length"),
            "the body's length is not known, and the guard does not allow that",
        ),
    );
    check(
        &with("sample: {by: cookie, name: session}"),
        get("/"),
        (Skipped, Some("no_key"), "the request has no sampling key: cookie session is missing or empty"),
    );
    check(
        &with("sample: {by: source-ip}"),
        get("/"),
        (Skipped, Some("no_key"), "the request has no sampling key: source-ip is missing or empty"),
    );
}

#[test]
fn a_key_is_sampled_as_its_bucket_says() {
    let request = ExplainRequest { headers: vec![("X-User".to_owned(), b"alice".to_vec())], ..get("/") };
    let shadow = |percent: f64| {
        format!(
            "s: stamps: [everything], target: {{cluster: t}}, percent: {percent}, sample: {{by: header, name: X-User, salt: x}}"
        )
    };
    let whole = explained(&[&shadow(100.0)], &request).shadows.remove(0);
    let bucket = whole.sampling.bucket_percent.unwrap();
    assert_eq!((whole.decision, whole.sampling.key.as_deref()), (Outcome::Mirrored, Some("alice")));
    assert!((1.0..99.0).contains(&bucket), "{bucket}");

    let above =
        explained(&[&shadow(((bucket + 0.0001) * 10_000.0).round() / 10_000.0)], &request).shadows.remove(0);
    assert_eq!(above.decision, Outcome::Mirrored);
    let at = explained(&[&shadow(bucket)], &request).shadows.remove(0);
    assert_eq!((at.decision, at.reason), (Outcome::Skipped, Some("not_sampled")));
    assert!(at.words.contains(&format!("its header x-user falls at {bucket} %")), "{}", at.words);
}

#[test]
fn chance_decides_who_gets_a_slot() {
    #[track_caller]
    fn check(shadows: &[&str], expected: &[(Outcome, &[u8])]) {
        let explanation = explained(shadows, &get("/"));
        let found: Vec<(Outcome, Vec<u8>)> = explanation
            .shadows
            .iter()
            .map(|s| (s.decision, s.copies.iter().flat_map(|copy| copy.slots.clone()).collect()))
            .collect();
        let expected: Vec<(Outcome, Vec<u8>)> =
            expected.iter().map(|(o, slots)| (*o, slots.to_vec())).collect();
        assert_eq!(found, expected);
    }
    use Outcome::{Mirrored, Sampled, Skipped};
    const A: &str = "a: stamps: [everything], target: {cluster: a}, percent: 100";
    const A_CHANCE: &str = "a: stamps: [everything], target: {cluster: a}, percent: 5";
    const A_BOTH: &str = "a: stamps: [everything], target: {cluster: a}, control: {cluster: p}, percent: 100";
    const A_BOTH_CHANCE: &str =
        "a: stamps: [everything], target: {cluster: a}, control: {cluster: p}, percent: 5";
    const B: &str = "b: stamps: [everything], target: {cluster: b}, percent: 100";
    const B_BOTH: &str = "b: stamps: [everything], target: {cluster: b}, control: {cluster: p}, percent: 100";
    const C: &str = "c: stamps: [everything], target: {cluster: c}, percent: 100";
    check(&[A, B], &[(Mirrored, &[1]), (Mirrored, &[2])]);
    check(&[A, B, C], &[(Mirrored, &[1]), (Mirrored, &[2]), (Skipped, &[])]);
    check(&[A_BOTH, B], &[(Mirrored, &[1, 2]), (Skipped, &[])]);
    check(&[A, B_BOTH, C], &[(Mirrored, &[1]), (Skipped, &[]), (Mirrored, &[2])]);
    check(&[A_CHANCE, B], &[(Sampled, &[1]), (Mirrored, &[1, 2])]);
    check(&[A_CHANCE, B, C], &[(Sampled, &[1]), (Mirrored, &[1, 2]), (Sampled, &[2])]);
    check(&[A_BOTH_CHANCE, B], &[(Sampled, &[1, 2]), (Sampled, &[1])]);
    check(&[A_CHANCE, B_BOTH, C], &[(Sampled, &[1]), (Sampled, &[1, 2]), (Sampled, &[2])]);
}

#[test]
fn explains_a_request_as_a_whole() {
    let shadows = [
        "cart-v2: stamps: [cart, everything], target: {cluster: cart-v2}, control: {cluster: cart-v1-b}, percent: 1, \
         sample: {by: cookie, name: session}, guard: {max_rps: 200}, \
         overrides: [{where: {zone: z1}, percent: 100}]",
        "other: stamps: [everything], target: {cluster: other}, percent: 5",
        "rest: stamps: [cart], target: {cluster: rest}, percent: 5, sample: {by: source-ip, salt: shared}",
    ];
    let request = ExplainRequest {
        cookies: vec![("session".to_owned(), "abc".to_owned())],
        source_ip: Some("::ffff:10.0.0.1".parse().unwrap()),
        ..get("/carts/17?x=1")
    };
    let node =
        NodeAttributes { id: "envoy-1".to_owned(), zone: "z1".to_owned(), ..NodeAttributes::default() };
    insta::assert_json_snapshot!(explain(&set(&shadows), &node, &request).unwrap());
    let shadow = "other: stamps: [everything], target: {cluster: other}, percent: 5";
    insta::assert_json_snapshot!(explained(&[shadow], &request).headers);
}

/// The same request as the filter would see it.
struct Sent<'r>(&'r ExplainRequest);

impl RequestView for Sent<'_> {
    fn method(&self) -> &[u8] {
        self.0.method.as_bytes()
    }
    fn authority(&self) -> &[u8] {
        self.0.host.as_bytes()
    }
    fn path(&self) -> &[u8] {
        self.0.path.as_bytes()
    }
    fn header<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.0.headers.iter().filter(move |(header, _)| header == name).map(|(_, value)| value.as_slice())
    }
    fn body(&self) -> BodyLength {
        self.0.body
    }
    fn source_ip(&self) -> Option<std::net::IpAddr> {
        self.0.source_ip
    }
}

fn shadow_spec() -> impl Strategy<Value = String> {
    let percent = prop_oneof![Just("0"), Just("3.5"), Just("50"), Just("100")];
    let sample = prop_oneof![
        Just("{}"),
        Just("{by: header, name: x-key}"),
        Just("{by: cookie, name: k, salt: s}"),
        Just("{by: source-ip}")
    ];
    let control = prop_oneof![Just(""), Just(", control: {cluster: p}")];
    let guard = prop_oneof![
        Just("{}"),
        Just("{methods: []}"),
        Just("{allow_unknown_length: true, max_request_bytes: 5}")
    ];
    let stamps = prop_oneof![Just("cart"), Just("everything"), Just("cart, everything")];
    (percent, sample, control, guard, stamps, any::<bool>()).prop_map(|(percent, sample, control, guard, stamps, enabled)| {
        format!("stamps: [{stamps}], target: {{cluster: t}}{control}, percent: {percent}, sample: {sample}, guard: {guard}, enabled: {}", enabled || percent == "50")
    })
}

fn request() -> impl Strategy<Value = ExplainRequest> {
    let method = prop_oneof![Just("GET"), Just("POST"), Just("CONNECT")];
    let path = prop_oneof![Just("/"), Just("/carts/1"), Just("/v1/cart?x"), Just("")];
    let body = prop_oneof![Just(BodyLength::None), Just(BodyLength::Known(6)), Just(BodyLength::Unknown)];
    let key = proptest::option::of("[a-c]{0,2}");
    let cookie = proptest::option::of("k=[a-c]{0,2}");
    (method, path, body, key, cookie, any::<Option<[u8; 4]>>()).prop_map(
        |(method, path, body, key, cookie, ip)| {
            let key = key.map(|key| ("x-key".to_owned(), key.into_bytes()));
            let cookie = cookie.map(|cookie| ("cookie".to_owned(), cookie.into_bytes()));
            ExplainRequest {
                method: method.to_owned(),
                path: path.to_owned(),
                headers: key.into_iter().chain(cookie).collect(),
                source_ip: ip.map(Into::into),
                body,
                ..get("/")
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever number the filter draws, it does what the explanation allows; and each thing that is
    /// certain is what it does.
    #[test]
    fn agrees_with_what_the_filter_decides(
        specs in proptest::collection::vec(shadow_spec(), 1..5),
        request in request(),
        randoms in proptest::collection::vec(any::<u64>(), 8),
    ) {
        let shadows: Vec<String> = specs.iter().enumerate().map(|(index, spec)| format!("s{index}: {spec}")).collect();
        let shadows: Vec<&str> = shadows.iter().map(String::as_str).collect();
        let set = set(&shadows);
        let node = NodeAttributes::default();
        let explanation = explain(&set, &node, &request).unwrap();
        let policy = Policy::build(set.compile(&node, 0, None)).unwrap();
        for random in randoms {
            let decision = decide(&policy, &Sent(&request), random);
            let stamped: Vec<&str> = decision.stamps.iter().map(|id| policy.stamp(*id).unwrap().name()).collect();
            let explained: Vec<&str> =
                explanation.stamps.iter().filter(|stamp| stamp.stamped).map(|stamp| stamp.name.as_str()).collect();
            prop_assert_eq!(stamped, explained);
            for (index, shadow) in explanation.shadows.iter().enumerate() {
                let copies: Vec<_> = decision.mirrors.iter().filter(|m| usize::from(m.shadow.0) == index).collect();
                let skip = decision.skipped.iter().find(|(id, _)| usize::from(id.0) == index).map(|(_, skip)| *skip);
                match shadow.decision {
                    Outcome::NotStamped => prop_assert!(copies.is_empty() && skip.is_none()),
                    // Without a slot, losing the draw makes no difference but is what the filter counts.
                    Outcome::Skipped if shadow.reason == Some("no_slot") && shadow.sampling.by == "request" => {
                        prop_assert!(matches!(skip, Some(Skip::NotSampled | Skip::NoSlot)));
                    }
                    Outcome::Skipped => prop_assert_eq!(skip.map(Skip::name), shadow.reason),
                    Outcome::Mirrored => prop_assert!(!copies.is_empty()),
                    Outcome::Sampled => prop_assert!(
                        !copies.is_empty() || matches!(skip, Some(Skip::NotSampled | Skip::NoSlot))
                    ),
                }
                for copy in copies {
                    let slot = if copy.slot == Slot::One { 1 } else { 2 };
                    let role = if copy.role == MirrorRole::Candidate { "candidate" } else { "control" };
                    let allowed = shadow.copies.iter().any(|copy| copy.role == role && copy.slots.contains(&slot));
                    prop_assert!(allowed, "{:?}", shadow);
                }
            }
        }
    }
}
