//! A production that sends back what it is sent, piece by piece as it comes: whatever the length of a body or of a stream,
//! a client can tell that every byte of it went both ways. HTTP/1.1 and HTTP/2 without TLS, on one port.

use futures::future::ready;
use futures::{StreamExt, stream};
use http_body_util::{BodyStream, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::header::{HeaderMap, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use std::convert::Infallible;
use std::net::SocketAddr;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// Listens until dropped.
#[derive(Debug)]
pub struct Echo {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Echo {
    /// Starts one on a port of its own.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("binding");
        let address = listener.local_addr().expect("the bound address");
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream));
                while connections.try_join_next().is_some() {}
            }
        });
        Self { address, task }
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.address.port()
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(stream: TcpStream) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(async |request: Request<Incoming>| Ok::<_, Infallible>(answer(request)));
    let builder = Builder::new(TokioExecutor::new());
    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
}

type Frames = stream::BoxStream<'static, Result<Frame<Bytes>, hyper::Error>>;

/// The same length, or none; a call of gRPC ends well.
fn answer(request: Request<Incoming>) -> Response<StreamBody<Frames>> {
    let (head, body) = request.into_parts();
    let mut response = Response::builder();
    for name in ["content-type", "content-length"] {
        if let Some(value) = head.headers.get(name) {
            response = response.header(name, value);
        }
    }
    let is_grpc = head.headers.get("content-type").is_some_and(|kind| kind == "application/grpc");
    let status = HeaderMap::from_iter([("grpc-status".parse().unwrap(), HeaderValue::from_static("0"))]);
    let end = is_grpc.then(|| Ok(Frame::trailers(status)));
    // An empty piece marks the end over HTTP/2; in the middle of an answer it would be taken for a flood of such.
    let pieces = BodyStream::new(body).filter(|frame| {
        let is_empty = |frame: &Frame<Bytes>| frame.data_ref().is_some_and(Bytes::is_empty);
        ready(!frame.as_ref().is_ok_and(is_empty))
    });
    let frames = pieces.chain(stream::iter(end)).boxed();
    response.body(StreamBody::new(frames)).expect("a response of headers that were read")
}
