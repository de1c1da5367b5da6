//! Comparing whole answers: status, chosen headers, body; and telling a difference from noise.

use std::collections::BTreeSet;

use crate::body::{Body, Comparison, Limits, compare, compare_bytes};
use crate::difference::{Difference, Field, Kind};
use crate::evidence::Differs;
use crate::json::rules::Rules;
use crate::json::tree::quote;

/// An answer as it was sampled.
#[derive(Clone, Copy, Debug, Default)]
pub struct Answer<'a> {
    /// The HTTP status.
    pub status: u16,
    /// The headers that were observed, names in lower case.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// The body as sent, as far as it was kept.
    pub body: &'a [u8],
    /// Whether only the beginning of the body was kept.
    pub truncated: bool,
}

impl<'a> Answer<'a> {
    /// The first line of a header.
    fn header(&self, name: &str) -> Option<&'a [u8]> {
        self.lines(name).next()
    }

    /// Every line of a header, in order.
    fn lines(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.headers.iter().filter(move |(this, _)| *this == name).map(|(_, value)| *value)
    }

    fn as_body(&self) -> Body<'a> {
        Body {
            content_type: self.header("content-type"),
            content_encoding: self.header("content-encoding"),
            bytes: self.body,
            truncated: self.truncated,
        }
    }
}

/// What is compared beside the status.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// Headers, by their lower-case names.
    pub headers: Vec<String>,
    /// Rules for JSON bodies.
    pub rules: Rules,
    /// How large things may get.
    pub limits: Limits,
    /// Whether bodies are only the same or not, byte by byte, without a look at what is in them.
    pub digests: bool,
}

/// The difference of two answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerDifference {
    /// Whether the status differs.
    pub status: bool,
    /// The chosen headers that differ.
    pub headers: Vec<Difference>,
    /// What came of comparing the bodies.
    pub body: Comparison,
}

impl AnswerDifference {
    /// Every difference that was kept, in headers and body.
    pub fn differences(&self) -> impl Iterator<Item = &Difference> {
        self.headers.iter().chain(&self.body.differences.first)
    }

    /// The fields that differ in headers and body.
    pub fn fields(&self) -> BTreeSet<Field<'_>> {
        self.headers.iter().map(Difference::field).chain(self.body.differences.fields()).collect()
    }
}

/// Compares another answer with the primary's.
pub fn difference(primary: &Answer<'_>, other: &Answer<'_>, choice: &Choice) -> AnswerDifference {
    AnswerDifference {
        status: primary.status != other.status,
        headers: choice.headers.iter().filter_map(|name| header(primary, other, name)).collect(),
        body: if choice.digests {
            compare_bytes(&primary.as_body(), &other.as_body())
        } else {
            compare(&primary.as_body(), &other.as_body(), &choice.rules, &choice.limits)
        },
    }
}

fn header(primary: &Answer<'_>, other: &Answer<'_>, name: &str) -> Option<Difference> {
    let (left, right): (Vec<_>, Vec<_>) = (primary.lines(name).collect(), other.lines(name).collect());
    let kind = match (left.as_slice(), right.as_slice()) {
        (left, right) if left == right => return None,
        (_, []) => Kind::Missing,
        ([], _) => Kind::Extra,
        _ => Kind::Value,
    };
    let shown = |lines: &[&[u8]]| {
        (!lines.is_empty()).then(|| quote(&String::from_utf8_lossy(&lines.join(b", ".as_slice()))))
    };
    let path = format!("header:{name}");
    Some(Difference { at: path.clone(), path, kind, primary: shown(&left), shadow: shown(&right) })
}

/// Whose headers and body differ from the primary's where the other's do not.
///
/// A field in which the control differs too, in the same way, is noise in this request: it says nothing about the
/// candidate. So each party counts as different when it differs in a field in which the other does not. Without a
/// control, every difference of the candidate counts. Fields of which `is_known_noise` says so count for nobody.
pub fn over_noise(
    candidate: &AnswerDifference,
    control: Option<&AnswerDifference>,
    is_known_noise: impl Fn(&Field<'_>) -> bool,
) -> Differs {
    let candidate = candidate.fields();
    let control = control.map(AnswerDifference::fields).unwrap_or_default();
    let alone = |these: &BTreeSet<Field<'_>>, others: &BTreeSet<Field<'_>>| {
        these.difference(others).any(|field| !is_known_noise(field))
    };
    Differs { candidate: alone(&candidate, &control), control: alone(&control, &candidate) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(candidate: &str, control: Option<&str>) -> Differs {
        let answer = |body| Answer { status: 200, body, ..Answer::default() };
        let primary = answer(br#"{"at":1,"id":7,"tags":["a"]}"#);
        let choice = Choice::default();
        let candidate = difference(&primary, &answer(candidate.as_bytes()), &choice);
        let control = control.map(|control| difference(&primary, &answer(control.as_bytes()), &choice));
        over_noise(&candidate, control.as_ref(), |field| field.path == "$.tags[*]")
    }

    #[test]
    fn noise_is_a_field_in_which_the_control_differs_too() {
        let noisy = r#"{"at":2,"id":7,"tags":["a"]}"#;
        let changed = r#"{"at":3,"id":"7","tags":["a"]}"#;
        assert_eq!(fields(noisy, Some(r#"{"at":9,"id":7,"tags":["a"]}"#)), Differs::default());
        assert_eq!(fields(changed, Some(noisy)), Differs { candidate: true, control: false });
        assert_eq!(fields(noisy, Some(changed)), Differs { candidate: false, control: true });
        assert_eq!(fields(noisy, None), Differs { candidate: true, control: false });
        let retyped = r#"{"at":"now","id":7,"tags":["a"]}"#;
        assert_eq!(fields(retyped, Some(noisy)), Differs { candidate: true, control: true });
        let known = r#"{"at":1,"id":7,"tags":["b"]}"#;
        assert_eq!(fields(known, None), Differs::default());
    }

    #[test]
    fn chosen_headers_are_compared() {
        let headers = |value| [("content-type", value), ("date", value)];
        let (left, right) = (headers(b"a".as_slice()), headers(b"b"));
        let choice = Choice { headers: vec!["content-type".into(), "location".into()], ..Choice::default() };
        let answer = |headers| Answer { status: 200, headers, ..Answer::default() };
        let found = difference(&answer(&left), &answer(&right), &choice);
        assert_eq!(
            found.fields().into_iter().collect::<Vec<_>>(),
            [Field { path: "header:content-type", kind: Kind::Value }]
        );
        assert_eq!(found.headers.first().unwrap().primary.as_deref(), Some("\"a\""));
        let twice = [("content-type", b"a".as_slice()), ("content-type", b"b")];
        let found = difference(&answer(&left), &answer(&twice), &choice);
        assert_eq!(found.headers.first().unwrap().shadow.as_deref(), Some("\"a, b\""));
    }
}
