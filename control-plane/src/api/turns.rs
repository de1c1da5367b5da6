//! What is heavy takes turns.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Evidence is read by so many at once. It may take seconds, and some hundred megabytes until it is added up; and the store has
/// more connections for whoever looks than these take.
const READERS: usize = 2;

/// The turns that there are. More who ask wait, in the order in which they came.
#[derive(Clone)]
pub struct Turns(Arc<Semaphore>);

impl Default for Turns {
    fn default() -> Self {
        Turns(Arc::new(Semaphore::new(READERS)))
    }
}

impl Turns {
    /// Waits for one. It ends with what is returned.
    pub(crate) async fn take(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.0).acquire_owned().await.ok()
    }
}
