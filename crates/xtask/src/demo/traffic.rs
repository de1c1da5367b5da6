//! Clients: threads that send the mix, as fast as they are answered, for as long or as often as they are told.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};

use super::mix;
use crate::http::Client;
use crate::interrupt;
use crate::progress::Progress;

/// How many clients there are: several connections for each of Envoy's workers.
const CLIENTS: usize = 8;

/// After so many requests a client comes back with a new connection, so that every worker sees traffic.
const REQUESTS_PER_CONNECTION: u32 = 100;

/// What every request carries besides: a shop's clients log in, and the shadow must not see how.
const HEADERS: [(&str, &str); 4] = [
    ("host", "shop.example.com"),
    ("content-type", "application/json"),
    ("authorization", "Bearer not-for-the-shadow"),
    ("cookie", "session=not-for-the-shadow"),
];

/// What was sent since the start.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sent {
    /// Requests that were answered or failed.
    pub(crate) requests: u64,
    /// Those among them that the stamp fits.
    pub(crate) stamped: u64,
    /// Those among them that the guards let through to the shadow.
    pub(crate) allowed: u64,
    /// Those that got no answer, or one that says the server failed.
    pub(crate) failed: u64,
}

impl Sent {
    /// What was sent since `earlier`.
    pub(crate) fn since(&self, earlier: &Self) -> Self {
        Self {
            requests: self.requests - earlier.requests,
            stamped: self.stamped - earlier.stamped,
            allowed: self.allowed - earlier.allowed,
            failed: self.failed - earlier.failed,
        }
    }
}

/// The clients; dropped, they stop.
#[derive(Debug)]
pub(crate) struct Traffic {
    shared: Arc<Shared>,
    clients: Vec<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    order: Order,
    /// Requests that were begun, which is also the next one's number.
    begun: u64,
    /// Flowing, the next request is not begun before.
    due: Option<Instant>,
    sent: Sent,
    failure: Option<String>,
}

#[derive(Debug, Clone, Copy, Default)]
enum Order {
    #[default]
    Wait,
    /// Until this many were begun.
    Until(u64),
    /// Without end, the next one not before this has passed since the last was begun.
    Flow(Duration),
    End,
}

impl Traffic {
    /// Starts clients of `127.0.0.1:port` that wait to be told.
    pub(crate) fn start(port: u16) -> Self {
        let shared = Arc::new(Shared::default());
        let client = |_| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || shared.serve(port))
        };
        Self { clients: (0..CLIENTS).map(client).collect(), shared }
    }

    /// Lets requests flow without end, one every so often; with zero, as fast as they are answered.
    pub(crate) fn flow(&self, every: Duration) {
        self.shared.order(Order::Flow(every));
    }

    /// Stops, and waits for the answers that are under way; gives what was sent since the start.
    ///
    /// # Errors
    /// When interrupted.
    pub(crate) fn pause(&self) -> Result<Sent> {
        self.shared.order(Order::Wait);
        self.wait(&Progress::silent())
    }

    /// Sends this many requests and waits for their answers; gives what was sent since the start.
    ///
    /// # Errors
    /// When interrupted.
    pub(crate) fn send(&self, requests: u64, progress: &Progress) -> Result<Sent> {
        let begun = self.shared.lock().begun;
        self.shared.order(Order::Until(begun + requests));
        self.wait(progress)
    }

    /// What was sent since the start, up to now.
    pub(crate) fn sent(&self) -> Sent {
        self.shared.lock().sent
    }

    /// The first failure, in words.
    pub(crate) fn failure(&self) -> Option<String> {
        self.shared.lock().failure.clone()
    }

    /// Waits until the order is carried out and nothing is under way.
    fn wait(&self, progress: &Progress) -> Result<Sent> {
        let start = self.sent().requests;
        let mut state = self.shared.lock();
        loop {
            let finished = match state.order {
                Order::Until(end) => state.begun >= end,
                _ => true,
            };
            if finished && state.sent.requests == state.begun {
                return Ok(state.sent);
            }
            if self.clients.iter().any(JoinHandle::is_finished) {
                return Err(anyhow!("a client ended early"));
            }
            progress.at(state.sent.requests - start);
            let waited = self.shared.changed.wait_timeout(state, Duration::from_millis(50));
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            interrupt::check()?;
        }
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.shared.order(Order::End);
        for client in self.clients.drain(..) {
            // One that panicked has said so already.
            let _ = client.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn order(&self, order: Order) {
        self.lock().order = order;
        self.changed.notify_all();
    }

    /// The number of the next request, once it is time for it; none when all is over.
    fn next(&self) -> Option<u64> {
        let mut state = self.lock();
        loop {
            let now = Instant::now();
            let early = match state.order {
                Order::End => return None,
                Order::Flow(every) => {
                    let due = state.due.unwrap_or(now);
                    let early = due.saturating_duration_since(now);
                    if early.is_zero() {
                        // What could not be sent in time is not made up for in a burst.
                        state.due = Some(now.max(due + every));
                    }
                    Some(early)
                }
                Order::Until(end) if state.begun < end => Some(Duration::ZERO),
                Order::Until(_) | Order::Wait => None,
            };
            state = match early {
                Some(Duration::ZERO) => {
                    let number = state.begun;
                    state.begun += 1;
                    return Some(number);
                }
                Some(early) => {
                    self.changed.wait_timeout(state, early).unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    fn serve(&self, port: u16) {
        let mut client = Client::new(port);
        let mut on_this_connection = 0;
        while let Some(number) = self.next() {
            let request = mix::request(number);
            let failure = send(&client, &request).err();
            on_this_connection += 1;
            if on_this_connection == REQUESTS_PER_CONNECTION {
                client = Client::new(port);
                on_this_connection = 0;
            }
            let mut state = self.lock();
            state.sent.requests += 1;
            state.sent.stamped += u64::from(request.is_stamped());
            state.sent.allowed += u64::from(request.may_be_mirrored());
            if let Some(failure) = failure {
                state.sent.failed += 1;
                state.failure.get_or_insert(format!("{failure:#}"));
            }
            drop(state);
            self.changed.notify_all();
        }
    }
}

fn send(client: &Client, request: &mix::Request) -> Result<()> {
    let answer = client.send(request.method, &request.path, &HEADERS, request.body.as_deref())?;
    anyhow::ensure!(
        answer.status < 500,
        "{} {} was answered with {}",
        request.method,
        request.path,
        answer.status
    );
    Ok(())
}
