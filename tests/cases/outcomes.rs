//! Whatever becomes of the copies, the report counts it under its own name, and the verdict says it in words.

use serde_json::json;
use std::time::Duration;
use umbra_e2e::client::{Request, repeat};
use umbra_e2e::envoy::config::Cluster;
use umbra_e2e::fault::{Fault, FaultUpstream};
use umbra_e2e::mesh::Mesh;
use umbra_e2e::ports::free_port;
use umbra_e2e::reports::{counts, report, words_on};
use umbra_e2e::resources::{shadow, shadow_all, stamp};
use umbra_e2e::umbractl::umbractl;
use umbra_e2e::upstream::{Answer, Upstream};

/// The route's timeout, and so the copies'.
const TIMEOUT_SECONDS: f64 = 1.0;

/// Copies to the first cluster, and one more to each that follows, so that no count can stand in for another.
const FIRST: usize = 120;

/// A cluster, the outcome of its copies, the verdict, and what the verdict says of them.
const CASES: [(&str, &str, &str, &str); 5] = [
    ("down", "connect_failure", "no-go", "could not connect"),
    ("slow", "timeout", "no-go", "were not answered within the route's timeout"),
    ("cuts-off", "reset", "no-go", "were reset before the answer was whole"),
    ("unknown", "never_seen", "not-enough-evidence", NEVER_SEEN),
    ("bare", "never_seen", "not-enough-evidence", NEVER_SEEN),
];

/// Inside Envoy, the two causes look the same.
const NEVER_SEEN: &str = "were never seen at the cluster (either Envoy knows no cluster of that name, or no host in it, \
    or the umbra filter of role shadow is not among the cluster's upstream filters)";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_failure_has_its_own_name() {
    let cuts_off = FaultUpstream::start(Fault::CutsOff(9)).await;
    let slow = Upstream::scripted(|_| Answer::ok("late").after(Duration::from_secs(60))).await;
    let bare = Upstream::start("bare").await;
    let resources = CASES
        .map(|(name, ..)| [stamp(name, &format!("/{name}")), shadow(name, name, name, 100.0, json!({}))]);
    let mesh = Mesh::start_with(&resources.concat(), |options| {
        options.timeout_seconds = TIMEOUT_SECONDS;
        options.clusters.extend([
            Cluster::shadow("down", free_port()),
            Cluster::shadow("slow", slow.port()),
            Cluster::shadow("cuts-off", cuts_off.port()),
            // Without the filter.
            Cluster::primary("bare", bare.port()),
        ]);
    })
    .await;
    for (sent, (name, ..)) in (FIRST..).zip(CASES) {
        repeat(mesh.envoy.port(), sent, &Request::get(&format!("/{name}"))).await;
    }

    for (sent, (name, outcome, verdict, words)) in (FIRST as u64..).zip(CASES) {
        let report = report(&mesh.control_plane, name, sent).await;
        let sent = report["sent"].as_u64().unwrap();
        assert_eq!(counts(&report, "shadow"), [(outcome.to_owned(), sent)], "{name}");
        assert_eq!(counts(&report, "control"), [], "{name}");
        let answer = mesh.control_plane.get(&format!("/api/v1/shadows/{name}/verdict")).await;
        assert_eq!(answer["verdict"], verdict, "{name}: {answer}");
        let said = format!("{sent} {words}");
        assert_eq!(
            answer["summary"],
            format!("none of {sent} copies was answered: {said}"),
            "{name}: {answer}"
        );
        assert!(words_on(&answer, "max_error_excess").contains(&said), "{name}: {answer}");
        let shown = umbractl(mesh.control_plane.api_port(), &["verdict", name]).await;
        assert!(String::from_utf8_lossy(&shown.stdout).contains(&said), "{name}: {shown:?}");
    }
    // What an operator sees in Envoy's statistics tells the two apart.
    let stats = mesh.envoy.stats().await;
    assert_eq!(stats.get("cluster.unknown.upstream_rq_total"), None);
    assert_eq!(stats["cluster.bare.upstream_rq_total"], FIRST as u64 + 4);
    assert_eq!(bare.count(), FIRST + 4);
}

/// Without the control's answers there is no telling noise from change, and the verdict says why.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_control_that_is_down_is_named() {
    let gates = json!({"control": {"cluster": "down"}, "gates": {"min_pairs": 1, "min_duration": "1ms"}});
    let mesh = Mesh::start_with(&shadow_all(100.0, gates), |options| {
        options.clusters.push(Cluster::shadow("down", free_port()));
    })
    .await;
    repeat(mesh.envoy.port(), 30, &Request::get("/")).await;

    let report = report(&mesh.control_plane, "main", 30).await;
    let sent = report["sent"].as_u64().unwrap();
    assert_eq!(counts(&report, "shadow"), [("answered".to_owned(), sent)]);
    assert_eq!(counts(&report, "control"), [("connect_failure".to_owned(), sent)]);
    let verdict = mesh.control_plane.get("/api/v1/shadows/main/verdict").await;
    assert_eq!(verdict["verdict"], "not-enough-evidence", "{verdict}");
    assert_eq!(
        words_on(&verdict, "max_status_mismatch"),
        format!("none of {sent} copies to the control was answered: {sent} could not connect")
    );
}
