//! A policy that is broken on the wire is refused with its reason, and changes nothing.

use serde_json::{Value, json};
use umbra_e2e::ads::{Break, Relay};
use umbra_e2e::client::{Request, repeat};
use umbra_e2e::control_plane::ControlPlane;
use umbra_e2e::envoy::Envoy;
use umbra_e2e::envoy::config::{Cluster, ControlPlaneLink, EnvoyOptions};
use umbra_e2e::eventually::{SOON, eventually};
use umbra_e2e::mesh::Mesh;
use umbra_e2e::resources::{shadow_all, stamp};
use umbra_e2e::umbractl::succeed;
use umbra_e2e::upstream::Upstream;

async fn nacked(mesh: &Mesh) -> Value {
    eventually(SOON, "the node is shown as NACKED", async || {
        let node = mesh.control_plane.node("node-1").await.ok_or("not known")?;
        if node["state"] == "NACKED" { Ok(node) } else { Err(node.to_string()) }
    })
    .await
}

/// Applies something new through a relay that breaks it: the reason that the filter gave.
async fn refused(mesh: &Mesh, relay: &Relay, how: Break, name: &str) -> String {
    let (before, said) = (relay.responses().len(), relay.requests().len());
    let good = mesh.synced().await["applied"].clone();
    relay.break_policies(how);
    let mut resources = shadow_all(0.0, json!({}));
    resources.push(stamp(name, "/elsewhere"));
    mesh.control_plane.apply(&resources).await;

    let node = nacked(mesh).await;
    let reason = node["nack"]["reason"].as_str().expect("a reason").to_owned();
    assert_eq!(node["applied"], good, "the last good policy stays: {node}");
    assert_eq!(node["nack"]["version"], node["desired"]["version"], "{node}");
    assert_eq!(node["connected"], true, "a refusal ends no stream: {node}");

    let broken = relay.responses().split_off(before);
    assert_eq!(broken.len(), 1, "sent once, and not again and again");
    let answers = relay.requests().split_off(said);
    let answers = answers.iter().filter(|r| r.response_nonce == broken[0].nonce);
    let errors: Vec<_> = answers.filter_map(|r| r.error_detail.clone()).collect();
    assert_eq!(errors.len(), 1, "one NACK");
    assert_eq!(errors[0].message, reason);

    let status = succeed(mesh.control_plane.api_port(), &["status"]).await;
    let shown = |text: &str| status.contains(text);
    assert!(shown("node-1") && shown("NACKED"), "{status}");
    // The table may break a long reason over lines, the JSON does not.
    let exact = succeed(mesh.control_plane.api_port(), &["status", "-o", "json"]).await;
    let quoted = Value::String(reason.clone()).to_string();
    assert!(exact.contains(&quoted), "{exact} lacks {quoted}");
    reason
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_policy_is_refused_with_its_reason() {
    let mut mesh = Mesh::start_relayed(&shadow_all(100.0, json!({})), |options| {
        options.concurrency = 2;
    })
    .await;
    let relay = mesh.relay.take().expect("a relay");
    for (how, name) in [(Break::RandomBytes, "random"), (Break::BadRegex, "regex")] {
        let reason = refused(&mesh, &relay, how, name).await;
        println!("{how:?}: {reason}");
        if how == Break::BadRegex {
            // The stamps are `all`, the new one and the broken one.
            assert!(reason.contains("clauses[0].path.regex"), "{reason}");
        }
        // The policy that came would have mirrored nothing.
        mesh.settled().await;
        let before = mesh.shadow.count();
        repeat(mesh.envoy.port(), 200, &Request::get("/")).await;
        mesh.settled().await;
        assert_eq!(mesh.shadow.count() - before, 200, "the last good policy");

        relay.break_policies(Break::Nothing);
        let mut resources = shadow_all(100.0, json!({}));
        resources.push(stamp(&format!("{name}-mended"), "/elsewhere"));
        mesh.apply(&resources).await;
    }
    let status = succeed(mesh.control_plane.api_port(), &["status"]).await;
    assert!(status.contains("SYNCED") && !status.contains("NACKED"), "{status}");
    mesh.envoy.assert_no_trap().await;
}

/// A broken policy does not displace the static fallback either, and an empty one does: it is what
/// the control plane wants.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_fallback_stays_when_the_first_policy_is_broken() {
    let turn = umbra_e2e::alone::in_company().await;
    let control_plane = ControlPlane::start().await;
    control_plane.apply(&shadow_all(0.0, json!({}))).await;
    let relay = Relay::start(control_plane.xds_port()).await;
    relay.break_policies(Break::RandomBytes);
    let (primary, shadow) = (Upstream::start("primary").await, Upstream::start("shadow").await);
    let clusters =
        vec![Cluster::primary("primary", primary.port()), Cluster::shadow("shadow", shadow.port())];
    let mut options = EnvoyOptions::new("node-1", clusters);
    options.fallback = Some(shadow_all(100.0, json!({})));
    options.control_plane = Some(ControlPlaneLink { port: relay.port(), tls: None });
    let envoy = Envoy::start(options).await;
    eventually(SOON, "the broken policy is refused", async || {
        let requests = relay.requests();
        let refused = requests.iter().any(|request| request.error_detail.is_some());
        if refused { Ok(()) } else { Err(format!("{requests:?}")) }
    })
    .await;
    repeat(envoy.port(), 20, &Request::get("/")).await;
    envoy.umbra_reaches("mirrored", 20).await;

    relay.break_policies(Break::Nothing);
    control_plane.apply(&[stamp("more", "/more")]).await;
    control_plane.synced("node-1").await;
    repeat(envoy.port(), 20, &Request::get("/")).await;
    envoy.umbra_reaches("skipped.zero_share", 20).await;
    envoy.umbra_reaches("mirrored", 20).await;
    drop(turn);
}
