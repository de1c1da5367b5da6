//! Tests that measure time run with no other test beside them, whichever runner started them:
//! a lock on a file, shared by those that do not mind company and exclusive for those that do.

use crate::environment;
use std::fs::File;

/// Held for as long as a test runs.
#[derive(Debug)]
pub struct Turn {
    _lock: File,
}

/// Waits until no test that must be alone is running.
pub async fn in_company() -> Turn {
    turn(File::lock_shared).await
}

/// Waits until no other test is running.
pub async fn alone() -> Turn {
    turn(File::lock).await
}

async fn turn(lock: fn(&File) -> std::io::Result<()>) -> Turn {
    let path = environment::bin_dir().join("umbra-e2e.lock");
    tokio::task::spawn_blocking(move || {
        let file = File::create(&path).unwrap_or_else(|error| panic!("creating {}: {error}", path.display()));
        lock(&file).expect("locking the file that keeps tests apart");
        Turn { _lock: file }
    })
    .await
    .expect("waiting for the file that keeps tests apart")
}
