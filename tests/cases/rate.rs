//! `max_rps` is the node's, whichever of its workers the requests come to.

use serde_json::json;
use std::time::{Duration, Instant};
use umbra_e2e::client::{Request, repeat};
use umbra_e2e::mesh::Mesh;
use umbra_e2e::resources::shadow_all;

const RATE: u64 = 100;
const LONG: Duration = Duration::from_secs(4);

/// Sends as fast as these connections can for a while; how many were mirrored, and in which time.
async fn mirrored_by(mesh: &Mesh, connections: usize) -> (u64, Duration) {
    // Of the cluster both times: the filter's own counters reach Envoy with the next tick.
    let copies = async || mesh.envoy.stat("cluster.shadow.upstream_rq_total").await;
    mesh.settled().await;
    let before = copies().await;
    let start = Instant::now();
    while start.elapsed() < LONG {
        let requests = std::iter::repeat_n(Request::get("/"), 400);
        let outcomes = umbra_e2e::client::series(mesh.envoy.port(), connections, requests).await;
        umbra_e2e::client::assert_all_ok(&outcomes);
    }
    let took = start.elapsed();
    mesh.settled().await;
    let total = copies().await;
    mesh.envoy.umbra_reaches("mirrored", total).await;
    (total - before, took)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rate_limit_is_shared_by_the_workers() {
    let guard = json!({"guard": {"max_rps": RATE}});
    let mesh = Mesh::start_alone(&shadow_all(100.0, guard), |options| options.concurrency = 2).await;
    repeat(mesh.envoy.port(), 50, &Request::get("/")).await;
    // Many connections are spread over both workers; one is at one worker, and may have it all.
    for connections in [16, 1] {
        let (mirrored, took) = mirrored_by(&mesh, connections).await;
        let allowed = RATE as f64 * took.as_secs_f64();
        println!("max_rps {RATE}, {connections} connections: {mirrored} in {took:?}");
        let most = allowed + RATE as f64 * 1.2;
        assert!((mirrored as f64) < most, "{mirrored} is over {most}");
        let least = allowed * 0.8;
        assert!((mirrored as f64) > least, "{mirrored} is under {least}");
    }
    assert!(mesh.envoy.umbra("skipped.rate_limited").await > 100);
}
