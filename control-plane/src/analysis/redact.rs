//! What is never kept of an answer.
//!
//! **Invariant:** where fields are redacted, no body is kept in which they could not be found for sure: one that is cut
//! off, is no JSON, nests too deep, or has a name twice in one object.

use std::collections::BTreeSet;

use umbra_compare::json::rules::{RuleError, Rules};
use umbra_compare::json::tree::{Node, Value, parse, quote};
use umbra_resource::manifest::compare::Redact;

use crate::analysis::plan::lower;

/// What is put in the place of a secret.
pub const REDACTED: &str = "(redacted)";

/// What is never kept of an answer.
#[derive(Clone, Debug, Default)]
pub struct Redaction {
    fields: Option<Rules>,
    headers: Vec<String>,
}

impl Redaction {
    /// What a shadow asks for.
    ///
    /// # Errors
    /// A path that is not JSONPath. Valid manifests have none.
    pub fn of(redact: &Redact) -> Result<Redaction, RuleError> {
        let fields = match redact.fields.as_slice() {
            [] => None,
            // A field to ignore and a field to hide are found in the same way.
            fields => Some(Rules::new(fields, &[], &[])?),
        };
        Ok(Redaction { fields, headers: lower(&redact.headers) })
    }

    /// Whether anything is redacted.
    pub fn is_any(&self) -> bool {
        self.fields.is_some() || !self.headers.is_empty()
    }

    /// Whether this header's value is kept from being seen.
    pub fn hides_header(&self, name: &str) -> bool {
        self.headers.iter().any(|hidden| hidden == name)
    }

    /// The decoded body without what is redacted; `None` if that cannot be found for sure.
    pub fn body(&self, decoded: &[u8], truncated: bool) -> Option<Vec<u8>> {
        let Some(rules) = &self.fields else { return Some(decoded.to_vec()) };
        if decoded.is_empty() {
            return Some(Vec::new());
        }
        if truncated {
            return None;
        }
        let mut document = parse(decoded).ok()?;
        if has_twins(&document) {
            return None;
        }
        rules.mark(&mut document);
        let mut text = String::with_capacity(decoded.len());
        write(&document, &mut text);
        Some(text.into_bytes())
    }
}

fn has_twins(node: &Node<'_>) -> bool {
    match &node.value {
        Value::Object(members) => {
            let names: BTreeSet<&str> = members.iter().map(|(name, _)| name.as_ref()).collect();
            names.len() < members.len() || members.iter().any(|(_, member)| has_twins(member))
        }
        Value::Array(elements) => elements.iter().any(has_twins),
        _ => false,
    }
}

/// No deeper than the document, which was read to a bounded depth.
fn write(node: &Node<'_>, text: &mut String) {
    if node.mark.ignored {
        text.push_str(&quote(REDACTED));
        return;
    }
    match &node.value {
        Value::Null => text.push_str("null"),
        Value::Bool(truth) => text.push_str(if *truth { "true" } else { "false" }),
        Value::Number(number) => text.push_str(number),
        Value::String(string) => text.push_str(&quote(string)),
        Value::Array(elements) => {
            text.push('[');
            for (index, element) in elements.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                write(element, text);
            }
            text.push(']');
        }
        Value::Object(members) => {
            text.push('{');
            for (index, (name, member)) in members.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                text.push_str(&quote(name));
                text.push(':');
                write(member, text);
            }
            text.push('}');
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn check(body: &str, expected: Option<&str>) {
        let fields = vec!["$.user.ssn".to_owned(), "$..token".to_owned()];
        let redaction = Redaction::of(&Redact { fields, headers: vec!["X-Key".to_owned()] }).unwrap();
        let found = redaction.body(body.as_bytes(), false).map(|bytes| String::from_utf8(bytes).unwrap());
        assert_eq!(found.as_deref(), expected, "{body}");
        assert!(redaction.hides_header("x-key") && !redaction.hides_header("x"));
    }

    #[test]
    fn secrets_are_replaced() {
        check(r#"{"user":{"ssn":"S","a":1.50}}"#, Some(r#"{"user":{"ssn":"(redacted)","a":1.50}}"#));
        check(r#"[{"token":{"deep":["S"]}},2]"#, Some(r#"[{"token":"(redacted)"},2]"#));
        check(r#"{"id":12345678901234567890}"#, Some(r#"{"id":12345678901234567890}"#));
        check("", Some(""));
    }

    #[test]
    fn what_cannot_be_searched_is_not_kept() {
        check("ssn=S", None);
        check(r#"{"user":{"ssn":"S""#, None);
        check(r#"{"user":{"ssn":"S"},"user":{}}"#, None);
        check(&format!("{}\"S\"{}", "[".repeat(200), "]".repeat(200)), None);
        let redaction = Redaction::of(&Redact { fields: vec!["$.a".to_owned()], headers: vec![] }).unwrap();
        assert_eq!(redaction.body(b"1", true), None, "the beginning of 1234 is JSON too");
    }

    fn document() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![Just(json!("S")), any::<i64>().prop_map(Into::into), Just(json!(null))];
        leaf.prop_recursive(5, 40, 4, |inner| {
            let name = prop::sample::select(&["token", "a", "user"][..]).prop_map(str::to_owned);
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
                prop::collection::btree_map(name, inner, 0..3).prop_map(|map| map.into_iter().collect()),
            ]
        })
    }

    fn hidden(value: serde_json::Value) -> serde_json::Value {
        match value {
            serde_json::Value::Array(elements) => elements.into_iter().map(hidden).collect(),
            serde_json::Value::Object(members) => {
                let member = |(name, value): (String, serde_json::Value)| {
                    let value = if name == "token" { json!(REDACTED) } else { hidden(value) };
                    (name, value)
                };
                members.into_iter().map(member).collect()
            }
            other => other,
        }
    }

    proptest! {
        #[test]
        fn what_has_a_hidden_name_is_replaced_and_nothing_else(document in document()) {
            let redact = Redact { fields: vec!["$..token".to_owned()], headers: vec![] };
            let body = Redaction::of(&redact).unwrap().body(document.to_string().as_bytes(), false).unwrap();
            prop_assert_eq!(serde_json::from_slice::<serde_json::Value>(&body).unwrap(), hidden(document));
        }

        #[test]
        fn any_bytes_are_searched_or_not_kept(bytes: Vec<u8>) {
            let redact = Redact { fields: vec!["$..token".to_owned()], headers: vec![] };
            let _ = Redaction::of(&redact).unwrap().body(&bytes, false);
        }
    }
}
