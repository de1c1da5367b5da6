//! A client of HTTP/2 that sends any header at all: what no library lets through.

use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long the peer may stay silent.
const SILENCE: Duration = Duration::from_secs(20);

/// Types of frames (RFC 9113, section 6).
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// The most that a peer takes in a frame unless it says more.
const MAX_FRAME_BYTES: usize = 16_384;

/// How a request ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Answered. The first byte of the head is the status, if it is a usual one: 0x88 of 200, 0x8c of 400 (RFC 7541,
    /// appendix A).
    Answered {
        /// That byte.
        status: u8,
        /// The whole body.
        body: Vec<u8>,
    },
    /// Its stream was reset, with this code.
    Reset(u32),
    /// The connection was given up, with this code.
    GoneAway(u32),
    /// The connection was closed without a word.
    Closed,
}

/// A header as it is sent: no name is made lower-case, and no value is looked at.
pub type Header<'a> = (&'a [u8], &'a [u8]);

/// Sends one request on a connection of its own: its headers, and if there are `trailers`, a piece of a body and them.
pub async fn exchange(port: u16, headers: &[Header<'_>], trailers: &[Header<'_>]) -> Ended {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.expect("connecting");
    let mut sent = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    sent.extend(frame(SETTINGS, 0, 0, &[]));
    sent.extend(block(headers, trailers.is_empty()));
    if !trailers.is_empty() {
        sent.extend(frame(DATA, 0, 1, b"body"));
        sent.extend(block(trailers, true));
    }
    // The peer may refuse in the middle of what is sent: what it then says is what counts.
    let _ = stream.write_all(&sent).await;
    tokio::time::timeout(SILENCE, ended(&mut stream)).await.expect("an end of the request")
}

async fn ended(stream: &mut TcpStream) -> Ended {
    let (mut status, mut body) = (None, Vec::new());
    loop {
        let mut head = [0; 9];
        if stream.read_exact(&mut head).await.is_err() {
            return Ended::Closed;
        }
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut content = vec![0; usize::try_from(length).expect("a length of 24 bits")];
        if stream.read_exact(&mut content).await.is_err() {
            return Ended::Closed;
        }
        let (kind, flags, on_stream) = (head[3], head[4], head[8] == 1);
        let code = |at: usize| u32::from_be_bytes(content[at..at + 4].try_into().expect("four bytes"));
        match kind {
            // The first of the answer; trailers would be the second.
            HEADERS if on_stream => status = status.or(content.first().copied()),
            DATA if on_stream => body.extend(&content),
            RST_STREAM if on_stream => return Ended::Reset(code(0)),
            GOAWAY => return Ended::GoneAway(code(4)),
            _ => {}
        }
        if on_stream && matches!(kind, HEADERS | DATA) && flags & END_STREAM != 0 {
            return Ended::Answered { status: status.unwrap_or(0), body };
        }
    }
}

fn frame(kind: u8, flags: u8, stream: u8, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).expect("a length of 24 bits").to_be_bytes();
    [&length[1..], &[kind, flags, 0, 0, 0, stream], content].concat()
}

/// Literals without indexing (RFC 7541, section 6.2.2), in as many frames as it takes.
fn block(headers: &[Header<'_>], ends: bool) -> Vec<u8> {
    let mut encoded = Vec::new();
    for (name, value) in headers {
        encoded.push(0);
        for text in [name, value] {
            encoded.extend(length(text.len()));
            encoded.extend_from_slice(text);
        }
    }
    let pieces: Vec<&[u8]> = encoded.chunks(MAX_FRAME_BYTES).collect();
    let mut frames = Vec::new();
    for (number, piece) in pieces.iter().enumerate() {
        let kind = if number == 0 { HEADERS } else { CONTINUATION };
        let end_stream = if number == 0 && ends { END_STREAM } else { 0 };
        let end_headers = if number + 1 == pieces.len() { END_HEADERS } else { 0 };
        frames.extend(frame(kind, end_stream | end_headers, 1, piece));
    }
    frames
}

/// An integer with a prefix of seven bits (RFC 7541, section 5.1).
fn length(length: usize) -> Vec<u8> {
    let Some(mut rest) = length.checked_sub(127) else {
        return vec![u8::try_from(length).expect("below 127")];
    };
    let mut encoded = vec![127];
    while rest >= 128 {
        encoded.push(u8::try_from(rest % 128).expect("below 128") | 128);
        rest /= 128;
    }
    encoded.push(u8::try_from(rest).expect("below 128"));
    encoded
}
