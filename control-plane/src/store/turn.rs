//! Whose turn it is to write, and how the last write went.

use std::sync::{Arc, PoisonError};

use tokio::sync::{Mutex, MutexGuard};

use crate::store::error::{Cause, StoreError};

/// Changes and telemetry come to the database one after the other, in the order in which they asked. SQLite's own way,
/// asking again and again, would let a stream of telemetry keep a valve from closing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Turn {
    queue: Arc<Mutex<()>>,
    trouble: Arc<std::sync::Mutex<Option<Cause>>>,
}

impl Turn {
    /// Waits for it. It ends with what is returned.
    pub(crate) async fn lock(&self) -> MutexGuard<'_, ()> {
        self.queue.lock().await
    }

    /// A write went so.
    pub(crate) fn note<T>(&self, result: &Result<T, StoreError>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) =
            result.as_ref().err().map(StoreError::cause);
    }

    /// Why the last write was not done; `None` if it was.
    pub(crate) fn trouble(&self) -> Option<Cause> {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
