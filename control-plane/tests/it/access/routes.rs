//! Every route without a token, and with too little of one: read off the table of routes.

use reqwest::{Method, Response};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use umbra_control_plane::api::access::{Need, ROUTES};
use umbra_control_plane::app::options::ServeOptions;
use umbra_control_plane::model::access::Role;

use crate::api::problem;
use crate::support::{Api, CHECKOUT, TestServer, folder, soon};

/// A token of each role, the least first.
async fn tokens(server: &TestServer) -> Vec<(Role, String)> {
    let mut tokens = Vec::new();
    for role in Role::ALL {
        let made = server.api.token(json!({"name": role.as_str(), "role": role.as_str()})).await;
        tokens.push((role, made["token"].as_str().unwrap().to_owned()));
    }
    tokens
}

async fn send(api: &Api, method: &Method, path: &str) -> Response {
    // What a placeholder stands for need not be there, but a dry run is what an operator may apply.
    let path = path.replace("{name}", "none").replace("{id}", "none");
    let path = path.replace("/apply", "/apply?dry_run=true");
    soon(api.request(method.clone(), &path).send()).await.unwrap()
}

#[tokio::test]
async fn every_route_asks_for_its_role_and_no_more() {
    let folder = folder();
    let server = TestServer::guarded(folder.path(), ServeOptions::default()).await;
    let tokens = tokens(&server).await;
    for route in ROUTES {
        let what = format!("{} {}", route.method, route.path);
        let anonymous = send(&server.api.with(None), &route.method, route.path).await;
        let Need::Role(needed) = route.need else {
            assert!(!matches!(anonymous.status().as_u16(), 401 | 403), "{what}: {}", anonymous.status());
            continue;
        };
        assert_eq!(anonymous.headers()["www-authenticate"], "Bearer realm=\"umbra\"", "{what}");
        problem(anonymous, 401, "unauthenticated").await;
        for (role, token) in &tokens {
            let answer = send(&server.api.with(Some(token)), &route.method, route.path).await;
            if *role < needed {
                let refused = problem(answer, 403, "forbidden").await;
                assert!(refused["detail"].as_str().unwrap().contains(needed.as_str()), "{what}: {refused}");
            } else {
                assert!(
                    !matches!(answer.status().as_u16(), 401 | 403),
                    "{what} as {role}: {}",
                    answer.status()
                );
            }
        }
    }
}

#[tokio::test]
async fn what_is_in_no_table_is_for_admins_alone() {
    let folder = folder();
    let server = TestServer::guarded(folder.path(), ServeOptions::default()).await;
    let viewer = server.api.token(json!({"name": "v", "role": "viewer"})).await;
    let viewer = server.api.with(viewer["token"].as_str());
    // A method that the path does not take: nobody but an admin learns even that.
    let path = "/api/v1/stamps";
    problem(viewer.request(Method::DELETE, path).send().await.unwrap(), 403, "forbidden").await;
    problem(server.api.request(Method::DELETE, path).send().await.unwrap(), 405, "method-not-allowed").await;
    let head = viewer.request(Method::HEAD, path).send().await.unwrap();
    assert_eq!(head.status(), 200, "whoever may get may ask for the head");
}

#[tokio::test]
async fn an_operator_moves_what_is_in_its_scope() {
    let folder = folder();
    let server = TestServer::guarded(folder.path(), ServeOptions::default()).await;
    server.api.apply(CHECKOUT).await;
    let move_valve = async |scope: Value| {
        let made = server.api.token(json!({"name": "op", "role": "operator", "scope": scope})).await;
        let api = server.api.with(made["token"].as_str());
        let path = "/api/v1/shadows/checkout-v2/valve";
        api.send(Method::PATCH, path, "application/json", r#"{"percent": 10}"#).await
    };
    for scope in
        [json!({"all": true}), json!({"shadows": ["a", "checkout-v2"]}), json!({"selector": "team=cart"})]
    {
        assert_eq!(move_valve(scope.clone()).await.status(), 200, "{scope}");
    }
    for scope in
        [json!({"shadows": ["checkout"]}), json!({"selector": "team!=cart"}), json!({"selector": "env=x"})]
    {
        let refused = problem(move_valve(scope).await, 403, "forbidden").await;
        assert!(refused["detail"].as_str().unwrap().contains("checkout-v2 is not among them"), "{refused}");
    }
    let row = &server.api.get("/api/v1/audit?action=valve").await["items"][0];
    assert_eq!(row["actor"], "token:op");

    let operator = server.api.token(json!({"name": "op", "role": "operator"})).await;
    let operator = server.api.with(operator["token"].as_str());
    let apply = async |path: &str| operator.send(Method::POST, path, "application/yaml", CHECKOUT).await;
    assert_eq!(apply("/api/v1/apply?dry_run=true").await.status(), 200);
    problem(apply("/api/v1/apply").await, 403, "forbidden").await;
}

/// Sends the head, and the body when it is told to. The server asks for the body once it has looked at the rest.
struct Slow {
    tcp: TcpStream,
}

impl Slow {
    const BODY: &str = r#"{"percent": 10}"#;

    async fn open(api: &Api) -> Slow {
        let address = api.base.strip_prefix("http://").unwrap();
        let mut tcp = TcpStream::connect(address).await.unwrap();
        let head = format!(
            "PATCH /api/v1/shadows/checkout-v2/valve HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\nexpect: 100-continue\r\nconnection: close\r\n\r\n",
            api.token.as_ref().unwrap(),
            Self::BODY.len()
        );
        tcp.write_all(head.as_bytes()).await.unwrap();
        let mut asked = vec![0; b"HTTP/1.1 100 Continue\r\n\r\n".len()];
        soon(tcp.read_exact(&mut asked)).await.unwrap();
        assert!(asked.starts_with(b"HTTP/1.1 100 "), "{}", String::from_utf8_lossy(&asked));
        Slow { tcp }
    }

    async fn finish(mut self) -> String {
        self.tcp.write_all(Self::BODY.as_bytes()).await.unwrap();
        let mut answer = String::new();
        soon(self.tcp.read_to_string(&mut answer)).await.unwrap();
        answer
    }
}

#[tokio::test]
async fn a_body_that_comes_late_finds_what_holds_by_then() {
    let folder = folder();
    let server = TestServer::guarded(folder.path(), ServeOptions::default()).await;
    let operator = async |scope: Value| {
        let made = server.api.token(json!({"name": "op", "role": "operator", "scope": scope})).await;
        (server.api.with(made["token"].as_str()), made["id"].as_str().unwrap().to_owned())
    };
    // There is no such shadow yet, so that nothing is known of its labels.
    let (outside, _) = operator(json!({"selector": "team!=cart"})).await;
    let slow = Slow::open(&outside).await;
    server.api.apply(CHECKOUT).await;
    let answer = slow.finish().await;
    assert!(answer.starts_with("HTTP/1.1 403 ") && answer.contains("is not among them"), "{answer}");
    let (inside, id) = operator(json!({"selector": "team=cart"})).await;
    let slow = Slow::open(&inside).await;
    let path = format!("/api/v1/tokens/{id}");
    assert_eq!(server.api.request(Method::DELETE, &path).send().await.unwrap().status(), 204);
    let answer = slow.finish().await;
    assert!(answer.starts_with("HTTP/1.1 401 ") && answer.contains("let in no more"), "{answer}");
    assert_eq!(server.api.get("/api/v1/shadows/checkout-v2").await["spec"]["percent"], 5);
}

#[tokio::test]
async fn a_local_server_answers_to_local_names_alone() {
    let folder = folder();
    let options = ServeOptions { allowed_hosts: Some("umbra.test".to_owned()), ..ServeOptions::default() };
    let server = TestServer::guarded(folder.path(), options).await;
    let ask = async |host: &str| {
        let request = server.api.request(Method::GET, "/api/v1/me").header("host", host);
        soon(request.send()).await.unwrap()
    };
    for host in ["localhost", "127.0.0.1:1", "umbra.test"] {
        assert_eq!(ask(host).await.status(), 200, "{host}");
    }
    problem(ask("evil.example.com").await, 421, "misdirected").await;
}
