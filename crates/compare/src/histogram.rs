//! A mergeable histogram of durations with a bounded relative error.
//!
//! The buckets of DDSketch (Masson, Rim and Lee 2019): bucket `i` holds the values in (g^(i-1), g^i], with
//! g = (1 + e) / (1 - e). Any value in a bucket is within a factor of `1 ± e` of its middle. The bounds are the same
//! everywhere, so histograms from different workers add up bucket by bucket, with no further error.

use crate::confidence::Interval;

/// The relative error of a quantile: 0.5 %, half of what is promised, so that a *ratio* of two quantiles is within 1 %.
pub const RELATIVE_ERROR: f64 = 0.005;

/// Buckets on both sides of 1 that are told apart. Values beyond fall into the outermost; in microseconds that is from
/// one to more than an hour.
const MAX_BUCKET: i32 = 2_500;

/// Counts of values by bucket. Values are positive; which unit they have is the owner's matter.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Histogram {
    /// Ascending by bucket, without empty ones: small, and fast to go through.
    counts: Vec<(i32, u64)>,
    total: u64,
}

impl Histogram {
    /// Counts a value. One that is not above 0, or not a number, counts as the smallest.
    pub fn add(&mut self, value: f64) {
        self.add_bucket(bucket(value), 1);
    }

    /// Adds what another histogram counted.
    pub fn merge(&mut self, other: &Histogram) {
        other.buckets().for_each(|(bucket, count)| self.add_bucket(bucket, count));
    }

    /// Counts `count` values of a bucket, for histograms that come off the wire. Buckets beyond the outermost count
    /// as the outermost; counts stop at the largest number there is.
    pub fn add_bucket(&mut self, bucket: i32, count: u64) {
        let room = u64::MAX - self.total;
        let count = count.min(room);
        let bucket = bucket.clamp(-MAX_BUCKET, MAX_BUCKET);
        match self.counts.binary_search_by_key(&bucket, |(this, _)| *this) {
            _ if count == 0 => {}
            Ok(at) => self.counts.iter_mut().skip(at).take(1).for_each(|(_, seen)| *seen += count),
            Err(at) => self.counts.insert(at, (bucket, count)),
        }
        self.total += count;
    }

    /// The buckets that hold something, from the smallest values up.
    pub fn buckets(&self) -> impl Iterator<Item = (i32, u64)> + '_ {
        self.counts.iter().copied()
    }

    /// How many values were counted.
    pub fn count(&self) -> u64 {
        self.total
    }

    /// The value below which a share `p` of the values lies, within [`RELATIVE_ERROR`]. `None` when there are no values.
    pub fn quantile(&self, p: f64) -> Option<f64> {
        self.bucket_at(p).map(middle)
    }

    /// The values between which the sample quantiles of these ranks lie, with the buckets' width on the safe side.
    ///
    /// A rank at 0 bounds nothing from below, one at 1 nothing from above.
    pub fn between(&self, ranks: &Interval) -> Interval {
        let lo = if ranks.lo <= 0.0 { None } else { self.bucket_at(ranks.lo).map(|b| upper_end(b - 1)) };
        let hi = if ranks.hi >= 1.0 { None } else { self.bucket_at(ranks.hi).map(upper_end) };
        Interval { lo: lo.unwrap_or(0.0), hi: hi.unwrap_or(f64::INFINITY) }
    }

    fn bucket_at(&self, p: f64) -> Option<i32> {
        let wanted = (p * self.total as f64).ceil().max(1.0);
        let mut seen = 0_u64;
        self.counts
            .iter()
            .find(|(_, count)| {
                seen += *count;
                seen as f64 >= wanted
            })
            .or_else(|| self.counts.last())
            .map(|(bucket, _)| *bucket)
    }
}

fn ln_growth() -> f64 {
    ((1.0 + RELATIVE_ERROR) / (1.0 - RELATIVE_ERROR)).ln()
}

fn bucket(value: f64) -> i32 {
    if value > 0.0 {
        // A cast from f64 stops at the ends of i32.
        ((value.ln() / ln_growth()).ceil() as i32).clamp(-MAX_BUCKET, MAX_BUCKET)
    } else {
        -MAX_BUCKET
    }
}

fn upper_end(bucket: i32) -> f64 {
    (f64::from(bucket) * ln_growth()).exp()
}

fn middle(bucket: i32) -> f64 {
    // 2 g^i / (g + 1): the same relative distance to both ends of the bucket.
    2.0 * upper_end(bucket) / (ln_growth().exp() + 1.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn quantiles_are_within_the_error(mut values in prop::collection::vec(1.0..1e9_f64, 1..200), p in 0.0..1.0_f64) {
            let mut histogram = Histogram::default();
            values.iter().for_each(|v| histogram.add(*v));
            values.sort_by(f64::total_cmp);
            let rank = ((p * values.len() as f64).ceil() as usize).clamp(1, values.len());
            let exact = values[rank - 1];
            let found = histogram.quantile(p).unwrap();
            // In microseconds the outermost bucket is beyond an hour: values there are only known to be that long.
            prop_assume!(exact < 7e10);
            prop_assert!((found / exact - 1.0).abs() <= RELATIVE_ERROR + 1e-9, "{found} for {exact}");
        }

        #[test]
        fn merging_is_adding(left in prop::collection::vec(0.0..1e6_f64, 0..50), right in prop::collection::vec(0.0..1e6_f64, 0..50)) {
            let (mut a, mut b, mut both) = (Histogram::default(), Histogram::default(), Histogram::default());
            left.iter().for_each(|v| { a.add(*v); both.add(*v); });
            right.iter().for_each(|v| { b.add(*v); both.add(*v); });
            a.merge(&b);
            prop_assert_eq!(a, both);
        }
    }

    #[test]
    fn odd_values_count_as_the_smallest() {
        let mut histogram = Histogram::default();
        [0.0, -1.0, f64::NAN].into_iter().for_each(|v| histogram.add(v));
        histogram.add(f64::INFINITY);
        assert_eq!(histogram.buckets().collect::<Vec<_>>(), [(-MAX_BUCKET, 3), (MAX_BUCKET, 1)]);
    }

    #[test]
    fn the_bounds_hold_the_sample_quantiles() {
        let mut histogram = Histogram::default();
        (1..=1_000).for_each(|v| histogram.add(f64::from(v)));
        let found = histogram.between(&Interval { lo: 0.4, hi: 0.6 });
        assert!(found.lo <= 400.0 && found.lo > 395.0, "{found:?}");
        assert!(found.hi >= 600.0 && found.hi < 607.0, "{found:?}");
        let open = histogram.between(&Interval { lo: 0.0, hi: 1.0 });
        assert_eq!(open, Interval { lo: 0.0, hi: f64::INFINITY });
    }

    #[test]
    fn counts_from_the_wire_do_not_overflow() {
        let mut histogram = Histogram::default();
        histogram.add_bucket(i32::MIN, u64::MAX);
        histogram.add_bucket(3, 5);
        assert_eq!(histogram.count(), u64::MAX);
    }
}
