//! Servers that have done nothing yet answer slowly at first, as Node compiles what runs often. A verdict on latency would
//! be about that: so every server is asked beforehand what the clients will ask, as a rollout would see to. It also
//! tells how fast this machine is at the moment, and so at what pace it measures servers and not its own queue.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};

use super::mix;
use crate::http::Client;
use crate::interrupt;
use crate::progress::Progress;

/// Numbers of the requests of the mix that each server is asked, less those that write: first to warm it up, then to
/// measure.
const ROUNDS: [std::ops::Range<u64>; 2] = [0..3_000, 3_000..4_000];

/// A paired request takes so many times what one request of a server takes. Three servers answer it; Envoy, the
/// control plane and the client need something too; and half of the machine stays idle.
const ROOM: u32 = 8;

/// Two idle cores could do more, and 7,000 pairs are there in half a minute.
const FASTEST: Duration = Duration::from_millis(4);

/// Slower than this, nobody waits for 7,000 pairs.
const SLOWEST: Duration = Duration::from_millis(40);

/// Asks all servers, side by side; gives how often a request may be sent that three of them answer.
///
/// # Errors
/// When one does not answer, or when interrupted.
pub(crate) fn up(ports: &[u16]) -> Result<Duration> {
    let progress = Progress::start("warming the servers up");
    let mut each = Duration::ZERO;
    for numbers in ROUNDS {
        let began = Instant::now();
        let asked = thread::scope(|scope| {
            let asked: Vec<_> =
                ports.iter().map(|port| scope.spawn(|| ask(*port, numbers.clone()))).collect();
            let counts =
                asked.into_iter().map(|one| one.join().map_err(|_| anyhow!("a client ended early"))?);
            counts.sum::<Result<u32>>()
        })?;
        each = began.elapsed() / asked.max(1);
    }
    let pace = (each * ROOM).clamp(FASTEST, SLOWEST);
    progress.done(format_args!(
        "{} µs for a request; the pace will be one every {:.1} ms",
        each.as_micros(),
        pace.as_secs_f64() * 1_000.0
    ));
    Ok(pace)
}

/// Asks the requests with these numbers; gives how many there were.
fn ask(port: u16, numbers: std::ops::Range<u64>) -> Result<u32> {
    let client = Client::new(port);
    let mut asked = 0;
    for request in numbers.map(mix::request).filter(mix::Request::may_be_mirrored) {
        interrupt::check()?;
        client.send(request.method, &request.path, &[], None).context("a server cannot be warmed up")?;
        asked += 1;
    }
    Ok(asked)
}
