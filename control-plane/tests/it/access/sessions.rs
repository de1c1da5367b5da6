//! The console's sessions: begun with a token, carried by a cookie, safe from other sites' pages.

use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};
use umbra_control_plane::app::options::ServeOptions;

use crate::api::problem;
use crate::support::{Api, CHECKOUT, TestServer, folder, soon, sql};

const JSON: &str = "application/json";
const VALVE: &str = "/api/v1/shadows/checkout-v2/valve";

/// A signed-in browser.
struct Browser {
    api: Api,
    cookie: String,
    csrf: String,
}

async fn sign_in(api: &Api, token: &str) -> Response {
    let body = json!({ "token": token }).to_string();
    api.with(None).send(Method::POST, "/api/v1/session", JSON, &body).await
}

impl Browser {
    async fn new(server: &TestServer, token: &str) -> Browser {
        let answer = sign_in(&server.api, token).await;
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["cache-control"]),
            (200, &"no-store".parse().unwrap())
        );
        let set = answer.headers()["set-cookie"].to_str().unwrap().to_owned();
        for attribute in ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=604800"] {
            assert!(set.split("; ").any(|part| part == attribute), "{set}");
        }
        assert!(!set.contains("Secure"), "there is no TLS here");
        let cookie = set.split(';').next().unwrap().to_owned();
        let me: Value = answer.json().await.unwrap();
        assert_eq!(me["via"], "session");
        Browser { api: server.api.with(None), cookie, csrf: me["csrf"].as_str().unwrap().to_owned() }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.api.request(method, path).header("cookie", format!("other=1; {}", self.cookie))
    }

    async fn valve(&self, headers: &[(&str, &str)]) -> Response {
        let request =
            self.request(Method::PATCH, VALVE).header("content-type", JSON).body(r#"{"percent": 3}"#);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        soon(request.send()).await.unwrap()
    }

    async fn me(&self) -> Response {
        soon(self.request(Method::GET, "/api/v1/me").send()).await.unwrap()
    }
}

#[tokio::test]
async fn a_session_writes_only_from_its_own_page() {
    let folder = folder();
    let server = TestServer::guarded(folder.path(), ServeOptions::default()).await;
    server.api.apply(CHECKOUT).await;
    let token = server.api.token.clone().unwrap();
    let browser = Browser::new(&server, &token).await;
    let csrf = ("x-umbra-csrf", browser.csrf.as_str());
    let own = server.api.base.clone();
    assert_eq!(browser.me().await.status(), 200);
    let wrong = "0".repeat(64);
    let other_host = own.replace("127.0.0.1", "localhost");
    for headers in [
        &[] as &[_],
        &[("x-umbra-csrf", "")],
        &[("x-umbra-csrf", wrong.as_str())],
        &[csrf, ("origin", "http://evil.example.com")],
        &[csrf, ("origin", other_host.as_str())],
        &[csrf, ("sec-fetch-site", "cross-site")],
        &[("origin", own.as_str())],
    ] {
        problem(browser.valve(headers).await, 403, "csrf").await;
    }
    for headers in [&[csrf] as &[_], &[csrf, ("origin", own.as_str()), ("sec-fetch-site", "same-origin")]] {
        assert_eq!(browser.valve(headers).await.status(), 200);
    }
    assert_eq!(server.api.get("/api/v1/audit").await["items"][0]["actor"], "token:bootstrap");

    // One session's proof is none of another's.
    let other = Browser::new(&server, &token).await;
    problem(other.valve(&[csrf]).await, 403, "csrf").await;
    let cross =
        browser.api.request(Method::POST, "/api/v1/session").header("origin", "http://evil.example.com");
    let cross = cross.header("content-type", JSON).body(json!({ "token": token }).to_string());
    problem(cross.send().await.unwrap(), 403, "csrf").await;
}

#[tokio::test]
async fn a_session_outlives_a_restart_and_ends_by_its_holder_or_with_its_token() {
    let folder = folder();
    let server = TestServer::guarded(folder.path(), ServeOptions::default()).await;
    let made = server.api.token(json!({"name": "v", "role": "viewer"})).await;
    let mut browser = Browser::new(&server, made["token"].as_str().unwrap()).await;
    let mut second = Browser::new(&server, made["token"].as_str().unwrap()).await;
    let admin = server.api.token.clone();
    server.ended().await.unwrap();

    let server = TestServer::start_with(folder.path(), ServeOptions::default()).await;
    browser.api.base.clone_from(&server.api.base);
    second.api.base.clone_from(&server.api.base);
    let me: Value = browser.me().await.json().await.unwrap();
    assert_eq!((&me["csrf"], &me["role"]), (&json!(browser.csrf), &json!("viewer")));

    let sign_out = browser.request(Method::DELETE, "/api/v1/session");
    problem(sign_out.try_clone().unwrap().send().await.unwrap(), 403, "csrf").await;
    let gone = sign_out.header("x-umbra-csrf", &browser.csrf).send().await.unwrap();
    assert_eq!(gone.status(), 204);
    assert!(gone.headers()["set-cookie"].to_str().unwrap().starts_with("umbra_session=; "));
    problem(browser.me().await, 401, "unauthenticated").await;

    assert_eq!(second.me().await.status(), 200);
    let path = format!("/api/v1/tokens/{}", made["id"].as_str().unwrap());
    let admin = server.api.with(admin.as_deref());
    assert_eq!(admin.request(Method::DELETE, &path).send().await.unwrap().status(), 204);
    problem(second.me().await, 401, "unauthenticated").await;
}

/// The disk failed when somebody signed out: nobody gets in with that session again, nor after a restart.
#[tokio::test]
async fn a_session_that_cannot_be_deleted_has_ended() {
    let folder = folder();
    let server = TestServer::guarded(folder.path(), ServeOptions::default()).await;
    let token = server.api.token.clone().unwrap();
    let mut browser = Browser::new(&server, &token).await;
    let no = "CREATE TRIGGER no BEFORE DELETE ON session BEGIN SELECT RAISE(ABORT, 'no'); END";
    sql(folder.path(), no).await;
    let sign_out = browser.request(Method::DELETE, "/api/v1/session").header("x-umbra-csrf", &browser.csrf);
    let failed = soon(sign_out.send()).await.unwrap();
    assert!(failed.headers()["set-cookie"].to_str().unwrap().starts_with("umbra_session=; "));
    problem(failed, 503, "unavailable").await;
    problem(browser.me().await, 401, "unauthenticated").await;

    sql(folder.path(), "DROP TRIGGER no").await;
    server.ended().await.unwrap();
    let server = TestServer::start_with(folder.path(), ServeOptions::default()).await;
    browser.api.base.clone_from(&server.api.base);
    problem(browser.me().await, 401, "unauthenticated").await;
}

#[tokio::test]
async fn only_a_good_token_of_a_person_begins_one() {
    let folder = folder();
    let server = TestServer::guarded(folder.path(), ServeOptions::default()).await;
    let node = server.api.token(json!({"name": "n", "role": "node"})).await;
    for token in ["", "umbra", node["token"].as_str().unwrap(), &format!("umbra_a_{}", "0".repeat(64))] {
        problem(sign_in(&server.api, token).await, 401, "unauthenticated").await;
    }
    problem(sign_in(&server.api, &"x".repeat(5_000)).await, 413, "too-large").await;
}
