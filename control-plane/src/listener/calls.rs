//! Connections on which nobody is let in.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

/// The calls of a connection that were let in.
#[derive(Clone, Debug)]
pub struct Calls(Arc<Mutex<Open>>);

/// One of them, as long as this lives.
pub struct Call(Calls);

#[derive(Debug)]
struct Open {
    calls: usize,
    /// When the connection was opened, or the last call ended.
    since: Instant,
}

/// Tells when there was none for too long.
pub(super) struct Idle {
    calls: Calls,
    patience: Duration,
    look: Pin<Box<Sleep>>,
}

impl Calls {
    pub(super) fn none() -> Self {
        Calls(Arc::new(Mutex::new(Open { calls: 0, since: Instant::now() })))
    }

    /// One more.
    pub fn begin(&self) -> Call {
        let mut open = self.open();
        open.calls = open.calls.saturating_add(1);
        Call(self.clone())
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.0.open().end(Instant::now());
    }
}

impl Open {
    fn end(&mut self, now: Instant) {
        self.calls = self.calls.saturating_sub(1);
        self.since = now;
    }

    fn idle_for(&self, now: Instant) -> Duration {
        if self.calls > 0 { Duration::ZERO } else { now.saturating_duration_since(self.since) }
    }
}

impl Idle {
    pub(super) fn new(calls: Calls, patience: Duration) -> Self {
        Idle { calls, patience, look: Box::pin(tokio::time::sleep(patience)) }
    }

    /// Ready once there was none for so long.
    pub(super) fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.look.as_mut().poll(cx).is_ready() {
            let now = Instant::now();
            let left = self.patience.saturating_sub(self.calls.open().idle_for(now));
            if left.is_zero() {
                return Poll::Ready(());
            }
            // What ends meanwhile is due later than that.
            self.look.as_mut().reset(now.checked_add(left).unwrap_or(now));
        }
        Poll::Pending
    }
}
