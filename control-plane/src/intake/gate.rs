//! How many reports are read at once.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::http::{self, HeaderValue};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::Status;
use tonic::body::Body;
use tonic::server::NamedService;
use tower::Service;
use tracing::debug;

use crate::access::Access;
use crate::intake::metrics::{IntakeMetrics, ReportLabels};
use crate::listener::Peer;

/// With 8 MiB each, at most half a gigabyte is being read.
const READING: usize = 64;
/// A report that is not here and on disk by then is sent again by its worker.
const PATIENCE: Duration = Duration::from_secs(30);

/// Lets so many calls be read at once; the others wait with their bodies unread, which holds the sender back.
#[derive(Clone)]
pub struct Gate<S> {
    inner: S,
    access: Arc<Access>,
    metrics: IntakeMetrics,
    reading: Arc<Semaphore>,
}

/// Held by a call that is being read. Whoever has read it drops it.
#[derive(Clone)]
pub(crate) struct Reading {
    _permit: Arc<OwnedSemaphorePermit>,
}

impl<S> Gate<S> {
    /// In front of `inner`, for nodes that `access` lets in.
    pub fn new(inner: S, access: Arc<Access>, metrics: IntakeMetrics) -> Self {
        Gate { inner, access, metrics, reading: Arc::new(Semaphore::new(READING)) }
    }
}

/// A call that counts as failed unless it is answered: its caller hung up, or it took too long.
struct Call {
    metrics: IntakeMetrics,
    is_answered: bool,
}

impl Call {
    fn answered(mut self) {
        self.is_answered = true;
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if !self.is_answered {
            self.metrics.reports.get_or_create(&ReportLabels { result: "failed" }).inc();
        }
    }
}

impl<S: NamedService> NamedService for Gate<S> {
    const NAME: &'static str = S::NAME;
}

impl<S> Service<http::Request<Body>> for Gate<S>
where
    S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: http::Request<Body>) -> Self::Future {
        let peer = request.extensions().get::<Peer>();
        let authorization = request.headers().get(http::header::AUTHORIZATION).map(HeaderValue::as_bytes);
        // Before a byte of the body is read.
        let identity = match self.access.node(authorization, peer) {
            Ok(identity) => identity,
            Err(refused) => {
                debug!(peer = ?peer.map(|peer| peer.address), %refused, "a report was refused");
                return Box::pin(async { Ok(Status::from(refused).into_http()) });
            }
        };
        let used = peer.map(|peer| peer.calls.begin());
        request.extensions_mut().insert(identity);
        let reading = Arc::clone(&self.reading);
        // The one that is ready goes, its clone stays.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let call = Call { metrics: self.metrics.clone(), is_answered: false };
        Box::pin(async move {
            let _used = used;
            let answered = tokio::time::timeout(PATIENCE, async {
                if let Ok(permit) = reading.acquire_owned().await {
                    request.extensions_mut().insert(Reading { _permit: Arc::new(permit) });
                }
                inner.call(request).await
            });
            match answered.await {
                Ok(answer) => {
                    call.answered();
                    answer
                }
                Err(_) => Ok(Status::unavailable("the control plane is busy").into_http()),
            }
        })
    }
}
