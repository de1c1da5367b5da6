//! Values that are typed on the command line, parsed once into what they mean.

use std::str::FromStr;

use umbra_resource::percent_to_ppm;

/// A valve's position in percent: 0 to 100, with at most four decimals.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Percent(pub(crate) f64);

impl FromStr for Percent {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.strip_suffix('%').unwrap_or(text).trim();
        let percent: f64 = number.parse().map_err(|_| "give a number such as 25, 25% or 0.5".to_owned())?;
        percent_to_ppm(percent)?;
        Ok(Percent(percent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_takes_numbers_with_and_without_the_sign() {
        for (text, percent) in
            [("25", 25.0), ("25%", 25.0), ("0.5", 0.5), ("0", 0.0), ("100 %", 100.0), ("0.0001", 0.0001)]
        {
            assert_eq!(text.parse(), Ok(Percent(percent)), "{text}");
        }
        for text in ["", "%", "x", "-1", "101", "0.00001", "NaN", "inf", "25%%"] {
            assert!(text.parse::<Percent>().is_err(), "{text}");
        }
    }
}
