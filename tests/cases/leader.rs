//! The worker that speaks for its Envoy goes, with its VM: another takes over.

use serde_json::json;
use std::time::{Duration, Instant};
use umbra_e2e::client::{Request, repeat};
use umbra_e2e::eventually::{SOON, eventually};
use umbra_e2e::mesh::Mesh;
use umbra_e2e::resources::shadow_all;

/// What the change of the leader may take.
const LIMIT: Duration = Duration::from_secs(3);

/// Another VM configuration for listener and clusters: Envoy starts new VMs, drains the old listener
/// for a second, and then the old VMs go, and the leader with them.
fn replace_vms(mesh: &mut Mesh, configuration: &str) {
    let configuration = configuration.to_owned();
    mesh.envoy.reconfigure(|options| options.vm_configuration = configuration);
}

async fn drained(mesh: &Mesh) {
    eventually(SOON, "the old listener is gone", async || {
        let stats = mesh.envoy.stats().await;
        let draining = stats["listener_manager.total_listeners_draining"];
        let modified = stats["listener_manager.listener_modified"];
        if draining == 0 && modified > 0 {
            Ok(())
        } else {
            Err(format!("{draining} draining, {modified} modified"))
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_leads_when_the_leader_has_gone() {
    let mut mesh = Mesh::start_relayed(&shadow_all(0.0, json!({})), |options| {
        options.concurrency = 2;
        options.dynamic = true;
    })
    .await;
    let relay = mesh.relay.take().expect("a relay");
    assert_eq!(relay.streams(), (1, 1));

    replace_vms(&mut mesh, "{\"generation\": 2}");
    // The old leader may lead until it is gone; the gap is the time without any stream.
    let lost = eventually(SOON, "the old leader's stream is gone", async || {
        let streams = relay.streams();
        let now = Instant::now();
        if streams.0 == 0 || streams.1 > 1 { Ok(now) } else { Err(format!("{streams:?}")) }
    })
    .await;
    eventually(LIMIT, "another leads", async || {
        let streams = relay.streams();
        if streams.0 == 1 && streams.1 > 1 { Ok(()) } else { Err(format!("{streams:?}")) }
    })
    .await;
    println!("another led after {:?}", lost.elapsed());
    drained(&mesh).await;
    mesh.synced().await;
    assert_eq!(relay.streams().0, 1, "one stream again");

    // It leads: what it is told, all of the workers do.
    mesh.percent(100.0).await;
    repeat(mesh.envoy.port(), 200, &Request::get("/led")).await;
    mesh.settled().await;
    assert_eq!(mesh.shadow.count(), 200);
    mesh.envoy.assert_no_trap().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_starts_from_the_policy_that_was_there() {
    let mut mesh = Mesh::start_with(&shadow_all(100.0, json!({})), |options| {
        options.concurrency = 2;
        options.dynamic = true;
    })
    .await;
    mesh.control_plane.kill();
    replace_vms(&mut mesh, "{\"generation\": 2}");
    drained(&mesh).await;
    // Nobody can tell the new VMs anything, and they mirror all the same.
    eventually(SOON, "the new VMs have the policy", async || {
        mesh.shadow.take();
        repeat(mesh.envoy.port(), 40, &Request::get("/")).await;
        mesh.envoy.idle().await;
        let copies = mesh.shadow.count();
        if copies == 40 { Ok(()) } else { Err(format!("{copies} of 40")) }
    })
    .await;
}
