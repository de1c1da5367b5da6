//! A confidence sequence for a quantile, in ranks: which sample quantiles bound the true one.

use super::Interval;

/// The ranks, as shares of the sample, between which the `p` quantile of the distribution lies at every sample size at
/// once, with probability `1 - alpha`.
///
/// Howard and Ramdas (2022), "Sequential estimation of quantiles with applications to A/B testing and best-arm
/// identification", for one fixed quantile: the sample quantiles at `p - f` and `p + f`, with
///
/// ```text
/// f = 1.5 sqrt(p (1 - p) l) + 0.8 l        l = (1.4 ln ln(2.1 n) + ln(10 / alpha)) / n
/// ```
///
/// An end at or below 0, or at or above 1, means that the sample does not bound the quantile on that side yet; the
/// interval is cut off there. `p` and `alpha` are in (0, 1).
pub fn ranks(p: f64, n: u64, alpha: f64) -> Interval {
    if n == 0 {
        return Interval { lo: 0.0, hi: 1.0 };
    }
    let n = n as f64;
    let l = (1.4 * (2.1 * n).ln().ln() + (10.0 / alpha).ln()) / n;
    let f = 1.5 * (p * (1.0 - p) * l).sqrt() + 0.8 * l;
    Interval { lo: (p - f).max(0.0), hi: (p + f).min(1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_p99_is_bounded_within_tens_of_thousands() {
        let alpha = 0.05 / 12.0;
        assert_eq!(ranks(0.99, 500, alpha).hi, 1.0);
        let found = ranks(0.99, 20_000, alpha);
        assert!(found.lo > 0.985 && found.hi < 0.995, "{found:?}");
    }

    #[test]
    fn one_value_bounds_nothing() {
        assert_eq!(ranks(0.5, 1, 0.05), Interval { lo: 0.0, hi: 1.0 });
    }

    #[test]
    fn covers_the_truth_at_all_times_at_once() {
        let mut rng = fastrand::Rng::with_seed(11);
        let mut ever_wrong = 0;
        for _ in 0..300 {
            // Of uniform values, the p quantile is p; only how many are below it matters.
            let (p, mut below) = (0.95, 0_u64);
            let wrong = (1..=2_000_u64).any(|n| {
                below += u64::from(rng.f64() < p);
                let rank = below as f64 / n as f64;
                !ranks(p, n, 0.1).contains(rank)
            });
            ever_wrong += i32::from(wrong);
        }
        assert!(ever_wrong <= 30, "{ever_wrong} of 300");
    }
}
