//! That the harness itself sees what it should: against a plain Envoy, without Umbra.

use umbra_e2e::alone::in_company;
use umbra_e2e::client::{Connection, Protocol, Request, pattern, repeat, send};
use umbra_e2e::envoy::Envoy;
use umbra_e2e::envoy::config::{Cluster, EnvoyOptions};
use umbra_e2e::raw::RawConnection;
use umbra_e2e::upstream::{Answer, Upstream};

/// A wasm module that traps at every request:
/// ```wat
/// (module
///   (memory (export "memory") 1)
///   (func (export "proxy_abi_version_0_2_1"))
///   (func (export "proxy_on_memory_allocate") (param i32) (result i32) i32.const 1024)
///   (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) unreachable))
/// ```
const TRAPS: &[u8] = b"\0asm\x01\0\0\0\x01\x10\x03`\0\0`\x01\x7f\x01\x7f`\x03\x7f\x7f\x7f\x01\x7f\
    \x03\x04\x03\0\x01\x02\x05\x03\x01\0\x01\x07Z\x04\x06memory\x02\0\x17proxy_abi_version_0_2_1\0\0\
    \x18proxy_on_memory_allocate\0\x01\x18proxy_on_request_headers\0\x02\
    \x0a\x0e\x03\x02\0\x0b\x05\0A\x80\x08\x0b\x03\0\0\x0b";

async fn plain(primary: &Upstream) -> Envoy {
    let clusters =
        vec![Cluster::primary("primary", primary.port()), Cluster::primary("http2", primary.port()).http2()];
    let mut options = EnvoyOptions::new("plain", clusters);
    options.umbra = false;
    options.routes = vec![("/h2", "http2")];
    Envoy::start(options).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_what_reaches_an_upstream() {
    let _turn = in_company().await;
    let primary =
        Upstream::scripted(|_| Answer::ok(pattern(5000)).in_pieces(1000).trailer("x-sum", "1")).await;
    let envoy = plain(&primary).await;
    let mut connection = Connection::open(envoy.port(), Protocol::Http2).await.unwrap();
    let request = Request::post("/h2?q=1", 3000)
        .header("x-twice", "1")
        .header("x-twice", b"\xff")
        .trailer("x-end", "2");
    let response = connection.send(&request).await.unwrap();

    assert_eq!((response.status, &response.body), (200, &pattern(5000)));
    assert_eq!(response.trailers, [("x-sum".to_owned(), b"1".to_vec())], "{response:?}");
    let seen = primary.request("/h2?q=1").await;
    assert_eq!((seen.method.as_str(), seen.complete), ("POST", true));
    assert_eq!((seen.body.len(), seen.trailers.len()), (3000, 1));
    assert_eq!(seen.values("x-twice"), ["1", "\u{fffd}"]);
    assert_eq!(seen.authority, "shop.example.com");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sends_what_no_library_would() {
    let _turn = in_company().await;
    let primary = Upstream::start("primary").await;
    let envoy = plain(&primary).await;
    repeat(envoy.port(), 100, &Request::get("/many")).await;
    assert_eq!(primary.take().len(), 100);

    let mut raw = RawConnection::open(envoy.port()).await;
    let request = b"GET /raw HTTP/1.1\r\nHOST: a\r\nX-oDD: \xfe\r\nx-Odd: 2\r\n\r\n";
    let response = raw.exchange(request).await.unwrap();
    assert_eq!((response.status(), &response.body[..]), (200, &b"primary"[..]));
    let seen = primary.request("/raw").await;
    assert_eq!(seen.values("x-odd"), ["\u{fffd}", "2"]);
    envoy.idle().await;
    envoy.assert_no_trap().await;
}

/// Where the tests look for traps they would see one: where requests go on, no statistic of Envoy moves.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[should_panic(expected = "a wasm VM trapped")]
async fn notices_a_vm_that_trapped() {
    let _turn = in_company().await;
    let folder = tempfile::TempDir::new().unwrap();
    let module = folder.path().join("traps.wasm");
    std::fs::write(&module, TRAPS).unwrap();
    let primary = Upstream::start("primary").await;
    let clusters = vec![Cluster::primary("primary", primary.port())];
    let mut options = EnvoyOptions::new("traps", clusters);
    options.module = Some(module);
    let envoy = Envoy::start(options).await;
    // What this one is answered does not matter.
    send(envoy.port(), &Request::get("/trap")).await;
    envoy.assert_no_trap().await;
}
