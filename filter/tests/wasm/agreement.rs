//! What the running module does to a request is what an explanation says it does.

use crate::fixtures::MESH_KEY;
use crate::fixtures::{FOLLOWER, Workers};
use crate::generate::Random;
use crate::host::{Headers, values};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::IpAddr;
use umbra_policy::{BodyLength, Decision, MirrorRole, Policy, RequestView, Slot};
use umbra_resource::explain::{ExplainRequest, explain};
use umbra_resource::{NodeAttributes, ResourceSet};

/// So many that 5,000 of the cases can be described to `umbractl explain`, whose paths are UTF-8.
const POLICIES: u64 = 320;
const REQUESTS_EACH: u64 = 20;

#[test]
fn the_running_module_and_the_explanation_agree() {
    let mut random = Random::new(20_261_121);
    let mut workers = Workers::new(1, FOLLOWER);
    workers.run_until_stream(1_000);
    workers.accept();
    let mut seen = Seen::default();
    for revision in 1..=POLICIES {
        let set = ResourceSet::new(resources(&mut random)).expect("generated resources hold together");
        let spec = set.compile(&NodeAttributes::default(), revision, Some(MESH_KEY));
        workers.requests();
        workers.send(&revision.to_string(), umbra_wire::encode(&spec));
        workers.run(200);
        assert_eq!(workers.envoy.metric("umbra.policy_revision"), revision);
        let policy = Policy::build(spec).expect("a compiled policy is valid");
        for _ in 0..REQUESTS_EACH {
            let request = Request::generate(&mut random);
            compare(&mut workers, &set, &policy, &request, &mut seen);
        }
    }
    assert_eq!(seen.cases, POLICIES * REQUESTS_EACH);
    assert!(seen.described >= 5_000, "{seen:?}");
    // A generator that drifts into trivial cases would make the agreement worthless.
    assert!(seen.stamped > seen.cases / 4 && seen.stamped < seen.cases * 9 / 10, "{seen:?}");
    assert!(seen.mirrored > seen.cases / 20, "{seen:?}");
    for reason in [
        "off",
        "zero_share",
        "no_key",
        "not_sampled",
        "method",
        "body_too_large",
        "unknown_length",
        "upgrade",
        "no_slot",
    ] {
        assert!(seen.skipped.get(reason).is_some_and(|count| *count > 20), "{reason}: {seen:?}");
    }
}

#[derive(Debug, Default)]
struct Seen {
    cases: u64,
    /// Cases that an operator can describe, whose path is UTF-8.
    described: u64,
    stamped: u64,
    mirrored: u64,
    skipped: BTreeMap<&'static str, u64>,
}

/// What a request should get, from either explanation.
#[derive(Debug, PartialEq)]
struct Expected {
    stamp: Vec<String>,
    mirrors: [Vec<String>; 2],
    skipped: Vec<&'static str>,
}

fn compare(workers: &mut Workers, set: &ResourceSet, policy: &Policy, request: &Request, seen: &mut Seen) {
    let before = skip_metrics(workers);
    {
        let mut process = workers.envoy.get_mut();
        match &request.peer {
            Some(peer) => {
                process.properties.insert("source.address".to_owned(), peer.text.clone().into_bytes())
            }
            None => process.properties.remove("source.address"),
        };
    }
    let worker = &mut workers.list[0];
    let exchange = worker.vm.request(worker.root, &request.headers, request.end_of_stream);
    worker.vm.respond(&exchange);
    worker.vm.end(&exchange);
    let after = skip_metrics(workers);

    let expected = by_policy(policy, request);
    let case = || format!("{request:#?}\n{expected:#?}\n{:#?}", policy.shadows());
    if let Some(described) = request.described() {
        assert_eq!(by_resources(set, &described), expected, "{}", case());
        seen.described += 1;
    }
    assert_eq!(values(&exchange.headers, "x-umbra-stamp"), expected.stamp, "{}", case());
    assert_eq!(values(&exchange.headers, "x-umbra-mirror-1"), expected.mirrors[0], "{}", case());
    assert_eq!(values(&exchange.headers, "x-umbra-mirror-2"), expected.mirrors[1], "{}", case());
    let mirrored = expected.mirrors.iter().any(|clusters| !clusters.is_empty());
    assert_eq!(values(&exchange.headers, "x-umbra-pair").len(), usize::from(mirrored), "{}", case());

    let mut skipped = before;
    for reason in &expected.skipped {
        *skipped.get_mut(*reason).unwrap() += 1;
        *seen.skipped.entry(reason).or_default() += 1;
    }
    assert_eq!(after, skipped, "{}", case());
    seen.cases += 1;
    seen.stamped += u64::from(!expected.stamp.is_empty());
    seen.mirrored += u64::from(mirrored);
}

/// By the policy itself. Shadows that sample by request do so at 0 or 100 %, where the random number does not matter.
fn by_policy(policy: &Policy, request: &Request) -> Expected {
    let decision = umbra_policy::explain::explain(policy, request, 0).decision;
    let names: Vec<&str> = decision.stamps.iter().map(|id| policy.stamp(*id).unwrap().name()).collect();
    Expected {
        stamp: if names.is_empty() { Vec::new() } else { vec![names.join(",")] },
        mirrors: [Slot::One, Slot::Two].map(|slot| cluster_in(policy, &decision, slot)),
        skipped: decision.skipped.iter().map(|(_, reason)| reason.name()).collect(),
    }
}

/// As `umbractl explain` answers.
fn by_resources(set: &ResourceSet, request: &ExplainRequest) -> Expected {
    let explanation = explain(set, &NodeAttributes::default(), request).expect("a set that holds together");
    assert!(explanation.headers.iter().all(|header| header.when.is_none()), "no chance is left");
    let named = |name: &str| {
        let headers = explanation.headers.iter().filter(|header| header.name == name);
        headers.map(|header| header.value.clone()).collect::<Vec<_>>()
    };
    Expected {
        stamp: named("x-umbra-stamp"),
        mirrors: [named("x-umbra-mirror-1"), named("x-umbra-mirror-2")],
        skipped: explanation.shadows.iter().filter_map(|shadow| shadow.reason).collect(),
    }
}

fn skip_metrics(workers: &mut Workers) -> BTreeMap<String, u64> {
    workers.list[0].tick();
    let process = workers.envoy.get();
    let metrics = process.metrics.iter();
    metrics
        .filter_map(|(name, value)| Some((name.strip_prefix("umbra.skipped.")?.to_owned(), *value)))
        .collect()
}

fn cluster_in(policy: &Policy, decision: &Decision, slot: Slot) -> Vec<String> {
    let mirrors = decision.mirrors.iter().filter(|mirror| mirror.slot == slot);
    mirrors
        .map(|mirror| {
            let shadow = policy.shadow(mirror.shadow).unwrap();
            match mirror.role {
                MirrorRole::Candidate => shadow.target_cluster().to_owned(),
                MirrorRole::Control => shadow.control_cluster().unwrap().to_owned(),
            }
        })
        .collect()
}

#[derive(Debug)]
struct Request {
    headers: Headers,
    end_of_stream: bool,
    peer: Option<Peer>,
}

#[derive(Debug)]
struct Peer {
    text: String,
    address: IpAddr,
}

impl Request {
    fn generate(random: &mut Random) -> Self {
        let mut headers = Headers::new();
        let mut line = |name: &str, value: &[u8]| headers.push((name.as_bytes().to_vec(), value.to_vec()));
        line(":authority", random.pick(&AUTHORITIES).as_bytes());
        line(":path", random.pick(&PATHS));
        line(":method", random.pick(&METHODS).as_bytes());
        for name in HEADERS {
            for _ in 0..random.below(3) {
                line(name, random.pick(&VALUES));
            }
        }
        for _ in 0..random.below(3) {
            line("cookie", random.pick(&COOKIES));
        }
        if random.percent(6) {
            line("upgrade", b"websocket");
            line("connection", if random.percent(70) { b"keep-alive, Upgrade" } else { b"close" });
        }
        let end_of_stream = random.percent(50);
        if !end_of_stream && random.percent(70) {
            line("content-length", random.pick(&[b"0".as_slice(), b"10", b"5000", b"99999999", b"no"]));
        }
        let peer = random.percent(80).then(|| {
            let address: IpAddr = random
                .pick(&["10.0.0.1", "10.0.0.2", "::1", "2001:db8::7", "::ffff:10.0.0.1"])
                .parse()
                .unwrap();
            let text = std::net::SocketAddr::new(address, 5_000).to_string();
            Peer { text, address }
        });
        Self { headers, end_of_stream, peer }
    }

    /// As it is given to `umbractl explain`, which takes text for a path.
    fn described(&self) -> Option<ExplainRequest> {
        let text = |name| String::from_utf8(self.first(name).to_vec()).ok();
        let lines = self.headers.iter().filter(|(name, _)| !name.starts_with(b":"));
        let headers = lines.map(|(name, value)| (String::from_utf8(name.clone()).unwrap(), value.clone()));
        Some(ExplainRequest {
            method: text(":method")?,
            host: text(":authority")?,
            path: text(":path")?,
            headers: headers.collect(),
            cookies: Vec::new(),
            source_ip: self.peer.as_ref().map(|peer| peer.address),
            body: self.body(),
        })
    }

    fn first(&self, name: &str) -> &[u8] {
        self.headers.iter().find(|(other, _)| other == name.as_bytes()).map_or(&[], |(_, value)| value)
    }
}

impl RequestView for Request {
    fn method(&self) -> &[u8] {
        self.first(":method")
    }

    fn authority(&self) -> &[u8] {
        self.first(":authority")
    }

    fn path(&self) -> &[u8] {
        self.first(":path")
    }

    fn header<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        let lines = self.headers.iter().filter(move |(other, _)| other == name.as_bytes());
        lines.map(|(_, value)| value.as_slice())
    }

    fn body(&self) -> BodyLength {
        match (self.end_of_stream, std::str::from_utf8(self.first("content-length")).unwrap().parse()) {
            (true, _) => BodyLength::None,
            (false, Ok(length)) => BodyLength::Known(length),
            (false, Err(_)) => BodyLength::Unknown,
        }
    }

    fn source_ip(&self) -> Option<IpAddr> {
        self.peer.as_ref().map(|peer| peer.address)
    }
}

const AUTHORITIES: [&str; 12] = [
    "shop.example.com",
    "SHOP.Example.COM:8443",
    "shop.example.com.",
    "a.b.example.com",
    "example.com",
    "example.com:80",
    "[::1]:8080",
    "[::1]",
    "",
    "xn--bcher-kva.example",
    ":80",
    "shop.example.com:http",
];
const PATHS: [&[u8]; 16] = [
    b"/",
    b"/api",
    b"/api/",
    b"/apix",
    b"/api/cart?page=2",
    b"/api/cart#frag",
    b"/users/42",
    b"/users//",
    b"/users/42/x",
    b"",
    b"*",
    b"/api/cart?page=%32&q=a+b",
    b"/api/\xff\xfe?page=\xff",
    b"/API/cart",
    b"/api/%63art",
    b"/api/cart?page&page=x",
];
const METHODS: [&str; 8] = ["GET", "GET", "GET", "GET", "HEAD", "POST", "get", "CONNECT"];
const HEADERS: [&str; 3] = ["x-tenant", "accept", "x-session"];
const VALUES: [&[u8]; 9] =
    [b"acme", b"ACME", b"acme-corp", b"", b"the acme", b"\xff\xfeacme", b"acme,other", b"42", b"\xc3\xa4"];
const COOKIES: [&[u8]; 9] = [
    b"session=abc",
    b"session=abc; theme=dark",
    b"theme=; session=def",
    b"session",
    b"session=\"abc\"",
    b" session = abc ;;",
    b"session=\xff\xfe",
    b"Session=abc",
    b"",
];

fn resources(random: &mut Random) -> Vec<umbra_resource::Resource> {
    let mut values = Vec::new();
    let stamps = 1 + random.below(6);
    for number in 0..stamps {
        let clauses: Vec<Value> = (0..=random.below(2)).map(|_| clause(random)).collect();
        values.push(
            json!({"apiVersion": "umbra/v1", "kind": "Stamp", "metadata": {"name": format!("stamp-{number}")},
                           "spec": {"match": clauses}}),
        );
    }
    for number in 0..random.below(7) {
        let wanted: Vec<String> =
            (0..stamps).filter(|_| random.percent(60)).map(|n| format!("stamp-{n}")).collect();
        if !wanted.is_empty() {
            values.push(json!({"apiVersion": "umbra/v1", "kind": "Shadow", "metadata": {"name": format!("shadow-{number}")},
                               "spec": shadow(random, number, &wanted)}));
        }
    }
    values.into_iter().map(|value| umbra_resource::from_value(value).expect("a generated resource")).collect()
}

fn clause(random: &mut Random) -> Value {
    let mut clause = serde_json::Map::new();
    if random.percent(40) {
        let host =
            random.pick(&["shop.example.com", "*.example.com", "*", "example.com", "::1", "*.b.example.com"]);
        clause.insert("hosts".to_owned(), json!([host]));
    }
    if random.percent(50) || clause.is_empty() {
        clause.insert(
            "path".to_owned(),
            match random.below(8) {
                0 => json!({"exact": "/api/cart"}),
                1 => json!({"prefix": "/api"}),
                2 => json!({"prefix": "/api/"}),
                3 => json!({"regex": "/(api|users)/[a-z0-9]+"}),
                4 => json!({"template": "/users/{id}"}),
                5 => json!({"exact": "/"}),
                _ => json!({"prefix": "/"}),
            },
        );
    }
    if random.percent(20) {
        clause.insert("methods".to_owned(), json!([random.pick(&["GET", "POST", "HEAD"])]));
    }
    for (list, names) in
        [("headers", ["X-Tenant", "accept"]), ("cookies", ["session", "theme"]), ("query", ["page", "q"])]
    {
        if random.percent(20) {
            let mut field = condition(random);
            field.insert("name".to_owned(), json!(random.pick(&names)));
            clause.insert(list.to_owned(), json!([field]));
        }
    }
    Value::Object(clause)
}

fn condition(random: &mut Random) -> serde_json::Map<String, Value> {
    let condition = match random.below(8) {
        0 => json!({"exact": "acme"}),
        1 => json!({"prefix": "a"}),
        2 => json!({"suffix": "c"}),
        3 => json!({"contains": "m"}),
        4 => json!({"regex": "[a-z]+|[0-9]+"}),
        5 => json!({"absent": true}),
        _ => json!({"present": true}),
    };
    condition.as_object().unwrap().clone()
}

fn shadow(random: &mut Random, number: usize, stamps: &[String]) -> Value {
    let (sample, percent) = match random.below(5) {
        0 => (json!({"by": "header", "name": "X-Session"}), 50.0),
        1 => (json!({"by": "cookie", "name": "session", "salt": "shared"}), 40.0),
        2 => (json!({"by": "source-ip", "salt": "shared"}), 60.0),
        3 if random.percent(50) => (json!({"by": "request"}), 0.0),
        _ => (json!({"by": "request"}), 100.0),
    };
    let mut spec = json!({
        "stamps": stamps, "target": {"cluster": format!("target-{number}")}, "sample": sample, "percent": percent,
        "enabled": random.percent(90),
        "guard": {"methods": random.pick(&[&["GET", "HEAD"][..], &["GET", "POST"], &[], &[]]),
                  "max_request_bytes": random.pick(&[&0_u64, &100, &262_144, &262_144]), "allow_unknown_length": random.percent(40)},
    });
    if random.percent(40) {
        spec["control"] = json!({"cluster": "control"});
    }
    spec
}
