//! Answers of HTTP/1.1 and HTTP/2 that are too long, or not whole.

use http_body_util::StreamBody;
use hyper::Response;
use hyper::body::{Bytes, Frame};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use std::io;
use tokio::net::TcpStream;

const PIECE_BYTES: u64 = 64 << 10;

/// Answers each request at once, whatever is still to come of it, with a body of so many bytes; `cut` breaks it off there,
/// with more of it promised.
pub(super) async fn serve(stream: TcpStream, bytes: u64, cut: bool) {
    let service = service_fn(move |request| async move {
        // Dropped, its rest would be waited for or refused: it is read beside.
        tokio::spawn(http_body_util::BodyExt::collect(request.into_body()));
        let length = if cut { bytes + 1000 } else { bytes };
        let response = Response::builder().header("content-length", length);
        response.body(StreamBody::new(futures::stream::iter(frames(bytes, cut)))).map_err(io::Error::other)
    });
    let builder = Builder::new(TokioExecutor::new());
    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
}

fn frames(bytes: u64, cut: bool) -> impl Iterator<Item = io::Result<Frame<Bytes>>> {
    let piece = Bytes::from(vec![b'x'; usize::try_from(PIECE_BYTES.min(bytes)).unwrap_or_default()]);
    let pieces = (0..bytes.div_ceil(PIECE_BYTES)).map(move |number| {
        let left = bytes - number * PIECE_BYTES;
        Ok(Frame::data(piece.slice(..usize::try_from(left.min(PIECE_BYTES)).unwrap_or_default())))
    });
    let end = cut.then(|| Err(io::Error::other("broken off, as the test asked")));
    pieces.chain(end)
}
