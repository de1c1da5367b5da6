//! Which parts of a document are compared, and how.
//!
//! A rule names its parts by JSONPath (RFC 9535). It is asked of each document for itself, since an index in one is
//! not the same element in the other.

use serde_json_path::{JsonPath, PathElement};

use super::path;
use super::tree::{Node, Value};

/// What the rules say of one value.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Mark {
    /// It is not compared, nor anything inside it.
    pub ignored: bool,
    /// The order of its elements does not matter.
    pub unordered: bool,
    /// How far apart two numbers may be.
    pub tolerance: Option<f64>,
}

/// The rules of a shadow.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    ignore: Vec<JsonPath>,
    unordered: Vec<JsonPath>,
    tolerance: Vec<(JsonPath, f64)>,
}

/// A rule that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{rule}[{index}]: {message}")]
pub struct RuleError {
    /// `ignore`, `unordered` or `tolerance`.
    pub rule: &'static str,
    /// Which of them, from 0.
    pub index: usize,
    /// What is wrong.
    pub message: String,
}

impl Rules {
    /// Reads the rules.
    ///
    /// # Errors
    /// The first path that is not taken (see [`path::read`]), or tolerance that is not a number from 0 up.
    pub fn new(
        ignore: &[String],
        unordered: &[String],
        tolerance: &[(String, f64)],
    ) -> Result<Rules, RuleError> {
        let mut rules = Rules {
            ignore: paths("ignore", ignore)?,
            unordered: paths("unordered", unordered)?,
            tolerance: Vec::new(),
        };
        for (index, (path, absolute)) in tolerance.iter().enumerate() {
            let error = |message| RuleError { rule: "tolerance", index, message };
            if !(*absolute >= 0.0 && absolute.is_finite()) {
                return Err(error(format!("{absolute} is no distance: give a number from 0 up")));
            }
            let path = path::read(path).map_err(|cause| error(cause.to_string()))?;
            rules.tolerance.push((path, *absolute));
        }
        Ok(rules)
    }

    /// Marks the values of a document that the rules speak of.
    pub fn mark(&self, document: &mut Node<'_>) {
        if self.ignore.is_empty() && self.unordered.is_empty() && self.tolerance.is_empty() {
            return;
        }
        let plain = plain(document);
        for path in &self.ignore {
            mark_all(document, path, &plain, |mark| mark.ignored = true);
        }
        for path in &self.unordered {
            mark_all(document, path, &plain, |mark| mark.unordered = true);
        }
        for (path, absolute) in &self.tolerance {
            mark_all(document, path, &plain, |mark| mark.tolerance = Some(*absolute));
        }
    }
}

fn paths(rule: &'static str, paths: &[String]) -> Result<Vec<JsonPath>, RuleError> {
    let parse = |(index, path): (usize, &String)| {
        path::read(path).map_err(|cause| RuleError { rule, index, message: cause.to_string() })
    };
    paths.iter().enumerate().map(parse).collect()
}

fn mark_all(document: &mut Node<'_>, path: &JsonPath, plain: &serde_json::Value, set: impl Fn(&mut Mark)) {
    for location in path.query_located(plain).locations() {
        let steps: Vec<&PathElement<'_>> = location.iter().collect();
        mark_at(document, &steps, &set);
    }
}

/// Follows the steps; where a name comes more than once, all of them.
fn mark_at(node: &mut Node<'_>, steps: &[&PathElement<'_>], set: &impl Fn(&mut Mark)) {
    let Some((step, rest)) = steps.split_first() else {
        set(&mut node.mark);
        return;
    };
    match (step, &mut node.value) {
        (PathElement::Name(wanted), Value::Object(members)) => {
            for (_, member) in members.iter_mut().filter(|(name, _)| name == wanted) {
                mark_at(member, rest, set);
            }
        }
        (PathElement::Index(index), Value::Array(elements)) => {
            if let Some(element) = elements.get_mut(*index) {
                mark_at(element, rest, set);
            }
        }
        _ => {}
    }
}

/// The document as serde_json has it, for asking JSONPath of it: the last of several equal names, numbers as floats
/// where they do not fit 64 bits.
fn plain(node: &Node<'_>) -> serde_json::Value {
    match &node.value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(bool) => (*bool).into(),
        Value::Number(text) => text
            .parse::<i64>()
            .map(serde_json::Value::from)
            .or_else(|_| text.parse::<f64>().map(serde_json::Value::from))
            .unwrap_or_else(|_| (*text).into()),
        Value::String(string) => string.as_ref().into(),
        Value::Array(elements) => elements.iter().map(plain).collect(),
        Value::Object(members) => {
            members.iter().map(|(name, member)| (name.as_ref().to_owned(), plain(member))).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::tree::parse;

    #[test]
    fn bad_rules_are_named() {
        let bad = Rules::new(&["$.a".into(), "a.b".into()], &[], &[]).unwrap_err();
        assert_eq!((bad.rule, bad.index), ("ignore", 1));
        let bad = Rules::new(&[], &["$..*..*".into()], &[]).unwrap_err();
        assert_eq!((bad.rule, bad.index), ("unordered", 0));
        let bad = Rules::new(&[], &[], &[("$.a".into(), -1.0)]).unwrap_err();
        assert_eq!(bad.to_string(), "tolerance[0]: -1 is no distance: give a number from 0 up");
    }

    #[test]
    fn all_of_equal_names_are_marked() {
        let rules = Rules::new(&["$..id".into()], &[], &[]).unwrap();
        let mut document = parse(br#"{"id":1,"id":2,"x":[{"id":3}]}"#).unwrap();
        rules.mark(&mut document);
        let Value::Object(members) = &document.value else { panic!("an object") };
        assert_eq!(members.iter().filter(|(_, member)| member.mark.ignored).count(), 2);
    }
}
