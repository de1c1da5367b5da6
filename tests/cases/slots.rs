//! Two mirror slots: a shadow with its control, and who goes first when both are taken.

use serde_json::json;
use umbra_e2e::client::{Request, repeat};
use umbra_e2e::mesh::Mesh;
use umbra_e2e::resources::{shadow, stamp};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn candidate_and_control_get_one_copy_each() {
    let control = json!({"control": {"cluster": "control"}});
    let mesh = Mesh::start(&[
        stamp("all", "/"),
        shadow("first", "all", "shadow", 100.0, control.clone()),
        shadow("second", "all", "shadow", 100.0, control),
    ])
    .await;
    repeat(mesh.envoy.port(), 200, &Request::get("/")).await;
    mesh.settled().await;

    let all: Vec<u64> = (0..200).collect();
    assert_eq!(mesh.shadow.ids(), all);
    assert_eq!(mesh.control.ids(), all);
    mesh.envoy.umbra_reaches("skipped.no_slot", 200).await;
    let by_id = |mut requests: Vec<umbra_e2e::record::Recorded>| {
        requests.sort_by_key(|request| request.id());
        requests
    };
    let candidates = by_id(mesh.shadow.take());
    let controls = by_id(mesh.control.take());
    let primaries = by_id(mesh.primary.take());
    for ((candidate, control), primary) in candidates.iter().zip(&controls).zip(&primaries) {
        assert_eq!(candidate.values("x-umbra-shadow"), ["first"]);
        assert_eq!(control.values("x-umbra-shadow"), ["first"]);
        let mut slots = [candidate.values("x-umbra-slot"), control.values("x-umbra-slot")].concat();
        slots.sort();
        assert_eq!(slots, ["1", "2"]);
        let pair = primary.values("x-umbra-pair");
        assert_eq!(pair.len(), 1);
        assert_eq!(candidate.values("x-umbra-pair"), pair);
        assert_eq!(control.values("x-umbra-pair"), pair);
    }
}
