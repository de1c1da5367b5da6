//! What goes wrong around the server: it says what, does what it still can, and goes on when it is over.

use std::path::Path;

use reqwest::{Method, Response, StatusCode};
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use serde_json::{Value, json};
use sqlx::Executor;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};

use crate::delta::{Delta, hello};
use crate::process::{Umbra, run};
use crate::support::{Api, CHECKOUT, TestServer, database, folder, sql, until};
use crate::telemetry::{Worker, report};

const VALVE: &str = "/api/v1/shadows/checkout-v2/valve";

async fn try_valve(api: &Api, percent: f64) -> Response {
    api.send(Method::PATCH, VALVE, "application/json", &json!({ "percent": percent }).to_string()).await
}

/// The words of a problem, which must be 503.
async fn unavailable(response: Response) -> String {
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let problem: Value = response.json().await.unwrap();
    assert_eq!(problem["type"], "urn:umbra:problem:unavailable");
    problem["detail"].as_str().unwrap().to_owned()
}

/// Why it is not ready, once it is not.
async fn not_ready(api: &Api) -> String {
    let response = until(async || {
        let response = api.request(Method::GET, "/readyz").send().await.unwrap();
        (response.status() != StatusCode::OK).then_some(response)
    });
    unavailable(response.await).await
}

async fn ready(api: &Api) {
    until(async || {
        let response = api.request(Method::GET, "/readyz").send().await.unwrap();
        (response.status() == StatusCode::OK).then_some(())
    })
    .await;
}

async fn percent(api: &Api) -> f64 {
    api.get("/api/v1/shadows/checkout-v2").await["spec"]["percent"].as_f64().unwrap()
}

/// No file of the process may grow beyond so many bytes; without a number, as far as it likes.
fn limit_files(umbra: &Umbra, bytes: Option<u64>) {
    let id = Pid::from_raw(i32::try_from(umbra.id()).unwrap());
    prlimit(id, Resource::Fsize, Rlimit { current: bytes, maximum: None }).unwrap();
}

#[tokio::test]
async fn without_space_nothing_is_written_and_nothing_is_lost() {
    let folder = folder();
    let umbra = Umbra::start(folder.path());
    let (api, xds) = (umbra.api(), umbra.xds.parse().unwrap());
    api.apply(CHECKOUT).await;
    let mut worker = Worker::at(xds);
    worker.send(&report(1, 1, 10)).await.unwrap();

    // A disk that is full says so with another number, and to the same end.
    limit_files(
        &umbra,
        Some(std::fs::metadata(database(folder.path()).with_extension("db-wal")).unwrap().len()),
    );
    for attempt in 0..4 {
        let words = unavailable(try_valve(&api, 50.0 + f64::from(attempt)).await).await;
        assert!(
            words.starts_with("the disk fails, or a quota of it is used up; nothing was changed"),
            "{words}"
        );
    }
    let refused = worker.send(&report(1, 2, 10)).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::Unavailable, "it is to be sent again");
    let words = not_ready(&api).await;
    assert!(words.starts_with("database: the disk fails"), "{words}");
    assert_eq!(percent(&api).await, 5.0);
    let mut node = Delta::open(xds, hello("a")).await.unwrap();
    assert_eq!(node.pushed().await.policy.revision, 1, "what needs no disk goes on");

    limit_files(&umbra, None);
    ready(&api).await;
    assert_eq!(try_valve(&api, 60.0).await.status(), StatusCode::OK);
    worker.send(&report(1, 2, 10)).await.unwrap();
    umbra.signal("-KILL");
    let (_, log) = umbra.ended();
    assert!(log.contains("a write failed") && log.contains("reports cannot be written"), "{log}");

    let umbra = Umbra::start(folder.path());
    assert_eq!(percent(&umbra.api()).await, 60.0);
    let found = umbra.api().get("/api/v1/shadows/checkout-v2/report").await;
    assert_eq!(found["mirrored"], 20, "each report once");
    assert_eq!(umbra.api().get("/api/v1/audit/verify").await["ok"], true);
    umbra.signal("-TERM");
    assert_eq!(umbra.ended().0, Some(0));
}

async fn pool(folder: &Path) -> SqlitePool {
    SqlitePool::connect_with(SqliteConnectOptions::new().filename(database(folder))).await.unwrap()
}

#[tokio::test]
async fn while_another_process_holds_the_lock_writes_fail_in_words() {
    let folder = folder();
    let server = TestServer::start(folder.path()).await;
    server.api.apply(CHECKOUT).await;
    let pool = pool(folder.path()).await;
    let mut held = pool.acquire().await.unwrap();
    held.execute("BEGIN IMMEDIATE").await.unwrap();

    let words = unavailable(try_valve(&server.api, 50.0).await).await;
    assert!(words.starts_with("another process holds the database's lock; nothing was changed"), "{words}");
    let words = not_ready(&server.api).await;
    assert_eq!(words, "database: another process holds the database's lock");
    assert_eq!(percent(&server.api).await, 5.0);
    let mut node = Delta::open(server.xds, hello("a")).await.unwrap();
    assert_eq!(node.pushed().await.policy.revision, 1);

    held.execute("ROLLBACK").await.unwrap();
    ready(&server.api).await;
    assert_eq!(try_valve(&server.api, 60.0).await.status(), StatusCode::OK);
    server.ended().await.unwrap();

    held.execute("BEGIN EXCLUSIVE").await.unwrap();
    let (code, log) = run_on(folder.path());
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains("is locked by another process: end that one"), "{log}");
}

/// `umbra serve` on the database in the folder, to its end.
fn run_on(folder: &Path) -> (Option<i32>, String) {
    run(folder, &["--dev", "--listen-api=127.0.0.1:0", "--listen-xds=127.0.0.1:0"])
}

#[tokio::test]
async fn a_database_that_is_damaged_while_it_is_used_is_said_to_be() {
    let folder = folder();
    let umbra = Umbra::start(folder.path());
    let (api, xds) = (umbra.api(), umbra.xds.parse().unwrap());
    api.apply(CHECKOUT).await;
    sql(folder.path(), "PRAGMA wal_checkpoint(TRUNCATE)").await;
    let whole = std::fs::read(database(folder.path())).unwrap();
    let mut damaged = whole.clone();
    // All but the first page, which says what the file is.
    damaged[4096..].fill(0xa5);
    std::fs::write(database(folder.path()), &damaged).unwrap();

    let words = unavailable(try_valve(&api, 50.0).await).await;
    assert!(words.starts_with("the database is damaged: restore it from a backup"), "{words}");
    let words = not_ready(&api).await;
    assert!(words.starts_with("database: the database is damaged: restore it from a backup"), "{words}");
    assert_eq!(percent(&api).await, 5.0, "what is in memory is served");
    let mut node = Delta::open(xds, hello("a")).await.unwrap();
    assert_eq!(node.pushed().await.policy.revision, 1);
    umbra.signal("-TERM");
    assert_eq!(umbra.ended().0, Some(0));

    let (code, log) = run_on(folder.path());
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains("is damaged") && log.contains("restore it from a backup"), "{log}");
    std::fs::write(database(folder.path()), &whole).unwrap();
    for suffix in ["db-wal", "db-shm"] {
        let _ = std::fs::remove_file(database(folder.path()).with_extension(suffix));
    }
    let umbra = Umbra::start(folder.path());
    assert_eq!(percent(&umbra.api()).await, 5.0);
    assert_eq!(try_valve(&umbra.api(), 60.0).await.status(), StatusCode::OK);
    umbra.signal("-KILL");
    umbra.ended();
}
