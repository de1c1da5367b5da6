//! A mirrored request is never mirrored again, wherever it goes.

use serde_json::json;
use umbra_e2e::client::{Request, repeat};
use umbra_e2e::envoy::Envoy;
use umbra_e2e::envoy::config::{Cluster, ControlPlaneLink, EnvoyOptions};
use umbra_e2e::eventually::{SOON, eventually};
use umbra_e2e::mesh::Mesh;
use umbra_e2e::ports::free_port;
use umbra_e2e::resources::shadow_all;
use umbra_e2e::upstream::Upstream;

const REQUESTS: usize = 100;

/// Waits for as many requests, and shows that there are no more when all is quiet.
async fn exactly(upstream: &Upstream, count: usize, envoys: &[&Envoy]) {
    eventually(SOON, &format!("{count} requests"), async || {
        let seen = upstream.count();
        if seen >= count { Ok(()) } else { Err(seen) }
    })
    .await;
    // A loop would keep a request under way somewhere.
    for envoy in envoys {
        envoy.idle().await;
    }
    assert_eq!(upstream.count(), count);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shadow_that_is_the_listener_itself_ends_there() {
    let port = free_port();
    let mesh = Mesh::start_with(&shadow_all(100.0, json!({})), |options| {
        options.listener_port = Some(port);
        options.clusters[1] = Cluster::shadow("shadow", port);
    })
    .await;
    repeat(port, REQUESTS, &Request::get("/")).await;
    // Each request once by itself, and once as the copy that came back in.
    exactly(&mesh.primary, 2 * REQUESTS, &[&mesh.envoy]).await;
    mesh.envoy.umbra_reaches("mirrored", REQUESTS as u64).await;
    mesh.envoy.umbra_reaches("skipped.loop", REQUESTS as u64).await;
    mesh.envoy.umbra_reaches("pairs.answered", REQUESTS as u64).await;
    let requests = mesh.primary.take();
    let (copies, originals): (Vec<_>, Vec<_>) =
        requests.iter().partition(|request| request.header("x-umbra-shadow").is_some());
    assert_eq!((copies.len(), originals.len()), (REQUESTS, REQUESTS));
    for copy in copies {
        // Still known as a copy to whoever comes next.
        assert_eq!(copy.values("x-umbra-slot"), ["1"]);
        assert_eq!(copy.values("x-umbra-shadow"), ["main"]);
        assert!(copy.values("x-umbra-mirror-1").is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_is_not_mirrored_by_the_next_envoy() {
    let port = free_port();
    let mesh = Mesh::start_with(&shadow_all(100.0, json!({})), |options| {
        options.clusters[1] = Cluster::shadow("shadow", port);
    })
    .await;
    let second_primary = Upstream::start("second primary").await;
    let clusters = vec![
        Cluster::primary("primary", second_primary.port()),
        Cluster::shadow("shadow", mesh.shadow.port()),
    ];
    let mut options = EnvoyOptions::new("node-2", clusters);
    options.listener_port = Some(port);
    options.control_plane = Some(ControlPlaneLink { port: mesh.control_plane.xds_port(), tls: None });
    let second = Envoy::start(options).await;
    mesh.control_plane.synced("node-2").await;

    repeat(mesh.envoy.port(), REQUESTS, &Request::get("/")).await;
    exactly(&second_primary, REQUESTS, &[&mesh.envoy, &second]).await;
    second.umbra_reaches("skipped.loop", REQUESTS as u64).await;
    second.umbra_reaches("mirrored", 0).await;
    assert_eq!(mesh.shadow.count(), 0, "mirrored by the second Envoy");
    // The second Envoy does mirror what is no copy.
    repeat(port, 1, &Request::get("/direct")).await;
    mesh.shadow.request("/direct").await;
}

/// Without a control plane there is no key to tell copies by: whatever bears the mark is cleaned and
/// not mirrored.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fallback_does_not_mirror_what_is_marked() {
    let _turn = umbra_e2e::alone::in_company().await;
    let (primary, shadow) = (Upstream::start("primary").await, Upstream::start("shadow").await);
    let clusters =
        vec![Cluster::primary("primary", primary.port()), Cluster::shadow("shadow", shadow.port())];
    let mut options = EnvoyOptions::new("alone", clusters);
    options.fallback = Some(shadow_all(100.0, json!({})));
    let envoy = Envoy::start(options).await;
    repeat(envoy.port(), 10, &Request::get("/")).await;
    exactly(&shadow, 10, &[&envoy]).await;
    let marked = Request::get("/marked").header("x-umbra-slot", "1");
    repeat(envoy.port(), 10, &marked).await;
    exactly(&primary, 20, &[&envoy]).await;
    envoy.umbra_reaches("skipped.loop", 10).await;
    assert_eq!(shadow.count(), 10);
    for request in primary.take() {
        assert!(request.values("x-umbra-slot").is_empty());
    }
}
