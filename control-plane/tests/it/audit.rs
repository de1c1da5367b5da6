//! The audit trail: a chain that shows tampering, filters, and exports.

use reqwest::Method;
use serde_json::{Value, json};
use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};
use umbra_audit::{Chain, Line};

use crate::support::{Api, CHECKOUT, TestServer, database, folder, sql};

async fn export(api: &Api, query: &str) -> Vec<String> {
    let response =
        api.request(Method::GET, &format!("/api/v1/audit?format=ndjson{query}")).send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/x-ndjson");
    response.text().await.unwrap().lines().map(str::to_owned).collect()
}

/// The id of the first row that is not as it was written, found from an export alone.
fn follow(rows: &[String]) -> Option<u64> {
    let mut chain = Chain::default();
    rows.iter().find_map(|row| {
        let row = Line::read(row).unwrap();
        chain.check(&row.entry(), row.hash().unwrap()).err().map(|broken| broken.id)
    })
}

#[tokio::test]
async fn an_export_has_every_row_and_its_chain_holds() {
    let folder = folder();
    let server = TestServer::start(folder.path()).await;
    server.api.apply(CHECKOUT).await;
    for step in 1..=100 {
        server.api.valve(f64::from(step) / 4.0).await;
    }
    let rows = export(&server.api, "").await;
    assert_eq!((rows.len(), follow(&rows)), (102, None));
    let verdict = server.api.get("/api/v1/audit/verify").await;
    let last: Value = serde_json::from_str(rows.last().unwrap()).unwrap();
    assert_eq!(verdict, json!({"rows": 102, "ok": true, "first_bad": null, "head": last["hash"]}));
    // The header asks for it as well.
    let request = server.api.request(Method::GET, "/api/v1/audit").header("accept", "application/x-ndjson");
    assert_eq!(request.send().await.unwrap().text().await.unwrap().lines().count(), 102);
}

#[tokio::test]
async fn rows_are_filtered() {
    let folder = folder();
    let server = TestServer::start(folder.path()).await;
    server.api.apply(CHECKOUT).await;
    server.api.valve(10.0).await;
    let count = async |query: &str| -> usize {
        let page = server.api.get(&format!("/api/v1/audit?{query}")).await;
        assert_eq!(
            page["items"].as_array().unwrap().len(),
            export(&server.api, &format!("&{query}")).await.len()
        );
        page["items"].as_array().unwrap().len()
    };
    for (query, expected) in [
        ("kind=Stamp", 1),
        ("kind=Shadow", 2),
        ("name=checkout", 1),
        ("action=valve", 1),
        ("actor=dev", 3),
        ("actor=nobody", 0),
        ("kind=Shadow&action=create", 1),
        ("since=1h", 3),
        ("until=1h", 0),
        ("since=2100-01-01T00:00:00Z", 0),
        ("since=1h&until=2100-01-01T00:00:00Z&action=valve", 1),
    ] {
        assert_eq!(count(query).await, expected, "{query}");
    }
    for wrong in ["since=yesterday", "format=xml", "format=ndjson&limit=3", "who=me"] {
        let request = server.api.request(Method::GET, &format!("/api/v1/audit?{wrong}"));
        assert_eq!(request.send().await.unwrap().status(), 400, "{wrong}");
    }
}

#[tokio::test]
async fn rows_can_only_be_added_and_what_was_done_all_the_same_is_found() {
    let folder = folder();
    let server = TestServer::start(folder.path()).await;
    server.api.apply(CHECKOUT).await;
    server.api.valve(10.0).await;
    let pool = SqlitePool::connect_with(SqliteConnectOptions::new().filename(database(folder.path())))
        .await
        .unwrap();
    for deed in [
        "UPDATE audit SET actor = 'nobody' WHERE id = 2",
        "DELETE FROM audit WHERE id = 3",
        "INSERT OR REPLACE INTO audit SELECT * FROM audit WHERE id = 2",
    ] {
        let refused = sqlx::query(deed).execute(&pool).await.unwrap_err();
        assert!(refused.to_string().contains("append-only"), "{deed}: {refused}");
    }
    pool.close().await;
    sql(folder.path(), "DROP TRIGGER audit_keeps_rows").await;
    sql(folder.path(), "UPDATE audit SET actor = 'nobody' WHERE id = 2").await;
    let verdict = server.api.get("/api/v1/audit/verify").await;
    assert_eq!(
        (&verdict["ok"], &verdict["first_bad"], &verdict["rows"]),
        (&json!(false), &json!(2), &json!(2))
    );
    assert_eq!(follow(&export(&server.api, "").await), Some(2));
}

/// A store of the release before: its rows are chained when this one opens it, and nothing of them changes.
#[tokio::test]
async fn rows_that_were_there_before_are_chained() {
    let folder = folder();
    let migrations = folder.path().join("migrations");
    std::fs::create_dir(&migrations).unwrap();
    for file in ["0001_resources.sql", "0002_telemetry.sql"] {
        let from = format!("{}/migrations/{file}", env!("CARGO_MANIFEST_DIR"));
        std::fs::copy(from, migrations.join(file)).unwrap();
    }
    let options = SqliteConnectOptions::new().filename(database(folder.path())).create_if_missing(true);
    let pool = SqlitePool::connect_with(options).await.unwrap();
    Migrator::new(migrations.as_path()).await.unwrap().run(&pool).await.unwrap();
    for id in 1..=70 {
        sqlx::query(
            "INSERT INTO audit VALUES ($1, $1, '2030-01-01T00:00:00.000Z', 'ann', 's', 'valve', 'Shadow', 'x', '{ \"a\": 1 }', NULL, NULL)",
        )
        .bind(id)
        .execute(&pool)
        .await
        .unwrap();
    }
    pool.close().await;
    for rows in [70, 72] {
        let server = TestServer::start(folder.path()).await;
        let exported = export(&server.api, "").await;
        assert_eq!((exported.len(), follow(&exported)), (rows, None));
        assert!(exported[0].contains(r#""before":{ "a": 1 },"after":null"#), "{}", exported[0]);
        assert_eq!(server.api.get("/api/v1/audit/verify").await["ok"], true);
        server.api.apply(CHECKOUT).await;
        server.ended().await.unwrap();
    }
}
