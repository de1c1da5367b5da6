//! Takes back what was moved for a limited time, when its time is over.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio_util::sync::CancellationToken;
use tracing::error;
use umbra_resource::manifest::status::Moment;

use crate::model::audit::Origin;
use crate::model::command::Command;
use crate::model::expiry::next;
use crate::store::Store;
use crate::store::error::WriteError;

/// The wall clock may be set while something waits for it; it is looked at again after so long.
const LOOK: Duration = Duration::from_secs(10);
/// After a failure of the store.
const RETRY: Duration = Duration::from_secs(1);

/// Takes back all that is due now.
///
/// # Errors
/// The store failed, or refused; what was taken back before that stays so.
pub async fn restore_due(store: &Store) -> Result<(), WriteError> {
    loop {
        let (state, now) = (store.state(), now());
        let Some((at, shadow)) = next(&state).filter(|(at, _)| *at <= now) else { return Ok(()) };
        let command = Command::Expire { shadow: shadow.to_owned(), now: now.max(at) };
        let origin = Origin { actor: "umbra".to_owned(), source: "timer".to_owned(), reason: None };
        match store.execute(command, origin).await {
            // It was deleted in between.
            Ok(_) | Err(WriteError::Rejected(_)) if !Arc::ptr_eq(&state, &store.state()) => {}
            Ok(_) => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

/// Takes back what is due whenever it is, until `stopping`.
pub async fn follow(store: Arc<Store>, stopping: CancellationToken) {
    let mut changes = store.watch();
    loop {
        let wait = match next(&changes.borrow_and_update()) {
            Some((at, _)) => Duration::from_millis(at.ms().saturating_sub(now().ms())).min(LOOK),
            None => Duration::MAX,
        };
        tokio::select! {
            () = stopping.cancelled() => return,
            changed = changes.changed() => if changed.is_err() {
                return;
            },
            () = tokio::time::sleep(wait) => {}
        }
        if let Err(error) = restore_due(&store).await {
            error!(
                error = &error as &dyn std::error::Error,
                "a change whose time is over is not taken back yet"
            );
            tokio::select! {
                () = stopping.cancelled() => return,
                () = tokio::time::sleep(RETRY) => {}
            }
        }
    }
}

fn now() -> Moment {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Moment::from_ms(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
