//! Numbers as they are written, compared exactly.
//!
//! A JSON number is a decimal of any length (RFC 8259, section 6). Reading it into 64 bits would make
//! 9007199254740993 equal to 9007199254740992, which as an identifier it is not.

use std::hash::{Hash, Hasher};

/// Whether two JSON numbers, as written, are the same number. `1.0`, `1` and `10e-1` are; so are `0` and `-0`.
///
/// `NaN`, `Infinity` and `-Infinity`, which some servers write although JSON has none of them, are the same as
/// themselves. An exponent beyond 18 digits is compared as text.
pub fn same(left: &str, right: &str) -> bool {
    if left == right {
        return true;
    }
    match (Decimal::parse(left), Decimal::parse(right)) {
        (Some(left), Some(right)) => left == right,
        _ => false,
    }
}

/// Whether two JSON numbers are the same, or at most `tolerance` apart as 64-bit floats.
pub fn within(left: &str, right: &str, tolerance: f64) -> bool {
    if same(left, right) {
        return true;
    }
    match (left.parse::<f64>(), right.parse::<f64>()) {
        // A hair more than the tolerance, since 0.3 - 0.2 is not 0.1 in binary.
        (Ok(left), Ok(right)) => (left - right).abs() <= tolerance * (1.0 + 1e-9),
        _ => false,
    }
}

/// Feeds a number to a hasher so that numbers that are the same are fed in the same way.
pub fn hash(text: &str, hasher: &mut impl Hasher) {
    match Decimal::parse(text) {
        Some(decimal) => {
            (decimal.negative, decimal.exponent).hash(hasher);
            decimal.digits().for_each(|digit| hasher.write_u8(digit));
        }
        None => text.hash(hasher),
    }
}

/// `digits` · 10^`exponent`, with no zeros at either end of the digits. Zero has no digits and no sign.
struct Decimal<'a> {
    negative: bool,
    /// The digits before the point, and those behind it.
    digits: [&'a str; 2],
    exponent: i64,
}

impl<'a> Decimal<'a> {
    fn parse(text: &'a str) -> Option<Decimal<'a>> {
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, small_exponent(exponent)?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if mantissa.is_empty() || !is_digits(whole) || !is_digits(fraction) {
            return None;
        }
        let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
        // What is trimmed at the end of the whole are powers of ten, as what is behind the point are.
        let (digits, exponent) = match (whole, fraction) {
            ("", "") => return Some(Decimal { negative: false, digits: ["", ""], exponent: 0 }),
            (whole, "") => {
                let digits = whole.trim_end_matches('0');
                ([digits, ""], exponent + (whole.len() - digits.len()) as i64)
            }
            ("", fraction) => (["", fraction.trim_start_matches('0')], exponent - fraction.len() as i64),
            (whole, fraction) => ([whole, fraction], exponent - fraction.len() as i64),
        };
        Some(Decimal { negative, digits, exponent })
    }

    fn digits(&self) -> impl Iterator<Item = u8> {
        let [whole, fraction] = self.digits;
        whole.bytes().chain(fraction.bytes())
    }
}

impl PartialEq for Decimal<'_> {
    fn eq(&self, other: &Self) -> bool {
        let of = |decimal: &Self| (decimal.negative, decimal.exponent);
        of(self) == of(other) && self.digits().eq(other.digits())
    }
}

fn small_exponent(text: &str) -> Option<i64> {
    let digits = text.trim_start_matches(['+', '-']).trim_start_matches('0');
    if digits.len() > 18 {
        return None;
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_number_may_be_written_in_many_ways() {
        let cases = [
            ("1", "1.0", true),
            ("10e-1", "1", true),
            ("1E+2", "100", true),
            ("0", "-0.00", true),
            ("0e9", "0", true),
            ("100.00", "1e2", true),
            ("0.0010", "1E-3", true),
            ("10.01", "1001e-2", true),
            ("10.01", "1.001", false),
            ("-0.5", "-5e-1", true),
            ("-0.5", "0.5", false),
            ("9007199254740993", "9007199254740992", false),
            ("0.1", "0.10000000000000000000000000001", false),
            ("-1", "1", false),
            ("1e999999999999999999999", "1e999999999999999999999", true),
            ("1e999999999999999999999", "10e999999999999999999998", false),
            ("1e-00000000000000000000000002", "0.01", true),
            ("NaN", "NaN", true),
            ("NaN", "1", false),
            ("Infinity", "-Infinity", false),
        ];
        for (left, right, expected) in cases {
            assert_eq!(same(left, right), expected, "{left} and {right}");
            let hash = |text: &str| {
                let mut hasher = std::hash::DefaultHasher::new();
                hash(text, &mut hasher);
                hasher.finish()
            };
            assert_eq!(hash(left) == hash(right), expected, "{left} and {right}");
        }
    }

    #[test]
    fn a_tolerance_is_a_distance() {
        assert!(within("0.2", "0.3", 0.1));
        assert!(!within("0.2", "0.301", 0.1));
        assert!(within("1", "1.0", 0.0));
        assert!(!within("NaN", "1", 5.0));
    }
}
