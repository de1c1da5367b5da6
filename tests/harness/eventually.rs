//! Waiting for a value, bounded.

use std::fmt::Display;
use std::time::{Duration, Instant};

/// How long something may take that normally takes well under a second: the machine may be busy.
pub const SOON: Duration = Duration::from_secs(20);

/// How long a filter may take to come back to a control plane that was gone: half a minute at most between two attempts
/// (`docs/operating.md`), and then [`SOON`].
pub const RECONNECTED: Duration = SOON.saturating_add(Duration::from_secs(30));

/// Between two looks. Short against everything that is waited for.
const LOOK: Duration = Duration::from_millis(15);

/// Looks again and again until `look` gives a value, and returns that.
///
/// # Panics
/// When `deadline` has passed, with `what` was waited for and what the last look saw.
pub async fn eventually<T, E: Display>(
    deadline: Duration,
    what: &str,
    mut look: impl AsyncFnMut() -> Result<T, E>,
) -> T {
    let start = Instant::now();
    loop {
        match look().await {
            Ok(value) => return value,
            Err(seen) if start.elapsed() > deadline => {
                panic!("not within {deadline:?}: {what}; last seen: {seen}")
            }
            Err(_) => tokio::time::sleep(LOOK).await,
        }
    }
}

/// Watches for `duration` that `look` stays `Ok`.
///
/// # Panics
/// When it does not, with `what` should have held and what was seen instead.
pub async fn throughout<E: Display>(
    duration: Duration,
    what: &str,
    mut look: impl AsyncFnMut() -> Result<(), E>,
) {
    let start = Instant::now();
    while start.elapsed() < duration {
        if let Err(seen) = look().await {
            panic!("broken after {:?}: {what}; seen: {seen}", start.elapsed());
        }
        tokio::time::sleep(LOOK).await;
    }
}
