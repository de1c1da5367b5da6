//! Reports, verdicts and pairs, as operators get them.

use serde_json::json;
use umbra_compare::outcome::Outcome;

use super::{IN_FULL, Worker, differs, report};
use crate::delta::{Delta, hello};
use crate::support::{CHECKOUT, TestServer, folder};

const REPORT: &str = "/api/v1/shadows/checkout-v2/report";
const PAIRS: &str = "/api/v1/shadows/checkout-v2/pairs";

#[tokio::test]
async fn a_report_is_counted_once_however_often_it_is_sent() {
    let folder = folder();
    let server = TestServer::start(folder.path()).await;
    server.api.apply(&format!("{CHECKOUT}{IN_FULL}")).await;
    let mut worker = Worker::at(server.xds);
    for (instance, sequence, acknowledged) in [
        (1, 1, 1),
        (2, 1, 1),
        (1, 1, 1),
        (1, 2, 2),
        (2, 5, 5),
        (1, 1, 2),
        (2, 4, 5),
        (1, 3, 3),
        (u64::MAX, 1, 1),
    ] {
        assert_eq!(worker.send(&report(instance, sequence, 10)).await.unwrap(), acknowledged);
    }
    assert_eq!(server.api.get(REPORT).await["mirrored"], 60);
    server.ended().await.unwrap();

    let server = TestServer::start(folder.path()).await;
    let mut worker = Worker::at(server.xds);
    assert_eq!(worker.send(&report(1, 3, 10)).await.unwrap(), 3);
    assert_eq!(worker.send(&report(u64::MAX, 1, 10)).await.unwrap(), 1);
    assert_eq!(server.api.get(REPORT).await["mirrored"], 60);
    assert_eq!(worker.send(&report(1, 4, 10)).await.unwrap(), 4);
    let found = server.api.get(REPORT).await;
    assert_eq!((&found["sent"], &found["mirrored"]), (&json!(70), &json!(70)));
    assert_eq!(found["endpoints"][0]["endpoint"], "GET /cart/{id}");
    assert_eq!(found["endpoints"][0]["pairs"], 70);
    assert_eq!(found["statuses"], json!([{"primary": 200, "shadow": 200, "control": null, "count": 70}]));
    assert_eq!(server.api.get(&format!("{REPORT}?since=10m")).await["mirrored"], 70);
    assert_eq!(server.api.get(&format!("{REPORT}?since=20h")).await["mirrored"], 70);
    assert_eq!(server.api.get(&format!("{REPORT}?since=2d&until=2h")).await["mirrored"], 0);
}

#[tokio::test]
async fn workers_that_report_at_once_are_all_counted() {
    let folder = folder();
    let server = TestServer::start(folder.path()).await;
    server.api.apply(&format!("{CHECKOUT}{IN_FULL}")).await;
    let workers = (1..=40_u64).map(|instance| {
        let mut worker = Worker::at(server.xds);
        tokio::spawn(async move {
            for sequence in 1..=5 {
                assert_eq!(worker.send(&report(instance, sequence, 3)).await.unwrap(), sequence);
            }
        })
    });
    for worker in workers.collect::<Vec<_>>() {
        worker.await.unwrap();
    }
    assert_eq!(server.api.get(REPORT).await["mirrored"], 40 * 5 * 3);
}

#[tokio::test]
async fn a_verdict_names_the_field_and_the_pairs_that_show_it() {
    let folder = folder();
    let server = TestServer::start(folder.path()).await;
    server.api.apply(&format!("{CHECKOUT}{IN_FULL}")).await;
    let verdict = server.api.get("/api/v1/shadows/checkout-v2/verdict").await;
    assert_eq!((&verdict["verdict"], &verdict["pairs"]), (&json!("not-enough-evidence"), &json!(0)));

    let mut worker = Worker::at(server.xds);
    for sequence in 1..=20 {
        let mut report = report(1, sequence, 400);
        for number in 0..20 {
            let number = u128::from(sequence) * 100 + number;
            differs(&mut report, number, r#"{"price":1,"id":7}"#, r#"{"price":"1","id":7}"#);
        }
        worker.send(&report).await.unwrap();
    }
    let verdict = server.api.get("/api/v1/shadows/checkout-v2/verdict").await;
    assert_eq!((&verdict["verdict"], &verdict["pairs"]), (&json!("no-go"), &json!(8_000)), "{verdict:#}");
    let reason = &verdict["reasons"][0];
    assert_eq!((&reason["gate"], &reason["state"]), (&json!("max_body_mismatch"), &json!("fail")));
    assert_eq!(reason["carriers"][0]["endpoint"], "GET /cart/{id}");
    assert_eq!(reason["carriers"][0]["field"], "$.price");
    assert_eq!(reason["examples"].as_array().unwrap().len(), 5);

    let found = server.api.get(REPORT).await;
    assert_eq!(found["answers"], json!({"compared": 8_000, "unequal": 400, "examined": 400}));
    let field = &found["endpoints"][0]["fields"][0];
    assert_eq!(
        (&field["path"], &field["kind"], &field["raw"]),
        (&json!("$.price"), &json!("type"), &json!(400))
    );
    let example = &field["examples"][0];
    let pair = example["pair"].as_str().unwrap();
    let shown = server.api.get(&format!("{PAIRS}?pair={pair}")).await;
    assert_eq!(shown["items"].as_array().unwrap().len(), 1);
    let shown = &shown["items"][0];
    assert_eq!(shown["outcome"], "different");
    assert_eq!(shown["primary"]["body"]["text"], r#"{"price":1,"id":7}"#);
    assert_eq!(
        shown["differences"],
        json!([{"path": "$.price", "at": "$.price", "kind": "type", "primary": "1", "shadow": "\"1\""}])
    );
    let names: Vec<_> = shown["primary"]["headers"].as_array().unwrap().iter().map(|h| &h["name"]).collect();
    assert_eq!(names, ["content-type"], "other headers are not kept");
}

/// Also what is not on disk: an answer may be lost, and its report is sent again.
#[tokio::test]
async fn what_a_report_says_beside_its_pairs_is_counted_once() {
    let folder = folder();
    let server = TestServer::start(folder.path()).await;
    server.api.apply(&format!("{CHECKOUT}{IN_FULL}")).await;
    let mut node = Delta::open(server.xds, hello("node")).await.unwrap();
    node.pushed().await;
    let mut worker = Worker::at(server.xds);
    let mut sent = report(1, 1, 10);
    differs(&mut sent, 1, r#"{"a":1}"#, r#"{"a":2}"#);
    sent.dropped.insert("reports".to_owned(), 3);
    for _ in 0..3 {
        assert_eq!(worker.send(&sent).await.unwrap(), 1);
    }
    for (metric, expected) in [
        (r#"umbra_telemetry_lost_total{reason="reports"}"#, 3.0),
        ("umbra_telemetry_pairs_total", 1.0),
        (r#"umbra_telemetry_reports_total{result="counted"}"#, 1.0),
        (r#"umbra_telemetry_reports_total{result="repeated"}"#, 2.0),
    ] {
        assert_eq!(server.api.metric(metric).await, expected, "{metric}");
    }
    let nodes = server.api.get("/api/v1/nodes").await;
    assert_eq!(nodes["items"][0]["workers"][0]["requests"], 10, "{nodes:#}");
}

/// Evidence of some moments, and a worker whose clock is an hour slow.
#[tokio::test]
async fn a_slow_clock_does_not_open_the_gate_of_time() {
    let folder = folder();
    let server = TestServer::start(folder.path()).await;
    server.api.apply(&format!("{CHECKOUT}{IN_FULL}")).await;
    let mut worker = Worker::at(server.xds);
    for (instance, slow_ms) in [(1, 3_600_000), (2, 0)] {
        let sent = report(instance, 1, 400);
        let (started_ms, ended_ms) = (sent.started_ms - slow_ms, sent.ended_ms - slow_ms);
        worker.send(&umbra_wire::telemetry::Report { started_ms, ended_ms, ..sent }).await.unwrap();
    }
    let verdict = server.api.get("/api/v1/shadows/checkout-v2/verdict").await;
    let reasons = verdict["reasons"].as_array().unwrap();
    let reason = reasons.iter().find(|reason| reason["gate"] == "min_duration").unwrap();
    assert_eq!(reason["state"], "open", "{reason:#}");
    assert!(reason["observed"].as_f64().unwrap() < 60_000.0, "{reason:#}");
}

#[tokio::test]
async fn pairs_come_in_pages_newest_first() {
    let folder = folder();
    let server = TestServer::start(folder.path()).await;
    server.api.apply(&format!("{CHECKOUT}{IN_FULL}")).await;
    let mut worker = Worker::at(server.xds);
    let mut report = report(1, 1, 30);
    for number in 0..30 {
        differs(&mut report, number, r#"{"a":1}"#, if number % 3 == 0 { r#"{"a":2}"# } else { r#"{"b":2}"# });
    }
    worker.send(&report).await.unwrap();
    let mut seen = Vec::new();
    let mut path = format!("{PAIRS}?limit=4&field=$.b");
    loop {
        let page = server.api.get(&path).await;
        seen.extend(page["items"].as_array().unwrap().iter().map(|item| item["path"].clone()));
        let Some(next) = page["next"].as_u64() else { break };
        path = format!("{PAIRS}?limit=4&field=$.b&before={next}");
    }
    let expected: Vec<_> =
        (0..30).rev().filter(|n| n % 3 != 0).map(|n| json!(format!("/cart/{n}"))).collect();
    assert_eq!(seen, expected);
    let count = async |query: &str| {
        server.api.get(&format!("{PAIRS}?limit=100&{query}")).await["items"].as_array().unwrap().len()
    };
    assert_eq!(count("outcome=different").await, 30);
    assert_eq!(count("outcome=answered").await, 30);
    assert_eq!(count("outcome=timeout").await, 0);
    assert_eq!(count("endpoint=GET%20/cart/%7Bid%7D").await, 30);
    assert_eq!(count("endpoint=GET%20/").await, 0);
    for wrong in ["outcome=gone", "limit=0", "limit=101", "colour=red"] {
        let answer =
            server.api.request(reqwest::Method::GET, &format!("{PAIRS}?{wrong}")).send().await.unwrap();
        assert_eq!(answer.status(), 400, "{wrong}");
    }
    let missing = server.api.request(reqwest::Method::GET, "/api/v1/shadows/x/verdict").send().await.unwrap();
    assert_eq!(missing.status(), 404);
}

#[tokio::test]
async fn a_page_of_pairs_is_bounded_in_bytes() {
    const MOST: usize = 4 << 20;
    let folder = folder();
    let server = TestServer::start(folder.path()).await;
    server.api.apply(&format!("{CHECKOUT}  compare: {{body: full, max_body_bytes: 1048576}}\n")).await;
    let body = |value: &str| format!(r#"{{"a":"{}{value}"}}"#, "x".repeat(300 << 10));
    let mut worker = Worker::at(server.xds);
    for sequence in 1..=3 {
        let mut report = report(1, sequence, 10);
        for number in 0..8 {
            differs(&mut report, u128::from(8 * sequence + number), &body("1"), &body("2"));
        }
        worker.send(&report).await.unwrap();
    }
    let (mut seen, mut pages, mut before) = (Vec::new(), 0, String::new());
    loop {
        let request = server.api.request(reqwest::Method::GET, &format!("{PAIRS}?limit=100{before}"));
        let page = request.send().await.unwrap().text().await.unwrap();
        assert!(page.len() <= MOST, "{}", page.len());
        let page: serde_json::Value = serde_json::from_str(&page).unwrap();
        seen.extend(page["items"].as_array().unwrap().iter().map(|item| item["path"].clone()));
        pages += 1;
        let Some(next) = page["next"].as_u64() else { break };
        before = format!("&before={next}");
    }
    let expected: Vec<_> = (8..32).rev().map(|n| json!(format!("/cart/{n}"))).collect();
    assert_eq!(seen, expected);
    assert!(pages >= 4, "{pages}");
}

#[tokio::test]
async fn evidence_begins_anew_when_older_pairs_cannot_be_compared() {
    let folder = folder();
    let server = TestServer::start(folder.path()).await;
    server.api.apply(&format!("{CHECKOUT}{IN_FULL}")).await;
    let mut worker = Worker::at(server.xds);
    worker.send(&report(1, 1, 10)).await.unwrap();
    server.api.valve(50.0).await;
    assert_eq!(server.api.get(REPORT).await["mirrored"], 10, "a valve changes nothing about the pairs");
    server
        .api
        .apply(
            &format!("{CHECKOUT}{IN_FULL}")
                .replace("target: {cluster: checkout-v2}", "target: {cluster: v3}"),
        )
        .await;
    assert_eq!(server.api.get(REPORT).await["mirrored"], 0);
    // A worker that has not heard of it yet.
    worker.send(&report(1, 2, 10)).await.unwrap();
    assert_eq!(server.api.get(REPORT).await["mirrored"], 0);
    let revision = server.api.get("/api/v1/stamps").await["revision"].as_u64().unwrap();
    worker
        .send(&umbra_wire::telemetry::Report { policy_revision: revision, ..report(1, 3, 7) })
        .await
        .unwrap();
    assert_eq!(server.api.get(REPORT).await["mirrored"], 7);
}

/// Copies that were not answered: no evidence against anybody where the observation failed, errors where the shadow did.
#[tokio::test]
async fn a_shadow_that_does_not_answer_is_spoken_of_in_words() {
    for (outcome, pairs, verdict, words) in [
        (Outcome::NeverSeen, 0, "not-enough-evidence", "900 were never seen at the cluster (either Envoy"),
        (Outcome::ConnectFailure, 900, "no-go", "900 could not connect"),
        (Outcome::Timeout, 900, "no-go", "900 were not answered within the route's timeout"),
        (Outcome::Reset, 900, "no-go", "900 were reset before the answer was whole"),
        (Outcome::NotRouted, 0, "not-enough-evidence", "900 were never made, because Envoy answered"),
    ] {
        let folder = folder();
        let server = TestServer::start(folder.path()).await;
        server.api.apply(&format!("{CHECKOUT}{IN_FULL}")).await;
        let mut sent = report(1, 1, 0);
        let shadow = sent.shadows.get_mut("checkout-v2").unwrap();
        shadow.mirrored = 900;
        shadow.candidate.add(outcome, 900);
        let endpoint = shadow.endpoints.get_mut("GET /cart/{id}").unwrap();
        endpoint.statuses.clear();
        endpoint.evidence.pairs = pairs;
        endpoint.evidence.errors.trials = pairs;
        endpoint.evidence.errors.candidate_only = pairs;
        Worker::at(server.xds).send(&sent).await.unwrap();
        let found = server.api.get("/api/v1/shadows/checkout-v2/verdict").await;
        assert_eq!(found["verdict"], verdict, "{found:#}");
        assert!(found["summary"].as_str().unwrap().contains(words), "{found:#}");
        let found = server.api.get(REPORT).await;
        assert_eq!(found["outcomes"]["shadow"], json!([{"outcome": outcome.name(), "count": 900}]));
        assert_eq!(found["mirrored"], 900);
    }
}
