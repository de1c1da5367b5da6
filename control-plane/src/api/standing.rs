//! Whether somebody who follows a stream is still who they were when they began.

use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, header};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::access::{Access, Known, now_ms};

/// A time that is too far off for a timer is looked at again after so long.
const FAR: Duration = Duration::from_secs(24 * 3_600);

/// Somebody who was let in, and what they showed.
pub(crate) struct Standing {
    access: Arc<Access>,
    shown: HeaderMap,
    changed: watch::Receiver<()>,
    ends: Option<Instant>,
    /// It is time to look again.
    is_due: bool,
}

impl Standing {
    pub(crate) fn new(access: &Arc<Access>, known: &Known, headers: &HeaderMap) -> Self {
        let mut shown = HeaderMap::new();
        for name in [header::AUTHORIZATION, header::COOKIE] {
            for value in headers.get_all(&name) {
                shown.append(name.clone(), value.clone());
            }
        }
        Standing {
            changed: access.watch(),
            access: Arc::clone(access),
            shown,
            ends: ends(known),
            is_due: false,
        }
    }

    /// Waits until they are let in no more. It may be dropped and called again at any time.
    pub(crate) async fn lost(&mut self) {
        loop {
            if !self.is_due {
                let ends = self.ends;
                tokio::select! {
                    // The sender lives as long as the server.
                    Ok(()) = self.changed.changed() => {},
                    () = sleep_until(ends.unwrap_or_else(Instant::now)), if ends.is_some() => {},
                }
                self.is_due = true;
            }
            match self.access.still(&self.shown).await {
                Some(known) => self.ends = ends(&known),
                None => return,
            }
            self.is_due = false;
        }
    }
}

fn ends(known: &Known) -> Option<Instant> {
    let left = Duration::from_millis(known.caller.expires_ms?.saturating_sub(now_ms()));
    Some(Instant::now() + left.min(FAR))
}
