//! A server that records what reaches it and answers as it was told: HTTP/1.1, HTTP/2 without TLS,
//! and WebSocket, all on one port.

use crate::record::{Recorded, header_list};
use futures::{SinkExt, StreamExt, TryStreamExt, stream};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::header::{HeaderName, HeaderValue};
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

/// Above what any test sends: the limit under test is Envoy's or the filter's, never this one.
const MAX_HEADERS: usize = 4000;
const MAX_HEAD_BYTES: usize = 4 << 20;

/// What a request gets.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Added to what the server itself sends.
    pub headers: Vec<(&'static str, String)>,
    /// Sent with a length when it is one piece and no trailers follow, and chunked otherwise.
    pub pieces: Vec<Bytes>,
    /// What follows the body.
    pub trailers: Vec<(&'static str, String)>,
    /// Waited before the head is sent.
    pub delay: Duration,
    /// The connection is broken off after the pieces.
    pub reset: bool,
}

impl Answer {
    /// 200 with this body.
    pub fn ok(body: impl Into<Bytes>) -> Self {
        Self {
            status: 200,
            headers: Vec::new(),
            pieces: vec![body.into()],
            trailers: Vec::new(),
            delay: Duration::ZERO,
            reset: false,
        }
    }

    /// The same with another status.
    pub fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// The same with one more header.
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The same with its body in pieces of this many bytes, without a length.
    pub fn in_pieces(mut self, bytes: usize) -> Self {
        let whole: Vec<u8> = self.pieces.concat();
        self.pieces = whole.chunks(bytes).map(Bytes::copy_from_slice).collect();
        self
    }

    /// The same with one more trailer.
    pub fn trailer(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.trailers.push((name, value.into()));
        self
    }

    /// The same, later.
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }
}

type Script = dyn Fn(&Recorded) -> Answer + Send + Sync;

struct Shared {
    script: Box<Script>,
    requests: Mutex<Vec<Recorded>>,
}

/// A running upstream. Dropping it closes its port.
pub struct Upstream {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl Upstream {
    /// Starts one that answers every request with 200 and its own name.
    pub async fn start(name: &'static str) -> Self {
        Self::scripted(move |_| Answer::ok(name)).await
    }

    /// Starts one that answers as `script` says.
    pub async fn scripted(script: impl Fn(&Recorded) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("binding");
        let address = listener.local_addr().expect("the bound address");
        let shared = Arc::new(Shared { script: Box::new(script), requests: Mutex::default() });
        let task = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Self { address, shared, task }
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// All that it has seen so far, in the order in which the requests ended.
    pub fn requests(&self) -> Vec<Recorded> {
        self.shared.requests.lock().unwrap().clone()
    }

    /// How many requests it has seen so far.
    pub fn count(&self) -> usize {
        self.shared.requests.lock().unwrap().len()
    }

    /// The ids of the requests that it has seen, sorted, repeats included.
    pub fn ids(&self) -> Vec<u64> {
        let requests = self.shared.requests.lock().unwrap();
        let mut ids: Vec<u64> = requests.iter().filter_map(Recorded::id).collect();
        ids.sort_unstable();
        ids
    }

    /// Forgets what it has seen, and returns it.
    pub fn take(&self) -> Vec<Recorded> {
        std::mem::take(&mut self.shared.requests.lock().unwrap())
    }

    /// The one request with this path, when it has come.
    pub async fn request(&self, path: &str) -> Recorded {
        crate::eventually::eventually(crate::eventually::SOON, path, async || {
            let mut found = self.requests();
            found.retain(|request| request.path == path);
            match <[Recorded; 1]>::try_from(found) {
                Ok([one]) => Ok(one),
                Err(found) => Err(format!("{} requests", found.len())),
            }
        })
        .await
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    // Dropped with this task: an upstream that is gone has no open connections either.
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(serve(stream, Arc::clone(&shared)));
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| answer(request, Arc::clone(&shared)));
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().max_headers(MAX_HEADERS).max_buf_size(MAX_HEAD_BYTES);
    builder.http2().max_header_list_size(u32::try_from(MAX_HEAD_BYTES).unwrap());
    // A connection that the peer breaks off is nothing that a test wants to hear of here: what was
    // seen of it is in the records.
    let _ = builder.serve_connection_with_upgrades(TokioIo::new(stream), service).await;
}

async fn answer(
    mut request: Request<Incoming>,
    shared: Arc<Shared>,
) -> io::Result<Response<BoxBody<Bytes, io::Error>>> {
    let upgrade = (request.headers().get("upgrade"))
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
        .then(|| hyper::upgrade::on(&mut request));
    let recorded = record(request).await;
    let answer = (shared.script)(&recorded);
    let key = recorded.header("sec-websocket-key");
    shared.requests.lock().unwrap().push(recorded);
    if let (Some(upgrade), Some(key)) = (upgrade, key) {
        tokio::spawn(async move {
            if let Ok(upgraded) = upgrade.await {
                echo(upgraded).await;
            }
        });
        return Ok(switching_protocols(&key));
    }
    if !answer.delay.is_zero() {
        tokio::time::sleep(answer.delay).await;
    }
    respond(answer)
}

async fn record(request: Request<Incoming>) -> Recorded {
    let at = Instant::now();
    let (head, mut incoming) = request.into_parts();
    let (mut body, mut trailers, mut complete) = (Vec::new(), Vec::new(), true);
    let content_type = head.headers.get("content-type").map(HeaderValue::as_bytes);
    // A stream's requests may have no end, and a server of another kind does not wait for it.
    let stream = content_type.is_some_and(|kind| kind.starts_with(b"application/grpc"));
    while let Some(frame) = incoming.frame().await {
        match frame.map(Frame::into_data) {
            Ok(Ok(data)) => body.extend_from_slice(&data),
            Ok(Err(frame)) => {
                trailers = header_list(&frame.into_trailers().unwrap_or_default());
            }
            Err(_) => {
                complete = false;
                break;
            }
        }
        if stream {
            complete = false;
            break;
        }
    }
    let host = head.headers.get("host");
    let authority = match host {
        Some(host) => String::from_utf8_lossy(host.as_bytes()).into_owned(),
        None => (head.uri.authority()).map_or(String::new(), ToString::to_string),
    };
    let path = head.uri.path_and_query();
    Recorded {
        at,
        version: head.version,
        method: head.method.to_string(),
        path: path.map_or(String::new(), ToString::to_string),
        authority,
        headers: header_list(&head.headers),
        body: body.into(),
        complete,
        trailers,
    }
}

fn respond(answer: Answer) -> io::Result<Response<BoxBody<Bytes, io::Error>>> {
    let mut response = Response::builder().status(answer.status);
    for (name, value) in &answer.headers {
        response = response.header(*name, value);
    }
    let one_piece = answer.pieces.len() <= 1;
    let body = if one_piece && answer.trailers.is_empty() && !answer.reset {
        let body = answer.pieces.into_iter().next().unwrap_or_default();
        Full::new(body).map_err(|never| match never {}).boxed()
    } else {
        let mut trailers = HeaderMap::new();
        for (name, value) in &answer.trailers {
            let value = HeaderValue::from_str(value).map_err(io::Error::other)?;
            trailers.append(HeaderName::from_static(name), value);
        }
        let mut frames: Vec<_> = answer.pieces.into_iter().map(Frame::data).map(Ok).collect();
        if answer.reset {
            frames.push(Err(io::Error::other("broken off, as the test asked")));
        } else if !trailers.is_empty() {
            frames.push(Ok(Frame::trailers(trailers)));
        }
        BodyExt::boxed(StreamBody::new(stream::iter(frames)))
    };
    response.body(body).map_err(io::Error::other)
}

fn switching_protocols(key: &str) -> Response<BoxBody<Bytes, io::Error>> {
    let nothing = Empty::new().map_err(|never| match never {}).boxed();
    Response::builder()
        .status(101)
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-accept", derive_accept_key(key.as_bytes()))
        .body(nothing)
        .expect("a response of constants")
}

/// Sends every message back, until the peer closes.
async fn echo(upgraded: hyper::upgrade::Upgraded) {
    let socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, None).await;
    let (mut sink, mut messages) = socket.split();
    while let Ok(Some(message)) = messages.try_next().await {
        let closing = message.is_close();
        if closing || sink.send(message).await.is_err() {
            break;
        }
    }
}
