//! What a client may ask of the server, with the limits turned down so far that a test can reach them.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use envoy_types::pb::envoy::service::discovery::v3::aggregated_discovery_service_client::AggregatedDiscoveryServiceClient;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use prometheus_client::registry::Registry;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::Code;
use tonic::service::Routes;
use tower::ServiceExt;
use umbra_control_plane::access::nodes::NodeRules;
use umbra_control_plane::access::{Access, AccessOptions};
use umbra_control_plane::api::hosts::Hosts;
use umbra_control_plane::api::idempotency::Answers;
use umbra_control_plane::api::metrics::ApiMetrics;
use umbra_control_plane::api::turns::Turns;
use umbra_control_plane::api::{self, ApiContext, Limits};
use umbra_control_plane::listener::Listener;
use umbra_control_plane::live::verdicts::Verdicts;
use umbra_control_plane::live::{Live, Sources};
use umbra_control_plane::model::nodes::Nodes;
use umbra_control_plane::model::state::State;
use umbra_control_plane::store::metrics::StoreMetrics;
use umbra_control_plane::store::telemetry::Retention;
use umbra_control_plane::store::{DatabaseUrl, Store};
use umbra_control_plane::xds::metrics::XdsMetrics;
use umbra_control_plane::xds::policies::Policies;
use umbra_control_plane::xds::{self, Context, Discovery};

use crate::delta::{Delta, endpoint, hello};
use crate::support::{database, folder, soon, until};

const DELTA: &str = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources";

/// Asks nobody.
async fn dev(folder: &Path, store: &Store) -> Access {
    let options = AccessOptions { dev: true, key_file: folder.join("key"), ..AccessOptions::default() };
    Access::open(store.access(), options).await.unwrap()
}

async fn open(folder: &Path) -> Store {
    let metrics = StoreMetrics::register(&mut Registry::default());
    Store::open(&DatabaseUrl::from(database(folder)), [0; 16], |_| Ok(()), metrics).await.unwrap()
}

/// An xDS server on its own; it serves as long as the sender of its policies is kept.
async fn serve_xds(max_streams: usize, max_nodes: usize) -> (SocketAddr, watch::Sender<Arc<Policies>>) {
    let folder = folder();
    let access = dev(folder.path(), &open(folder.path()).await).await;
    serve_xds_to(access, max_streams, max_nodes, Duration::from_secs(60)).await
}

/// The same to those whom `access` lets in.
async fn serve_xds_to(
    access: Access,
    max_streams: usize,
    max_nodes: usize,
    idle: Duration,
) -> (SocketAddr, watch::Sender<Arc<Policies>>) {
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), None, 100).await.unwrap();
    let address = listener.address();
    let state = State::new(0, Vec::new()).unwrap();
    let (sender, policies) = watch::channel(Arc::new(Policies::new(&state, [0; 16], XdsMetrics::default())));
    let discovery = Discovery::new(Context {
        policies,
        nodes: Arc::new(Mutex::new(Nodes::new(max_nodes, 8))),
        access: Arc::new(access),
        metrics: XdsMetrics::default(),
        stopping: CancellationToken::new(),
        max_streams,
        first_request: Duration::from_millis(50),
        instance: "test".to_owned(),
    });
    let stop = CancellationToken::new();
    let connections = listener.accept(stop.clone());
    tokio::spawn(xds::serve::serve(connections, discovery, Routes::default(), idle, stop, Duration::ZERO));
    (address, sender)
}

#[tokio::test]
async fn streams_are_bounded() {
    let (address, _policies) = serve_xds(2, 10).await;
    let mut first = Delta::open(address, hello("a")).await.unwrap();
    let _second = Delta::open(address, hello("b")).await.unwrap();
    first.pushed().await;
    let refused = Delta::open(address, hello("c")).await.err().unwrap();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    drop(first);
    until(|| async { Delta::open(address, hello("c")).await.ok() }).await.pushed().await;
}

#[tokio::test]
async fn nodes_are_bounded() {
    let (address, _policies) = serve_xds(10, 1).await;
    let mut first = Delta::open(address, hello("a")).await.unwrap();
    first.pushed().await;
    let mut refused = Delta::open(address, hello("b")).await.unwrap();
    assert_eq!(refused.end().await.code(), Code::ResourceExhausted);
}

#[tokio::test]
async fn a_stream_that_says_nothing_is_ended() {
    let (address, _policies) = serve_xds(10, 10).await;
    let mut client = AggregatedDiscoveryServiceClient::new(endpoint(address).connect().await.unwrap());
    let silent = tokio_stream::pending();
    let mut stream = soon(client.delta_aggregated_resources(silent)).await.unwrap().into_inner();
    assert_eq!(soon(stream.message()).await.unwrap_err().code(), Code::DeadlineExceeded);
}

/// What strangers hold open would be missing for Envoys.
#[tokio::test]
async fn connections_of_strangers_are_cut_off() {
    let folder = folder();
    let rules = NodeRules { require_token: true, ..NodeRules::default() };
    let options =
        AccessOptions { nodes: rules, key_file: folder.path().join("key"), ..AccessOptions::default() };
    let access = Access::open(open(folder.path()).await.access(), options).await.unwrap();
    let (address, _policies) = serve_xds_to(access, 10, 10, Duration::from_millis(200)).await;
    let mut silent = TcpStream::connect(address).await.unwrap();
    soon(silent.read_to_end(&mut Vec::new())).await.unwrap();
    // One that speaks HTTP/2 and answers pings, and is refused whenever it asks.
    let io = TokioIo::new(TcpStream::connect(address).await.unwrap());
    let (mut requests, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
    let answers_pings = tokio::spawn(connection);
    let mut refused = 0;
    soon(async {
        while requests.ready().await.is_ok() {
            let uri = format!("http://{address}{DELTA}");
            if let Ok(answer) = requests.send_request(Request::post(uri).body(Body::empty()).unwrap()).await {
                assert_eq!(answer.headers()["grpc-status"], "16");
                refused += 1;
            }
        }
    })
    .await;
    let _ = soon(answers_pings).await.unwrap();
    assert!(refused > 0, "it never got to ask");
}

#[tokio::test]
async fn a_connection_with_a_stream_stays() {
    const IDLE: Duration = Duration::from_millis(200);
    let folder = folder();
    let access = dev(folder.path(), &open(folder.path()).await).await;
    let (address, policies) = serve_xds_to(access, 10, 10, IDLE).await;
    let mut stream = Delta::open(address, hello("a")).await.unwrap();
    stream.pushed().await;
    // Not a wait for something: nothing is to happen meanwhile.
    assert!(tokio::time::timeout(IDLE * 3, stream.end()).await.is_err());
    drop(policies);
    soon(stream.end()).await;
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_answered() {
    let folder = folder();
    let mut registry = Registry::default();
    let store = Arc::new(open(folder.path()).await);
    let access = dev(folder.path(), &store).await;
    let nodes = Arc::new(Mutex::new(Nodes::new(1, 8)));
    let sources = Sources {
        store: Arc::clone(&store),
        nodes: Arc::clone(&nodes),
        rates: Arc::default(),
        verdicts: Verdicts::default(),
    };
    let router = api::router(ApiContext {
        live: Live::start(sources, CancellationToken::new()),
        store,
        access: Arc::new(access),
        hosts: Hosts::default(),
        nodes,
        metrics: ApiMetrics::register(&mut registry),
        registry: Arc::new(registry),
        stopping: CancellationToken::new(),
        retention: Retention::default(),
        settings: Arc::default(),
        answers: Answers::default(),
        turns: Turns::default(),
        limits: Limits { request_time: Duration::from_millis(50), ..Limits::default() },
    });
    let endless = Body::from_stream(tokio_stream::pending::<Result<Vec<u8>, std::io::Error>>());
    let request =
        Request::post("/api/v1/apply").header("content-type", "application/json").body(endless).unwrap();
    let response = soon(router.oneshot(request)).await.unwrap();
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["content-type"], "application/problem+json");
}

/// A client that says nothing, or says it slowly, or stays after it was answered, does not keep its connection.
#[tokio::test]
async fn slow_clients_are_cut_off() {
    const HEAD: Duration = Duration::from_millis(200);
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), None, 100).await.unwrap();
    let (address, stop) = (listener.address(), CancellationToken::new());
    let router = axum::Router::new().route("/", axum::routing::get(|| async { "here" }));
    tokio::spawn(api::serve::serve(listener.accept(stop.clone()), router, HEAD, Duration::ZERO));
    for (first, drip) in [
        ("", false),
        ("P", false),
        ("PRI * HTTP/2.0\r\n", false),
        ("GET / HTTP/1.1\r\nhost: a\r\n", false),
        ("GET / HTTP/1.1\r\nhost: a\r\n", true),
        ("GET / HTTP/1.1\r\nhost: a\r\n\r\n", false),
    ] {
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(first.as_bytes()).await.unwrap();
        let (mut reader, mut writer) = client.into_split();
        let mut answer = Vec::new();
        soon(async {
            let dripping = async {
                while drip && writer.write_all(b"x-a: b\r\n").await.is_ok() {
                    tokio::time::sleep(HEAD / 8).await;
                }
                std::future::pending::<()>().await;
            };
            tokio::select! {
                () = dripping => unreachable!(),
                // Answered with an error, or reset: it must end.
                _ = reader.read_to_end(&mut answer) => {}
            }
        })
        .await;
        assert_eq!(answer.ends_with(b"here"), first.ends_with("\r\n\r\n"), "{first:?}");
    }
    stop.cancel();
}

/// HTTP/2 by hand: acknowledges and answers whatever it is asked, and asks for nothing. When it is told to go away, in words.
async fn polite_until_the_end(mut client: TcpStream) -> bool {
    const GOAWAY: u8 = 7;
    client.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    let mut told = false;
    let mut head = [0; 9];
    while client.read_exact(&mut head).await.is_ok() {
        let mut payload = vec![0; usize::from(head[1]) << 8 | usize::from(head[2])];
        client.read_exact(&mut payload).await.unwrap();
        told |= head[3] == GOAWAY;
        // Settings and pings are acknowledged, the former without what they say.
        let answer = match (head[3], head[4]) {
            (4, 0) => b"\0\0\0\x04\x01\0\0\0\0".to_vec(),
            (6, 0) => [&b"\0\0\x08\x06\x01\0\0\0\0"[..], &payload].concat(),
            _ => continue,
        };
        let _ = client.write_all(&answer).await;
    }
    told
}

/// Whoever keeps a connection that they do not use keeps others out.
#[tokio::test]
async fn clients_that_ask_for_nothing_or_take_nothing_are_cut_off() {
    const HEAD: Duration = Duration::from_millis(100);
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), None, 100).await.unwrap();
    let (address, stop) = (listener.address(), CancellationToken::new());
    let long = || async { "x".repeat(8 << 20) };
    let router = axum::Router::new().route("/", axum::routing::get(long));
    tokio::spawn(api::serve::serve(listener.accept(stop.clone()), router, HEAD, Duration::ZERO));
    let polite = TcpStream::connect(address).await.unwrap();
    assert!(soon(polite_until_the_end(polite)).await, "it was cut off without a word");
    let mut greedy = TcpStream::connect(address).await.unwrap();
    greedy.write_all(&b"GET / HTTP/1.1\r\nhost: a\r\n\r\n".repeat(8)).await.unwrap();
    soon(async {
        // What is sent to a connection that is closed is refused.
        while greedy.write_all(b"GET").await.is_ok() {
            tokio::time::sleep(HEAD / 8).await;
        }
    })
    .await;
    stop.cancel();
}

#[tokio::test]
async fn connections_are_bounded_and_the_next_waits_its_turn() {
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), None, 1).await.unwrap();
    let address = listener.address();
    let stop = CancellationToken::new();
    let mut connections = listener.accept(stop.clone());
    let mut client = TcpStream::connect(address).await.unwrap();
    let mut first = soon(connections.recv()).await.unwrap();
    let _waiting = TcpStream::connect(address).await.unwrap();
    // The first works on, and meanwhile nobody else has come in.
    client.write_all(b"ping").await.unwrap();
    soon(first.read_exact(&mut [0; 4])).await.unwrap();
    assert!(connections.try_recv().is_err());
    drop(first);
    soon(connections.recv()).await.unwrap();
    stop.cancel();
    assert!(soon(connections.recv()).await.is_none());
}
