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

/// `NAME=VALUE`; the value may be empty and may hold further equals signs.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pair {
    pub(crate) name: String,
    pub(crate) value: String,
}

impl FromStr for Pair {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((name, value)) if !name.is_empty() => {
                Ok(Pair { name: name.to_owned(), value: value.to_owned() })
            }
            _ => Err("give NAME=VALUE".to_owned()),
        }
    }
}

/// `PATH=N`: how far apart numbers at a JSONPath may be. The path may hold equals signs, the number does not.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ToleranceArg {
    pub(crate) path: String,
    pub(crate) absolute: f64,
}

impl FromStr for ToleranceArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (path, number) = text.rsplit_once('=').ok_or("give PATH=N, such as $.price=0.01")?;
        let absolute = number.trim().parse().map_err(|_| format!("`{number}` is no number"))?;
        Ok(ToleranceArg { path: path.trim().to_owned(), absolute })
    }
}

/// How long a request's body is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum BodyBytes {
    Known(u64),
    Unknown,
}

impl FromStr for BodyBytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "unknown" {
            return Ok(BodyBytes::Unknown);
        }
        text.parse().map(BodyBytes::Known).map_err(|_| "give a number of bytes, or unknown".to_owned())
    }
}

/// One attribute of a node.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum NodeField {
    Id(String),
    Cluster(String),
    Zone(String),
    Region(String),
    Metadata(String, String),
}

impl FromStr for NodeField {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Pair { name, value } = text.parse()?;
        match name.as_str() {
            "id" => Ok(NodeField::Id(value)),
            "cluster" => Ok(NodeField::Cluster(value)),
            "zone" => Ok(NodeField::Zone(value)),
            "region" => Ok(NodeField::Region(value)),
            _ => match name.strip_prefix("metadata.") {
                Some(key) if !key.is_empty() => Ok(NodeField::Metadata(key.to_owned(), value)),
                _ => Err(format!("{name} is unknown: give id, cluster, zone, region or metadata.KEY")),
            },
        }
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

    #[test]
    fn pairs_split_at_the_first_equals_sign() {
        let pair = |name: &str, value: &str| Ok(Pair { name: name.to_owned(), value: value.to_owned() });
        assert_eq!("a=b=c".parse(), pair("a", "b=c"));
        assert_eq!("a=".parse(), pair("a", ""));
        assert!("a".parse::<Pair>().is_err());
        assert!("=b".parse::<Pair>().is_err());
    }

    #[test]
    fn a_tolerance_ends_in_its_number() {
        let tolerance = ToleranceArg { path: "$[?@.a=='b'].c".to_owned(), absolute: 0.5 };
        assert_eq!("$[?@.a=='b'].c=0.5".parse(), Ok(tolerance));
        for text in ["$.a", "$.a=", "$.a=x"] {
            assert!(text.parse::<ToleranceArg>().is_err(), "{text}");
        }
    }

    #[test]
    fn node_fields_are_known_names_or_metadata() {
        assert_eq!("zone=z".parse(), Ok(NodeField::Zone("z".to_owned())));
        assert_eq!("metadata.a.b=1".parse(), Ok(NodeField::Metadata("a.b".to_owned(), "1".to_owned())));
        for text in ["zones=z", "metadata.=1", "metadata=1", "zone"] {
            assert!(text.parse::<NodeField>().is_err(), "{text}");
        }
    }
}
