//! A confidence sequence for a rate: the share of trials that have some property.

use super::Interval;

/// The weight that the mixture puts on rates before any trial: a beta distribution.
///
/// Any prior that was fixed before the trials gives a valid sequence. One with its bulk near the rate at which the
/// decision falls gives a narrow one there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prior {
    a: f64,
    b: f64,
}

impl Prior {
    /// The prior for deciding on which side of `limit` a rate is: Beta(1/2, ·) with its mean at the limit.
    ///
    /// A limit of 0 (or less) is taken as one in a million, and one over a half as a half.
    pub fn around(limit: f64) -> Prior {
        let mean = if limit.is_finite() { limit.clamp(1e-6, 0.5) } else { 0.5 };
        Prior { a: 0.5, b: 0.5 / mean - 0.5 }
    }
}

/// The rates that `successes` of `trials` leave plausible, at every number of trials at once.
///
/// The beta-binomial mixture of Robbins (1970), as in Howard, Ramdas, McAuliffe and Sekhon (2021), "Time-uniform,
/// nonparametric, nonasymptotic confidence sequences", section 3.2. With `S` successes in `n` trials of rate `p`,
///
/// ```text
/// M(p) = B(a + S, b + n - S) / B(a, b) / (p^S (1 - p)^(n - S))
/// ```
///
/// is a martingale that starts at 1, so by Ville's inequality it ever reaches `1 / alpha` with probability `alpha` at
/// most. The interval is where it has not.
///
/// `alpha` is in (0, 1). More successes than trials count as all. No trials: anything is plausible.
pub fn interval(successes: u64, trials: u64, prior: Prior, alpha: f64) -> Interval {
    if trials == 0 {
        return Interval { lo: 0.0, hi: 1.0 };
    }
    let (s, n) = (successes.min(trials) as f64, trials as f64);
    let threshold = ln_beta(prior.a + s, prior.b + n - s) - ln_beta(prior.a, prior.b) + alpha.ln();
    // How far below its maximum the log-likelihood may be.
    let depth = ln_likelihood(s, n, s / n) - threshold;
    let lo = if s == 0.0 { 0.0 } else { edge_below(s, n, threshold, depth) };
    let hi = if s == n { 1.0 } else { edge_above(s, n, threshold, depth) };
    Interval { lo, hi }
}

/// The smallest rate whose log-likelihood reaches the threshold.
///
/// The start is outside: n KL(s/n, p) is at least s (x - 1) with x = ln(s/n / p), and at least n (s/n - p)² / (2 s/n).
fn edge_below(s: f64, n: f64, threshold: f64, depth: f64) -> f64 {
    let observed = s / n;
    let near = observed - (2.0 * observed * depth / n).sqrt();
    newton(s, n, threshold, near.max(observed * (-depth / s - 1.0).exp()))
}

/// The largest rate whose log-likelihood reaches the threshold.
///
/// The start is outside: n KL(s/n, p) is at least n (p - s/n)² / (2 p), and at least (n - s) (x - 1) with
/// x = ln((1 - s/n) / (1 - p)).
fn edge_above(s: f64, n: f64, threshold: f64, depth: f64) -> f64 {
    let (observed, t) = (s / n, depth / n);
    let near = observed + t + (t * t + 2.0 * observed * t).sqrt();
    let far = 1.0 - (1.0 - observed) * (-depth / (n - s) - 1.0).exp();
    newton(s, n, threshold, near.min(far))
}

/// Newton's method from a rate that is outside the interval.
///
/// The log-likelihood is concave, so a tangent from outside meets the threshold outside too: every step is a valid, if
/// wider, edge, and they converge quadratically.
fn newton(s: f64, n: f64, threshold: f64, outside: f64) -> f64 {
    let mut rate = outside;
    for _ in 0..30 {
        let slope = s / rate - (n - s) / (1.0 - rate);
        let next = rate - (ln_likelihood(s, n, rate) - threshold) / slope;
        // At the edge, rounding decides on the direction; what is not a number ends here too.
        let moves = (next - rate).abs() > 1e-12 * rate;
        if !moves || !(0.0..=1.0).contains(&next) {
            break;
        }
        rate = next;
    }
    rate
}

fn ln_likelihood(s: f64, n: f64, p: f64) -> f64 {
    let successes = if s > 0.0 { s * p.ln() } else { 0.0 };
    let failures = if n > s { (n - s) * (-p).ln_1p() } else { 0.0 };
    successes + failures
}

fn ln_beta(a: f64, b: f64) -> f64 {
    libm::lgamma(a) + libm::lgamma(b) - libm::lgamma(a + b)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_seen_leaves_everything_open() {
        assert_eq!(interval(0, 0, Prior::around(0.001), 0.05), Interval { lo: 0.0, hi: 1.0 });
    }

    #[test]
    fn ends_are_exact_where_all_or_none_succeeded() {
        let none = interval(0, 100, Prior::around(0.01), 0.05);
        let all = interval(100, 100, Prior::around(0.5), 0.05);
        assert_eq!(none.lo, 0.0);
        assert!(none.hi < 0.1, "{none:?}");
        assert_eq!(all.hi, 1.0);
        assert!(all.lo > 0.9, "{all:?}");
    }

    #[test]
    fn the_edges_solve_the_equation() {
        let (s, n, alpha) = (17_u64, 4_000_u64, 0.01);
        let prior = Prior::around(0.001);
        let found = interval(s, n, prior, alpha);
        for p in [found.lo, found.hi] {
            let ln_m = ln_beta(prior.a + 17.0, prior.b + 3_983.0)
                - ln_beta(prior.a, prior.b)
                - ln_likelihood(17.0, 4_000.0, p);
            assert!((ln_m - (1.0 / alpha).ln()).abs() < 1e-6, "{p}: {ln_m}");
        }
    }

    proptest! {
        #[test]
        fn the_edges_are_just_outside(n in 1_u64..1_000_000, share in 0.0..=1.0_f64, limit in 0.0..1.0_f64, alpha in 1e-6..0.5_f64) {
            let s = (share * n as f64) as u64;
            let prior = Prior::around(limit);
            let found = interval(s, n, prior, alpha);
            let (s, n) = (s as f64, n as f64);
            prop_assert!(found.contains(s / n), "{found:?}");
            let threshold = ln_beta(prior.a + s, prior.b + n - s) - ln_beta(prior.a, prior.b) + alpha.ln();
            for edge in [found.lo, found.hi] {
                if edge > 0.0 && edge < 1.0 {
                    let off = ln_likelihood(s, n, edge) - threshold;
                    prop_assert!(off.abs() < 1e-6 * (1.0 + threshold.abs()), "{edge}: {off} of {threshold}");
                }
            }
        }
    }

    #[test]
    fn a_clean_shadow_is_below_one_in_a_thousand_within_8000_pairs() {
        // alpha is what one of six gates gets, halved for a difference of two rates.
        let found = interval(0, 8_000, Prior::around(0.001), 0.05 / 12.0);
        assert!(found.hi < 0.001, "{found:?}");
    }

    #[test]
    fn covers_the_truth_at_all_times_at_once() {
        let mut rng = fastrand::Rng::with_seed(7);
        for rate in [0.002, 0.05, 0.4] {
            let mut ever_wrong = 0;
            for _ in 0..400 {
                let mut successes = 0;
                let wrong = (1..=1_500).any(|n| {
                    successes += u64::from(rng.f64() < rate);
                    !interval(successes, n, Prior::around(0.01), 0.1).contains(rate)
                });
                ever_wrong += i32::from(wrong);
            }
            // 10 % of 400 is the bound; the expected count is below it.
            assert!(ever_wrong <= 40, "{rate}: {ever_wrong} of 400");
        }
    }
}
