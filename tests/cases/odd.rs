//! Requests that break parsers: no wasm VM may trap, and what it does for ordinary requests goes on.

use serde_json::json;
use umbra_e2e::client::{Connection, Protocol, Request, repeat};
use umbra_e2e::mesh::Mesh;
use umbra_e2e::raw::RawConnection;
use umbra_e2e::resources::{shadow, stamp};

/// Every kind of condition, so that every parser of the filter meets every request.
fn resources() -> Vec<serde_json::Value> {
    let mut picky = stamp("picky", "/");
    picky["spec"] = json!({"match": [{
        "hosts": ["*.example.com", "shop.example.com", "[::1]"],
        "path": {"template": "/odd/{id}"},
        "methods": ["GET"],
        "headers": [
            {"name": "x-value", "regex": ".*z"},
            {"name": "x-none", "absent": true},
        ],
        "cookies": [{"name": "session", "suffix": "end"}],
        "query": [{"name": "page", "regex": "[0-9]+"}],
    }]});
    let by_cookie = json!({
        "sample": {"by": "cookie", "name": "session"},
        "guard": {"methods": []},
        "request": {"remove_headers": ["authorization", "cookie"], "set_headers": {"x-env": "shadow"}},
    });
    vec![
        stamp("all", "/"),
        picky,
        shadow("main", "all", "shadow", 100.0, json!({"guard": {"methods": []}})),
        shadow("picky", "picky", "control", 50.0, by_cookie),
    ]
}

/// Heads, each complete but for the host, sent as they are over HTTP/1.1.
fn heads() -> Vec<Vec<u8>> {
    let mut heads: Vec<Vec<u8>> = [
        &b"GET /odd/1 HTTP/1.1\r\nx-value: \xff\xfe\x80\r\ncookie: session=\xffend\r\n"[..],
        b"GET /odd/\xff\xfe?page=\xff HTTP/1.1\r\n",
        b"GET /odd/1?page=%ff%&%&=&&page=1%0 HTTP/1.1\r\n",
        b"GET /odd/1 HTTP/1.1\r\ncookie: ;;=;session;session=;=x;\"\r\ncookie:\r\n",
        b"GET /odd/1 HTTP/1.1\r\nx-value:\r\nx-value:  \r\nx-value: z\r\n",
        b"OPTIONS * HTTP/1.1\r\n",
        b"GET * HTTP/1.1\r\n",
        b"GET http://other.example.com HTTP/1.1\r\n",
        b"GET ? HTTP/1.1\r\n",
        b"GET  HTTP/1.1\r\n",
        b"GET /#?# HTTP/1.1\r\n",
        b"GET //../odd/./%2e%2e/1 HTTP/1.1\r\n",
        b"CONNECT shop.example.com:443 HTTP/1.1\r\n",
        b"CONNECT / HTTP/1.1\r\n",
        b"BREW /odd/1 HTTP/1.1\r\n",
        b"GET /odd/1 HTTP/1.1\r\nx-umbra-pair: \xff\r\nx-umbra-slot: \xfe\r\nx-umbra-shadow: \xfd\r\n",
        b"GET /odd/1 HTTP/1.1\r\nconnection: upgrade, \xff\r\nupgrade: \xff\r\n",
        b"POST /odd/1 HTTP/1.1\r\ncontent-length: 99999999999999999999999\r\n",
        b"POST /odd/1 HTTP/1.1\r\ncontent-length: -1\r\n",
    ]
    .map(<[u8]>::to_vec)
    .to_vec();
    let mut many = b"GET /odd/many HTTP/1.1\r\n".to_vec();
    for number in 0..500 {
        many.extend(format!("x-many-{number}: {number}\r\n").into_bytes());
    }
    heads.push(many);
    let mut cookie = b"GET /odd/cookie HTTP/1.1\r\ncookie: ".to_vec();
    for number in 0..5000 {
        cookie.extend(format!("k{number:04}=v{number:04}; ").into_bytes());
    }
    cookie.extend(b"session=the-end\r\n");
    assert!(cookie.len() > 60_000);
    heads.push(cookie);
    let mut one_cookie = b"GET /odd/one-cookie HTTP/1.1\r\ncookie: session=".to_vec();
    one_cookie.extend(vec![b'x'; 60_000]);
    one_cookie.extend(b"\r\n");
    heads.push(one_cookie);
    heads
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_traps_a_vm() {
    let mesh = Mesh::start(&resources()).await;
    let hosts: [&[u8]; 4] = [b"shop.example.com", b"SHOP.example.com.:8080", b"[::1]:80", b"\xff\xfe:x"];
    for head in heads() {
        for host in hosts {
            let request = [&head, &b"host: "[..], host, b"\r\n\r\n"].concat();
            let mut raw = RawConnection::open(mesh.envoy.port()).await;
            // Envoy refuses some of them; that is an answer like any other.
            let answer = raw.exchange(&request).await;
            let status = answer.map_or(0, |answer| answer.status());
            let start = String::from_utf8_lossy(&head[..head.len().min(60)]);
            assert_ne!(status, 500, "{start:?}");
            mesh.envoy.assert_no_trap().await;
        }
    }
    let mut http2 = Connection::open(mesh.envoy.port(), Protocol::Http2).await.unwrap();
    let mut request = Request::get("/odd/2").header("x-value", b"\xff");
    for number in 0..500 {
        request = request.header(&format!("x-many-{number}"), "1");
        request = request.header("cookie", format!("c{number}=\u{ff}"));
    }
    assert_eq!(http2.send(&request).await.unwrap().status, 200);

    // The VM is alive: it still does what it did, and knows of every copy that there was.
    repeat(mesh.envoy.port(), 100, &Request::get("/after")).await;
    mesh.settled().await;
    let after = mesh.shadow.requests();
    assert_eq!(after.iter().filter(|r| r.path == "/after").count(), 100);
    let copies = mesh.shadow.count() + mesh.control.count();
    mesh.envoy.umbra_reaches("mirrored", copies as u64).await;
    mesh.envoy.assert_no_trap().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_odd_and_allowed_is_mirrored_as_it_is() {
    let mesh = Mesh::start(&resources()).await;
    let mut raw = RawConnection::open(mesh.envoy.port()).await;
    let request = b"GET /odd/value HTTP/1.1\r\nhost: a\r\nx-value: \xff\xfe\r\n\r\n";
    assert_eq!(raw.exchange(request).await.unwrap().status(), 200);
    let mut many = Request::get("/odd/many");
    for number in 0..500 {
        many = many.header(&format!("x-many-{number}"), number.to_string());
    }
    let cookie = format!("a={}", "x".repeat(60_000));
    let cookie = Request::get("/odd/cookie").header("cookie", &cookie);
    let mut connection = Connection::open(mesh.envoy.port(), Protocol::Http1).await.unwrap();
    for request in [&many, &cookie] {
        assert_eq!(connection.send(request).await.unwrap().status, 200);
    }
    let value = (b"x-value".to_vec(), b"\xff\xfe".to_vec());
    for upstream in [&mesh.primary, &mesh.shadow] {
        let seen = upstream.request("/odd/value").await;
        let found = (seen.headers.iter()).any(|(n, v)| n.as_bytes() == value.0 && *v == value.1);
        assert!(found, "{seen:?}");
        let seen = upstream.request("/odd/many").await;
        let many = seen.headers.iter().filter(|(n, _)| n.starts_with("x-many-"));
        assert_eq!(many.count(), 500);
        let seen = upstream.request("/odd/cookie").await;
        assert_eq!(seen.header("cookie").unwrap().len(), 60_002);
    }
    mesh.envoy.assert_no_trap().await;
}

/// More headers than Envoy hands to a wasm module at once: what cannot be read as a whole still may
/// not steer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spoofing_under_a_flood_of_headers_steers_nothing() {
    let mesh = Mesh::start(&resources()).await;
    let mut request = Request::get("/flood").header("x-umbra-mirror-1", "control");
    for number in 0..1200 {
        request = request.header(&format!("x-flood-{number}"), "1");
    }
    for (name, value) in [
        ("x-umbra-mirror-2", "control"),
        ("x-umbra-stamp", "spoofed"),
        ("x-umbra-shadow", "spoofed"),
        ("x-umbra-pair", "spoofed"),
        ("x-umbra-slot", "1"),
    ] {
        request = request.header(name, value);
    }
    let mut connection = Connection::open(mesh.envoy.port(), Protocol::Http1).await.unwrap();
    let answer = connection.send(&request).await.unwrap();
    assert_eq!(answer.status, 200);
    let seen = mesh.primary.request("/flood").await;
    for name in ["stamp", "shadow", "pair", "slot"] {
        let values = seen.values(&format!("x-umbra-{name}"));
        assert!(values.iter().all(|value| value != "spoofed" && value != "1"), "{name}: {values:?}");
    }
    mesh.settled().await;
    assert_eq!(mesh.control.count(), 0, "a client chose where its copy went");
    mesh.envoy.assert_no_trap().await;
    repeat(mesh.envoy.port(), 10, &Request::get("/after")).await;
    mesh.settled().await;
    let after = mesh.shadow.requests();
    assert_eq!(after.iter().filter(|r| r.path == "/after").count(), 10);
}
