//! Mutual TLS between Envoy and the control plane.

use serde_json::json;
use tempfile::TempDir;
use umbra_e2e::alone::in_company;
use umbra_e2e::certificates::{Authority, Identity};
use umbra_e2e::client::{Request, repeat};
use umbra_e2e::control_plane::{ControlPlane, XdsTls};
use umbra_e2e::envoy::Envoy;
use umbra_e2e::envoy::config::{Cluster, ControlPlaneLink, EnvoyOptions, Tls};
use umbra_e2e::eventually::{SOON, eventually};
use umbra_e2e::resources::shadow_all;
use umbra_e2e::upstream::Upstream;

async fn envoy(
    node: &str,
    control_plane: &ControlPlane,
    authority: &Authority,
    client: Option<Identity>,
    upstreams: [&Upstream; 2],
) -> Envoy {
    let clusters = vec![
        Cluster::primary("primary", upstreams[0].port()),
        Cluster::shadow("shadow", upstreams[1].port()),
    ];
    let mut options = EnvoyOptions::new(node, clusters);
    options.control_plane = Some(ControlPlaneLink {
        port: control_plane.xds_port(),
        tls: Some(Tls {
            authority: authority.certificate.clone(),
            server_name: "umbra.test".to_owned(),
            client: client.map(|identity| (identity.certificate, identity.key)),
        }),
    });
    Envoy::start(options).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_known_certificate_gets_policies() {
    let _turn = in_company().await;
    let folder = TempDir::new().unwrap();
    let authority = Authority::new(folder.path(), "mesh");
    let stranger = Authority::new(folder.path(), "stranger");
    let control_plane = ControlPlane::start_with(Some(XdsTls {
        server: authority.sign("umbra.test"),
        client_authority: authority.certificate.clone(),
    }))
    .await;
    control_plane.apply(&shadow_all(100.0, json!({}))).await;
    let (primary, shadow) = (Upstream::start("primary").await, Upstream::start("shadow").await);
    let upstreams = [&primary, &shadow];

    let known = Some(authority.sign("known"));
    let known = envoy("known", &control_plane, &authority, known, upstreams).await;
    control_plane.synced("known").await;
    repeat(known.port(), 20, &Request::get("/")).await;
    known.umbra_reaches("mirrored", 20).await;

    let unknown = Some(stranger.sign("unknown"));
    for (node, client) in [("unknown", unknown), ("nobody", None)] {
        let refused = envoy(node, &control_plane, &authority, client, upstreams).await;
        eventually(SOON, "the control plane refused the connection", async || {
            let stats = refused.stats().await;
            let failed = ["upstream_cx_connect_fail", "upstream_cx_destroy_remote"]
                .map(|stat| format!("cluster.umbra-control-plane.{stat}"))
                .map(|name| stats.get(&name).copied().unwrap_or(0));
            if failed.iter().any(|count| *count > 0) { Ok(()) } else { Err("not tried") }
        })
        .await;
        assert!(control_plane.node(node).await.is_none(), "{node} got in");
        repeat(refused.port(), 20, &Request::get("/refused")).await;
        refused.umbra_reaches("requests", 20).await;
        assert_eq!(refused.umbra("mirrored").await, 0);
    }
}
