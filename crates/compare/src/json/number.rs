//! Numbers as they are written, compared exactly.
//!
//! A JSON number is a decimal of any length (RFC 8259, section 6). Reading it into 64 bits would make
//! 9007199254740993 equal to 9007199254740992, which as an identifier it is not.

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

/// A form of the number that is the same text for the same number.
pub fn canonical(text: &str) -> String {
    match Decimal::parse(text) {
        Some(decimal) => {
            let sign = if decimal.negative { "-" } else { "" };
            format!("{sign}{}e{}", decimal.digits, decimal.exponent)
        }
        None => text.to_owned(),
    }
}

/// `digits` · 10^`exponent`, with no zeros at either end of the digits. Zero has no digits and no sign.
#[derive(PartialEq, Eq)]
struct Decimal {
    negative: bool,
    digits: String,
    exponent: i64,
}

impl Decimal {
    fn parse(text: &str) -> Option<Decimal> {
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, small_exponent(exponent)?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = format!("{whole}{fraction}");
        if all.is_empty() || !all.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let digits = all.trim_start_matches('0').trim_end_matches('0');
        if digits.is_empty() {
            return Some(Decimal { negative: false, digits: String::new(), exponent: 0 });
        }
        let trailing = all.len() - all.trim_end_matches('0').len();
        let exponent = exponent + trailing as i64 - fraction.len() as i64;
        Some(Decimal { negative, digits: digits.to_owned(), exponent })
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
            if expected && left != right {
                assert_eq!(canonical(left), canonical(right));
            }
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
