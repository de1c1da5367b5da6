//! Clients who try: marks and steering headers in every disguise that HTTP/1.1 and HTTP/2 have room for. They get what they
//! get without Umbra, production sees what it sees without Umbra, and no copy goes where they say.

use serde_json::json;
use std::collections::BTreeMap;
use std::fmt::Debug;
use umbra_e2e::client::{Request, repeat};
use umbra_e2e::envoy::Envoy;
use umbra_e2e::envoy::config::{Cluster, EnvoyOptions};
use umbra_e2e::mesh::Mesh;
use umbra_e2e::raw::RawConnection;
use umbra_e2e::raw_http2::{Ended, Header, exchange};
use umbra_e2e::record::Recorded;
use umbra_e2e::resources::{shadow, stamp};
use umbra_e2e::upstream::{Answer, Upstream};

/// What a client would like to set.
const NAMES: [&str; 7] = [
    "x-umbra-mirror-1",
    "x-umbra-mirror-2",
    "x-umbra-slot",
    "x-umbra-shadow",
    "x-umbra-pair",
    "x-umbra-stamp",
    "x-umbra-anything",
];

/// Tells the requests of a test apart, in production too.
const CASE: &str = "x-case";

/// What is asked, whichever way: what it says it is, and its bytes or headers.
type Asked<T> = (String, T);

struct Sides {
    mesh: Mesh,
    plain: Envoy,
    /// Behind the one and behind the other.
    productions: [Upstream; 2],
}

/// An answer that tells what production was asked for.
async fn production() -> Upstream {
    Upstream::scripted(|request| {
        let (path, length) = (&request.path, request.body.len());
        Answer::ok(format!("{} {path} at {}, {length} bytes", request.method, request.authority))
    })
    .await
}

impl Sides {
    async fn start() -> Self {
        let productions = [production().await, production().await];
        let guard = json!({"guard": {"methods": [], "allow_unknown_length": true}});
        let resources = [stamp("all", "/"), shadow("main", "all", "shadow", 100.0, guard)];
        let mesh = Mesh::start_with(&resources, |options| {
            options.clusters[0] = Cluster::primary("primary", productions[0].port()).http2();
        })
        .await;
        let primary = Cluster::primary("primary", productions[1].port()).http2();
        let mut options = EnvoyOptions::new("plain", vec![primary]);
        options.umbra = false;
        let plain = Envoy::start(options).await;
        Self { mesh, plain, productions }
    }

    /// Asks both Envoys all of it at once; the answers must be the same, and what production saw. So many came through.
    async fn compare<T: Clone, A: PartialEq + Debug, F: Future<Output = A>>(
        &self,
        asked: &[Asked<T>],
        ask: impl Fn(u16, T) -> F,
    ) -> usize {
        let mut answers = Vec::new();
        for port in [self.mesh.envoy.port(), self.plain.port()] {
            answers.push(futures::future::join_all(asked.iter().map(|(_, it)| ask(port, it.clone()))).await);
        }
        for (number, (what, _)) in asked.iter().enumerate() {
            assert_eq!(answers[0][number], answers[1][number], "{what}");
        }
        let seen = self.productions.each_ref().map(|production| by_case(production.requests()));
        for case in seen[0].keys().chain(seen[1].keys()) {
            let what = case.parse().ok().and_then(|number: usize| asked.get(number)).map(|(what, _)| what);
            let comparable = |side: usize| {
                let mut requests: Vec<String> =
                    seen[side].get(case).into_iter().flatten().map(comparable).collect();
                requests.sort();
                requests
            };
            assert_eq!(comparable(0), comparable(1), "{what:?}");
        }
        seen[0].values().map(Vec::len).sum()
    }

    /// Whatever was sent: no copy went where a client said, none has a mark that a client made up, and the filter lives.
    async fn unmoved(self) {
        self.mesh.settled().await;
        assert_eq!(self.mesh.control.count(), 0, "a client chose where its copy went");
        let (originals, copies) =
            (by_case(self.productions[0].requests()), by_case(self.mesh.shadow.requests()));
        for (case, originals) in &originals {
            let copies = copies.get(case).map_or(0, Vec::len);
            assert_eq!(copies, originals.len(), "each is mirrored once: {originals:?}");
        }
        for (case, copies) in copies {
            // Production may refuse what a shadow that speaks HTTP/1.1 takes.
            assert!(
                originals.contains_key(&case) || copies.len() == 1,
                "mirrored more than once: {copies:?}"
            );
            for copy in copies {
                assert_eq!(copy.values("x-umbra-shadow"), ["main"], "{copy:?}");
                assert_eq!(copy.values("x-umbra-slot"), ["1"], "{copy:?}");
                assert_eq!(copy.values("x-umbra-stamp"), ["all"], "{copy:?}");
                assert!(copy.values("x-umbra-anything").is_empty(), "{copy:?}");
            }
        }
        self.mesh.envoy.umbra_reaches("skipped.loop", 0).await;
        self.mesh.envoy.assert_no_trap().await;
        repeat(self.mesh.envoy.port(), 20, &Request::get("/after")).await;
        self.mesh.settled().await;
        let after = self.mesh.shadow.requests().iter().filter(|copy| copy.path == "/after").count();
        assert_eq!(after, 20);
    }
}

/// Requests by their case; those that have none together.
fn by_case(requests: Vec<Recorded>) -> BTreeMap<String, Vec<Recorded>> {
    let mut cases = BTreeMap::<String, Vec<Recorded>>::new();
    for request in requests {
        cases.entry(request.header(CASE).unwrap_or_default()).or_default().push(request);
    }
    cases
}

/// All of a request but Umbra's names, and the request id that each Envoy makes up.
fn comparable(request: &Recorded) -> String {
    let mut headers = request.headers.clone();
    headers.retain(|(name, _)| !name.starts_with("x-umbra-") && name != "x-request-id");
    let Recorded { method, path, authority, body, trailers, .. } = request;
    format!("{method} {path} {authority} {headers:?} {body:?} {trailers:?}")
}

/// The answer's status and what production said, or that there was none.
async fn http1(port: u16, request: Vec<u8>) -> Option<(u16, Vec<u8>)> {
    let mut connection = RawConnection::open(port).await;
    let answer = connection.exchange(&request).await?;
    Some((answer.status(), answer.body))
}

/// Requests of HTTP/1.1, whole.
fn requests() -> Vec<Asked<Vec<u8>>> {
    let mut requests: Vec<Asked<Vec<u8>>> = Vec::new();
    let mut add = |line: &str, headers: &str, body: &str| {
        let case = requests.len();
        let request = format!("{line}\r\n{CASE}: {case}\r\n{headers}\r\n{body}");
        requests.push((request.chars().take(120).collect(), request.into_bytes()));
    };
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nhost: a");
    let long = "control".repeat(8 << 10 >> 3);
    for name in NAMES {
        let upper = name.to_uppercase();
        for header in [
            format!("{upper}: control\r\n"),
            format!("{name}:control\r\n{name}:\tcontrol \r\n{upper}:\r\n"),
            format!("{name}: {long}\r\n{name}: {long}\r\n"),
            format!("{name} : control\r\n"),
            format!("{name}\t: control\r\n"),
            format!(" {name}: control\r\n"),
            format!("x-a: b\r\n {name}: control\r\n"),
            format!("x-a: b\r{name}: control\r\n"),
            format!("{}: control\r\n", name.replace('-', "_")),
            format!("{name}\0: control\r\n"),
            format!("{name}\u{a0}: control\r\n"),
            // Names that a proxy is to take out before it passes a request on (RFC 9110, section 7.6.1).
            format!("connection: close, {name}\r\n{name}: control\r\n"),
            format!("connection: keep-alive\r\nconnection: {name}\r\n"),
            format!("te: trailers, {name}\r\nproxy-connection: {name}\r\n"),
        ] {
            add(&get("/"), &header, "");
        }
        let trailers = format!("transfer-encoding: chunked\r\ntrailer: {name}\r\n");
        add("POST / HTTP/1.1\r\nhost: a", &trailers, &format!("4\r\nbody\r\n0\r\n{name}: control\r\n\r\n"));
    }
    for path in [
        "//",
        "/../",
        "/a/../b",
        "/./a",
        "/%2e%2e/b",
        "/%2E%2E%2Fb",
        "/a%2fb",
        "/a%5cb",
        "/a\\..\\b",
        "/%00",
        "/%",
        "/%zz",
        "/a;x-umbra-mirror-1=control",
        "/?x-umbra-mirror-1=control",
        "/a#x-umbra-slot",
        "//control/a",
        "http://control/a",
        "http://a:80//../b",
        "*",
        "/\u{e4}",
        "/a b",
        "/a\tb",
        "a",
        "?",
    ] {
        add(&get(path), "", "");
    }
    for host in [256, 4_096, 60_000].map(|length| "a".repeat(length)) {
        add("GET / HTTP/1.1", &format!("host: {host}\r\n"), "");
        add("GET / HTTP/1.1", &format!("host: {host}.example.com:99999\r\n"), "");
    }
    for host in ["a, b", "a b", "a@b", "a/b", "", "[::1", "a\r\nhost: control", "x-umbra-mirror-1: control"] {
        add("GET / HTTP/1.1", &format!("host: {host}\r\n"), "");
    }
    requests
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_disguise_of_http1_steers() {
    let sides = Sides::start().await;
    let requests = requests();
    let seen = sides.compare(&requests, http1).await;
    println!("{seen} of {} requests came through", requests.len());
    assert!(seen > requests.len() / 3, "too few came through to tell");
    sides.unmoved().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_disguise_of_http2_steers() {
    let sides = Sides::start().await;
    let long = b"control".repeat(8 << 10 >> 3);
    let mut requests: Vec<Asked<Fields>> = Vec::new();
    let mut add = |method: &[u8], headers: &[Header<'_>], trailers: &[Header<'_>]| {
        let case = requests.len().to_string();
        let usual: [Header<'_>; 5] = [
            (b":method", method),
            (b":scheme", b"http"),
            (b":path", b"/"),
            (b":authority", b"a"),
            (CASE.as_bytes(), case.as_bytes()),
        ];
        let what =
            headers.iter().map(|(name, _)| name.escape_ascii().to_string()).collect::<Vec<_>>().join(", ");
        requests.push((what, (owned(&[&usual[..], headers].concat()), owned(trailers))));
    };
    for name in NAMES {
        let upper = name.to_uppercase();
        let forms = [":NAME", "NAME ", " NAME", "NAME:", "NAME\0", "NAME\r\n", "NAME\u{a0}", ":path NAME"];
        for form in forms {
            add(b"GET", &[(form.replace("NAME", name).as_bytes(), b"control")], &[]);
        }
        let name = name.as_bytes();
        let injected = [b"a\r\n", name, b": control"].concat();
        let extras: [&[Header<'_>]; 15] = [
            &[(name, b"control")],
            &[(name, b"control"), (name, b"shadow"), (name, b"")],
            &[(name, &long), (name, &long)],
            &[(upper.as_bytes(), b"control")],
            &[(b"x-a", &injected)],
            &[(name, b"\0control"), (name, b"\xff\xfe")],
            &[(b"connection", name), (name, b"control")],
            &[(b"te", name), (name, b"control")],
            &[(b"host", b"control"), (name, b"control")],
            // Pseudo-headers twice, late, or where they have no business (RFC 9113, section 8.3).
            &[(name, b"control"), (b":path", b"/late")],
            &[(b":path", b"/twice"), (name, b"control")],
            &[(b":authority", b"control"), (name, b"control")],
            &[(b":method", b"CONNECT"), (name, b"control")],
            &[(b":protocol", b"websocket"), (name, b"control")],
            &[(b":status", b"200"), (name, b"control")],
        ];
        for extra in extras {
            add(b"GET", extra, &[]);
        }
        add(b"POST", &[], &[(name, b"control"), (b"x-sum", b"1")]);
    }
    let seen = sides.compare(&requests, http2).await;
    println!("{seen} of {} requests came through", requests.len());
    assert!(seen > requests.len() / 5, "too few came through to tell");
    sides.unmoved().await;
}

/// Headers and trailers.
type Fields = (Vec<(Vec<u8>, Vec<u8>)>, Vec<(Vec<u8>, Vec<u8>)>);

fn owned(headers: &[Header<'_>]) -> Vec<(Vec<u8>, Vec<u8>)> {
    headers.iter().map(|(name, value)| (name.to_vec(), value.to_vec())).collect()
}

async fn http2(port: u16, (headers, trailers): Fields) -> Ended {
    let headers: Vec<Header<'_>> = headers.iter().map(|(name, value)| (&name[..], &value[..])).collect();
    let trailers: Vec<Header<'_>> = trailers.iter().map(|(name, value)| (&name[..], &value[..])).collect();
    settled(exchange(port, &headers, &trailers).await)
}

/// A connection that is given up may be closed before its last word is read.
fn settled(ended: Ended) -> Ended {
    match ended {
        Ended::GoneAway(_) => Ended::Closed,
        other => other,
    }
}
