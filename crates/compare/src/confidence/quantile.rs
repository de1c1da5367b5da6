//! A confidence sequence for a quantile, in ranks: which sample quantiles bound the true one.

use super::Interval;

/// The number of values near which the sequence is narrowest: where gates on latency are decided.
const TUNED_FOR: f64 = 10_000.0;

/// The ranks, as shares of the sample, between which the `p` quantile of the distribution lies at every sample size at
/// once, with probability `1 - alpha`.
///
/// How many of `n` values are at or below the true `p` quantile is a count of trials of rate `p`. So the ranks are the
/// counts `S` that the beta-binomial mixture of [`super::rate::interval`] leaves plausible for that known rate, as in
/// Howard and Ramdas (2022), "Sequential estimation of quantiles with applications to A/B testing and best-arm
/// identification", section 3: those with
///
/// ```text
/// B(a + S, b + n - S) / B(a, b) / (p^S (1 - p)^(n - S)) < 1 / alpha
/// ```
///
/// The prior has its mean `a / (a + b)` at `p`, and a weight that makes the sequence narrowest near 10,000 values. From
/// some hundreds on it is narrower than their stitched bound, by a quarter at 20,000.
///
/// An end at or below 0, or at or above 1, means that the sample does not bound the quantile on that side yet; the
/// interval is cut off there. `p` and `alpha` are in (0, 1).
pub fn ranks(p: f64, n: u64, alpha: f64) -> Interval {
    if n == 0 {
        return Interval { lo: 0.0, hi: 1.0 };
    }
    let mixture = Mixture::new(p, n as f64, alpha);
    Interval { lo: mixture.edge(-1.0), hi: mixture.edge(1.0) }
}

struct Mixture {
    p: f64,
    n: f64,
    a: f64,
    b: f64,
    /// What the two terms that follow the count must add up to at an edge.
    threshold: f64,
    ln_odds: f64,
}

impl Mixture {
    fn new(p: f64, n: f64, alpha: f64) -> Mixture {
        let two_ln = -2.0 * alpha.ln();
        let weight = TUNED_FOR / (two_ln + two_ln.ln() + 1.0);
        let (a, b) = (p * weight, (1.0 - p) * weight);
        let ln_prior = libm::lgamma(a) + libm::lgamma(b) - libm::lgamma(weight);
        let threshold = ln_prior + libm::lgamma(weight + n) + n * (-p).ln_1p() - alpha.ln();
        Mixture { p, n, a, b, threshold, ln_odds: p.ln() - (-p).ln_1p() }
    }

    /// How far beyond the threshold a count is; above 0 it is not plausible. Convex in the count.
    fn beyond(&self, count: f64) -> f64 {
        libm::lgamma(self.a + count) + libm::lgamma(self.b + self.n - count)
            - count * self.ln_odds
            - self.threshold
    }

    /// The edge below (`side` -1) or above (1), as a share of the sample.
    ///
    /// Newton's method from outside: on a convex function every step ends outside too, so any of them is a valid, if
    /// wider, edge.
    fn edge(&self, side: f64) -> f64 {
        let end = if side < 0.0 { 0.0 } else { self.n };
        if self.beyond(end) <= 0.0 {
            return end / self.n;
        }
        // A normal approximation lies near; where it falls inside, the end is the safe start.
        let weight = self.a + self.b;
        let deviations = (2.0 * (self.n + weight) / (self.n * self.n)
            * (5.0 + 0.5 * ((self.n + weight) / weight).ln()))
        .sqrt();
        let near = self.n * (self.p + side * 1.2 * deviations * (self.p * (1.0 - self.p)).sqrt());
        let mut count = if (0.0..=self.n).contains(&near) && self.beyond(near) > 0.0 { near } else { end };
        for _ in 0..40 {
            let slope = digamma(self.a + count) - digamma(self.b + self.n - count) - self.ln_odds;
            let step = self.beyond(count) / slope;
            // A hundredth of a value is no rank of its own.
            if !step.is_finite() || step * side < 0.01 {
                break;
            }
            count -= step;
        }
        (count / self.n).clamp(0.0, 1.0)
    }
}

/// The derivative of `lgamma`, to 1e-6 for what is not below 2 (Abramowitz and Stegun, 6.3.18).
fn digamma(x: f64) -> f64 {
    let square = 1.0 / (x * x);
    x.ln() - 0.5 / x - square * (1.0 / 12.0 - square * (1.0 / 120.0 - square / 252.0))
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
    fn the_edges_are_where_the_mixture_reaches_the_threshold() {
        for (p, n, alpha) in
            [(0.5, 300, 0.01), (0.95, 20_000, 0.004), (0.99, 5_000, 0.05), (0.99, 2_000_000, 0.001)]
        {
            let found = ranks(p, n, alpha);
            let mixture = Mixture::new(p, n as f64, alpha);
            for (edge, outwards) in [(found.lo, -1.0), (found.hi, 1.0)] {
                let count = edge * n as f64;
                assert!(
                    count <= 0.0 || count >= n as f64 || mixture.beyond(count) > -1e-6,
                    "{p} {n}: {found:?}"
                );
                assert!(mixture.beyond(count - 0.1 * outwards) < 0.0, "{p} {n}: {found:?} is too wide");
            }
            assert!(found.contains(p));
        }
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
