//! HTTP/1.1 and HTTP/2 over the connections of a listener, and an orderly end.

mod prompt;
mod quiet;

use std::convert::Infallible;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Version;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;
use tracing::{debug, info, warn};

use crate::api::serve::prompt::Prompt;
use crate::api::serve::quiet::{Answer, UnderWay};
use crate::listener::Connection;

/// How a client that vanished without a word is noticed.
const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// Requests at once on one connection.
const MAX_STREAMS: u32 = 100;
/// A connection of HTTP/2 on which nothing is asked has so many times the patience that a head has; of HTTP/1.1, the next head.
const QUIET: u32 = 2;
/// The same for a client that takes nothing of what it asked for. It may show it to somebody page by page.
const STUCK: u32 = 6;

/// Serves until the listener closes, then lets the requests in flight finish, for `drain` at most. A client that has not
/// sent its request's head within `head` is cut off; one that asks for nothing any more, or takes nothing, some time later.
pub async fn serve(
    mut connections: mpsc::Receiver<Connection>,
    router: Router,
    head: Duration,
    drain: Duration,
) {
    let (stopping, open) = (CancellationToken::new(), TaskTracker::new());
    while let Some(connection) = connections.recv().await {
        let peer = connection.peer().clone();
        let router = router.clone();
        let under_way = UnderWay::default();
        let asked = under_way.clone();
        let service = tower::service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(peer.clone());
            // HTTP/1.1 sees itself to a connection that is quiet, and knows what it has not sent yet.
            if request.version() != Version::HTTP_2 {
                asked.for_good();
            }
            let (router, begun) = (router.clone(), asked.begin());
            async move {
                let response = router.oneshot(request).await?;
                Ok::<_, Infallible>(response.map(|body| Answer::to(begun, body)))
            }
        });
        let mut builder = Builder::new(TokioExecutor::new());
        builder.http1().timer(TokioTimer::new()).header_read_timeout(head);
        builder
            .http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(KEEP_ALIVE)
            .max_concurrent_streams(MAX_STREAMS);
        let io = TokioIo::new(Prompt::new(connection, head, head.saturating_mul(STUCK)));
        let served = builder.serve_connection(io, TowerToHyperService::new(service)).into_owned();
        let stopping = stopping.clone();
        open.spawn(async move {
            let mut served = pin!(served);
            let in_order = async {
                let ended = tokio::select! {
                    ended = served.as_mut() => Some(ended),
                    () = stopping.cancelled() => None,
                    () = under_way.quiet(head.saturating_mul(QUIET)) => None,
                };
                match ended {
                    Some(ended) => ended,
                    None => {
                        served.as_mut().graceful_shutdown();
                        served.await
                    }
                }
            };
            tokio::select! {
                ended = in_order => if let Err(error) = ended {
                    debug!(%error, "connection ended");
                },
                // In order it would never end. What waits for the client goes with the connection.
                () = under_way.stuck(head.saturating_mul(STUCK)) => {
                    debug!("connection ended: the client takes nothing");
                }
            }
        });
    }
    stopping.cancel();
    open.close();
    match tokio::time::timeout(drain, open.wait()).await {
        Ok(()) => info!("api requests drained"),
        Err(_) => warn!(after = ?drain, "api requests still in flight were cut off"),
    }
}
