//! A client that sends any bytes at all over HTTP/1.1: what no library lets through.

use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long the peer may stay silent before a read gives up.
const SILENCE: Duration = Duration::from_secs(20);

/// A connection that knows as much of HTTP as reading an answer needs.
#[derive(Debug)]
pub struct RawConnection {
    stream: TcpStream,
    unread: Vec<u8>,
}

/// An answer, byte by byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawResponse {
    /// The first line, `HTTP/1.1 200 OK`.
    pub status_line: String,
    /// The header lines in order, as sent.
    pub lines: Vec<String>,
    /// The body without its framing.
    pub body: Vec<u8>,
}

impl RawResponse {
    /// The status.
    pub fn status(&self) -> u16 {
        let status = self.status_line.split(' ').nth(1);
        status.and_then(|status| status.parse().ok()).unwrap_or(0)
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.lines.iter().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

impl RawConnection {
    /// Connects to a port of this machine.
    pub async fn open(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).await.expect("connecting");
        stream.set_nodelay(true).expect("setting no delay");
        Self { stream, unread: Vec::new() }
    }

    /// Sends these bytes.
    pub async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.expect("sending");
    }

    /// One request, one answer; `None` when the peer closed instead.
    pub async fn exchange(&mut self, request: &[u8]) -> Option<RawResponse> {
        // The peer may refuse in the middle of what is sent: what it then answers is what counts.
        let _ = self.stream.write_all(request).await;
        self.response().await
    }

    /// Reads the next answer, or 100-continue; `None` when the peer closed.
    pub async fn response(&mut self) -> Option<RawResponse> {
        let end = self.until(b"\r\n\r\n").await?;
        let head = self.take(end + 4);
        let head = String::from_utf8_lossy(&head[..end]).into_owned();
        let mut lines = head.split("\r\n").map(str::to_owned);
        let mut response =
            RawResponse { status_line: lines.next()?, lines: lines.collect(), body: Vec::new() };
        if response.status() < 200 || matches!(response.status(), 204 | 304) {
            return Some(response);
        }
        if let Some(length) = response.header("content-length") {
            let length = length.parse().ok()?;
            self.at_least(length).await?;
            response.body = self.take(length);
        } else if response.header("transfer-encoding").is_some() {
            response.body = self.chunks().await?;
        } else {
            while self.more().await {}
            response.body = std::mem::take(&mut self.unread);
        }
        Some(response)
    }

    async fn chunks(&mut self) -> Option<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let end = self.until(b"\r\n").await?;
            let line = self.take(end + 2);
            let size = String::from_utf8_lossy(&line[..end]).into_owned();
            let size = usize::from_str_radix(size.trim(), 16).ok()?;
            self.at_least(size + 2).await?;
            let chunk = self.take(size + 2);
            body.extend_from_slice(&chunk[..size]);
            if size == 0 {
                return Some(body);
            }
        }
    }

    async fn until(&mut self, end: &[u8]) -> Option<usize> {
        loop {
            let found = self.unread.windows(end.len()).position(|w| w == end);
            if found.is_some() {
                return found;
            }
            if !self.more().await {
                return None;
            }
        }
    }

    async fn at_least(&mut self, length: usize) -> Option<()> {
        while self.unread.len() < length {
            if !self.more().await {
                return None;
            }
        }
        Some(())
    }

    fn take(&mut self, length: usize) -> Vec<u8> {
        let rest = self.unread.split_off(length);
        std::mem::replace(&mut self.unread, rest)
    }

    /// False when the peer has closed or reset.
    async fn more(&mut self) -> bool {
        let mut some = [0; 16 * 1024];
        let read = tokio::time::timeout(SILENCE, self.stream.read(&mut some))
            .await
            .unwrap_or_else(|_| panic!("no answer within {SILENCE:?}"));
        match read {
            Ok(read) if read > 0 => {
                self.unread.extend_from_slice(&some[..read]);
                true
            }
            _ => false,
        }
    }
}
