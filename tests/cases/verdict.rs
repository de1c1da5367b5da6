//! What the verdict says of instances of one noisy service whose truth is known, under the default gates, from traffic
//! through Envoy. No rule tells noise apart: the control has to show it.

use serde_json::{Value, json};
use std::time::Instant;
use umbra_e2e::client::{assert_all_ok, series};
use umbra_e2e::envoy::config::Cluster;
use umbra_e2e::eventually::{SOON, eventually};
use umbra_e2e::mesh::Mesh;
use umbra_e2e::noisy::{Change, customers, shop};
use umbra_e2e::resources::shadow_all;
use umbra_e2e::umbractl::umbractl;
use umbra_e2e::upstream::Upstream;

/// A verdict is due by then.
const MOST: u64 = 20_000;

/// Requests between two looks: about a second's worth, as a worker reports once a second.
const STEP: usize = 1_000;

/// As many as keep the machine half idle, so that what is measured is how long the services take.
const CUSTOMERS: usize = 40;

/// A shop in production with a second instance as control, and a candidate.
struct Scene {
    mesh: Mesh,
    _shops: [Upstream; 3],
    sent: usize,
    started: Instant,
}

impl Scene {
    async fn with(change: Change) -> Self {
        let shops = [
            Upstream::scripted(shop(1, Change::Nothing)).await,
            Upstream::scripted(shop(2, Change::Nothing)).await,
            Upstream::scripted(shop(3, change)).await,
        ];
        let [production, control, candidate] = shops.each_ref().map(Upstream::port);
        let spec = json!({
            "target": {"cluster": "candidate"},
            "control": {"cluster": "control"},
            "compare": {"body": "full"},
            "gates": {"min_duration": "1s"},
        });
        let mesh = Mesh::start_alone(&shadow_all(100.0, spec), |options| {
            options.concurrency = 2;
            options.clusters = vec![
                Cluster::primary("production", production),
                Cluster::shadow("control", control),
                Cluster::shadow("candidate", candidate),
            ];
        })
        .await;
        Self { mesh, _shops: shops, sent: 0, started: Instant::now() }
    }

    /// Customers come, so many of them.
    async fn visit(&mut self, requests: usize) {
        let seed = self.sent as u64;
        assert_all_ok(&series(self.mesh.envoy.port(), CUSTOMERS, customers(seed, requests)).await);
        self.sent += requests;
    }

    async fn verdict(&self) -> Value {
        self.mesh.control_plane.get("/api/v1/shadows/main/verdict").await
    }

    /// The verdict once it rests on every pair.
    async fn whole_verdict(&self) -> Value {
        self.mesh.envoy.idle().await;
        eventually(SOON, "every pair is counted", async || {
            let verdict = self.verdict().await;
            if verdict["pairs"] == self.sent { Ok(verdict) } else { Err(verdict["pairs"].to_string()) }
        })
        .await
    }

    /// The first verdict that is one, within the pairs that it may take.
    async fn decided(&mut self, what: &str) -> Value {
        while (self.sent as u64) < MOST {
            self.visit(STEP).await;
            if self.verdict().await["verdict"] == "not-enough-evidence" {
                continue;
            }
            // Close to a limit, the pairs that are still on their way may open a gate again.
            let verdict = self.whole_verdict().await;
            if verdict["verdict"] != "not-enough-evidence" {
                return self.print(what, verdict).await;
            }
        }
        let verdict = self.whole_verdict().await;
        self.print(what, verdict).await
    }

    #[expect(clippy::print_stdout, reason = "how many pairs it takes is what the case is about")]
    async fn print(&self, what: &str, verdict: Value) -> Value {
        let (pairs, took) = (&verdict["pairs"], self.started.elapsed());
        let report = self.mesh.control_plane.get("/api/v1/shadows/main/report").await;
        let examined = &report["answers"]["examined"];
        println!(
            "{what}: {} after {pairs} pairs, {examined} of them examined ({} sent in {took:.1?})",
            verdict["verdict"], self.sent
        );
        for reason in verdict["reasons"].as_array().unwrap() {
            println!(
                "    {} {}: {} in {}",
                reason["gate"], reason["state"], reason["observed"], reason["interval"]
            );
        }
        verdict
    }
}

fn gates_that(state: &str, verdict: &Value) -> Vec<String> {
    let reasons = verdict["reasons"].as_array().unwrap().iter();
    let such = reasons.filter(|reason| reason["state"] == state);
    such.map(|reason| reason["gate"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_noisy_twin_may_go_live() {
    let mut scene = Scene::with(Change::Nothing).await;
    scene.visit(50).await;
    let early = scene.whole_verdict().await;
    assert_eq!(early["verdict"], "not-enough-evidence", "{early}");
    let said = umbractl(scene.mesh.control_plane.api_port(), &["verdict", "main", "-o", "json"]).await;
    assert_eq!(said.status.code(), Some(3), "{said:?}");

    let verdict = scene.decided("a noisy twin").await;
    assert_eq!(verdict["verdict"], "go", "{verdict:#}");
    assert!(verdict["pairs"].as_u64().unwrap() <= MOST, "{verdict:#}");
    let said = umbractl(scene.mesh.control_plane.api_port(), &["verdict", "main", "-o", "json"]).await;
    assert_eq!(said.status.code(), Some(0), "{said:?}");
    let said: Value = serde_json::from_slice(&said.stdout).unwrap();
    assert_eq!(said["verdict"], "go", "{said:#}");
    scene.mesh.envoy.assert_no_trap().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_field_that_changes_now_and_then_is_named() {
    let mut scene = Scene::with(Change::Total).await;
    let verdict = scene.decided("a total that is wrong in 2 % of the carts").await;
    assert_eq!(gates_that("fail", &verdict), ["max_body_mismatch"], "{verdict:#}");
    let reason = &verdict["reasons"][0];
    let carrier = &reason["carriers"][0];
    assert_eq!(
        (&carrier["endpoint"], &carrier["field"], &carrier["kind"]),
        (&json!("GET /carts/{id}"), &json!("$.cart.total"), &json!("value")),
        "{verdict:#}"
    );
    assert!(!reason["examples"].as_array().unwrap().is_empty(), "{verdict:#}");
    let said = umbractl(scene.mesh.control_plane.api_port(), &["verdict", "main", "-o", "json"]).await;
    assert_eq!(said.status.code(), Some(1), "{said:?}");
    let said: Value = serde_json::from_slice(&said.stdout).unwrap();
    assert_eq!(said["reasons"][0]["carriers"][0]["field"], "$.cart.total", "{said:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_tail_is_a_no_go_on_latency() {
    let mut scene = Scene::with(Change::SlowTail).await;
    let verdict = scene.decided("30 % slower at p95").await;
    assert_eq!(gates_that("fail", &verdict), ["max_latency_ratio.p95"], "{verdict:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn errors_are_a_no_go_on_errors() {
    let mut scene = Scene::with(Change::Errors).await;
    let verdict = scene.decided("one more error in 100").await;
    let failed = gates_that("fail", &verdict);
    assert!(failed.contains(&"max_error_excess".to_owned()), "{verdict:#}");
    // An error is another status, and nothing else.
    assert!(
        failed.iter().all(|gate| ["max_error_excess", "max_status_mismatch"].contains(&gate.as_str())),
        "{verdict:#}"
    );
}
