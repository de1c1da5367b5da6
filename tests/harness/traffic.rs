//! Requests that go on until told to stop.

use crate::client::{Connection, Protocol, Request};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// One connection, 200 requests a second at most; every one must be answered with 200 and `primary`.
#[derive(Debug)]
pub struct Traffic {
    stop: Arc<AtomicBool>,
    task: JoinHandle<Vec<(u64, Instant)>>,
}

impl Traffic {
    /// Begins, with the numbers from 0 as `x-id`.
    pub fn start(port: u16) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let task = tokio::spawn(async move {
            let mut connection = Connection::open(port, Protocol::Http1).await.unwrap();
            let mut sent = Vec::new();
            let mut pace = tokio::time::interval(Duration::from_millis(5));
            while !stopped.load(Ordering::Relaxed) {
                pace.tick().await;
                let id = sent.len() as u64;
                let at = Instant::now();
                let request = Request::get("/").header("x-id", id.to_string());
                let answer = connection.send(&request).await.expect("no request fails");
                assert_eq!((answer.status, answer.text()), (200, "primary".to_owned()));
                sent.push((id, at));
            }
            sent
        });
        Self { stop, task }
    }

    /// What was sent, and when.
    pub async fn end(self) -> Vec<(u64, Instant)> {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await.expect("no request fails")
    }
}
