//! Histograms as two rows of numbers: where each bucket is, as the distance to the one before, and what is in it.

use umbra_compare::histogram::Histogram;

use crate::fields::{At, Errors};
use crate::proto::telemetry::v1 as proto;

/// As it is sent.
#[must_use]
pub fn to_proto(histogram: &Histogram) -> proto::Histogram {
    let mut message = proto::Histogram::default();
    let mut before = 0;
    for (bucket, count) in histogram.buckets() {
        message.buckets.push(bucket - before);
        message.counts.push(count);
        before = bucket;
    }
    message
}

/// As it was sent. `None` where that was noted as an error.
pub(super) fn from_proto(
    message: &proto::Histogram,
    at: At<'_>,
    max_count: u64,
    errors: &mut Errors,
) -> Option<Histogram> {
    if message.buckets.len() != message.counts.len() {
        errors.add(at, "must have a count for each bucket");
        return None;
    }
    let mut histogram = Histogram::default();
    let mut bucket = 0_i32;
    let mut total = 0_u64;
    for (index, (step, count)) in message.buckets.iter().zip(&message.counts).enumerate() {
        if *count == 0 || (index > 0 && *step < 1) {
            errors.add(at, "must have ascending buckets with something in each");
            return None;
        }
        bucket = bucket.saturating_add(*step);
        if bucket.unsigned_abs() > MAX_BUCKET {
            errors.add(at, format!("has a bucket beyond {MAX_BUCKET}"));
            return None;
        }
        total = total.saturating_add(*count);
        if total > max_count {
            errors.add(at, format!("counts more than {max_count}"));
            return None;
        }
        histogram.add_bucket(bucket, *count);
    }
    Some(histogram)
}

/// The outermost buckets of [`Histogram`].
const MAX_BUCKET: u32 = 2_500;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outermost_bucket_is_the_histograms_own() {
        let mut histogram = Histogram::default();
        histogram.add(f64::INFINITY);
        histogram.add(0.0);
        let buckets: Vec<_> = histogram.buckets().map(|(bucket, _)| bucket.unsigned_abs()).collect();
        assert_eq!(buckets, [MAX_BUCKET, MAX_BUCKET]);
    }
}
