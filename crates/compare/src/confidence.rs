//! Confidence sequences: intervals that hold at every moment that somebody looks.
//!
//! An ordinary 95 % interval covers the truth with 95 % at one planned sample size. Someone who looks after every
//! pair and stops when it suits gets a far higher chance of being wrong. A confidence sequence at level `alpha` covers
//! the truth at *all* sample sizes at once with probability `1 - alpha`, so looking costs nothing. The price is an
//! interval that is wider by a factor of about 1.5 to 2.

pub mod excess;
pub mod mean;
pub mod quantile;
pub mod rate;

/// A closed interval of plausible values. `lo <= hi`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The lowest plausible value.
    pub lo: f64,
    /// The highest plausible value; infinite where nothing bounds it yet.
    pub hi: f64,
}

impl Interval {
    /// Whether the value is inside, ends included.
    pub fn contains(&self, value: f64) -> bool {
        self.lo <= value && value <= self.hi
    }

    /// What `x / y` can be, for intervals of numbers that are not negative.
    ///
    /// When both are confidence sequences at level `alpha / 2`, the result is one at level `alpha` (union bound). A divisor
    /// that may be zero leaves the result without an upper end.
    pub fn over(&self, other: &Interval) -> Interval {
        let lo = if other.hi > 0.0 { self.lo / other.hi } else { 0.0 };
        let hi = if other.lo > 0.0 { self.hi / other.lo } else { f64::INFINITY };
        Interval { lo, hi }
    }
}
