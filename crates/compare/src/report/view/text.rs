//! JSON text inside of JSON.

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

/// A value that is JSON text already. It is written as it stands, so that no digit of a long number is lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonText(pub String);

impl Serialize for JsonText {
    /// Into JSON as the value itself; what is no JSON, as a string. Only serde_json knows what to do with it.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match serde_json::from_str::<&RawValue>(&self.0) {
            Ok(raw) => raw.serialize(serializer),
            Err(_) => serializer.serialize_str(&self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_as_they_were_written() {
        let text = |text: &str| serde_json::to_string(&JsonText(text.to_owned())).unwrap();
        assert_eq!(text("9007199254740993123456789"), "9007199254740993123456789");
        assert_eq!(text(r#"{"a":1.50}"#), r#"{"a":1.50}"#);
        assert_eq!(text("not json"), r#""not json""#);
    }
}
