//! Request bodies of every length, in every protocol, while the shadow does its worst: with the guards at their defaults,
//! production's answers are the same bytes, and none of them waits for the shadow.

use hyper::body::Bytes;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use umbra_e2e::bidi;
use umbra_e2e::client::{Connection, Protocol, Request, pattern};
use umbra_e2e::dns::NameServer;
use umbra_e2e::echo::Echo;
use umbra_e2e::envoy::config::{Cluster, EnvoyOptions};
use umbra_e2e::eventually::{SOON, eventually};
use umbra_e2e::fault::{Fault, FaultUpstream};
use umbra_e2e::mesh::Mesh;
use umbra_e2e::ports::free_port;
use umbra_e2e::resources::{shadow, stamp};
use umbra_e2e::upstream::Upstream;

/// What may be wrong with a shadow that can be connected to.
const FAULTS: [(&str, Fault); 10] = [
    ("never-reads", Fault::NeverReads),
    ("grants", Fault::GrantsAndNeverReads),
    ("reads-slowly", Fault::ReadsSlowly),
    ("never-answers", Fault::NeverAnswers),
    ("closes", Fault::Closes),
    ("resets", Fault::Resets(1_000)),
    ("cuts-off", Fault::CutsOff(1_000)),
    ("garbage", Fault::Garbage),
    ("floods", Fault::Floods(1 << 30)),
    ("refuses-tls", Fault::RefusesTls),
];

/// A shadow that nothing listens for, one that Envoy does not know, and one whose name is no more.
const ABSENT: [&str; 3] = ["down", "missing", "nameless"];

/// Of bodies, in bytes. What a shadow takes unless its guard says otherwise ends at 262,144.
const SIZES: [usize; 5] = [0, 1_000, 250_000, 1_000_000, 50_000_000];
const MOST_BYTES: usize = 262_144;

/// Pieces of a body without a length, in bytes.
const PIECE_BYTES: usize = 64 << 10;

/// The route's timeout, and so the copies'.
const TIMEOUT_SECONDS: f64 = 10.0;

/// No answer of production may take so long: whoever waits for the shadow waits for the timeout.
const LIMIT: Duration = Duration::from_secs(8);

/// Messages of a stream of gRPC, and their bytes.
const MESSAGES: usize = 20;
const MESSAGE_BYTES: usize = 1_000;

/// Shadows whose connections fill up, and how many bodies of the most bytes come to each.
const STUCK: [&str; 5] = ["never-reads", "never-reads-2", "grants-2", "reads-slowly", "reads-slowly-2"];
const WAVES: usize = 3;
const AT_ONCE: usize = 24;

/// What production is asked in, and what the shadow is.
#[derive(Clone, Copy, Debug)]
struct Lane {
    client: Protocol,
    with_length: bool,
    shadow: Protocol,
}

const LANES: [Lane; 4] = [
    Lane { client: Protocol::Http1, with_length: true, shadow: Protocol::Http1 },
    Lane { client: Protocol::Http2, with_length: true, shadow: Protocol::Http2 },
    Lane { client: Protocol::Http1, with_length: false, shadow: Protocol::Http2 },
    Lane { client: Protocol::Http2, with_length: false, shadow: Protocol::Http1 },
];

/// The clusters of the shadows, and what must live as long as they.
struct Shadows {
    clusters: Vec<Cluster>,
    names: Vec<&'static str>,
    _upstreams: Vec<FaultUpstream>,
    named: Upstream,
    name_server: NameServer,
}

impl Shadows {
    async fn start() -> Self {
        let (mut clusters, mut upstreams) = (Vec::new(), Vec::new());
        let mut add = |name: &'static str, cluster: &dyn Fn(&'static str) -> Cluster| {
            clusters.push(cluster(name));
            clusters.push(cluster(second(name)).http2());
        };
        for (name, fault) in FAULTS {
            let upstream = FaultUpstream::start(fault).await;
            let port = upstream.port();
            upstreams.push(upstream);
            add(name, &|name| {
                let cluster = Cluster::shadow(name, port);
                if fault == Fault::RefusesTls { cluster.tls() } else { cluster }
            });
        }
        let (name_server, named) = (NameServer::start().await, Upstream::start("named").await);
        add("nameless", &|name| Cluster::shadow(name, named.port()).named(name_server.port()));
        let nobody = free_port();
        add("down", &|name| Cluster::shadow(name, nobody));
        let names = FAULTS.iter().map(|(name, _)| *name).chain(ABSENT).collect();
        Self { clusters, names, _upstreams: upstreams, named, name_server }
    }

    /// A stamp and a shadow for each, over both protocols, with this in their specification.
    fn resources(&self, more: &Value) -> Vec<Value> {
        let names = self.names.iter().flat_map(|name| [*name, second(name)]);
        let resources = names
            .map(|name| [stamp(name, &format!("/{name}/")), shadow(name, name, name, 100.0, more.clone())]);
        resources.flatten().collect()
    }
}

/// The name of the same shadow over HTTP/2.
fn second(name: &str) -> &'static str {
    format!("{name}-2").leak()
}

/// With this production, and a time-out that shows who waits for it.
fn production(options: &mut EnvoyOptions, echo: &Echo) {
    options.timeout_seconds = TIMEOUT_SECONDS;
    options.clusters[0] = Cluster::primary("primary", echo.port());
}

/// Every length of body to every shadow, in turn. How long the slowest answer took.
async fn upload(port: u16, lane: Lane, names: Arc<Vec<&'static str>>, whole: Bytes) -> Duration {
    let mut connection = Connection::open(port, lane.client).await.unwrap();
    let mut slowest = Duration::ZERO;
    for name in names.iter() {
        let name = if lane.shadow == Protocol::Http2 { second(name) } else { name };
        for bytes in SIZES {
            let body = whole.slice(..bytes);
            let mut request = Request::new("POST", &format!("/{name}/{bytes}")).body(body.clone());
            if !lane.with_length {
                request = request.in_pieces(PIECE_BYTES);
            }
            let start = Instant::now();
            let answer = connection.send(&request).await;
            let took = start.elapsed();
            let what = format!("{bytes} bytes to {name}, {lane:?}");
            let answer = answer.unwrap_or_else(|error| panic!("{what}: {took:?}: {:.200}", error));
            assert_eq!(answer.status, 200, "{what}");
            assert!(answer.body == body, "{what}: other bytes came back");
            assert!(took < LIMIT, "{what}: answered after {took:?}");
            slowest = slowest.max(took);
            // Envoy gives a connection up where an answer began before its request was whole.
            if answer.header("connection").is_some() {
                connection = Connection::open(port, lane.client).await.unwrap();
            }
        }
    }
    slowest
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_body_waits_for_a_shadow() {
    let echo = Echo::start().await;
    let shadows = Shadows::start().await;
    let resources = shadows.resources(&json!({"guard": {"methods": []}, "compare": {"body": "digest"}}));
    let mesh = Mesh::start_with(&resources, |options| {
        production(options, &echo);
        options.clusters.extend(shadows.clusters.clone());
        options.concurrency = 2;
    })
    .await;
    shadows.name_server.forget();
    eventually(SOON, "Envoy knows that the name is gone", async || {
        let hosts = mesh.envoy.stat("cluster.nameless.membership_total").await;
        if hosts == 0 { Ok(()) } else { Err(shadows.name_server.denied()) }
    })
    .await;

    let (start, names, whole) =
        (Instant::now(), Arc::new(shadows.names.clone()), pattern(SIZES[SIZES.len() - 1]));
    let mut lanes = JoinSet::new();
    for lane in LANES {
        lanes.spawn(upload(mesh.envoy.port(), lane, Arc::clone(&names), whole.clone()));
    }
    let slowest = lanes.join_all().await.into_iter().max().unwrap();
    println!("slowest of production {slowest:?}, all in {:?}", start.elapsed());

    let with_length = LANES.iter().filter(|lane| lane.with_length).count();
    let mirrored_sizes = SIZES.iter().filter(|bytes| **bytes <= MOST_BYTES).count();
    let each = names.len();
    let expected = [
        ("mirrored", each * with_length * mirrored_sizes),
        ("skipped.body_too_large", each * with_length * (SIZES.len() - mirrored_sizes)),
        ("skipped.unknown_length", each * (LANES.len() - with_length) * SIZES.len()),
    ];
    for (metric, count) in expected {
        mesh.envoy.umbra_reaches(metric, count as u64).await;
    }
    eventually(SOON, "every copy is accounted for", async || {
        let all = mesh.envoy.umbra_all().await;
        let pairs = all.iter().filter(|(name, _)| name.starts_with("pairs."));
        let pairs: u64 = pairs.map(|(_, count)| count).sum();
        if pairs == all["mirrored"] { Ok(()) } else { Err(format!("{all:?}")) }
    })
    .await;
    println!("{:?}", mesh.envoy.umbra_all().await);
    assert_eq!(shadows.named.count(), 0);
    mesh.envoy.assert_no_trap().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_stream_waits_for_a_shadow() {
    let echo = Echo::start().await;
    let shadows = Shadows::start().await;
    // The second time with the guard lifted: short messages go to the shadow as well.
    for (lifted, metric) in [(false, "skipped.unknown_length"), (true, "mirrored")] {
        let guard = json!({"guard": {"methods": [], "allow_unknown_length": lifted}});
        let mesh = Mesh::start_with(&shadows.resources(&guard), |options| {
            production(options, &echo);
            options.clusters[0].protocol = Protocol::Http2;
            options.clusters.extend(shadows.clusters.clone());
        })
        .await;
        let mut calls = JoinSet::new();
        for name in shadows.names.iter().flat_map(|name| [*name, second(name)]) {
            let port = mesh.envoy.port();
            calls.spawn(async move {
                let slowest = bidi::call(port, &format!("/{name}/call"), MESSAGES, MESSAGE_BYTES).await;
                let slowest = slowest.unwrap_or_else(|error| panic!("{name}: {error}"));
                assert!(slowest < LIMIT, "{name}: a message came back after {slowest:?}");
                slowest
            });
        }
        let slowest = calls.join_all().await.into_iter().max();
        println!("lifted: {lifted}; slowest message {slowest:?}");
        mesh.envoy.umbra_reaches(metric, 2 * shadows.names.len() as u64).await;
        mesh.envoy.assert_no_trap().await;
    }
}

/// Bodies that the guards let pass, so many that together they fill any buffer: some at once, and some after them, when
/// the connections to the shadow are stuck.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_bodies_do_not_wait_for_a_shadow() {
    let echo = Echo::start().await;
    let shadows = Shadows::start().await;
    let mesh = Mesh::start_with(&shadows.resources(&json!({"guard": {"methods": []}})), |options| {
        production(options, &echo);
        options.clusters.extend(shadows.clusters.clone());
    })
    .await;
    let memory = mesh.envoy.memory();
    let body = pattern(MOST_BYTES);
    for name in STUCK {
        let mut slowest = Duration::ZERO;
        for wave in 1..=WAVES {
            let mut uploads = JoinSet::new();
            for _ in 0..AT_ONCE {
                let (port, body) = (mesh.envoy.port(), body.clone());
                uploads.spawn(async move {
                    let mut connection = Connection::open(port, Protocol::Http1).await.unwrap();
                    let request = Request::new("POST", &format!("/{name}/")).body(body.clone());
                    let start = Instant::now();
                    let answer = connection.send(&request).await;
                    let took = start.elapsed();
                    let answer =
                        answer.unwrap_or_else(|_| panic!("{name}, wave {wave}: nothing for {took:?}"));
                    assert!(answer.body == body, "{name}, wave {wave}: other bytes came back");
                    assert!(took < LIMIT, "{name}, wave {wave}: answered after {took:?}");
                    took
                });
            }
            slowest = slowest.max(uploads.join_all().await.into_iter().max().unwrap());
        }
        println!("{name}: slowest of production {slowest:?}");
    }
    let requests = STUCK.len() * WAVES * AT_ONCE;
    let copies = eventually(SOON, "every request is mirrored, or shed", async || {
        let all = mesh.envoy.umbra_all().await;
        let count = |name: &str| all.get(name).copied().unwrap_or(0) as usize;
        let copies = count("mirrored");
        if copies + count("skipped.shed") == requests { Ok(copies) } else { Err(format!("{all:?}")) }
    })
    .await;
    assert!(copies > requests / 2, "too few copies to tell: {copies}");
    let peak = memory.peak();
    println!("Envoy grew by {} MiB at most under {copies} copies", peak >> 20);
    assert!(peak < (copies * MOST_BYTES * 2) as u64, "Envoy grew by {peak} bytes");
    mesh.envoy.assert_no_trap().await;
}
