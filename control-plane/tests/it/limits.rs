//! What a client may ask of the server, with the limits turned down so far that a test can reach them.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use envoy_types::pb::envoy::service::discovery::v3::aggregated_discovery_service_client::AggregatedDiscoveryServiceClient;
use prometheus_client::registry::Registry;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::Code;
use tonic::service::Routes;
use tower::ServiceExt;
use umbra_control_plane::access::Access;
use umbra_control_plane::api::metrics::ApiMetrics;
use umbra_control_plane::api::{self, ApiContext, Limits};
use umbra_control_plane::listener::Listener;
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

/// An xDS server on its own; it serves as long as the sender of its policies is kept.
async fn serve_xds(max_streams: usize, max_nodes: usize) -> (SocketAddr, watch::Sender<Arc<Policies>>) {
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), None, 100).await.unwrap();
    let address = listener.address();
    let state = State::new(0, Vec::new()).unwrap();
    let (sender, policies) = watch::channel(Arc::new(Policies::new(&state, [0; 16], XdsMetrics::default())));
    let discovery = Discovery::new(Context {
        policies,
        nodes: Arc::new(Mutex::new(Nodes::new(max_nodes))),
        metrics: XdsMetrics::default(),
        stopping: CancellationToken::new(),
        max_streams,
        first_request: Duration::from_millis(50),
        instance: "test".to_owned(),
    });
    let stop = CancellationToken::new();
    let connections = listener.accept(stop.clone());
    tokio::spawn(xds::serve::serve(connections, discovery, Routes::default(), stop, Duration::ZERO));
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

#[tokio::test]
async fn a_request_that_takes_too_long_is_answered() {
    let folder = folder();
    let mut registry = Registry::default();
    let url = DatabaseUrl::from(database(folder.path()));
    let store = Store::open(&url, [0; 16], |_| Ok(()), StoreMetrics::register(&mut registry)).await.unwrap();
    let router = api::router(ApiContext {
        store: Arc::new(store),
        access: Arc::new(Access::dev()),
        nodes: Arc::new(Mutex::new(Nodes::new(1))),
        metrics: ApiMetrics::register(&mut registry),
        registry: Arc::new(registry),
        stopping: CancellationToken::new(),
        retention: Retention::default(),
        limits: Limits { request_time: Duration::from_millis(50), ..Limits::default() },
    });
    let endless = Body::from_stream(tokio_stream::pending::<Result<Vec<u8>, std::io::Error>>());
    let request =
        Request::post("/api/v1/apply").header("content-type", "application/json").body(endless).unwrap();
    let response = soon(router.oneshot(request)).await.unwrap();
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["content-type"], "application/problem+json");
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
