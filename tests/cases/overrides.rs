//! A share may be another one for some nodes, by what they are.

use serde_json::{Value, json};
use umbra_e2e::client::{Request, repeat};
use umbra_e2e::envoy::Envoy;
use umbra_e2e::envoy::config::{Cluster, ControlPlaneLink, EnvoyOptions};
use umbra_e2e::mesh::Mesh;
use umbra_e2e::resources::{shadow, stamp};

/// What an override asks of a node, and what the first node has and the second has not.
fn conditions() -> [(&'static str, Value); 6] {
    [
        ("by-node", json!({"node": "node-1"})),
        ("by-cluster", json!({"cluster": "edge"})),
        ("by-zone", json!({"zone": "zone-1"})),
        ("by-region", json!({"region": "region-1"})),
        ("by-metadata", json!({"metadata.team": "cart"})),
        ("by-both", json!({"zone": "zone-1", "metadata.team": "cart"})),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_override_that_fits_a_node_wins() {
    let mut resources = Vec::new();
    for (name, condition) in conditions() {
        resources.push(stamp(name, &format!("/{name}")));
        let overrides = json!({"overrides": [
            {"where": {"zone": "nowhere"}, "percent": 50},
            {"where": condition, "percent": 100},
            {"where": {"metadata.tier": "gold"}, "percent": 25},
        ]});
        resources.push(shadow(name, name, "shadow", 0.0, overrides));
    }
    let mesh = Mesh::start_with(&resources, |options| {
        options.metadata = vec![("team", "cart"), ("tier", "gold")];
    })
    .await;
    let clusters = vec![
        Cluster::primary("primary", mesh.primary.port()),
        Cluster::shadow("shadow", mesh.control.port()),
    ];
    let mut options = EnvoyOptions::new("node-2", clusters);
    options.cluster = "core".to_owned();
    options.zone = "zone-2".to_owned();
    options.region = "region-2".to_owned();
    options.metadata = vec![("team", "search")];
    options.control_plane = Some(ControlPlaneLink { port: mesh.control_plane.xds_port(), tls: None });
    let second = Envoy::start(options).await;
    let other = mesh.control_plane.synced("node-2").await;
    let node = mesh.synced().await;
    for (name, _) in conditions() {
        assert_eq!(node["shares"][name]["percent"], json!(100.0), "{name}: {node}");
        assert_eq!(other["shares"][name]["percent"], json!(0.0), "{name}: {other}");
        for envoy in [&mesh.envoy, &second] {
            repeat(envoy.port(), 20, &Request::get(&format!("/{name}"))).await;
        }
    }
    mesh.envoy.umbra_reaches("mirrored", 120).await;
    second.umbra_reaches("skipped.zero_share", 120).await;
    second.umbra_reaches("mirrored", 0).await;
    assert_eq!(mesh.control.count(), 0);
}
