//! Pairs: what the filters saw, as the control plane reports it.

use serde_json::json;
use umbra_e2e::client::{Request, repeat};
use umbra_e2e::envoy::config::Cluster;
use umbra_e2e::eventually::{SOON, eventually};
use umbra_e2e::mesh::Mesh;
use umbra_e2e::reports::{counts, report};
use umbra_e2e::resources::shadow_all;
use umbra_e2e::umbractl::{succeed, umbractl};
use umbra_e2e::upstream::{Answer, Upstream};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_mirrored_request_is_accounted_for() {
    let control = json!({"control": {"cluster": "control"}});
    let mesh = Mesh::start_with(&shadow_all(100.0, control), |options| options.concurrency = 2).await;
    repeat(mesh.envoy.port(), 5_000, &Request::get("/items/7?page=2")).await;
    mesh.settled().await;

    let report = report(&mesh.control_plane, "main", 5_000).await;
    // What the filters counted is what the servers saw.
    for (party, server) in [("shadow", &mesh.shadow), ("control", &mesh.control)] {
        assert_eq!(server.count(), 5_000);
        assert_eq!(counts(&report, party), [("answered".to_owned(), 5_000)], "{party}");
    }
    let statuses = report["statuses"].as_array().unwrap();
    assert_eq!(statuses.len(), 1, "{statuses:?}");
    assert_eq!(statuses[0], json!({"primary": 200, "shadow": 200, "control": 200, "count": 5_000}));
    let endpoints = report["endpoints"].as_array().unwrap();
    assert_eq!(endpoints.len(), 1);
    assert_eq!(
        (&endpoints[0]["endpoint"], &endpoints[0]["pairs"]),
        (&json!("GET /items/{id}"), &json!(5_000))
    );
    mesh.envoy.umbra_reaches("pairs.answered", 10_000).await;
    mesh.envoy.umbra_reaches("telemetry_dropped", 0).await;
    mesh.envoy.assert_no_trap().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_field_is_a_no_go_that_names_it() {
    let json_of = |body: &'static str| {
        Upstream::scripted(move |_| Answer::ok(body).header("content-type", "application/json"))
    };
    let production = json_of(r#"{"id":7,"price":1}"#).await;
    let successor = json_of(r#"{"price":1.0,"id":"7"}"#).await;
    let twin = json_of(r#"{"price":1,"id":7}"#).await;
    let spec = json!({
        "target": {"cluster": "successor"},
        "control": {"cluster": "twin"},
        "compare": {"body": "full"},
        "gates": {"min_pairs": 100, "min_duration": "1s"},
    });
    let mesh = Mesh::start_with(&shadow_all(100.0, spec), |options| {
        options.clusters = vec![
            Cluster::primary("primary", production.port()),
            Cluster::shadow("successor", successor.port()),
            Cluster::shadow("twin", twin.port()),
        ];
    })
    .await;
    let api = mesh.control_plane.api_port();
    // Filters examine so many pairs a second and no more: traffic goes on until there is enough to tell.
    let verdict = eventually(SOON, "the verdict is no-go", async || {
        repeat(mesh.envoy.port(), 200, &Request::get("/items/7")).await;
        let verdict = mesh.control_plane.get("/api/v1/shadows/main/verdict").await;
        if verdict["verdict"] == "no-go" { Ok(verdict) } else { Err(verdict.to_string()) }
    })
    .await;

    let reason = &verdict["reasons"][0];
    assert_eq!(
        (&reason["gate"], &reason["state"]),
        (&json!("max_body_mismatch"), &json!("fail")),
        "{verdict}"
    );
    let carrier = &reason["carriers"][0];
    assert_eq!(carrier["endpoint"], "GET /items/{id}", "{verdict}");
    assert_eq!((&carrier["field"], &carrier["kind"]), (&json!("$.id"), &json!("type")), "{verdict}");
    assert!(!reason["examples"].as_array().unwrap().is_empty(), "{verdict}");

    let said = umbractl(api, &["verdict", "main"]).await;
    assert_eq!(said.status.code(), Some(1));
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.starts_with("no-go: ") && said.contains("GET /items/{id} $.id (type)"), "{said}");
    let report = succeed(api, &["report", "main"]).await;
    assert!(report.contains("GET /items/{id}  $.id   type"), "{report}");
    let pairs = succeed(api, &["pairs", "main", "--field", "$.id", "--limit", "1"]).await;
    assert!(pairs.contains("type at $.id: 7 -> \"7\""), "{pairs}");
    println!("{said}\n{report}\n{pairs}");
}
