//! Every route and every status, over a socket.

use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{Api, CHECKOUT, TestServer, folder, soon, sql};

const JSON: &str = "application/json";
const YAML: &str = "application/yaml";

/// A problem of `status` and `kind`, as RFC 9457 has it; its body.
pub(crate) async fn problem(response: Response, status: u16, kind: &str) -> Value {
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    assert!(response.headers().contains_key("x-request-id"));
    let sent = response.status();
    let body: Value = response.json().await.unwrap();
    assert_eq!(sent.as_u16(), status, "{body}");
    assert_eq!(body["status"], status);
    assert_eq!(body["type"], format!("urn:umbra:problem:{kind}"));
    assert!(body["title"].is_string() && body["detail"].is_string(), "{body}");
    body
}

fn stamp(name: &str) -> String {
    json!({
        "apiVersion": "umbra/v1", "kind": "Stamp", "metadata": {"name": name},
        "spec": {"match": [{"hosts": ["a.example.com"]}]},
    })
    .to_string()
}

fn etag(response: &Response) -> String {
    response.headers()["etag"].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn resources_are_created_read_replaced_and_deleted() {
    let folder = folder();
    let server = TestServer::start(folder.path()).await;
    let api = &server.api;

    let created = api.send(Method::PUT, "/api/v1/stamps/a", JSON, &stamp("a")).await;
    assert_eq!((created.status(), etag(&created).as_str()), (StatusCode::CREATED, "\"1\""));
    let again = api.send(Method::PUT, "/api/v1/stamps/a?reason=again", JSON, &stamp("a")).await;
    assert_eq!((again.status(), etag(&again).as_str()), (StatusCode::OK, "\"1\""), "a no-op changes nothing");
    let yaml = "{apiVersion: umbra/v1, kind: Stamp, metadata: {name: a}, spec: {match: [{methods: [PUT]}]}}";
    let replaced = api.send(Method::PUT, "/api/v1/stamps/a?reason=because", YAML, yaml).await;
    assert_eq!((replaced.status(), etag(&replaced).as_str()), (StatusCode::OK, "\"2\""));

    let read = api.request(Method::GET, "/api/v1/stamps/a").send().await.unwrap();
    assert_eq!(etag(&read), "\"2\"");
    let body: Value = read.json().await.unwrap();
    assert_eq!(body["spec"], json!({"match": [{"methods": ["PUT"]}]}));
    assert_eq!(body["metadata"]["revision"], 2);
    assert!(body["metadata"]["updated_at"].as_str().unwrap().ends_with('Z'));
    let listed = api.get("/api/v1/stamps").await;
    assert_eq!(listed, json!({"items": [body], "revision": 2, "next": null}));
    assert_eq!(api.get("/api/v1/shadows").await, json!({"items": [], "revision": 2, "next": null}));

    let deleted = api.request(Method::DELETE, "/api/v1/stamps/a").send().await.unwrap();
    assert_eq!(deleted.status(), StatusCode::NO_CONTENT);
    let gone = api.request(Method::GET, "/api/v1/stamps/a").send().await.unwrap();
    problem(gone, 404, "not-found").await;

    let audit = api.get("/api/v1/audit").await;
    let rows: Vec<_> = audit["items"].as_array().unwrap().iter().collect();
    let actions: Vec<_> = rows.iter().map(|row| row["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["delete", "update", "create"], "newest first, and none for the no-op");
    assert_eq!(rows[1]["reason"], "because");
    assert_eq!(rows[1]["actor"], "dev");
    assert!(rows[1]["source"].as_str().unwrap().starts_with("127.0.0.1:"));
    assert_eq!(rows[1]["before"]["spec"], json!({"match": [{"hosts": ["a.example.com"]}]}));
    assert_eq!(rows[1]["after"]["metadata"]["revision"], 2);
    assert_eq!((&rows[0]["after"], &rows[2]["before"]), (&Value::Null, &Value::Null));
}

#[tokio::test]
async fn preconditions_hold_or_nothing_is_done() {
    let folder = folder();
    let server = TestServer::start(folder.path()).await;
    let api = &server.api;
    api.apply(CHECKOUT).await;
    let put = async |header: &str, value: &str, name: &str| {
        let path = format!("/api/v1/stamps/{name}");
        let request = api.request(Method::PUT, &path).header(header, value).header("content-type", JSON);
        request.body(stamp(name)).send().await.unwrap()
    };
    problem(put("if-none-match", "*", "checkout").await, 412, "stale").await;
    problem(put("if-match", "\"7\"", "checkout").await, 412, "stale").await;
    problem(put("if-match", "W/\"1\"", "checkout").await, 412, "stale").await;
    problem(put("if-match", "*", "other").await, 412, "stale").await;
    problem(put("if-match", "1", "checkout").await, 400, "malformed").await;
    problem(put("if-none-match", "\"1\"", "checkout").await, 400, "malformed").await;
    assert_eq!(api.get("/api/v1/stamps").await["revision"], 1, "nothing was done so far");
    assert_eq!(put("if-match", "\"7\", \"1\"", "checkout").await.status(), StatusCode::OK);
    assert_eq!(put("if-none-match", "*", "other").await.status(), StatusCode::CREATED);
    assert_eq!(put("if-match", "*", "other").await.status(), StatusCode::OK);

    let send = async |method: Method, path: &str, tag: &str| {
        let request = api.request(method, path).header("if-match", tag).header("content-type", JSON);
        request.body(json!({"percent": 6}).to_string()).send().await.unwrap()
    };
    let valve = "/api/v1/shadows/checkout-v2/valve";
    problem(send(Method::PATCH, valve, "\"9\"").await, 412, "stale").await;
    let moved = send(Method::PATCH, valve, "\"1\"").await;
    assert_eq!((moved.status(), etag(&moved).as_str()), (StatusCode::OK, "\"4\""));
    problem(send(Method::DELETE, "/api/v1/shadows/checkout-v2", "\"1\"").await, 412, "stale").await;
    let deleted = send(Method::DELETE, "/api/v1/shadows/checkout-v2", "\"4\"").await;
    assert_eq!(deleted.status(), StatusCode::NO_CONTENT);

    let get = async |path: &str, tag: &str| {
        api.request(Method::GET, path).header("if-none-match", tag).send().await.unwrap()
    };
    assert_eq!(get("/api/v1/stamps/other", "\"3\"").await.status(), StatusCode::NOT_MODIFIED);
    assert_eq!(get("/api/v1/stamps/other", "W/\"3\"").await.status(), StatusCode::NOT_MODIFIED);
    assert_eq!(get("/api/v1/stamps/other", "\"2\"").await.status(), StatusCode::OK);
    assert_eq!(get("/api/v1/stamps", "\"5\"").await.status(), StatusCode::NOT_MODIFIED);
}

#[tokio::test]
async fn apply_does_all_or_nothing() {
    let folder = folder();
    let server = TestServer::start(folder.path()).await;
    let api = &server.api;
    let dry = api.send(Method::POST, "/api/v1/apply?dry_run=true", YAML, CHECKOUT).await;
    let dry: Value = dry.json().await.unwrap();
    assert_eq!((&dry["revision"], &dry["dry_run"]), (&json!(0), &json!(true)));
    assert_eq!(dry["results"][1]["action"], "created");
    assert_eq!(api.get("/api/v1/stamps").await, json!({"items": [], "revision": 0, "next": null}));

    let done = api.apply(CHECKOUT).await;
    let row = |kind, name, action| json!({"kind": kind, "name": name, "action": action, "revision": 1});
    let rows = [row("Stamp", "checkout", "created"), row("Shadow", "checkout-v2", "created")];
    assert_eq!(done, json!({"revision": 1, "dry_run": false, "results": rows}));
    let again = api.apply(CHECKOUT).await;
    assert_eq!((&again["revision"], &again["results"][0]["action"]), (&json!(1), &json!("unchanged")));
    let audit = api.get("/api/v1/audit").await;
    assert_eq!(audit["items"].as_array().unwrap().len(), 2, "a no-op leaves no trace");

    // The first is right and would be an update; the second is not.
    let bad = CHECKOUT.replace("percent: 5", "percent: 101").replace("shop.", "store.");
    let refused =
        problem(api.send(Method::POST, "/api/v1/apply", YAML, &bad).await, 422, "invalid-resource").await;
    assert_eq!(refused["errors"][0]["resource"], "Shadow/checkout-v2");
    assert_eq!(refused["errors"][0]["field"], "spec.percent");
    let unknown = CHECKOUT.replace("stamps: [checkout]", "stamps: [basket]");
    let refused =
        problem(api.send(Method::POST, "/api/v1/apply", YAML, &unknown).await, 422, "invalid-resource").await;
    assert_eq!(refused["errors"][0]["field"], "spec.stamps[0]");
    let twice = format!("[{},{}]", stamp("a"), stamp("a"));
    let refused =
        problem(api.send(Method::POST, "/api/v1/apply", JSON, &twice).await, 422, "invalid-resource").await;
    assert_eq!(refused["errors"][0]["field"], "metadata.name");
    let typo = api.send(Method::POST, "/api/v1/apply?dryrun=true", YAML, CHECKOUT).await;
    problem(typo, 400, "malformed").await;
    let stamps = api.get("/api/v1/stamps").await;
    assert_eq!(stamps["revision"], 1);
    assert_eq!(stamps["items"][0]["spec"], json!({"match": [{"hosts": ["shop.example.com"]}]}));
}

#[tokio::test]
async fn the_valve_moves_what_it_is_told_and_nothing_else() {
    let folder = folder();
    let server = TestServer::start(folder.path()).await;
    let api = &server.api;
    api.apply(CHECKOUT).await;
    let path = "/api/v1/shadows/checkout-v2/valve";
    let patch = async |body: Value| api.send(Method::PATCH, path, JSON, &body.to_string()).await;

    let shadow: Value = patch(json!({"percent": 25.5, "reason": "ramp"})).await.json().await.unwrap();
    assert_eq!(shadow["spec"]["percent"], 25.5);
    assert_eq!(shadow["metadata"]["labels"], json!({"team": "cart"}));
    let shadow: Value = patch(json!({"enabled": false})).await.json().await.unwrap();
    assert_eq!((&shadow["spec"]["percent"], &shadow["spec"]["enabled"]), (&json!(25.5), &json!(false)));
    let same = patch(json!({"enabled": false, "percent": 25.5})).await;
    assert_eq!(etag(&same), "\"3\"", "it stands there already");
    let row = &api.get("/api/v1/audit?limit=2").await["items"][1];
    assert_eq!((&row["action"], &row["reason"]), (&json!("valve"), &json!("ramp")));

    for (body, field) in [(json!({"percent": 101}), "percent"), (json!({"percent": 0.00001}), "percent")] {
        let refused = problem(patch(body).await, 422, "invalid-resource").await;
        assert_eq!(refused["errors"][0]["field"], field);
    }
    for body in [
        json!({}),
        json!({"reason": "none"}),
        json!({"percent": 5, "x": 1}),
        json!({"percent": "5"}),
        json!([]),
    ] {
        problem(patch(body).await, 422, "invalid-resource").await;
    }
    problem(api.send(Method::PATCH, path, JSON, "{").await, 400, "malformed").await;
    problem(api.send(Method::PATCH, path, YAML, "percent: 5").await, 415, "unsupported-media-type").await;
    let nobody = api.send(Method::PATCH, "/api/v1/shadows/no/valve", JSON, r#"{"percent":1}"#).await;
    problem(nobody, 404, "not-found").await;
    let long = json!({"percent": 1, "reason": "x".repeat(1001)});
    problem(patch(long).await, 400, "malformed").await;
    assert_eq!(api.get("/api/v1/shadows").await["revision"], 3);
}

#[tokio::test]
async fn what_is_wrong_is_a_problem_that_says_what() {
    let folder = folder();
    let server = TestServer::start(folder.path()).await;
    let api = &server.api;
    api.apply(CHECKOUT).await;
    type Case = (Method, &'static str, Option<&'static str>, &'static str, u16, &'static str);
    let cases: &[Case] = &[
        (Method::GET, "/nothing", None, "", 404, "not-found"),
        (Method::GET, "/api/v1/nothing", None, "", 404, "not-found"),
        (Method::GET, "/api/v1/stamps/none", None, "", 404, "not-found"),
        (Method::GET, "/api/v1/stamps/%ff", None, "", 400, "malformed"),
        (Method::GET, "/api/v1/stamps?x=1", None, "", 400, "malformed"),
        (Method::DELETE, "/api/v1/stamps/none", None, "", 404, "not-found"),
        (Method::DELETE, "/api/v1/stamps/checkout", None, "", 409, "in-use"),
        (Method::POST, "/api/v1/stamps", Some(JSON), "{}", 405, "method-not-allowed"),
        (Method::PUT, "/api/v1/stamps/a", None, "{}", 415, "unsupported-media-type"),
        (Method::PUT, "/api/v1/stamps/a", Some("text/plain"), "{}", 415, "unsupported-media-type"),
        (Method::PUT, "/api/v1/stamps/a", Some(JSON), "{", 400, "malformed"),
        (Method::PUT, "/api/v1/stamps/a", Some(YAML), "a: [", 400, "malformed"),
        (Method::PUT, "/api/v1/stamps/a", Some(JSON), "{}", 422, "invalid-resource"),
        (Method::PUT, "/api/v1/stamps/a", Some(YAML), CHECKOUT, 422, "invalid-resource"),
        (Method::GET, "/api/v1/audit?limit=0", None, "", 400, "malformed"),
        (Method::GET, "/api/v1/audit?limit=501", None, "", 400, "malformed"),
        (Method::GET, "/api/v1/audit?before=x", None, "", 400, "malformed"),
    ];
    for (method, path, kind, body, status, word) in cases {
        let mut request = api.request(method.clone(), path).body((*body).to_owned());
        if let Some(kind) = kind {
            request = request.header("content-type", *kind);
        }
        let response = soon(request.send()).await.unwrap();
        if *status == 405 {
            assert_eq!(response.headers()["allow"], "GET,HEAD");
        }
        problem(response, *status, word).await;
    }
    let in_use = api.request(Method::DELETE, "/api/v1/stamps/checkout").send().await.unwrap();
    assert!(problem(in_use, 409, "in-use").await["detail"].as_str().unwrap().contains("checkout-v2"));
    let other = api.send(Method::PUT, "/api/v1/stamps/a", JSON, &stamp("b")).await;
    assert_eq!(problem(other, 422, "invalid-resource").await["errors"][0]["field"], "metadata.name");
    let other = api.send(Method::PUT, "/api/v1/shadows/a", JSON, &stamp("a")).await;
    assert_eq!(problem(other, 422, "invalid-resource").await["errors"][0]["field"], "kind");
    let regex = stamp("a").replace(r#""hosts":["a.example.com"]"#, r#""path":{"regex":"("}"#);
    let regex = api.send(Method::PUT, "/api/v1/stamps/a", JSON, &regex).await;
    let refused = problem(regex, 422, "invalid-resource").await;
    assert_eq!(refused["errors"][0]["field"], "spec.match[0].path.regex");
    let not_text =
        api.request(Method::PUT, "/api/v1/stamps/a").header("content-type", JSON).body(vec![0xff, 0xfe]);
    problem(not_text.send().await.unwrap(), 400, "malformed").await;
    assert_eq!(api.get("/api/v1/stamps").await["revision"], 1);
}

#[tokio::test]
async fn bodies_are_bounded() {
    let folder = folder();
    let server = TestServer::start(folder.path()).await;
    let api = &server.api;
    let large = " ".repeat((1 << 20) + 1);
    problem(api.send(Method::PUT, "/api/v1/stamps/a", JSON, &large).await, 413, "too-large").await;
    let path = "/api/v1/shadows/a/valve";
    problem(api.send(Method::PATCH, path, JSON, &large).await, 413, "too-large").await;
    let larger = "#".repeat(umbra_resource::MAX_TEXT_BYTES + 1);
    problem(api.send(Method::POST, "/api/v1/apply", YAML, &larger).await, 413, "too-large").await;
    assert_eq!(api.get("/livez").await, json!({"status": "ok"}));
}

#[tokio::test]
async fn a_policy_that_no_filter_would_take_is_refused() {
    let folder = folder();
    let server = TestServer::start(folder.path()).await;
    let hosts: Vec<String> = (0..90).map(|host| format!("{}{host}.example.com", "h".repeat(40))).collect();
    let stamps = |from: u32| {
        let stamp = |index: u32| {
            json!({
                "apiVersion": "umbra/v1", "kind": "Stamp", "metadata": {"name": format!("s{index}")},
                "spec": {"match": [{"hosts": hosts}]},
            })
        };
        Value::from((from..from + 600).map(stamp).collect::<Vec<_>>()).to_string()
    };
    let kept = server.api.send(Method::POST, "/api/v1/apply", JSON, &stamps(0)).await;
    assert_eq!(kept.status(), StatusCode::OK);
    let refused = server.api.send(Method::POST, "/api/v1/apply", JSON, &stamps(600)).await;
    let refused = problem(refused, 422, "invalid-resource").await;
    assert!(refused["detail"].as_str().unwrap().contains("bytes long"), "{refused}");
    assert_eq!(server.api.get("/api/v1/stamps").await["revision"], 1);
}

#[tokio::test]
async fn the_audit_trail_has_pages() {
    let folder = folder();
    let server = TestServer::start(folder.path()).await;
    server.api.apply(CHECKOUT).await;
    for percent in [10.0, 20.0, 30.0] {
        server.api.valve(percent).await;
    }
    let ids = |page: &Value| -> Vec<u64> {
        page["items"].as_array().unwrap().iter().map(|row| row["id"].as_u64().unwrap()).collect()
    };
    let first = server.api.get("/api/v1/audit?limit=2").await;
    assert_eq!((ids(&first), &first["next"]), (vec![5, 4], &json!(4)));
    let second = server.api.get("/api/v1/audit?limit=2&before=4").await;
    assert_eq!((ids(&second), &second["next"]), (vec![3, 2], &json!(2)));
    let last = server.api.get("/api/v1/audit?limit=2&before=2").await;
    assert_eq!((ids(&last), &last["next"]), (vec![1], &Value::Null));
}

#[tokio::test]
async fn the_server_tells_of_itself() {
    let folder = folder();
    let server = TestServer::start(folder.path()).await;
    let api = &server.api;
    assert_eq!(api.get("/livez").await, json!({"status": "ok"}));
    assert_eq!(api.get("/readyz").await, json!({"status": "ok"}));
    assert_eq!(api.get("/version").await, json!({"name": "umbra", "version": env!("CARGO_PKG_VERSION")}));
    assert_eq!(api.get("/api/v1/nodes").await, json!({"revision": 0, "items": [], "next": null}));
    api.apply(CHECKOUT).await;
    for path in ["/api/v1/stamps/a", "/api/v1/stamps/b", "/made/up", "/made/up/too"] {
        api.request(Method::GET, path).send().await.unwrap();
    }
    api.request(Method::from_bytes(b"BREW").unwrap(), "/made/up").send().await.unwrap();
    assert_eq!(api.metric("umbra_store_revision").await, 1.0);
    assert_eq!(api.metric("umbra_store_write_seconds_count").await, 1.0);
    let by_route = r#"umbra_api_requests_total{method="GET",route="/api/v1/stamps/{name}",status="404"}"#;
    assert_eq!(api.metric(by_route).await, 2.0, "labels are routes, not paths");
    let unmatched = r#"umbra_api_requests_total{method="GET",route="unmatched",status="404"}"#;
    assert_eq!(api.metric(unmatched).await, 2.0);
    let other = r#"umbra_api_requests_total{method="other",route="unmatched",status="404"}"#;
    assert_eq!(api.metric(other).await, 1.0);
}

#[tokio::test]
async fn requests_have_ids() {
    let folder = folder();
    let server = TestServer::start(folder.path()).await;
    let id = async |given: Option<&str>| {
        let mut request = server.api.request(Method::GET, "/livez");
        if let Some(given) = given {
            request = request.header("x-request-id", given);
        }
        let response = request.send().await.unwrap();
        response.headers()["x-request-id"].to_str().unwrap().to_owned()
    };
    assert_eq!(id(Some("abc-1")).await, "abc-1");
    assert_ne!(id(None).await, id(None).await);
    let long = "x".repeat(129);
    assert_ne!(id(Some(&long)).await, long);
}

#[tokio::test]
async fn a_store_that_fails_is_said_and_survived() {
    let folder = folder();
    let server = TestServer::start(folder.path()).await;
    let api = &server.api;
    api.apply(CHECKOUT).await;
    let valve = async || {
        let body = r#"{"percent": 10}"#;
        api.send(Method::PATCH, "/api/v1/shadows/checkout-v2/valve", JSON, body).await
    };
    sql(folder.path(), "ALTER TABLE head RENAME TO elsewhere").await;
    problem(valve().await, 503, "unavailable").await;
    let ready = api.request(Method::GET, "/readyz").send().await.unwrap();
    let why = problem(ready, 503, "unavailable").await;
    assert!(why["detail"].as_str().unwrap().starts_with("database"), "{why}");
    assert_eq!(api.get("/livez").await, json!({"status": "ok"}));
    assert_eq!(api.get("/api/v1/shadows/checkout-v2").await["spec"]["percent"], 5);
    sql(folder.path(), "ALTER TABLE elsewhere RENAME TO head").await;
    api.get("/readyz").await;
    assert_eq!(valve().await.status(), StatusCode::OK);
}

/// Bytes that are no HTTP, and a client that says nothing, harm nobody.
#[tokio::test]
async fn garbage_is_survived() {
    let folder = folder();
    let server = TestServer::start(folder.path()).await;
    let address = server.api.base.strip_prefix("http://").unwrap().to_owned();
    for address in [address, server.xds.to_string()] {
        for bytes in [
            b"\x16\x03\x01\x02\x00\x01".as_slice(),
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\xff\xff\xff\xff",
            &[0; 4096],
        ] {
            let mut stream = tokio::net::TcpStream::connect(&address).await.unwrap();
            stream.write_all(bytes).await.unwrap();
            stream.shutdown().await.unwrap();
            // It may be answered or reset; it must end.
            let _ = soon(stream.read_to_end(&mut Vec::new())).await;
        }
    }
    assert_eq!(Api::at(server.api.base.clone()).get("/readyz").await, json!({"status": "ok"}));
}
