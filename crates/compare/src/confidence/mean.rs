//! A confidence sequence for a mean whose values have no known bounds.

use super::Interval;

/// Count, mean and spread of a stream of numbers, in constant memory; two of them add up to one.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Moments {
    /// How many values.
    pub count: u64,
    /// Their mean; 0 when there are none.
    pub mean: f64,
    /// The sum of squared distances from the mean.
    pub sum_of_squares: f64,
}

impl Moments {
    /// Adds a value, by Welford (1962). Values that are not finite are left out.
    pub fn add(&mut self, value: f64) {
        if value.is_finite() {
            self.merge(&Moments { count: 1, mean: value, sum_of_squares: 0.0 });
        }
    }

    /// Adds all the values of another, by Chan, Golub and LeVeque (1979).
    pub fn merge(&mut self, other: &Moments) {
        let count = self.count + other.count;
        if other.count == 0 {
            return;
        }
        let (n, m) = (self.count as f64, other.count as f64);
        let distance = other.mean - self.mean;
        self.mean += distance * m / (n + m);
        self.sum_of_squares += other.sum_of_squares + distance * distance * n * m / (n + m);
        self.count = count;
    }

    /// The variance of the values, 0 for fewer than two.
    pub fn variance(&self) -> f64 {
        if self.count < 2 { 0.0 } else { self.sum_of_squares / self.count as f64 }
    }
}

/// The means that the values leave plausible, at every count at once, for large counts.
///
/// The asymptotic confidence sequence of Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas (2024), "Time-uniform central
/// limit theory and asymptotic confidence sequences", theorem 2.2:
///
/// ```text
/// mean ± s sqrt( 2 (n r² + 1) / (n² r²) · ln( sqrt(n r² + 1) / alpha ) )
/// ```
///
/// with `r` such that it is narrowest near `tuned_for` values (their section B.2). `alpha` is in (0, 1). Fewer than two
/// values bound nothing.
pub fn interval(moments: &Moments, alpha: f64, tuned_for: u64) -> Interval {
    if moments.count < 2 {
        return Interval { lo: f64::NEG_INFINITY, hi: f64::INFINITY };
    }
    let n = moments.count as f64;
    let two_ln = -2.0 * alpha.ln();
    let r_squared = (two_ln + two_ln.ln() + 1.0) / tuned_for.max(1) as f64;
    let spread = n * r_squared + 1.0;
    let width =
        (moments.variance() * 2.0 * spread / (n * n * r_squared) * (spread.sqrt() / alpha).ln()).sqrt();
    Interval { lo: moments.mean - width, hi: moments.mean + width }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merging_is_adding() {
        let values: Vec<f64> = (0..100).map(|i| f64::from(i * i % 37)).collect();
        let mut whole = Moments::default();
        values.iter().for_each(|v| whole.add(*v));
        let (mut left, mut right) = (Moments::default(), Moments::default());
        values.iter().take(31).for_each(|v| left.add(*v));
        values.iter().skip(31).for_each(|v| right.add(*v));
        left.merge(&right);
        assert_eq!(left.count, whole.count);
        assert!((left.mean - whole.mean).abs() < 1e-9);
        assert!((left.sum_of_squares - whole.sum_of_squares).abs() < 1e-6);
    }

    #[test]
    fn what_is_not_a_number_is_left_out() {
        let mut moments = Moments::default();
        [f64::NAN, f64::INFINITY, 2.0].into_iter().for_each(|v| moments.add(v));
        assert_eq!(moments, Moments { count: 1, mean: 2.0, sum_of_squares: 0.0 });
    }

    #[test]
    fn covers_the_truth_once_there_are_enough() {
        let mut rng = fastrand::Rng::with_seed(3);
        let mut ever_wrong = 0;
        for _ in 0..300 {
            let mut moments = Moments::default();
            let wrong = (1..=2_000).any(|n| {
                moments.add(rng.f64() - 0.5);
                // The guarantee is asymptotic: a few values prove nothing about it.
                n >= 100 && !interval(&moments, 0.1, 1_000).contains(0.0)
            });
            ever_wrong += i32::from(wrong);
        }
        assert!(ever_wrong <= 30, "{ever_wrong} of 300");
    }
}
