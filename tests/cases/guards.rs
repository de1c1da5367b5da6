//! What the guards keep from being mirrored, and that a metric names the reason.

use serde_json::json;
use umbra_e2e::client::{Connection, Protocol, Request, pattern, send};
use umbra_e2e::mesh::Mesh;
use umbra_e2e::raw::RawConnection;
use umbra_e2e::resources::shadow_all;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guards_hold_back_what_they_name() {
    let mesh = Mesh::start(&shadow_all(100.0, json!({}))).await;
    let port = mesh.envoy.port();
    for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
        let request = Request::new(method, "/default").body("small");
        assert_eq!(send(port, &request).await.status, 200, "{method}");
    }
    assert_eq!(send(port, &Request::new("HEAD", "/head")).await.status, 200);
    mesh.envoy.umbra_reaches("skipped.method", 5).await;

    let guard = json!({"guard": {"methods": ["GET", "POST"], "max_request_bytes": 1000}});
    mesh.apply(&shadow_all(100.0, guard)).await;
    send(port, &Request::post("/fits", 1000)).await;
    send(port, &Request::post("/empty", 0)).await;
    send(port, &Request::post("/over", 1001)).await;
    send(port, &Request::post("/unknown", 500).in_pieces(100)).await;
    mesh.envoy.umbra_reaches("skipped.body_too_large", 1).await;
    mesh.envoy.umbra_reaches("skipped.unknown_length", 1).await;

    let mut http2 = Connection::open(port, Protocol::Http2).await.unwrap();
    http2.send(&Request::get("/http2")).await.unwrap();
    http2.send(&Request::post("/http2-unknown", 500).in_pieces(100)).await.unwrap();
    mesh.envoy.umbra_reaches("skipped.unknown_length", 2).await;

    let mut socket = RawConnection::open(port).await;
    let upgrade = b"GET /socket HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    let switched = socket.exchange(upgrade).await.unwrap();
    assert_eq!(switched.status(), 101);
    drop(socket);
    mesh.envoy.umbra_reaches("skipped.upgrade", 1).await;

    let guard = json!({"guard": {"methods": ["POST"], "allow_unknown_length": true}});
    mesh.apply(&shadow_all(100.0, guard)).await;
    send(port, &Request::post("/allowed", 5000).in_pieces(1000)).await;

    let allowed = mesh.shadow.request("/allowed").await;
    assert_eq!(allowed.body, pattern(5000));
    mesh.settled().await;
    let mut paths: Vec<String> = mesh.shadow.requests().into_iter().map(|r| r.path).collect();
    paths.sort();
    assert_eq!(paths, ["/allowed", "/empty", "/fits", "/head", "/http2"]);
    assert_eq!(mesh.shadow.request("/fits").await.body, pattern(1000));
    mesh.envoy.umbra_reaches("mirrored", 5).await;
    assert_eq!(mesh.primary.count(), 14, "production got every request");
}
