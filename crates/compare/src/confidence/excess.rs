//! A confidence sequence for how much more often one of two things happens than the other, on the same trials.

use super::Interval;

/// The weight of the prior on each of the two rates, in trials. The smaller, the fewer trials it takes to see that
/// neither ever happens; the larger, the fewer to tell two that both happen often. In between, a quarter costs neither
/// more than a tenth.
const WEIGHT: f64 = 0.25;

/// The part of the mixture that expects rates near the limit. The rest expects anything, so that a shadow that is broken
/// altogether is told so at once; it costs the others a hundredth of their pairs.
const NEAR: f64 = 0.9;

/// The differences `first - second` of two rates that these counts leave plausible, at every number of trials at once.
///
/// A trial is one of three things: the first happens alone, the second alone, or neither does (or both do, which says
/// nothing about their difference). So the counts are multinomial, and with a Dirichlet prior in the place of the beta
/// the mixture of Robbins (1970) is, as in Howard, Ramdas, McAuliffe and Sekhon (2021), section 3.2,
///
/// ```text
/// M(p) = B(a + S1, a + S2, b + S0) / B(a, a, b) / (p1^S1 p2^S2 p0^S0)
/// ```
///
/// a martingale under `p`, that starts at 1 and ever reaches `1 / alpha` with probability `alpha` at most (Ville 1939).
/// A difference is plausible while some `p` with that difference is. Which of them is the likeliest is the root of a
/// quadratic (Tango 1998). One sequence for both rates is narrower than two at half of `alpha`: it does not take both to
/// be at their worst at once.
///
/// The prior mostly expects rates near `limit`: any prior is valid, and this one is best at telling on which side of it the
/// difference is. A limit of 0 (or less) is taken as one in a million, and one over a half as a half. `alpha` is in
/// (0, 1). `first` and `second` are no more than `trials` together; what is over counts as trials. No trials: anything
/// is plausible.
pub fn interval(first: u64, second: u64, trials: u64, limit: f64, alpha: f64) -> Interval {
    weighted(first as f64, second as f64, trials as f64, limit, alpha)
}

/// The same of trials that do not all count as much: then `trials` is how many that do would say as much as they, and the others
/// are the part of these. It is an approximation, as a confidence interval over weighted counts is (Korn and Graubard 1998).
pub fn weighted(first: f64, second: f64, trials: f64, limit: f64, alpha: f64) -> Interval {
    if trials.is_nan() || trials <= 0.0 {
        return Interval { lo: -1.0, hi: 1.0 };
    }
    let mean = if limit.is_finite() { limit.clamp(1e-6, 0.5) } else { 0.5 };
    let counts = Counts { first, second, neither: (trials - first - second).max(0.0) };
    let threshold = counts.ln_mixture(mean) + alpha.ln();
    Interval { lo: -counts.swapped().highest(threshold), hi: counts.highest(threshold) }
}

#[derive(Clone, Copy)]
struct Counts {
    first: f64,
    second: f64,
    neither: f64,
}

impl Counts {
    fn swapped(self) -> Counts {
        Counts { first: self.second, second: self.first, ..self }
    }

    fn trials(self) -> f64 {
        self.first + self.second + self.neither
    }

    /// Of the two priors: one with both rates near `mean`, and one with no idea of them.
    fn ln_mixture(self, mean: f64) -> f64 {
        let near = NEAR.ln() + self.ln_dirichlet([WEIGHT, WEIGHT, WEIGHT / mean - WEIGHT]);
        let anywhere = (1.0 - NEAR).ln() + self.ln_dirichlet([0.5; 3]);
        let (less, more) = (near.min(anywhere), near.max(anywhere));
        more + (less - more).exp().ln_1p()
    }

    fn ln_dirichlet(self, [first, second, neither]: [f64; 3]) -> f64 {
        ln_beta([first + self.first, second + self.second, neither + self.neither])
            - ln_beta([first, second, neither])
    }

    /// The highest difference whose likelihood reaches the threshold.
    ///
    /// The likelihood of a difference is concave in it. So a line through two differences that are too high meets the
    /// threshold at one that is too high, or exact: every step of the secant method is a valid, if wider, end.
    fn highest(self, threshold: f64) -> f64 {
        let n = self.trials();
        if self.first >= n {
            return 1.0;
        }
        // The second rate is 0 at least, so the difference is no higher than the first can be for itself, for which
        // n KL(S/n, p) is at least n (p - S/n)² / (2 p), and at least (n - S) (ln((1 - S/n) / (1 - p)) - 1).
        let observed = self.first / n;
        let depth = self.ln_likelihood((self.first - self.second) / n) - threshold;
        let t = depth / n;
        let near = observed + t + (t * t + 2.0 * observed * t).sqrt();
        let far = 1.0 - (1.0 - observed) * (-depth / (n - self.first) - 1.0).exp();
        let mut high = near.min(far);
        let mut higher = 0.5 * (high + 1.0);
        let (mut at_high, mut at_higher) = (self.ln_likelihood(high), self.ln_likelihood(higher));
        for _ in 0..60 {
            let next = high + (threshold - at_high) * (higher - high) / (at_higher - at_high);
            // At the end, rounding decides on the direction; what is not a number ends here too.
            let moves = next < high - 1e-12 && next > -1.0;
            if !moves {
                break;
            }
            (higher, at_higher) = (high, at_high);
            (high, at_high) = (next, self.ln_likelihood(next));
        }
        high
    }

    /// The greatest log-likelihood of rates with this difference.
    fn ln_likelihood(self, difference: f64) -> f64 {
        let Counts { first, second, neither } = self;
        let n = self.trials();
        // With p1 = p2 + d and p0 = 1 - 2 p2 - d, the derivative by p2 is 0 where A p2² + B p2 + C is.
        let a = 2.0 * n;
        let b = (2.0 * n - first + second) * difference - first - second;
        let c = -second * difference * (1.0 - difference);
        let root = ((b * b - 4.0 * a * c).max(0.0).sqrt() - b) / (2.0 * a);
        let p2 = root.clamp((-difference).max(0.0), 0.5 * (1.0 - difference));
        let term = |count: f64, rate: f64| if count > 0.0 { count * rate.max(0.0).ln() } else { 0.0 };
        term(first, p2 + difference) + term(second, p2) + term(neither, 1.0 - 2.0 * p2 - difference)
    }
}

fn ln_beta(weights: [f64; 3]) -> f64 {
    weights.into_iter().map(libm::lgamma).sum::<f64>() - libm::lgamma(weights.into_iter().sum())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::confidence::rate;

    #[test]
    fn nothing_seen_leaves_everything_open() {
        assert_eq!(interval(0, 0, 0, 0.001, 0.05), Interval { lo: -1.0, hi: 1.0 });
    }

    #[test]
    fn swapping_the_two_turns_the_interval_around() {
        let (one, other) = (interval(17, 4, 4_000, 0.001, 0.01), interval(4, 17, 4_000, 0.001, 0.01));
        assert_eq!((one.lo, one.hi), (-other.hi, -other.lo));
    }

    #[test]
    fn a_clean_shadow_is_below_one_in_a_thousand_within_7000_pairs() {
        // alpha is what one of six gates gets.
        let found = interval(0, 0, 7_000, 0.001, 0.05 / 6.0);
        assert!(found.hi < 0.001, "{found:?}");
    }

    #[test]
    fn what_is_broken_altogether_is_told_at_once() {
        let found = interval(20, 0, 20, 0.001, 0.05 / 6.0);
        assert!(found.lo > 0.1 && found.hi == 1.0, "{found:?}");
    }

    #[test]
    fn one_sequence_is_narrower_than_two() {
        let (first, second, trials, alpha) = (60, 60, 10_000, 0.01);
        let one = interval(first, second, trials, 0.005, alpha);
        let of = |count| rate::interval(count, trials, rate::Prior::around(0.005), alpha / 2.0);
        let (first, second) = (of(first), of(second));
        let two = Interval { lo: first.lo - second.hi, hi: first.hi - second.lo };
        assert!(one.hi - one.lo < 0.9 * (two.hi - two.lo), "{one:?} {two:?}");
    }

    proptest! {
        #[test]
        fn the_ends_are_where_the_likelihood_meets_the_threshold(
            first in 0.0..=1.0_f64, second in 0.0..=1.0_f64, n in 1_u64..1_000_000, small in any::<bool>(),
            limit in 0.0..1.0_f64, alpha in 1e-6..0.5_f64,
        ) {
            let scale = n as f64 * if small { 0.01 } else { 1.0 };
            let first = (first * scale) as u64;
            let second = (second * (scale - first as f64)) as u64;
            let found = interval(first, second, n, limit, alpha);
            let (s1, s2) = (first as f64, second as f64);
            let counts = Counts { first: s1, second: s2, neither: (n - first - second) as f64 };
            let observed = (s1 - s2) / n as f64;
            prop_assert!(found.contains(observed), "{observed} in {found:?}");
            let mean = limit.clamp(1e-6, 0.5);
            let threshold = counts.ln_mixture(mean) + alpha.ln();
            for end in [found.lo, found.hi] {
                if end.abs() < 1.0 {
                    let off = counts.ln_likelihood(end) - threshold;
                    prop_assert!(off.abs() < 1e-5 * (1.0 + threshold.abs()), "{end}: {off} of {threshold}");
                }
            }
        }

        #[test]
        fn no_other_rates_with_the_difference_are_likelier(
            first in 0_u32..200, second in 0_u32..200, neither in 0_u32..5_000, d in -0.99..0.99_f64, at in 0.0..1.0_f64,
        ) {
            let counts = Counts { first: first.into(), second: second.into(), neither: neither.into() };
            prop_assume!(counts.trials() > 0.0);
            let least = (-d).max(0.0);
            let p2 = least + at * (0.5 * (1.0 - d) - least);
            let term = |count: f64, rate: f64| if count > 0.0 { count * rate.max(0.0).ln() } else { 0.0 };
            let other = term(counts.first, p2 + d) + term(counts.second, p2) + term(counts.neither, 1.0 - 2.0 * p2 - d);
            let best = counts.ln_likelihood(d);
            prop_assert!(best >= other - 1e-6 * (1.0 + best.abs()), "{best} {other}");
        }
    }

    #[test]
    fn covers_the_truth_at_all_times_at_once() {
        let mut rng = fastrand::Rng::with_seed(11);
        for (first_rate, second_rate) in [(0.002, 0.002), (0.05, 0.0), (0.2, 0.3)] {
            let mut ever_wrong = 0;
            for _ in 0..400 {
                let (mut first, mut second) = (0, 0);
                let wrong = (1..=1_500).any(|n| {
                    let drawn = rng.f64();
                    first += u64::from(drawn < first_rate);
                    second += u64::from(drawn >= 1.0 - second_rate);
                    !interval(first, second, n, 0.01, 0.1).contains(first_rate - second_rate)
                });
                ever_wrong += i32::from(wrong);
            }
            // 10 % of 400 is the bound; the expected count is below it.
            assert!(ever_wrong <= 40, "{first_rate} and {second_rate}: {ever_wrong} of 400");
        }
    }
}
