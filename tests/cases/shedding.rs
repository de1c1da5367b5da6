//! A shadow that hangs is spared: little is sent to it, nothing piles up, and it comes back by itself.

use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use umbra_e2e::eventually::{SOON, eventually, throughout};
use umbra_e2e::mesh::Mesh;
use umbra_e2e::reports::report;
use umbra_e2e::resources::shadow_all;
use umbra_e2e::traffic::Traffic;
use umbra_e2e::umbractl::succeed;
use umbra_e2e::upstream::{Answer, Upstream};

/// The route's timeout, and so the copies'.
const TIMEOUT_SECONDS: f64 = 2.0;

/// What Envoy's one worker may have under way.
const UNDER_WAY: u64 = 256;

/// From 1 % back to all takes 20 steps of a second.
const BACK: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shadow_that_hangs_is_spared_and_comes_back() {
    let hangs = Arc::new(AtomicBool::new(true));
    let script = Arc::clone(&hangs);
    let shadow = Upstream::scripted(move |_| {
        let answer = Answer::ok("shadow");
        if script.load(Ordering::Relaxed) { answer.after(Duration::from_secs(60)) } else { answer }
    })
    .await;
    let port = shadow.port();
    let mesh = Mesh::start_with(&shadow_all(100.0, json!({})), |options| {
        options.timeout_seconds = TIMEOUT_SECONDS;
        options.clusters[1].port = port;
    })
    .await;
    // Together 800 a second at most: 1,600 within the timeout.
    let traffic: Vec<Traffic> = (0..4).map(|_| Traffic::start(mesh.envoy.port())).collect();

    let started = Instant::now();
    throughout(Duration::from_secs(6), "copies do not pile up", async || {
        let under_way = mesh.envoy.stat("cluster.shadow.upstream_rq_active").await;
        if under_way <= UNDER_WAY { Ok(()) } else { Err(under_way) }
    })
    .await;
    let sent = mesh.envoy.umbra("mirrored").await;
    let shed = mesh.envoy.umbra("skipped.shed").await;
    println!("within {:?}: {sent} copies, {shed} requests shed", started.elapsed());
    assert!(shed > sent, "{sent} copies, {shed} requests shed");
    let status = succeed(mesh.control_plane.api_port(), &["status"]).await;
    assert!(status.contains("main fails or hangs: "), "{status}");

    hangs.store(false, Ordering::Relaxed);
    let healed = Instant::now();
    let mut before = mesh.envoy.umbra_all().await;
    eventually(BACK, "all is mirrored again", async || {
        let after = mesh.envoy.umbra_all().await;
        let more = |name: &str| after[name] - before[name];
        if more("mirrored") < 200 {
            return Err(format!("{after:?}"));
        }
        let is_back = more("skipped.shed") == 0;
        before = after;
        if is_back { Ok(()) } else { Err(format!("{before:?}")) }
    })
    .await;
    println!("all is mirrored again after {:?}", healed.elapsed());

    let mut requests = 0;
    for traffic in traffic {
        requests += traffic.end().await.len() as u64;
    }
    let report = report(&mesh.control_plane, "main", requests).await;
    mesh.envoy.umbra_reaches("skipped.shed", report["shed"].as_u64().unwrap()).await;
    eventually(SOON, "nobody is said to hang", async || {
        let status = succeed(mesh.control_plane.api_port(), &["status"]).await;
        if status.contains("hangs") { Err(status) } else { Ok(()) }
    })
    .await;
    mesh.envoy.assert_no_trap().await;
}
