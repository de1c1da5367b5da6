//! Reports of workers that hang up before they are answered.

use std::sync::Arc;

use prometheus_client::registry::Registry;
use sqlx::Executor;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};
use tokio::sync::{mpsc, oneshot};
use tonic::Request;
use umbra_control_plane::intake::Intake;
use umbra_control_plane::intake::committer::Prepared;
use umbra_control_plane::intake::metrics::IntakeMetrics;
use umbra_control_plane::intake::plans::Plans;
use umbra_control_plane::store::telemetry::Retention;
use umbra_wire::proto::telemetry::v1::telemetry_service_server::TelemetryService;

use super::windows::{ALL, START, bench, nodes, prepared};
use super::{Worker, message, report};
use crate::support::{CHECKOUT, TestServer, database, folder, soon, until};

/// While the store stalls, workers hang up and send the same again: what they sent first is in memory until it is dealt
/// with.
#[tokio::test]
async fn a_report_takes_its_room_until_it_is_dealt_with() {
    let mut bench = bench(Retention::default()).await;
    let (sender, mut receiver) = mpsc::channel(1);
    let plans = Arc::new(Plans::new(bench.store.watch(), bench.telemetry.clone()));
    let intake = Intake::new(plans, sender, nodes(), IntakeMetrics::register(&mut Registry::default()));
    let call = tokio::spawn(async move { intake.report(Request::new(message(&report(1, 1, 10)))).await });
    let waiting = soon(receiver.recv()).await.unwrap();
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled());
    assert!(waiting.room.as_ref().is_some_and(|room| room.num_permits() > 0));
    bench.committer.commit(vec![waiting], START).await;
    assert!(bench.telemetry.sequences(&[1]).await.unwrap().is_empty(), "nobody waits for it");
}

#[tokio::test]
async fn those_who_still_wait_are_answered() {
    let mut bench = bench(Retention::default()).await;
    let hung_up = Prepared { reply: oneshot::channel().0, ..prepared(1, START, Vec::new()) };
    let (reply, answer) = oneshot::channel();
    let waits = Prepared { reply, ..prepared(1, START, Vec::new()) };
    bench.committer.commit(vec![hung_up, waits], START).await;
    assert_eq!(answer.await.unwrap(), Ok(1));
    let sum = bench.telemetry.sum("checkout-v2", 3, &[ALL]).await.unwrap();
    assert_eq!(sum.traffic.mirrored, 10);
}

#[tokio::test]
async fn a_call_that_ends_without_an_answer_has_failed() {
    let folder = folder();
    let server = TestServer::start(folder.path()).await;
    server.api.apply(CHECKOUT).await;
    let options = SqliteConnectOptions::new().filename(database(folder.path()));
    let mut held = SqlitePool::connect_with(options).await.unwrap().acquire().await.unwrap();
    held.execute("BEGIN IMMEDIATE").await.unwrap();
    let mut worker = Worker::at(server.xds);
    let call = tokio::spawn(async move { worker.send(&report(1, 1, 10)).await });
    until(async || (server.api.metric("umbra_telemetry_batch_count").await > 0.0).then_some(())).await;
    call.abort();
    let failed = r#"umbra_telemetry_reports_total{result="failed"} 1"#;
    let metrics = async || {
        let answer = server.api.request(reqwest::Method::GET, "/metrics").send().await.unwrap();
        answer.text().await.unwrap()
    };
    until(async || metrics().await.lines().any(|line| line == failed).then_some(())).await;
    held.execute("ROLLBACK").await.unwrap();
    let mut worker = Worker::at(server.xds);
    assert_eq!(worker.send(&report(1, 1, 10)).await.unwrap(), 1);
    assert!(metrics().await.lines().any(|line| line == failed), "one that is answered has not");
    assert_eq!(server.api.get("/api/v1/shadows/checkout-v2/report").await["mirrored"], 10);
}
