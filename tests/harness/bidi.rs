//! A call of gRPC that streams both ways: a message is sent when the one before it has come back.

use futures::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::Request;
use hyper::body::{Body, Bytes, Frame};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::convert::Infallible;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

/// After this a message is lost.
const SILENCE: Duration = Duration::from_secs(30);

/// Sends so many messages of so many bytes to an [`crate::echo::Echo`] behind this port, and returns the longest time that
/// one took to come back.
///
/// # Errors
/// When a message does not come back as it was, or when the call does not end with status 0.
pub async fn call(port: u16, path: &str, messages: usize, bytes: usize) -> Result<Duration, String> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await.map_err(|error| error.to_string())?;
    stream.set_nodelay(true).map_err(|error| error.to_string())?;
    let handshake = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(|error| error.to_string())?;
    tokio::spawn(connection);
    let (messages_out, mut waiting) = mpsc::channel(1);
    let body = stream::poll_fn(move |context| waiting.poll_recv(context));
    let request = Request::post(format!("http://shop.example.com{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(StreamBody::new(body))
        .map_err(|error| error.to_string())?;
    let message = message(bytes);
    let first = Instant::now();
    send(&messages_out, &message).await?;
    let answer = tokio::time::timeout(SILENCE, sender.send_request(request)).await;
    let answer = answer.map_err(|_| "no head of an answer")?.map_err(|error| format!("{error:?}"))?;
    if answer.status() != 200 {
        return Err(format!("answered with {}", answer.status()));
    }
    let mut body = answer.into_body();
    let mut slowest = Duration::ZERO;
    for number in 0..messages {
        let sent = if number == 0 { first } else { Instant::now() };
        if number > 0 {
            send(&messages_out, &message).await?;
        }
        let back = read(&mut body, bytes + 5).await.map_err(|error| format!("message {number}: {error}"))?;
        if back != message {
            return Err(format!("message {number} came back as other bytes"));
        }
        slowest = slowest.max(sent.elapsed());
    }
    drop(messages_out);
    let trailers = tokio::time::timeout(SILENCE, body.collect()).await.map_err(|_| "no end")?;
    let trailers = trailers.map_err(|error| format!("{error:?}"))?.trailers().cloned();
    match trailers.as_ref().and_then(|trailers| trailers.get("grpc-status")) {
        Some(status) if status == "0" => Ok(slowest),
        other => Err(format!("ended with {other:?}")),
    }
}

type Sent = Result<Frame<Bytes>, Infallible>;

async fn send(messages: &mpsc::Sender<Sent>, message: &Bytes) -> Result<(), String> {
    let sent = tokio::time::timeout(SILENCE, messages.send(Ok(Frame::data(message.clone())))).await;
    sent.map_err(|_| "a message was not taken")?.map_err(|error| error.to_string())
}

async fn read(
    body: &mut (impl Body<Data = Bytes, Error = hyper::Error> + Unpin),
    bytes: usize,
) -> Result<Bytes, String> {
    let mut whole = Vec::new();
    while whole.len() < bytes {
        let frame = tokio::time::timeout(SILENCE, body.frame()).await;
        let frame = frame.map_err(|_| format!("silence after {} bytes", whole.len()))?;
        let frame = frame.ok_or("the answer ended")?.map_err(|error| format!("{error:?}"))?;
        whole.extend_from_slice(&frame.into_data().map_err(|_| "the answer ended with trailers")?);
    }
    Ok(whole.into())
}

/// Not compressed, with its length (gRPC over HTTP/2, "Length-Prefixed-Message").
fn message(bytes: usize) -> Bytes {
    let length = u32::try_from(bytes).expect("a message below 4 GiB").to_be_bytes();
    [&[0], &length[..], &crate::client::pattern(bytes)].concat().into()
}
