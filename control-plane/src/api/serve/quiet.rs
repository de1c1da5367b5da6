//! Connections on which nothing is asked, or whose clients take nothing of what they asked for.

mod requests;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use hyper::body::{Buf, Frame, SizeHint};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::api::serve::quiet::requests::Requests;

/// Requests of a connection that are under way: until the last byte of the answer is on its way.
#[derive(Clone, Default)]
pub(super) struct UnderWay(watch::Sender<Requests>);

/// One of them, as long as this lives.
pub(super) struct Request {
    id: u64,
    all: watch::Sender<Requests>,
}

/// The body of an answer, which is a part of the request: a stream of events is under way as long as it lasts.
pub(super) struct Answer {
    body: Body,
    request: Arc<Request>,
}

/// Bytes of an answer. Where the client of HTTP/2 opens no window, they wait inside hyper, which does not tell of it; but
/// whoever sends them advances.
pub(super) struct Piece {
    bytes: Bytes,
    request: Arc<Request>,
}

impl UnderWay {
    /// One more.
    pub(super) fn begin(&self) -> Request {
        let mut id = 0;
        self.0.send_modify(|requests| id = requests.begin());
        Request { id, all: self.0.clone() }
    }

    /// From here on something is always under way.
    pub(super) fn for_good(&self) {
        self.0.send_modify(Requests::for_good);
    }

    /// Waits until there was none for so long.
    pub(super) async fn quiet(&self, patience: Duration) {
        let mut requests = self.0.subscribe();
        loop {
            // The sender is here: waiting does not fail.
            let _ = requests.wait_for(Requests::are_none).await;
            if tokio::time::timeout(patience, requests.changed()).await.is_err() {
                return;
            }
        }
    }

    /// Waits until nothing was taken of some answer for so long.
    pub(super) async fn stuck(&self, patience: Duration) {
        loop {
            let waited = self.0.borrow().stuck_for(Instant::now());
            let left = patience.saturating_sub(waited);
            if left.is_zero() {
                return;
            }
            // What begins to wait meanwhile is due later than that.
            tokio::time::sleep(left).await;
        }
    }
}

impl Request {
    /// Nobody waits for this: whoever looks does so in time.
    fn note(&self, change: impl FnOnce(&mut Requests)) {
        self.all.send_if_modified(|requests| {
            change(requests);
            false
        });
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        self.all.send_modify(|requests| requests.end(self.id));
    }
}

impl Answer {
    /// To this request.
    pub(super) fn to(request: Request, body: Body) -> Answer {
        Answer { body, request: Arc::new(request) }
    }
}

impl hyper::body::Body for Answer {
    type Data = Piece;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Piece>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        let piece = |bytes| Piece::of(Arc::clone(&self.request), bytes);
        polled.map(|frame| frame.map(|frame| frame.map(|frame| frame.map_data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Piece {
    fn of(request: Arc<Request>, bytes: Bytes) -> Piece {
        request.note(|requests| requests.owe(request.id, bytes.len(), Instant::now()));
        Piece { bytes, request }
    }

    fn gone(&self, bytes: usize) {
        self.request.note(|requests| requests.gone(self.request.id, bytes, Instant::now()));
    }
}

impl Buf for Piece {
    fn remaining(&self) -> usize {
        self.bytes.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.bytes.chunk()
    }

    fn advance(&mut self, bytes: usize) {
        self.bytes.advance(bytes);
        self.gone(bytes);
    }
}

impl Drop for Piece {
    /// Of an answer that was given up, something is left.
    fn drop(&mut self) {
        self.gone(self.bytes.remaining());
    }
}
