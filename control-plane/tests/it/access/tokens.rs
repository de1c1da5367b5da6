//! The life of a token, and what is left of it on disk.

use std::path::Path;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use umbra_control_plane::app::options::ServeOptions;

use crate::api::problem;
use crate::process::Umbra;
use crate::support::{Api, CHECKOUT, TestServer, folder, soon, sql, until};

const JSON: &str = "application/json";

async fn me(api: &Api) -> reqwest::Response {
    soon(api.request(Method::GET, "/api/v1/me").send()).await.unwrap()
}

#[tokio::test]
async fn a_token_is_made_used_listed_and_revoked() {
    let folder = folder();
    let server = TestServer::guarded(folder.path(), ServeOptions::default()).await;
    let wanted = json!({"name": "deploy-bot", "role": "operator", "scope": {"selector": "team=cart"}, "expires_in": "30d"});
    let made = server.api.token(wanted).await;
    let text = made["token"].as_str().unwrap();
    assert!(text.starts_with(&format!("umbra_{}_", made["id"].as_str().unwrap())) && text.len() > 64 + 7);
    let bot = server.api.with(Some(text));
    let known: Value = me(&bot).await.json().await.unwrap();
    assert_eq!(
        (&known["name"], &known["role"], &known["via"]),
        (&json!("token:deploy-bot"), &json!("operator"), &json!("token"))
    );
    assert_eq!((&known["scope"], &known["csrf"]), (&json!({"selector": "team=cart"}), &Value::Null));
    assert_eq!(known["expires_at"], made["expires_at"]);

    let listed = server.api.get("/api/v1/tokens").await;
    let names: Vec<_> = listed["items"].as_array().unwrap().iter().map(|token| &token["name"]).collect();
    assert_eq!(names, ["deploy-bot", "bootstrap"]);
    assert!(!listed.to_string().contains(text) && listed["items"][0].get("token").is_none());
    assert!(listed["items"][0]["last_used_at"].is_string());
    let page = server.api.get("/api/v1/tokens?limit=1").await;
    let next = format!("/api/v1/tokens?limit=1&cursor={}", page["next"].as_str().unwrap());
    assert_eq!(server.api.get(&next).await["items"][0]["name"], "bootstrap");

    let id = made["id"].as_str().unwrap();
    let path = format!("/api/v1/tokens/{id}?reason=lost");
    for _ in 0..2 {
        let revoked = server.api.request(Method::DELETE, &path).send().await.unwrap();
        assert_eq!(revoked.status(), StatusCode::NO_CONTENT);
    }
    let refused = problem(me(&bot).await, 401, "unauthenticated").await;
    assert_eq!(refused["detail"], "the token is revoked");
    let nothing = server.api.request(Method::DELETE, "/api/v1/tokens/none").send().await.unwrap();
    problem(nothing, 404, "not-found").await;

    let rows = server.api.get("/api/v1/audit?kind=Token").await;
    let rows: Vec<Value> = rows["items"].as_array().unwrap().clone();
    let what: Vec<_> = rows.iter().map(|row| (&row["action"], &row["name"], &row["actor"])).collect();
    let (revoke, create) = (json!("revoke"), json!("create"));
    let (bot_name, first, by) = (json!("deploy-bot"), json!("bootstrap"), json!("token:bootstrap"));
    assert_eq!(
        what,
        [(&revoke, &bot_name, &by), (&create, &bot_name, &by), (&create, &first, &json!("umbra"))]
    );
    assert_eq!(rows[0]["reason"], "lost");

    // A restart forgets nothing.
    let api = server.api.clone();
    server.ended().await.unwrap();
    let again = TestServer::start_with(folder.path(), ServeOptions::default()).await;
    let at = |token: &Api| Api { base: again.api.base.clone(), ..token.clone() };
    assert_eq!(me(&at(&api)).await.status(), 200);
    problem(me(&at(&bot)).await, 401, "unauthenticated").await;
}

#[tokio::test]
async fn what_is_no_token_is_not_made() {
    let folder = folder();
    let server = TestServer::guarded(folder.path(), ServeOptions::default()).await;
    let cases = [
        (json!({"name": "a b", "role": "viewer"}), "name"),
        (json!({"name": "a", "role": "root"}), "role"),
        (json!({"name": "a", "role": "operator", "scope": {"shadows": []}}), "scope"),
        (json!({"name": "a", "role": "operator", "scope": {"all": true, "shadows": ["a"]}}), "scope"),
        (json!({"name": "a", "role": "viewer", "expires_in": "soon"}), "expires_in"),
        (json!({"name": "a", "role": "viewer", "expires_in": "0s"}), "expires_in"),
        (json!({"name": "a", "role": "viewer", "expires_in": "101years"}), "expires_in"),
        (json!({"name": "a", "role": "viewer", "expires_at": "2020-01-01T00:00:00Z"}), "expires_at"),
        (
            json!({"name": "a", "role": "viewer", "expires_at": "2099-01-01T00:00:00Z", "expires_in": "1d"}),
            "expires_in",
        ),
    ];
    for (wanted, field) in cases {
        let answer = server.api.send(Method::POST, "/api/v1/tokens", JSON, &wanted.to_string()).await;
        let refused = problem(answer, 422, "invalid-resource").await;
        assert_eq!(refused["errors"][0]["field"], field, "{wanted}");
    }
    assert_eq!(server.api.get("/api/v1/tokens").await["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_token_ends_with_its_time() {
    let folder = folder();
    let server = TestServer::guarded(folder.path(), ServeOptions::default()).await;
    let made = server.api.token(json!({"name": "short", "role": "viewer", "expires_in": "300ms"})).await;
    let short = server.api.with(made["token"].as_str());
    until(|| async { (me(&short).await.status() == 401).then_some(()) }).await;
    let refused = problem(me(&short).await, 401, "unauthenticated").await;
    assert_eq!(refused["detail"], "the token is expired");
}

/// An attacker is held back; somebody with a good token behind the same address is not; and the audit trail does not
/// grow with the attempts.
#[tokio::test]
async fn failed_attempts_are_held_back_and_noted() {
    let folder = folder();
    let server = TestServer::guarded(folder.path(), ServeOptions::default()).await;
    let good = server.api.token.clone().unwrap();
    let id = good.split('_').nth(1).unwrap();
    let guess = format!("umbra_{id}_{}", "0".repeat(64));
    let mut held_back = 0;
    for attempt in 0..60 {
        let answer = me(&server.api.with(Some(&guess))).await;
        if answer.status() == 429 {
            let wait: u64 = answer.headers()["retry-after"].to_str().unwrap().parse().unwrap();
            assert!((1..=60).contains(&wait), "{wait}");
            problem(answer, 429, "too-many-requests").await;
            held_back += 1;
        } else {
            assert!(attempt < 20, "{attempt}");
            problem(answer, 401, "unauthenticated").await;
        }
    }
    assert!(held_back >= 40, "{held_back}");
    assert_eq!(me(&server.api).await.status(), 200);
    assert_eq!(me(&server.api.with(None)).await.status(), 401, "who shows nothing has not failed");
    let rows = until(|| async {
        let rows = server.api.get("/api/v1/audit?action=sign-in-failed").await["items"].clone();
        (!rows.as_array().unwrap().is_empty()).then_some(rows)
    })
    .await;
    assert_eq!(rows.as_array().unwrap().len(), 1, "{rows}");
    assert_eq!((&rows[0]["name"], &rows[0]["actor"]), (&json!("127.0.0.1"), &json!("nobody")));
}

/// Whoever writes too fast is told when to go on; reading, and others, are not held up.
#[tokio::test]
async fn writes_have_a_pace() {
    let folder = folder();
    let options = ServeOptions { writes_per_second: Some("1".to_owned()), ..ServeOptions::default() };
    let server = TestServer::guarded(folder.path(), options).await;
    // Of the same name: a pace is a token's own.
    let other = server.api.token(json!({"name": "bootstrap", "role": "admin"})).await;
    let other = server.api.with(other["token"].as_str());
    let write = async |api: &Api| api.send(Method::POST, "/api/v1/apply", "application/yaml", CHECKOUT).await;
    let mut refused = None;
    for _ in 0..30 {
        let answer = write(&server.api).await;
        if answer.status() == 429 {
            refused = Some(answer);
        }
    }
    let refused = refused.expect("thirty writes are not done at one a second");
    let wait: u64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=20).contains(&wait), "{wait}");
    let refused = problem(refused, 429, "too-many-requests").await;
    assert_eq!(refused["detail"], "token:bootstrap writes too fast");
    assert_eq!(me(&server.api).await.status(), 200);
    assert_eq!(write(&other).await.status(), 200);
}

fn everything_in(folder: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        all.extend(std::fs::read(entry.unwrap().path()).unwrap());
    }
    all
}

/// Neither the files of the server nor its log, at its most talkative, hold anything that lets their reader in.
#[tokio::test]
async fn no_secret_is_on_disk_or_in_a_log() {
    let (folder, elsewhere) = (folder(), folder());
    let file = elsewhere.path().join("token");
    let umbra = Umbra::start_with(
        folder.path(),
        &[&format!("--bootstrap-token-file={}", file.display()), "--log-filter=trace"],
    );
    let first = std::fs::read_to_string(&file).unwrap().trim().to_owned();
    let api = umbra.api().with(Some(&first));
    api.apply(CHECKOUT).await;
    let made = api.token(json!({"name": "a", "role": "admin"})).await;
    let second = made["token"].as_str().unwrap().to_owned();
    let body = json!({"token": second}).to_string();
    let signed_in = api.with(None).send(Method::POST, "/api/v1/session", JSON, &body).await;
    let cookie = signed_in.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let signed_in: Value = signed_in.json().await.unwrap();
    let csrf = signed_in["csrf"].as_str().unwrap().to_owned();
    let guessed = format!("umbra_{}_{}", made["id"].as_str().unwrap(), "5".repeat(64));
    assert_eq!(me(&api.with(Some(&guessed))).await.status(), 401);
    let with_cookie = api.with(None).request(Method::GET, "/api/v1/me").header("cookie", &cookie);
    assert_eq!(with_cookie.send().await.unwrap().status(), 200);
    let move_valve = api.with(None).request(Method::PATCH, "/api/v1/shadows/checkout-v2/valve");
    let move_valve = move_valve.header("cookie", &cookie).header("x-umbra-csrf", &csrf);
    let move_valve = move_valve.header("content-type", JSON).body(r#"{"percent": 7}"#);
    assert_eq!(move_valve.send().await.unwrap().status(), 200);
    let marked =
        CHECKOUT.replace("percent: 5", "percent: 5\n  request: {set_headers: {x-env: in-a-body-4929}}");
    api.apply(&marked).await;
    // While it runs, some of it is in the write-ahead log alone.
    let names: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    for name in ["umbra.db", "umbra.db-wal", "umbra.db-shm"] {
        assert!(names.iter().any(|there| there == name), "{name} is not among {names:?}");
    }
    let mut disk = everything_in(folder.path());
    umbra.signal("-TERM");
    let (_, log) = umbra.ended();
    assert!(log.contains("sign-in failed"), "the log is there");
    disk.extend(everything_in(folder.path()));
    assert!(!log.contains("in-a-body-4929"), "a body is in the log");
    assert!(String::from_utf8_lossy(&disk).contains("checkout-v2"), "the database is there");
    let secret = |text: &str| text.rsplit(['_', '.', '=']).next().unwrap().to_owned();
    for (what, secret) in [
        ("the first token", secret(&first)),
        ("a token", secret(&second)),
        ("a cookie", secret(&cookie)),
        ("the csrf token", csrf),
        ("a guess", secret(&guessed)),
    ] {
        assert!(secret.len() >= 43, "{what}");
        assert!(!log.contains(&secret), "{what} is in the log");
        assert!(!disk.windows(secret.len()).any(|window| window == secret.as_bytes()), "{what} is on disk");
    }
}

/// Whoever can write to the database but has no key can make no token, and a database of another key opens nothing.
#[tokio::test]
async fn a_database_without_its_key_lets_nobody_in() {
    let folder = folder();
    let server = TestServer::guarded(folder.path(), ServeOptions::default()).await;
    let made = server.api.token(json!({"name": "a", "role": "viewer"})).await;
    let first = server.api.token.clone().unwrap().split('_').nth(1).unwrap().to_owned();
    server.ended().await.unwrap();
    // The hash of one token in the place of another's, and a better role for it.
    let swap = "UPDATE token SET tag = (SELECT tag FROM token WHERE name = 'a') WHERE name = 'bootstrap'";
    sql(folder.path(), swap).await;
    sql(folder.path(), "UPDATE token SET role = 'admin' WHERE name = 'a'").await;
    let server = TestServer::start_with(folder.path(), ServeOptions::default()).await;
    let own = made["token"].as_str().unwrap();
    let forged = own.replace(made["id"].as_str().unwrap(), &first);
    for token in [own, &forged] {
        assert_eq!(me(&server.api.with(Some(token))).await.status(), 401);
    }
    server.ended().await.unwrap();
    let key = folder.path().join("umbra.db.key");
    let text = std::fs::read_to_string(&key).unwrap();
    std::fs::remove_file(&key).unwrap();
    let run =
        || crate::process::run(folder.path(), &["--listen-api=127.0.0.1:0", "--listen-xds=127.0.0.1:0"]);
    let (code, log) = run();
    assert_eq!(code, Some(1));
    assert!(log.contains("umbra.db.key is not the key") && log.contains("umbra token revoke --all"), "{log}");
    assert!(!key.exists(), "no other key is made in its place");
    std::fs::write(&key, "0".repeat(64)).unwrap();
    assert!(run().1.contains("is not the key"));
    std::fs::write(&key, text).unwrap();
    TestServer::start_with(folder.path(), ServeOptions::default()).await.ended().await.unwrap();
}
