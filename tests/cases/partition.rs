//! Envoy and the control plane cannot reach each other for a while, and neither is told.

use serde_json::json;
use umbra_e2e::cable::Cable;
use umbra_e2e::client::{Request, repeat};
use umbra_e2e::eventually::{SOON, eventually};
use umbra_e2e::mesh::Mesh;
use umbra_e2e::reports::report;
use umbra_e2e::resources::shadow_all;
use umbra_e2e::traffic::Traffic;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parted_both_go_on_and_agree_when_they_meet_again() {
    let mut cable = None;
    let mesh = Mesh::start_with(&shadow_all(100.0, json!({})), |options| {
        let link = options.control_plane.as_mut().expect("a control plane");
        let between = Cable::to(link.port);
        link.port = between.port();
        cable = Some(between);
    })
    .await;
    let cable = cable.expect("a cable");
    let traffic = Traffic::start(mesh.envoy.port());
    let mirrored_more = async |what| {
        let until = mesh.shadow.count() + 100;
        eventually(SOON, what, async || {
            let seen = mesh.shadow.count();
            if seen >= until { Ok(()) } else { Err(seen) }
        })
        .await;
    };
    mirrored_more("traffic is mirrored").await;

    cable.cut();
    mesh.control_plane.valve("main", json!({"percent": 0, "reason": "nobody hears it"})).await;
    mirrored_more("the last policy holds").await;
    let nodes = mesh.control_plane.get("/api/v1/nodes").await;
    assert_eq!(nodes["items"][0]["state"], "STALE", "{nodes}");

    cable.mend();
    mesh.synced().await;
    let sent = traffic.end().await.len();
    mesh.settled().await;
    let copies = mesh.shadow.count();
    assert!((200..sent).contains(&copies), "{copies} of {sent}");
    repeat(mesh.envoy.port(), 20, &Request::get("/after")).await;
    mesh.envoy.idle().await;
    assert_eq!(mesh.shadow.count(), copies, "it follows");
    // What was counted meanwhile has arrived, once.
    report(&mesh.control_plane, "main", copies as u64).await;
    mesh.envoy.assert_no_trap().await;
}
