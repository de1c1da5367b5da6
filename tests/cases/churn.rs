//! Policies change again and again under load: no request fails, Envoy's memory stays level, and the last policy is in effect
//! on every worker. `cargo xtask soak churn` makes ten times as many changes as the suite.

use serde_json::json;
use std::time::{Duration, Instant};
use umbra_e2e::client::{Request, repeat};
use umbra_e2e::eventually::{SOON, eventually};
use umbra_e2e::mesh::Mesh;
use umbra_e2e::resources::shadow_all;
use umbra_e2e::traffic::Traffic;

/// Changes, unless the environment says otherwise.
const CHANGES: usize = 1_000;
const VARIABLE: &str = "UMBRA_E2E_CHANGES";

/// Between two changes.
const PACE: Duration = Duration::from_millis(4);

/// Memory is looked at so often in each tenth of the changes.
const LOOKS: usize = 20;

/// How far Envoy's memory may grow from the first tenth of the changes to the last: what an allocator keeps scatters by some
/// mebibytes. Ten thousand policies that were kept would be ten times as much.
const ROOM: u64 = 4 << 20;

/// Changes by the control plane itself.
const VALVES: usize = 100;

fn changes() -> usize {
    std::env::var(VARIABLE).map_or(CHANGES, |text| text.parse().expect("a number of changes"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_is_level_under_changes() {
    let changes = changes();
    let mesh = Mesh::start_relayed(&shadow_all(100.0, json!({})), |options| options.concurrency = 2).await;
    let relay = mesh.relay.as_ref().expect("a relay");
    let traffic = [(); 2].map(|()| Traffic::start(mesh.envoy.port()));

    let mut memory = Vec::new();
    let (start, mut pace) = (Instant::now(), tokio::time::interval(PACE));
    for number in 0..changes {
        pace.tick().await;
        // Small ones and large ones, so that nothing fits where the one before it was.
        relay.push(number, number * 37 % 100);
        if number % (changes / 10 / LOOKS).max(1) == 0 {
            memory.push(mesh.envoy.resident());
        }
    }
    assert_eq!(relay.pushed(), changes);
    eventually(SOON, "the last of them is in effect", async || {
        let revision = mesh.envoy.umbra("policy_revision").await;
        if revision >= (1 << 40) + changes as u64 - 1 { Ok(()) } else { Err(revision) }
    })
    .await;
    println!("{changes} policies in {:?}", start.elapsed());
    let median = |looks: &[u64]| {
        let mut looks = looks.to_vec();
        looks.sort_unstable();
        looks[looks.len() / 2]
    };
    let (first, last) = (median(&memory[..LOOKS]), median(&memory[memory.len() - LOOKS..]));
    println!("Envoy: {} KiB in the first tenth, {} KiB in the last", first >> 10, last >> 10);
    assert!(last < first + ROOM, "Envoy grew from {first} to {last} bytes");

    // As fast as the control plane takes them, and then one that every request shows.
    for number in 0..VALVES {
        mesh.control_plane.valve("main", json!({"percent": number as f64 / 2.0})).await;
    }
    mesh.percent(100.0).await;
    let mut sent = 0;
    for traffic in traffic {
        sent += traffic.end().await.len();
    }
    println!("{sent} requests, each answered");
    mesh.envoy.idle().await;
    mesh.shadow.take();
    // Over connections to both workers.
    repeat(mesh.envoy.port(), 200, &Request::get("/last")).await;
    eventually(SOON, "each request is mirrored", async || match mesh.shadow.count() {
        200 => Ok(()),
        seen => Err(seen),
    })
    .await;
    mesh.envoy.assert_no_trap().await;
}
