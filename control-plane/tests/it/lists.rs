//! Lists page by page, requests that are sent again, and the dump for a bug report.

use std::time::Duration;

use reqwest::{Method, Response};
use serde_json::{Value, json};
use umbra_control_plane::app::options::ServeOptions;

use crate::delta::{Delta, hello};
use crate::support::{CHECKOUT, TestServer, folder, soon, until};

#[tokio::test]
async fn lists_have_pages() {
    let folder = folder();
    let server = TestServer::start(folder.path()).await;
    let stamps: Vec<Value> = (0..5)
        .map(|index| {
            json!({"apiVersion": "umbra/v1", "kind": "Stamp", "metadata": {"name": format!("s{index}")}, "spec": {"match": [{"methods": ["GET"]}]}})
        })
        .collect();
    server.api.apply(&Value::Array(stamps).to_string()).await;
    let (mut names, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = server.api.get(&format!("/api/v1/stamps?limit=2{cursor}")).await;
        let items = page["items"].as_array().unwrap();
        names.extend(items.iter().map(|stamp| stamp["metadata"]["name"].as_str().unwrap().to_owned()));
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(names, ["s0", "s1", "s2", "s3", "s4"]);
    let all = server.api.get("/api/v1/stamps").await;
    assert_eq!((all["items"].as_array().unwrap().len(), &all["next"]), (5, &Value::Null));
    assert_eq!(server.api.get("/api/v1/nodes?limit=1").await["next"], Value::Null);
    for wrong in ["stamps?limit=0", "shadows?limit=1001", "nodes?cursor=x", "stamps?cursor=ff"] {
        let answer = server.api.request(Method::GET, &format!("/api/v1/{wrong}")).send().await.unwrap();
        assert_eq!(answer.status(), 400, "{wrong}");
    }
}

#[tokio::test]
async fn a_request_that_is_sent_again_is_done_once() {
    let folder = folder();
    let server = TestServer::start(folder.path()).await;
    let post = async |key: &str, body: &str| -> Response {
        let request = server.api.request(Method::POST, "/api/v1/apply").header("idempotency-key", key);
        request.header("content-type", "application/yaml").body(body.to_owned()).send().await.unwrap()
    };
    let first: Value = post("a", CHECKOUT).await.json().await.unwrap();
    assert_eq!(first["results"][0]["action"], "created");
    // Somebody else changes it, so that doing it again would be another change.
    server.api.valve(50.0).await;
    let again = post("a", CHECKOUT).await;
    assert_eq!(again.headers()["content-type"], "application/json");
    assert_eq!(again.json::<Value>().await.unwrap(), first);
    assert_eq!(server.api.get("/api/v1/shadows/checkout-v2").await["spec"]["percent"], 50);
    assert_eq!(post("a", "[]").await.status(), 422, "the key was for something else");
    let other: Value = post("b", CHECKOUT).await.json().await.unwrap();
    assert_eq!(other["results"][1]["action"], "updated");
    assert_eq!(post(&"x".repeat(256), CHECKOUT).await.status(), 400);
    // What was refused is refused again, word for word.
    let (refused, again) = (post("c", "kind: x").await, post("c", "kind: x").await);
    assert_eq!((refused.status(), again.status()), (refused.status(), refused.status()));
    assert_eq!(refused.text().await.unwrap(), again.text().await.unwrap());
}

#[tokio::test]
async fn a_token_is_made_once() {
    let folder = folder();
    let server = TestServer::start(folder.path()).await;
    let post = async |body: &str| -> Response {
        let request = server.api.request(Method::POST, "/api/v1/tokens").header("idempotency-key", "a");
        request.header("content-type", "application/json").body(body.to_owned()).send().await.unwrap()
    };
    let wanted = r#"{"name": "bot", "role": "viewer"}"#;
    let (first, again) = (post(wanted).await, post(wanted).await);
    assert_eq!((first.status().as_u16(), again.status().as_u16()), (201, 201));
    assert_eq!(again.headers()["cache-control"], "no-store");
    assert_eq!(first.text().await.unwrap(), again.text().await.unwrap(), "the token is shown to who lost it");
    assert_eq!(server.api.get("/api/v1/tokens").await["items"].as_array().unwrap().len(), 1);
    assert_eq!(post(r#"{"name": "bot", "role": "admin"}"#).await.status(), 422);
}

/// Tokens that were made for the same thing are often called the same.
#[tokio::test]
async fn a_key_is_one_tokens_own() {
    let folder = folder();
    let server = TestServer::guarded(folder.path(), ServeOptions::default()).await;
    for made in ["a", "b"] {
        let token = server.api.token(json!({"name": "bot", "role": "admin"})).await;
        let api = server.api.with(token["token"].as_str());
        let request = api.request(Method::POST, "/api/v1/tokens").header("idempotency-key", "1");
        let body = json!({"name": made, "role": "viewer"}).to_string();
        let answer = request.header("content-type", "application/json").body(body).send().await.unwrap();
        assert_eq!(answer.status(), 201, "{made}");
    }
}

#[tokio::test]
async fn of_requests_that_come_at_once_one_is_done() {
    let folder = folder();
    let server = TestServer::start(folder.path()).await;
    let posts = (0..8).map(|_| {
        let request = server.api.request(Method::POST, "/api/v1/apply").header("idempotency-key", "a");
        let request = request.header("content-type", "application/yaml").body(CHECKOUT);
        async move { request.send().await.unwrap().json::<Value>().await.unwrap() }
    });
    for answer in futures::future::join_all(posts).await {
        assert_eq!(answer["results"][0]["action"], "created");
    }
    assert_eq!(server.api.get("/api/v1/stamps").await["revision"], 1);
}

/// The first attempt is on its way to the disk when its client hangs up.
#[tokio::test]
async fn what_was_begun_is_done_once_though_its_client_is_gone() {
    let folder = folder();
    let server = TestServer::start(folder.path()).await;
    let request = || {
        let request = server.api.request(Method::POST, "/api/v1/apply").header("idempotency-key", "a");
        request.header("content-type", "application/yaml").body(CHECKOUT).send()
    };
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(crate::support::database(folder.path()));
    let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
    let held = pool.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let hung_up = tokio::time::timeout(Duration::from_secs(1), request()).await;
    assert!(hung_up.is_err(), "it cannot be done as long as the lock is held");
    held.rollback().await.unwrap();
    until(async || (server.api.get("/api/v1/stamps").await["revision"] == 1).then_some(())).await;
    server.api.valve(50.0).await;
    let again: Value = soon(request()).await.unwrap().json().await.unwrap();
    assert_eq!(again["results"][1]["action"], "created", "{again}");
    assert_eq!(server.api.get("/api/v1/shadows/checkout-v2").await["spec"]["percent"], 50);
}

#[tokio::test]
async fn a_config_dump_has_what_a_bug_report_needs_and_no_secret() {
    let folder = folder();
    let server = TestServer::start(folder.path()).await;
    server.api.apply(CHECKOUT).await;
    let mut node = Delta::open(server.xds, hello("a")).await.unwrap();
    // A node that comes right after a write may still be given the policy from before it.
    let mut pushed = node.pushed().await;
    while pushed.policy.revision < 1 {
        pushed = node.pushed().await;
    }
    let version = pushed.version;
    let dump = server.api.get("/api/v1/config-dump").await;
    assert_eq!((&dump["revision"], dump["resources"].as_array().unwrap().len()), (&json!(1), 2));
    assert_eq!((&dump["nodes"][0]["id"], &dump["settings"]["keep-pairs"]), (&json!("a"), &json!("500")));
    let access =
        ["oidc-issuer", "writes-per-second", "xds-require-token"].map(|name| &dump["settings"][name]);
    assert_eq!(access, [&json!("off"), &json!("20"), &json!("false")]);
    let policy = &dump["policies"][0];
    assert_eq!((&policy["version"], &policy["nodes"]), (&json!(version), &json!(["a"])));
    assert!(policy["policy"].as_str().unwrap().contains("shop.example.com"), "{policy}");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(crate::support::database(folder.path()));
    let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
    let key: String = sqlx::query_scalar("SELECT value FROM setting WHERE name = 'mesh_key'")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert!(!dump.to_string().contains(&key));
}
