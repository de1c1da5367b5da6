//! Clients of the API that do not read what they asked for over HTTP/2, and such as only seem not to.

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::Request;
use axum::routing::get;
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use umbra_control_plane::api::serve::serve;
use umbra_control_plane::listener::Listener;

use crate::support::{soon, until};

const HEAD: Duration = Duration::from_millis(200);
/// As long as a client may take nothing, and half as long again.
const LONG: Duration = Duration::from_millis(1800);
const ANSWER_BYTES: usize = 1 << 19;

/// The memory of an answer, which is seen being given back.
struct Held {
    bytes: Vec<u8>,
    _held: Arc<()>,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

struct Api {
    address: SocketAddr,
    /// Every answer that is in memory holds it.
    held: Arc<()>,
    stop: CancellationToken,
}

impl Api {
    /// `/` is long. `/events` says something at once and then once more, when a client that takes nothing is cut off.
    async fn start() -> Api {
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), None, 100).await.unwrap();
        let api = Api { address: listener.address(), held: Arc::default(), stop: CancellationToken::new() };
        let held = Arc::clone(&api.held);
        let long = async move || {
            Bytes::from_owner(Held { bytes: vec![b'x'; ANSWER_BYTES], _held: Arc::clone(&held) })
        };
        let events = async || {
            Body::from_stream(futures::stream::unfold(["first", "second"].into_iter(), async |mut events| {
                let event = events.next()?;
                if event == "second" {
                    tokio::time::sleep(LONG).await;
                }
                Some((Ok::<_, Infallible>(event), events))
            }))
        };
        let router = Router::new().route("/", get(long)).route("/events", get(events));
        tokio::spawn(serve(listener.accept(api.stop.clone()), router, HEAD, Duration::ZERO));
        api
    }

    /// A client with such a window for each answer. Its connection answers pings; it opens the window as it reads.
    async fn client(&self, window: u32) -> (SendRequest<Body>, JoinHandle<hyper::Result<()>>) {
        let io = TokioIo::new(TcpStream::connect(self.address).await.unwrap());
        let (client, connection) = Builder::new(TokioExecutor::new())
            .initial_stream_window_size(window)
            .handshake(io)
            .await
            .unwrap();
        (client, tokio::spawn(connection))
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn ask(client: &mut SendRequest<Body>, path: &str) -> Incoming {
    let request = Request::get(format!("http://localhost{path}")).body(Body::empty()).unwrap();
    let response = soon(client.send_request(request)).await.unwrap();
    assert_eq!(response.status(), 200);
    response.into_body()
}

/// What comes next; `None` at the end.
async fn next(answer: &mut Incoming) -> Option<Bytes> {
    let frame = soon(poll_fn(|cx| Pin::new(&mut *answer).poll_frame(cx))).await;
    frame.map(|frame| frame.unwrap().into_data().unwrap())
}

/// What one who answers pings and takes nothing asked for was held for good, and its connection too. hyper keeps a piece of
/// the answer where there is no window at all, and h2 where there is a little.
#[tokio::test]
async fn one_who_takes_nothing_is_cut_off() {
    for window in [0, 1, 16_384] {
        let api = Api::start().await;
        let before = Arc::strong_count(&api.held);
        let (mut client, connection) = api.client(window).await;
        let mut unread = Vec::new();
        for _ in 0..10 {
            unread.push(ask(&mut client, "/").await);
        }
        assert_eq!(Arc::strong_count(&api.held), before + unread.len(), "{window}");
        assert!(soon(connection).await.unwrap().is_err(), "{window}: it ended in order");
        until(|| async { (Arc::strong_count(&api.held) == before).then_some(()) }).await;
    }
}

/// Also one that reads nothing of a stream of events although there is more.
#[tokio::test]
async fn a_stream_that_is_not_read_is_cut_off() {
    let api = Api::start().await;
    let (mut client, connection) = api.client(1).await;
    let _unread = ask(&mut client, "/events").await;
    soon(connection).await.unwrap().unwrap_err();
}

#[tokio::test]
async fn a_stream_that_is_silent_stays() {
    let api = Api::start().await;
    let (mut client, connection) = api.client(5).await;
    let mut events = ask(&mut client, "/events").await;
    let mut told = Vec::new();
    while let Some(piece) = next(&mut events).await {
        told.extend_from_slice(&piece);
    }
    assert_eq!(told, b"firstsecond");
    // And then it is told that it asks for nothing.
    soon(connection).await.unwrap().unwrap();
}

#[tokio::test]
async fn one_who_reads_slowly_stays() {
    let api = Api::start().await;
    let (mut client, connection) = api.client(65_535).await;
    let mut answer = ask(&mut client, "/").await;
    let mut taken = 0;
    while let Some(piece) = next(&mut answer).await {
        taken += piece.len();
        tokio::time::sleep(HEAD / 4).await;
    }
    assert_eq!(taken, ANSWER_BYTES);
    soon(connection).await.unwrap().unwrap();
}
