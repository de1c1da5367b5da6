//! What an operator trades who lets long bodies go to a shadow: Envoy holds production's upload back as soon as its buffers
//! for a shadow that does not read are full, until that shadow is gone; or it keeps whole bodies, where it was given the room.

use hyper::body::Bytes;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;
use umbra_e2e::client::{Connection, Protocol, Request, Response, pattern, repeat};
use umbra_e2e::echo::Echo;
use umbra_e2e::envoy::Envoy;
use umbra_e2e::envoy::config::Cluster;
use umbra_e2e::eventually::{SOON, eventually};
use umbra_e2e::fault::{Fault, FaultUpstream};
use umbra_e2e::mesh::Mesh;
use umbra_e2e::resources::{shadow, stamp};

/// Of the body.
const BYTES: usize = 50_000_000;

/// What fits into the kernel's buffers and Envoy's, whatever the shadow does.
const SHORT_BYTES: usize = 1_000_000;

/// Far above what is held for a copy that is held back: 1 MiB of a connection, or 16 MiB of a stream.
const HELD_BACK_ROOM: u64 = 40 << 20;

/// Envoy's buffers as they are unless its configuration says otherwise, and with room for the whole body, in bytes.
const USUAL: u64 = 1 << 20;
const ROOM: u64 = 64 << 20;

/// Between two looks at an upload that may stand still.
const STILL: Duration = Duration::from_millis(400);

/// A shadow's name, what is wrong with it, and its protocol. Over HTTP/2, pings that are not answered end a connection.
const SHADOWS: [(&str, Fault, Protocol); 3] = [
    ("one", Fault::NeverReads, Protocol::Http1),
    ("two", Fault::GrantsAndNeverReads, Protocol::Http2),
    ("slow", Fault::ReadsSlowly, Protocol::Http1),
];

fn cluster(name: &'static str, port: u16, protocol: Protocol, buffer_bytes: u64) -> Cluster {
    let cluster =
        Cluster::shadow(name, port).with(json!({"per_connection_buffer_limit_bytes": buffer_bytes}));
    if protocol == Protocol::Http2 { cluster.http2() } else { cluster }
}

/// Every request, whatever its body.
fn lifted(name: &str) -> [Value; 2] {
    let guard = json!({"guard": {"methods": [], "max_request_bytes": 1 << 30, "allow_unknown_length": true}});
    [stamp(name, &format!("/{name}")), shadow(name, name, name, 100.0, guard)]
}

fn upload(port: u16, name: &str, body: &Bytes, chunked: bool) -> JoinHandle<Result<Response, String>> {
    let mut request = Request::new("POST", &format!("/{name}")).body(body.clone());
    if chunked {
        request = request.in_pieces(64 << 10);
    }
    tokio::spawn(async move {
        let mut connection = Connection::open(port, Protocol::Http1).await?;
        connection.send(&request).await
    })
}

/// Waits until the upload is through, or until nothing more of it comes in: whether it stands still.
async fn stands_still(envoy: &Envoy, upload: &JoinHandle<Result<Response, String>>) -> bool {
    let mut last = None;
    eventually(SOON, "an upload ends or stands still", async || {
        let received = envoy.stat("http.in.downstream_cx_rx_bytes_total").await;
        let is_still = last.replace(received) == Some(received);
        if upload.is_finished() || is_still {
            return Ok(is_still && !upload.is_finished());
        }
        tokio::time::sleep(STILL).await;
        Err(received)
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_upload_waits_until_its_shadow_is_gone_or_given_up() {
    let echo = Echo::start().await;
    let mut shadows = Vec::new();
    for (name, fault, protocol) in SHADOWS {
        let upstream = FaultUpstream::start(fault).await;
        shadows.push((name, protocol, cluster(name, upstream.port(), protocol, USUAL), upstream));
    }
    let resources: Vec<Value> = SHADOWS.iter().flat_map(|(name, ..)| lifted(name)).collect();
    let mesh = Mesh::start_with(&resources, |options| {
        options.timeout_seconds = 2.0;
        options.clusters[0] = Cluster::primary("primary", echo.port());
        options.clusters.extend(shadows.iter().map(|(_, _, cluster, _)| cluster.clone()));
    })
    .await;
    let (port, whole) = (mesh.envoy.port(), pattern(BYTES));
    for (number, (name, protocol, _, upstream)) in shadows.into_iter().enumerate() {
        let short = whole.slice(..SHORT_BYTES);
        let answer = upload(port, name, &short, false).await.unwrap().unwrap();
        assert!(answer.body == short, "{name}: a short body does not wait");

        let memory = mesh.envoy.memory();
        let start = Instant::now();
        let upload = upload(port, name, &whole, number % 2 == 1);
        assert!(stands_still(&mesh.envoy, &upload).await, "{name}: Envoy did not hold the upload back");
        // Nobody else waits: neither without a shadow, nor with this one.
        repeat(port, 40, &Request::get("/elsewhere")).await;
        repeat(port, 40, &Request::post(&format!("/{name}"), 1_000)).await;
        let held = memory.peak();
        println!("{name}: held back after {:?}, Envoy grew by {} KiB", start.elapsed(), held >> 10);
        assert!(held < HELD_BACK_ROOM, "{name}: Envoy grew by {held} bytes");

        let is_held = !upload.is_finished();
        assert!(is_held || protocol == Protocol::Http2, "{name}: the upload went on by itself");
        // Over HTTP/1.1 the shadow goes now; over HTTP/2 it stays, and Envoy gives it up.
        let _upstream = (protocol == Protocol::Http2).then_some(upstream);
        let answer = upload.await.unwrap().unwrap();
        println!("{name}: through after {:?}", start.elapsed());
        assert_eq!(answer.status, 200, "{name}");
        assert!(answer.body == whole, "{name}: other bytes came back");
    }
    mesh.envoy.assert_no_trap().await;
}

/// The remedy for those who must have long bodies: room for them on the shadow's cluster, and memory for each copy.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_room_on_its_cluster_a_shadow_costs_memory_and_no_time() {
    let echo = Echo::start().await;
    let mut shadows = Vec::new();
    for (name, fault, protocol) in SHADOWS {
        let upstream = FaultUpstream::start(fault).await;
        shadows.push((cluster(name, upstream.port(), protocol, ROOM), upstream));
    }
    let resources: Vec<Value> = SHADOWS.iter().flat_map(|(name, ..)| lifted(name)).collect();
    let mesh = Mesh::start_with(&resources, |options| {
        options.timeout_seconds = 10.0;
        options.clusters[0] = Cluster::primary("primary", echo.port());
        options.clusters.extend(shadows.iter().map(|(cluster, _)| cluster.clone()));
    })
    .await;
    let whole = pattern(BYTES);
    for (name, ..) in SHADOWS {
        let (memory, start) = (mesh.envoy.memory(), Instant::now());
        let upload = upload(mesh.envoy.port(), name, &whole, false);
        assert!(!stands_still(&mesh.envoy, &upload).await, "{name}: held back");
        let answer = upload.await.unwrap().unwrap();
        assert!(answer.body == whole, "{name}: other bytes came back");
        let grown = memory.peak();
        println!("{name}: through after {:?}, Envoy grew by {} KiB", start.elapsed(), grown >> 10);
        assert!(grown < 2 * ROOM, "{name}: Envoy grew by {grown} bytes");
    }
    mesh.envoy.assert_no_trap().await;
}
