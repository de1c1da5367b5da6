//! Connections on which nothing is asked.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use hyper::body::{Frame, SizeHint};
use tokio::sync::watch;

/// Requests of a connection that are under way: until the last byte of the answer is handed over.
#[derive(Clone, Default)]
pub(super) struct UnderWay(watch::Sender<usize>);

/// One of them, as long as this lives.
pub(super) struct Request(watch::Sender<usize>);

/// The body of an answer, which is a part of the request: a stream of events is under way as long as it lasts.
pub(super) struct Answer {
    body: Body,
    _request: Request,
}

impl UnderWay {
    /// One more.
    pub(super) fn begin(&self) -> Request {
        self.0.send_modify(|requests| *requests = requests.saturating_add(1));
        Request(self.0.clone())
    }

    /// From here on something is always under way.
    pub(super) fn for_good(&self) {
        self.0.send_modify(|requests| *requests = requests.saturating_add(1));
    }

    /// Waits until there was none for so long.
    pub(super) async fn quiet(&self, patience: Duration) {
        let mut requests = self.0.subscribe();
        loop {
            // The sender is here: waiting does not fail.
            let _ = requests.wait_for(|requests| *requests == 0).await;
            if tokio::time::timeout(patience, requests.changed()).await.is_err() {
                return;
            }
        }
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        self.0.send_modify(|requests| *requests = requests.saturating_sub(1));
    }
}

impl Answer {
    /// To this request.
    pub(super) fn to(request: Request, body: Body) -> Body {
        Body::new(Answer { body, _request: request })
    }
}

impl hyper::body::Body for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
