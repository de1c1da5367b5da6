//! How long to wait before the next attempt.

/// The longest wait before the second attempt, in milliseconds: a control plane that restarts is back soon.
const FIRST_MS: u64 = 100;
/// The longest wait of all, in milliseconds.
const CAP_MS: u64 = 30_000;

/// Exponential backoff with full jitter: a wait is anything from 0 to a bound that doubles from one failure
/// to the next, so that thousands of nodes that lost one server do not come back in step
/// (M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
#[derive(Debug, Default)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// How long to wait after one more failure, in milliseconds. `random` is uniform over all of `u64`.
    pub fn next_ms(&mut self, random: u64) -> u64 {
        let bound = FIRST_MS.saturating_mul(1 << self.failures.min(16)).min(CAP_MS);
        self.failures = self.failures.saturating_add(1);
        // The high half of the product is uniform over 0..=bound.
        let product = u128::from(random) * u128::from(bound + 1);
        u64::try_from(product >> 64).unwrap_or(bound)
    }

    /// Something succeeded.
    pub fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_doubles_up_to_the_cap_and_starts_over() {
        let mut backoff = Backoff::default();
        let bounds: Vec<u64> = (0..11).map(|_| backoff.next_ms(u64::MAX)).collect();
        assert_eq!(bounds, [100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000]);
        for _ in 0..100 {
            assert_eq!(backoff.next_ms(u64::MAX), 30_000);
        }
        backoff.reset();
        assert_eq!(backoff.next_ms(u64::MAX), 100);
    }

    #[test]
    fn the_jitter_is_full() {
        assert_eq!(Backoff::default().next_ms(0), 0);
        assert_eq!(Backoff::default().next_ms(u64::MAX / 2), 50);
    }
}
