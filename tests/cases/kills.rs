//! The control plane is killed again and again under load: what it counts in the end is what the filters counted.

use serde_json::json;
use std::collections::BTreeMap;
use umbra_e2e::envoy::config::Cluster;
use umbra_e2e::eventually::{SOON, eventually};
use umbra_e2e::mesh::Mesh;
use umbra_e2e::reports::{counts, report};
use umbra_e2e::resources::shadow_all;
use umbra_e2e::traffic::Traffic;
use umbra_e2e::upstream::{Answer, Upstream};

const KILLS: usize = 10;

/// The moments of the kills follow from it: so many copies after the control plane came back.
const SEED: u64 = 7;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_kills_lose_nothing_and_count_nothing_twice() {
    // One answer in ten is broken off.
    let shadow = Upstream::scripted(|request| Answer {
        reset: request.id().is_some_and(|id| id.is_multiple_of(10)),
        ..Answer::ok("shadow")
    })
    .await;
    let control = json!({"control": {"cluster": "control"}, "compare": {"body": "full"}});
    let mut mesh = Mesh::start_with(&shadow_all(100.0, control), |options| {
        options.concurrency = 2;
        options.clusters[1] = Cluster::shadow("shadow", shadow.port());
    })
    .await;
    let traffic = [(); 4].map(|()| Traffic::start(mesh.envoy.port()));

    let mut random = fastrand::Rng::with_seed(SEED);
    // What was on disk when it came back from each kill.
    let mut kept = Vec::new();
    for _ in 0..KILLS {
        let until = shadow.count() + random.usize(10..=1200);
        eventually(SOON, "so many copies more", async || {
            let seen = shadow.count();
            if seen >= until { Ok(()) } else { Err(seen) }
        })
        .await;
        mesh.control_plane.kill();
        mesh.control_plane.restart().await;
        let report = mesh.control_plane.get("/api/v1/shadows/main/report").await;
        kept.push(report["mirrored"].as_u64().unwrap());
    }
    let mut sent = 0;
    for traffic in traffic {
        sent += traffic.end().await.len() as u64;
    }

    let report = report(&mesh.control_plane, "main", sent).await;
    let mut counted: BTreeMap<String, u64> = BTreeMap::new();
    for (outcome, count) in ["shadow", "control"].iter().flat_map(|party| counts(&report, party)) {
        *counted.entry(format!("pairs.{outcome}")).or_default() += count;
    }
    assert_eq!(counted.values().sum::<u64>(), 2 * sent);
    assert!(counted["pairs.reset"] * 20 > sent, "one in ten, about: {counted:?}");
    eventually(SOON, "the filters have counted the same", async || {
        let mut filters = mesh.envoy.umbra_all().await;
        filters.retain(|name, _| name.starts_with("pairs."));
        if filters == counted { Ok(()) } else { Err(format!("{filters:?} in Envoy, {counted:?} reported")) }
    })
    .await;
    assert_eq!(mesh.envoy.umbra("telemetry_dropped").await, 0);
    kept.dedup();
    assert!(kept.len() > 3, "too little was written between the kills to tell: {kept:?}");
    println!("{sent} requests, {counted:?}; on disk after the kills: {kept:?}");
    mesh.envoy.assert_no_trap().await;
}
