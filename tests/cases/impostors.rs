//! Whatever stands in the control plane's place, traffic and the static fallback go on.

use serde_json::json;
use umbra_e2e::alone::in_company;
use umbra_e2e::client::{Request, assert_all_ok, series};
use umbra_e2e::envoy::Envoy;
use umbra_e2e::envoy::config::{Cluster, ControlPlaneLink, EnvoyOptions};
use umbra_e2e::eventually::{SOON, eventually};
use umbra_e2e::fault::{Fault, FaultUpstream};
use umbra_e2e::resources::shadow_all;
use umbra_e2e::upstream::{Answer, Upstream};

/// The second call shows that the first has come to its end.
const CALLS: u64 = 2;

/// Sends requests until Envoy has called the control plane so often, and shows that nothing fails.
async fn unharmed(what: &str, control_plane: u16) {
    let (primary, shadow) = (Upstream::start("primary").await, Upstream::start("shadow").await);
    let clusters =
        vec![Cluster::primary("primary", primary.port()), Cluster::shadow("shadow", shadow.port())];
    let mut options = EnvoyOptions::new("node-1", clusters);
    options.concurrency = 2;
    options.fallback = Some(shadow_all(100.0, json!({})));
    options.control_plane = Some(ControlPlaneLink { port: control_plane, tls: None });
    let envoy = Envoy::start(options).await;
    let mut sent = 0;
    eventually(SOON, &format!("{what}: Envoy calls {CALLS} times"), async || {
        let requests = std::iter::repeat_n(Request::get("/"), 50);
        assert_all_ok(&series(envoy.port(), 4, requests).await);
        sent += 50;
        let stats = envoy.stats().await;
        let of = |what: &str| stats.get(&format!("cluster.umbra-control-plane.{what}")).copied();
        // Connections where they are lost, and requests where one connection takes them all.
        let called = of("upstream_cx_total").max(of("upstream_rq_total")).unwrap_or(0);
        if called >= CALLS { Ok(()) } else { Err(called) }
    })
    .await;
    envoy.umbra_reaches("mirrored", sent).await;
    envoy.umbra_reaches("pairs.answered", sent).await;
    envoy.assert_no_trap().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_control_plane_harms_nothing() {
    let _turn = in_company().await;
    for fault in [Fault::Closes, Fault::Garbage, Fault::Resets(1), Fault::CutsOff(9), Fault::NeverReads] {
        let impostor = FaultUpstream::start(fault).await;
        unharmed(&format!("{fault:?}"), impostor.port()).await;
    }
    // Speaks HTTP/2 well, and gRPC not at all.
    let web_server = Upstream::scripted(|_| Answer::ok("<html>")).await;
    unharmed("a web server", web_server.port()).await;
    let grpc_error = Upstream::scripted(|_| {
        let answer = Answer::ok("\0\0\0\0\x05nope!").header("content-type", "application/grpc");
        answer.trailer("grpc-status", "99").trailer("grpc-message", "%ff%fe")
    })
    .await;
    unharmed("garbage in gRPC", grpc_error.port()).await;
}
