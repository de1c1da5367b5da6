//! How much telemetry one core takes in: `cargo bench -p umbra-control-plane --bench intake`.
//!
//! Prints reports a second (checked, added up, committed and synced, in transactions as large as they come under load)
//! and pairs a second (looked at, redacted and written as JSON). With `UMBRA_BENCH_JSON=FILE` they are kept as JSON as well.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    missing_docs,
    reason = "a benchmark may stop at the first surprise, and printing is what it is for"
)]

#[path = "shared/report.rs"]
mod report;

use std::hint::black_box;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use prometheus_client::registry::Registry;
use tokio::sync::oneshot;
use umbra_control_plane::analysis::look::look;
use umbra_control_plane::analysis::plan::Plan;
use umbra_control_plane::intake::committer::{Aside, Committer, Part, Prepared};
use umbra_control_plane::intake::metrics::IntakeMetrics;
use umbra_control_plane::model::nodes::Nodes;
use umbra_control_plane::store::metrics::StoreMetrics;
use umbra_control_plane::store::telemetry::Retention;
use umbra_control_plane::store::{DatabaseUrl, Store};
use umbra_policy::pair::PairId;
use umbra_resource::Resource;
use umbra_wire::telemetry::answer::{SampledAnswer, SampledPair};
use umbra_wire::telemetry::{decode, encode};

use crate::report::{ENDPOINTS, PAIRS, report};

/// Reports that wait while a transaction is synced, under load.
const BATCH: u64 = 256;
const BATCHES: u64 = 20;
const LOOKS: u32 = 2_000;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let encoded: Vec<Vec<u8>> = (0..BATCH).map(|instance| encode(&report(instance + 1))).collect();
    let bytes = encoded.iter().map(Vec::len).sum::<usize>() as u64 / BATCH;
    let (took, reports) = runtime.block_on(reports(&encoded));
    let rate = reports as f64 / took.as_secs_f64();
    println!(
        "reports: {rate:.0}/s of {bytes} bytes, {:.0} pairs counted/s",
        rate * (ENDPOINTS * PAIRS) as f64
    );
    let looked = [2, 20].map(|kilobytes| {
        let pairs = f64::from(LOOKS) / looks(kilobytes * 1_024).as_secs_f64();
        println!("pairs looked at, {kilobytes} KB of JSON that differs: {pairs:.0}/s");
        serde_json::json!({"kilobytes": kilobytes, "pairs_per_second": pairs})
    });
    if let Some(file) = std::env::var_os("UMBRA_BENCH_JSON") {
        let figures = serde_json::json!({
            "report_bytes": bytes,
            "reports_per_second": rate,
            "pairs_counted_per_second": rate * (ENDPOINTS * PAIRS) as f64,
            "looked_at": looked,
        });
        std::fs::write(file, figures.to_string()).unwrap();
    }
}

async fn reports(encoded: &[Vec<u8>]) -> (Duration, u64) {
    let folder = tempfile::tempdir().unwrap();
    let mut registry = Registry::default();
    let url = DatabaseUrl::from(folder.path().join("umbra.db"));
    let store = Store::open(&url, [1; 16], |_| Ok(()), StoreMetrics::register(&mut registry)).await.unwrap();
    let metrics = IntakeMetrics::register(&mut registry);
    let nodes = Arc::new(Mutex::new(Nodes::new(1, 1)));
    let mut committer = Committer::new(store.intake(), Retention::default(), metrics, Arc::default(), nodes);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let now_ms = u64::try_from(now.as_millis()).unwrap();
    let started = Instant::now();
    for sequence in 1..=BATCHES {
        let mut answers = Vec::new();
        let batch = encoded.iter().map(|bytes| {
            let report = decode(bytes).unwrap();
            let parts = report.shadows.into_iter().map(|(shadow, report)| Part {
                shadow,
                epoch: 1,
                began_ms: 0,
                started_ms: now_ms - 1_000,
                ended_ms: now_ms,
                report,
            });
            let (reply, answer) = oneshot::channel();
            answers.push(answer);
            let (instance, parts) = (report.instance, parts.collect());
            let (pairs, aside) = (Vec::new(), Aside::default());
            Prepared { instance, sequence, parts, pairs, aside, room: None, reply }
        });
        let batch = batch.collect();
        committer.commit(batch, now_ms).await;
        for answer in answers {
            assert_eq!(answer.await.unwrap(), Ok(sequence));
        }
    }
    let took = started.elapsed();
    store.close().await;
    (took, BATCHES * BATCH)
}

fn looks(bytes: usize) -> Duration {
    let manifest = r#"{"apiVersion":"umbra/v1","kind":"Shadow","metadata":{"name":"a"},"spec":{"stamps":["a"],
        "target":{"cluster":"a"},"compare":{"body":"full","ignore":["$..at"],"redact":{"fields":["$..secret"]}}}}"#;
    let resources = umbra_resource::from_json(manifest).unwrap();
    let [Resource::Shadow(shadow)] = resources.as_slice() else { unreachable!() };
    let plan = Plan::of(&shadow.spec).unwrap();
    let body = |price: u32| {
        let mut items = Vec::new();
        while items.iter().map(String::len).sum::<usize>() < bytes {
            items.push(format!(
                r#"{{"id":{},"name":"something","price":{price},"at":"x","secret":"y"}}"#,
                items.len()
            ));
        }
        format!("[{}]", items.join(",")).into_bytes()
    };
    let answer = |price: u32| {
        let body = body(price);
        SampledAnswer {
            status: 200,
            headers: vec![("content-type".to_owned(), b"application/json".to_vec())],
            body_length: body.len() as u64,
            digest: Some([u8::try_from(price).unwrap(); 16]),
            body,
            ..SampledAnswer::default()
        }
    };
    let pair = SampledPair {
        pair: PairId::from_bytes([1; 16]),
        shadow: "a".to_owned(),
        endpoint: "GET /".to_owned(),
        method: "GET".to_owned(),
        path: "/".to_owned(),
        at_ms: 0,
        weight: 1.0,
        primary: answer(1),
        candidate: answer(2),
        control: None,
    };
    let started = Instant::now();
    for _ in 0..LOOKS {
        assert!(look(black_box(&pair), &plan).unwrap().examined.is_some());
    }
    started.elapsed()
}
