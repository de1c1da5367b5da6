//! A client for requests that HTTP allows, over HTTP/1.1 and HTTP/2 without TLS. One connection is
//! one connection: nothing is pooled, retried or reopened behind a test's back.

use crate::record::header_list;
use futures::stream;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Bytes, Frame};
use hyper::client::conn::{http1, http2};
use hyper::header::{HeaderName, HeaderValue};
use hyper::{HeaderMap, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::convert::Infallible;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// After this a request has failed: far above what any answer takes here.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What a connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2 without TLS, known beforehand.
    Http2,
}

/// What is sent.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// `Host` or `:authority`.
    pub authority: String,
    /// In order, repeats included.
    pub headers: Vec<(String, Vec<u8>)>,
    /// `None` is no body at all; otherwise with its length unless `chunked`.
    pub body: Option<Bytes>,
    /// The body goes without a length, in pieces of this many bytes.
    pub chunked: Option<usize>,
    /// Follow the body.
    pub trailers: Vec<(&'static str, &'static str)>,
}

impl Request {
    /// With this method and path, to `shop.example.com`.
    pub fn new(method: &str, path: &str) -> Self {
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            authority: "shop.example.com".to_owned(),
            headers: Vec::new(),
            body: None,
            chunked: None,
            trailers: Vec::new(),
        }
    }

    /// A GET.
    pub fn get(path: &str) -> Self {
        Self::new("GET", path)
    }

    /// A POST of so many bytes, which are the same each time.
    pub fn post(path: &str, bytes: usize) -> Self {
        Self::new("POST", path).body(pattern(bytes))
    }

    /// The same with one more header.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let value = value.as_ref().to_owned();
        self.headers.push((name.to_owned(), value));
        self
    }

    /// The same with this body.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// The same with its body in pieces of this many bytes and without a length.
    pub fn in_pieces(mut self, bytes: usize) -> Self {
        self.chunked = Some(bytes);
        self
    }

    /// The same with one more trailer.
    pub fn trailer(mut self, name: &'static str, value: &'static str) -> Self {
        self.trailers.push((name, value));
        self
    }
}

/// Bytes that differ from place to place, so that a body cut, doubled or reordered is noticed.
pub fn pattern(bytes: usize) -> Bytes {
    (0..bytes).map(|at| (at % 251) as u8).collect()
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The protocol.
    pub version: Version,
    /// The status.
    pub status: u16,
    /// In order, repeats included.
    pub headers: Vec<(String, Vec<u8>)>,
    /// All of the body.
    pub body: Bytes,
    /// What followed the body.
    pub trailers: Vec<(String, Vec<u8>)>,
}

impl Response {
    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<String> {
        let found = self.headers.iter().find(|(n, _)| n == name);
        found.map(|(_, value)| String::from_utf8_lossy(value).into_owned())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

type Body = BoxBody<Bytes, Infallible>;

#[derive(Debug)]
enum Sender {
    Http1(http1::SendRequest<Body>),
    Http2(http2::SendRequest<Body>),
}

/// One connection.
#[derive(Debug)]
pub struct Connection {
    sender: Sender,
    port: u16,
}

impl Connection {
    /// Connects to a port of this machine.
    pub async fn open(port: u16, protocol: Protocol) -> Result<Self, String> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await;
        let stream = stream.map_err(|error| format!("connecting to {port}: {error}"))?;
        stream.set_nodelay(true).map_err(|e| e.to_string())?;
        let io = TokioIo::new(stream);
        let sender = match protocol {
            Protocol::Http1 => {
                let mut builder = http1::Builder::new();
                builder.max_headers(4000).max_buf_size(4 << 20);
                let (sender, connection) = builder.handshake(io).await.map_err(|e| e.to_string())?;
                tokio::spawn(connection);
                Sender::Http1(sender)
            }
            Protocol::Http2 => {
                let (sender, connection) = http2::Builder::new(TokioExecutor::new())
                    .max_header_list_size(4 << 20)
                    .handshake(io)
                    .await
                    .map_err(|e| e.to_string())?;
                tokio::spawn(connection);
                Sender::Http2(sender)
            }
        };
        Ok(Self { sender, port })
    }

    /// Sends a request and reads the whole answer.
    pub async fn send(&mut self, request: &Request) -> Result<Response, String> {
        tokio::time::timeout(TIMEOUT, self.exchange(request))
            .await
            .map_err(|_| format!("{request:?}: no answer within {TIMEOUT:?}"))?
            .map_err(|error| format!("{} {}: {error}", request.method, request.path))
    }

    async fn exchange(&mut self, request: &Request) -> Result<Response, String> {
        let message = self.message(request)?;
        let error = |error: hyper::Error| format!("{error:?}");
        let answer = match &mut self.sender {
            Sender::Http1(sender) => {
                sender.ready().await.map_err(error)?;
                sender.send_request(message).await.map_err(error)?
            }
            Sender::Http2(sender) => {
                sender.ready().await.map_err(error)?;
                sender.send_request(message).await.map_err(error)?
            }
        };
        let (head, body) = answer.into_parts();
        let body = body.collect().await.map_err(error)?;
        let trailers = body.trailers().map(header_list).unwrap_or_default();
        Ok(Response {
            version: head.version,
            status: head.status.as_u16(),
            headers: header_list(&head.headers),
            body: body.to_bytes(),
            trailers,
        })
    }

    fn message(&self, request: &Request) -> Result<hyper::Request<Body>, String> {
        let mut message = hyper::Request::builder().method(request.method.as_str());
        message = match self.sender {
            Sender::Http1(_) => {
                let message = message.uri(&request.path);
                message.header("host", request.authority.as_str())
            }
            Sender::Http2(_) => message.uri(format!("http://{}{}", request.authority, request.path)),
        };
        for (name, value) in &request.headers {
            let value = HeaderValue::from_bytes(value).map_err(|e| e.to_string())?;
            message = message.header(name.as_str(), value);
        }
        message.body(body(request)).map_err(|e| e.to_string())
    }

    /// The port that it is connected to.
    pub fn port(&self) -> u16 {
        self.port
    }
}

fn body(request: &Request) -> Body {
    let Some(body) = request.body.clone() else {
        return http_body_util::Empty::new().boxed();
    };
    if request.chunked.is_none() && request.trailers.is_empty() {
        return Full::new(body).boxed();
    }
    let size = request.chunked.unwrap_or(usize::MAX);
    let starts = (0..body.len()).step_by(size);
    let pieces = starts.map(|start| body.slice(start..body.len().min(start.saturating_add(size))));
    let mut frames: Vec<_> = pieces.map(Frame::data).map(Ok).collect();
    if !request.trailers.is_empty() {
        let mut trailers = HeaderMap::new();
        for (name, value) in &request.trailers {
            let name = HeaderName::from_static(name);
            trailers.append(name, HeaderValue::from_static(value));
        }
        frames.push(Ok(Frame::trailers(trailers)));
    }
    BodyExt::boxed(StreamBody::new(stream::iter(frames)))
}

/// One request on a connection of its own.
pub async fn send(port: u16, request: &Request) -> Response {
    let mut connection = Connection::open(port, Protocol::Http1).await.unwrap();
    connection.send(request).await.unwrap()
}

/// A request of a series, and what became of it.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The value of its `x-id` header: its place in the series, from 0.
    pub id: u64,
    /// When it was sent.
    pub sent: Instant,
    /// How long its whole answer took.
    pub took: Duration,
    /// The answer, or what went wrong.
    pub answer: Result<Response, String>,
}

/// Sends many requests over a few connections, each with its number as `x-id`, and returns their
/// outcomes in order.
pub async fn series(
    port: u16,
    connections: usize,
    requests: impl IntoIterator<Item = Request>,
) -> Vec<Outcome> {
    let mut shares: Vec<Vec<(u64, Request)>> = vec![Vec::new(); connections];
    for (id, request) in (0..).zip(requests) {
        let request = request.header("x-id", id.to_string());
        shares[usize::try_from(id).unwrap() % connections].push((id, request));
    }
    let mut tasks = JoinSet::new();
    for share in shares {
        tasks.spawn(async move {
            let mut connection = Connection::open(port, Protocol::Http1).await.unwrap();
            let mut outcomes = Vec::with_capacity(share.len());
            for (id, request) in share {
                let sent = Instant::now();
                let answer = connection.send(&request).await;
                let took = sent.elapsed();
                if answer.is_err() {
                    connection = Connection::open(port, Protocol::Http1).await.unwrap();
                }
                outcomes.push(Outcome { id, sent, took, answer });
            }
            outcomes
        });
    }
    let mut outcomes: Vec<Outcome> = tasks.join_all().await.into_iter().flatten().collect();
    outcomes.sort_unstable_by_key(|outcome| outcome.id);
    outcomes
}

/// Fails unless every request was answered with 200.
pub fn assert_all_ok(outcomes: &[Outcome]) {
    for outcome in outcomes {
        match &outcome.answer {
            Ok(answer) if answer.status == 200 => {}
            other => {
                panic!("request {} of {}: {other:?} after {:?}", outcome.id, outcomes.len(), outcome.took)
            }
        }
    }
}

/// The same request so many times over eight connections; all must be answered with 200.
pub async fn repeat(port: u16, times: usize, request: &Request) {
    let requests = std::iter::repeat_n(request.clone(), times);
    assert_all_ok(&series(port, 8, requests).await);
}
