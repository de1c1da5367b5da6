//! Shares as operators write them, and as the policy counts them.

use std::fmt;

use serde::{Serialize, Serializer};

/// Parts per million in one percent, which is why a percentage has at most four decimals.
const PPM_PER_PERCENT: u32 = 10_000;

/// A percentage from 0 to 100 with at most four decimals, exactly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Percent(u32);

impl Percent {
    /// From a number as written.
    ///
    /// # Errors
    /// In words, when it is not a number from 0 to 100 or has more than four decimals.
    pub fn new(percent: f64) -> Result<Self, String> {
        percent_to_ppm(percent).map(Self)
    }

    /// Parts per million, 0 to 1,000,000.
    #[must_use]
    pub fn ppm(self) -> u32 {
        self.0
    }

    /// The number as written.
    #[must_use]
    pub fn value(self) -> f64 {
        ppm_to_percent(self.0)
    }
}

impl fmt::Display for Percent {
    /// `5`, `0.25`: without the sign.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.value(), f)
    }
}

impl Serialize for Percent {
    /// A whole number without a fraction, so that `5` stays `5` and not `5.0`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.is_multiple_of(PPM_PER_PERCENT) {
            serializer.serialize_u32(self.0 / PPM_PER_PERCENT)
        } else {
            serializer.serialize_f64(self.value())
        }
    }
}

/// Parts per million (0 to 1,000,000) of a percentage (0 to 100).
///
/// # Errors
/// In words, when it is not a number from 0 to 100 or has more than four decimals.
pub fn percent_to_ppm(percent: f64) -> Result<u32, String> {
    if !(0.0..=100.0).contains(&percent) {
        return Err(format!("{percent} is out of range: give 0 to 100"));
    }
    let scaled = percent * f64::from(PPM_PER_PERCENT);
    let rounded = scaled.round();
    // A decimal such as 0.0003 is not a binary fraction: the product is off by less than a part in 10^9.
    if (scaled - rounded).abs() > 1e-6 {
        return Err(format!("{percent} has more than four decimals: give a multiple of 0.0001"));
    }
    // In range: `rounded` is a whole number from 0 to 1,000,000.
    Ok(rounded as u32)
}

/// The percentage of that many parts per million.
#[must_use]
pub fn ppm_to_percent(ppm: u32) -> f64 {
    f64::from(ppm) / f64::from(PPM_PER_PERCENT)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_percentages() {
        #[track_caller]
        fn check(percent: f64, expected: Result<u32, &str>) {
            assert_eq!(percent_to_ppm(percent), expected.map_err(str::to_owned), "{percent}");
        }
        check(0.0, Ok(0));
        check(-0.0, Ok(0));
        check(100.0, Ok(1_000_000));
        check(5.0, Ok(50_000));
        check(0.0001, Ok(1));
        check(0.0003, Ok(3));
        check(33.3333, Ok(333_333));
        check(99.9999, Ok(999_999));
        check(0.00001, Err("0.00001 has more than four decimals: give a multiple of 0.0001"));
        check(33.33333, Err("33.33333 has more than four decimals: give a multiple of 0.0001"));
        check(101.0, Err("101 is out of range: give 0 to 100"));
        check(-1.0, Err("-1 is out of range: give 0 to 100"));
        check(f64::NAN, Err("NaN is out of range: give 0 to 100"));
        check(f64::INFINITY, Err("inf is out of range: give 0 to 100"));
    }

    proptest! {
        #[test]
        fn every_share_survives_being_written(ppm in 0u32..=1_000_000) {
            let percent = Percent::new(ppm_to_percent(ppm)).unwrap();
            prop_assert_eq!(percent.ppm(), ppm);
            let text = serde_json::to_string(&percent).unwrap();
            prop_assert_eq!(Percent::new(text.parse().unwrap()).unwrap(), percent);
        }
    }
}
