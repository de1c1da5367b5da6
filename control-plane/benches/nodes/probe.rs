//! How long the API takes while something else goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::server::Api;

/// Requests come so far apart.
const PACE: Duration = Duration::from_millis(5);

/// Asks in a thread of its own, so that it does not wait for this program's other work: reads, and writes that change nothing.
pub(crate) struct Probe {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Vec<Duration>>,
}

impl Probe {
    /// Begins. `percent` is what the valve is at.
    pub(crate) fn start(api: Api, percent: f64) -> Probe {
        let stop = Arc::<AtomicBool>::default();
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let api = api.elsewhere();
                let mut took = Vec::new();
                while !stopped.load(Ordering::SeqCst) {
                    for write in [false, true] {
                        let started = Instant::now();
                        if write {
                            api.valve(percent).await
                        } else {
                            api.shadow().await
                        }
                        took.push(started.elapsed());
                        tokio::time::sleep(PACE).await;
                    }
                }
                took
            })
        });
        Probe { stop, thread }
    }

    /// Ends, and says what 99 of 100 requests took at most, and how many there were.
    pub(crate) fn p99(self) -> (Duration, usize) {
        self.stop.store(true, Ordering::SeqCst);
        let mut took = self.thread.join().unwrap();
        took.sort_unstable();
        (took[(took.len() * 99).div_ceil(100) - 1], took.len())
    }
}
