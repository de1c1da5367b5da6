//! HTTP/1.1 and HTTP/2 over the connections of a listener, and an orderly end.

mod prompt;

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::sync::mpsc;
use tower::ServiceExt;
use tracing::{debug, info, warn};

use crate::api::serve::prompt::Prompt;
use crate::listener::Connection;

/// How a client that vanished without a word is noticed.
const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// Requests at once on one connection.
const MAX_STREAMS: u32 = 100;

/// Serves until the listener closes, then lets the requests in flight finish, for `drain` at most. A client that has not
/// sent its request's head within `head` is cut off.
pub async fn serve(
    mut connections: mpsc::Receiver<Connection>,
    router: Router,
    head: Duration,
    drain: Duration,
) {
    let graceful = GracefulShutdown::new();
    while let Some(connection) = connections.recv().await {
        let peer = connection.peer().clone();
        let router = router.clone();
        let service = tower::service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(peer.clone());
            router.clone().oneshot(request)
        });
        let mut builder = Builder::new(TokioExecutor::new());
        builder.http1().timer(TokioTimer::new()).header_read_timeout(head);
        builder
            .http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(KEEP_ALIVE)
            .max_concurrent_streams(MAX_STREAMS);
        let served = builder
            .serve_connection(TokioIo::new(Prompt::new(connection, head)), TowerToHyperService::new(service));
        let served = graceful.watch(served.into_owned());
        tokio::spawn(async move {
            if let Err(error) = served.await {
                debug!(%error, "connection ended");
            }
        });
    }
    match tokio::time::timeout(drain, graceful.shutdown()).await {
        Ok(()) => info!("api requests drained"),
        Err(_) => warn!(after = ?drain, "api requests still in flight were cut off"),
    }
}
