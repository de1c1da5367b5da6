//! No client can steer, stamp or mark a request by sending a header.

use serde_json::json;
use umbra_e2e::client::{Connection, Protocol, Request};
use umbra_e2e::envoy::config::Cluster;
use umbra_e2e::mesh::Mesh;
use umbra_e2e::raw::RawConnection;
use umbra_e2e::record::Recorded;
use umbra_e2e::resources::{shadow, stamp};

/// Everything that means something, something that does not, and each in more than one case.
const SPOOFED: [(&str, &str); 12] = [
    ("x-umbra-stamp", "spoofed"),
    ("X-Umbra-Stamp", "spoofed,twice"),
    ("x-umbra-pair", "00112233445566778899aabbccddeeff"),
    ("X-UMBRA-PAIR", "spoofed"),
    ("x-umbra-mirror-1", "control"),
    ("X-Umbra-MIRROR-1", "control"),
    ("x-umbra-mirror-2", "control"),
    ("x-umbra-slot", "1"),
    ("X-umbra-SLOT", "2"),
    ("x-umbra-shadow", "spoofed"),
    ("x-umbra-anything", "spoofed"),
    ("X-Umbra-", "spoofed"),
];

fn assert_clean(request: &Recorded, expected: &[&str]) {
    assert_eq!(request.umbra_headers(), expected, "{request:?}");
    for (name, value) in &request.headers {
        let value = String::from_utf8_lossy(value);
        assert!(!value.contains("spoofed"), "{name}: {value}");
    }
}

async fn send_spoofed(mesh: &Mesh, path: &str) {
    let mut lines = String::new();
    for (name, value) in SPOOFED {
        lines += &format!("{name}: {value}\r\n");
    }
    let request = format!("GET {path}?http1 HTTP/1.1\r\nHost: a\r\n{lines}\r\n");
    let mut raw = RawConnection::open(mesh.envoy.port()).await;
    let response = raw.exchange(request.as_bytes()).await.unwrap();
    assert_eq!(response.status(), 200);

    let mut request = Request::get(&format!("{path}?http2"));
    for (name, value) in SPOOFED {
        // HTTP/2 has lower-case names only; the repeats stay repeats.
        request = request.header(&name.to_lowercase(), value);
    }
    let mut http2 = Connection::open(mesh.envoy.port(), Protocol::Http2).await.unwrap();
    assert_eq!(http2.send(&request).await.unwrap().status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_client_sends_is_gone_and_steers_nothing() {
    // With no policy at all.
    let mesh = Mesh::start(&[]).await;
    send_spoofed(&mesh, "/nothing").await;
    for protocol in ["http1", "http2"] {
        let request = mesh.primary.request(&format!("/nothing?{protocol}")).await;
        assert_clean(&request, &[]);
    }

    // Stamped and not mirrored, not stamped at all, mirrored.
    mesh.apply(&[
        stamp("stamped", "/stamped"),
        stamp("mirrored", "/mirrored"),
        shadow("none", "stamped", "shadow", 0.0, json!({})),
        shadow("all", "mirrored", "shadow", 100.0, json!({})),
    ])
    .await;
    for path in ["/stamped", "/other", "/mirrored"] {
        send_spoofed(&mesh, path).await;
    }
    for protocol in ["http1", "http2"] {
        let request = mesh.primary.request(&format!("/stamped?{protocol}")).await;
        assert_clean(&request, &["x-umbra-stamp"]);
        assert_eq!(request.values("x-umbra-stamp"), ["stamped"]);
        let request = mesh.primary.request(&format!("/other?{protocol}")).await;
        assert_clean(&request, &[]);

        // A mark that was made up does not keep a request from being mirrored either.
        let copy = mesh.shadow.request(&format!("/mirrored?{protocol}")).await;
        let marks = ["x-umbra-pair", "x-umbra-shadow", "x-umbra-slot", "x-umbra-stamp"];
        assert_clean(&copy, &marks);
        assert_eq!(copy.values("x-umbra-shadow"), ["all"]);
        assert_eq!(copy.values("x-umbra-slot"), ["1"]);
        let request = mesh.primary.request(&format!("/mirrored?{protocol}")).await;
        let steering = ["x-umbra-mirror-1", "x-umbra-pair", "x-umbra-stamp"];
        assert_clean(&request, &steering);
        assert_eq!(request.values("x-umbra-mirror-1"), ["shadow"]);
        assert_eq!(request.values("x-umbra-pair"), copy.values("x-umbra-pair"));
    }
    mesh.settled().await;
    assert_eq!((mesh.shadow.count(), mesh.control.count()), (2, 0));
    mesh.envoy.umbra_reaches("skipped.loop", 0).await;
}

/// A pair id that was seen, from a log or by a shadow, is not a licence: Envoy itself sets the slot,
/// and what a client sends along with a genuine id must still steer nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_genuine_pair_id_steers_nothing() {
    let mesh =
        Mesh::start_with(&[stamp("all", "/"), shadow("all", "all", "shadow", 100.0, json!({}))], |options| {
            let port = options.clusters[2].port;
            options.clusters.push(Cluster::primary("elsewhere", port));
        })
        .await;
    let mut connection = Connection::open(mesh.envoy.port(), Protocol::Http1).await.unwrap();
    connection.send(&Request::get("/first")).await.unwrap();
    let pair = mesh.shadow.request("/first").await.values("x-umbra-pair");

    let replayed = Request::get("/replayed")
        .header("x-umbra-pair", &pair[0])
        .header("x-umbra-slot", "1")
        .header("x-umbra-shadow", "all")
        .header("x-umbra-mirror-1", "elsewhere")
        .header("x-umbra-mirror-2", "control");
    connection.send(&replayed).await.unwrap();
    let unmarked =
        Request::get("/unmarked").header("x-umbra-pair", &pair[0]).header("x-umbra-mirror-1", "elsewhere");
    connection.send(&unmarked).await.unwrap();

    let replayed = mesh.primary.request("/replayed").await;
    assert!(replayed.values("x-umbra-mirror-1").is_empty(), "{replayed:?}");
    assert!(replayed.values("x-umbra-mirror-2").is_empty(), "{replayed:?}");
    let unmarked = mesh.shadow.request("/unmarked").await;
    assert_ne!(unmarked.values("x-umbra-pair"), pair, "an id of its own");
    mesh.settled().await;
    assert_eq!(mesh.control.count(), 0, "nothing went where the client said");
}
