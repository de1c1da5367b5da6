//! Connections whose clients must begin to speak, and take what they are sent.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// The preface of HTTP/2 (RFC 9113, section 3.4) has so many bytes, and until they are here hyper waits without end to
/// see whether it is one. No head of HTTP/1.1 that says anything is shorter.
const FIRST_BYTES: usize = 24;

/// Fails to read when the first bytes are not here in time; what comes later has limits of its own. Fails to write when the
/// client takes nothing for too long.
pub(super) struct Prompt<T> {
    io: T,
    missing: usize,
    patience: Option<Pin<Box<Sleep>>>,
    stuck_for: Duration,
    /// There while the client takes nothing.
    stuck: Option<Pin<Box<Sleep>>>,
}

impl<T> Prompt<T> {
    /// The client has so long to begin, and may take nothing for so long.
    pub(super) fn new(io: T, patience: Duration, stuck_for: Duration) -> Self {
        let patience = Some(Box::pin(tokio::time::sleep(patience)));
        Prompt { io, missing: FIRST_BYTES, patience, stuck_for, stuck: None }
    }

    /// Something was written, or waits for the client.
    fn written<R>(&mut self, cx: &mut Context<'_>, polled: Poll<io::Result<R>>) -> Poll<io::Result<R>> {
        if polled.is_ready() {
            self.stuck = None;
            return polled;
        }
        let stuck_for = self.stuck_for;
        let stuck = self.stuck.get_or_insert_with(|| Box::pin(tokio::time::sleep(stuck_for)));
        if stuck.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client takes nothing")));
        }
        polled
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Prompt<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.io).poll_read(cx, buf);
        if polled.is_ready() {
            self.missing = self.missing.saturating_sub(buf.filled().len().saturating_sub(before));
            if self.missing == 0 {
                self.patience = None;
            }
            return polled;
        }
        let is_over = self.patience.as_mut().is_some_and(|patience| patience.as_mut().poll(cx).is_ready());
        if is_over {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client said nothing")));
        }
        polled
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Prompt<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.io).poll_write(cx, buf);
        self.written(cx, polled)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.io).poll_flush(cx);
        self.written(cx, polled)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.io).poll_shutdown(cx);
        self.written(cx, polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.io).poll_write_vectored(cx, bufs);
        self.written(cx, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}
