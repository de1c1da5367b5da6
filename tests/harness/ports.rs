//! Ports for servers that have to be told theirs before they start.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::TcpListener;

/// Below the range that the system hands out to clients and to port 0, so that nobody takes a port
/// between the look and the use by chance.
const RANGE: std::ops::Range<u16> = 12_000..32_000;

/// A port that nobody listens on now.
pub fn free_port() -> u16 {
    let size = u64::from(RANGE.end - RANGE.start);
    for attempt in 0..1000_u32 {
        // A hasher's random keys are randomness enough for a port.
        let random = RandomState::new().hash_one(attempt) % size;
        let port = RANGE.start + u16::try_from(random).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no port of {RANGE:?} is free");
}
