//! Failed attempts: held back by address, and noted for the audit trail.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};

use crate::model::access::failures::{Failed, FailureLog};

/// A person who mistypes, and a handful of Envoys behind one address with an old token, are told what is wrong.
const BURST: NonZeroU32 = NonZeroU32::new(10).unwrap();
/// Ten a minute from then on.
const PERIOD: Duration = Duration::from_secs(6);
/// Addresses that are remembered: a megabyte or so.
const MAX_ADDRESSES: usize = 10_000;

/// Failed attempts.
///
/// Somebody who shows what is right gets in whatever others did from the same address: guessing 256 bits is hopeless at
/// any speed, and an operator behind the gateway that an attacker is behind too must get in.
pub(super) struct Failures {
    limiter: RateLimiter<IpAddr, HashMapStateStore<IpAddr>, DefaultClock>,
    clock: DefaultClock,
    log: Mutex<FailureLog>,
}

impl Failures {
    pub(super) fn new() -> Failures {
        // `with_period` refuses only a period of zero.
        let quota = Quota::with_period(PERIOD).unwrap_or(Quota::per_minute(BURST)).allow_burst(BURST);
        Failures {
            limiter: RateLimiter::hashmap(quota),
            clock: DefaultClock::default(),
            log: Mutex::default(),
        }
    }

    /// One more from there; how long to wait, if it was one too many.
    pub(super) fn note(&self, address: Option<IpAddr>) -> Option<Duration> {
        let address = address.map_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED), network);
        self.log().note(&address.to_string());
        if self.limiter.len() >= MAX_ADDRESSES {
            self.limiter.retain_recent();
            if self.limiter.len() >= MAX_ADDRESSES {
                return Some(PERIOD);
            }
        }
        let refused = self.limiter.check_key(&address).err()?;
        // The header has whole seconds.
        Some(refused.wait_time_from(self.clock.now()).max(Duration::from_secs(1)))
    }

    /// Rows for the audit trail; with `ends_period`, all that was counted.
    pub(super) fn take(&self, ends_period: bool) -> Vec<Failed> {
        let mut log = self.log();
        if ends_period {
            log.end_period();
        }
        log.take()
    }

    fn log(&self) -> std::sync::MutexGuard<'_, FailureLog> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one customer of a network provider can choose addresses from: an IPv4 address, or an IPv6 network of 64 bits.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_has_its_own_patience() {
        let failures = Failures::new();
        let (one, other) = ("192.0.2.1".parse().ok(), "192.0.2.2".parse().ok());
        for _ in 0..BURST.get() {
            assert_eq!(failures.note(one), None);
        }
        let wait = failures.note(one).unwrap();
        assert!(wait >= Duration::from_secs(1) && wait <= PERIOD, "{wait:?}");
        assert_eq!(failures.note(other), None);
    }

    #[test]
    fn one_network_is_one_address_and_all_of_them_are_bounded() {
        assert_eq!(network("2001:db8::1:2:3:4".parse().unwrap()), network("2001:db8::9".parse().unwrap()));
        assert_eq!(network("::ffff:192.0.2.1".parse().unwrap()), "192.0.2.1".parse::<IpAddr>().unwrap());
        let failures = Failures::new();
        for number in 0..(MAX_ADDRESSES as u32 + 500) {
            failures.note(Some(IpAddr::V4(number.into())));
        }
        assert!(failures.limiter.len() <= MAX_ADDRESSES);
        assert!(failures.take(true).len() <= 201);
    }
}
