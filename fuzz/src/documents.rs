//! Bodies of two answers, compared as JSON, as text or as bytes, under rules.

use std::hash::{DefaultHasher, Hasher};

use umbra_compare::body::{Body, ComparedAs, Comparison, Limits, compare};
use umbra_compare::difference::Differences;
use umbra_compare::json::diff::diff;
use umbra_compare::json::number;
use umbra_compare::json::rules::Rules;
use umbra_compare::json::tree::{Node, Value, parse};

use crate::input::Input;

const TYPES: [&str; 4] = ["application/json", "text/plain", "", "application/problem+json; charset=utf-8"];
const PATHS: [&str; 8] = ["$", "$.a", "$..a", "$.*", "$[*]", "$..*", "$.items[*].tags", "$[?@.a==1]"];
/// As a manifest has it.
const MAX_PATH_BYTES: usize = 512;
const LIMITS: Limits = Limits { max_decoded_bytes: 1 << 20, max_differences: 20, max_shown_bytes: 64 };

/// A body does not differ from itself; one that differs from another does so both ways round; what is shown is bounded.
pub fn check(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let rules = rules(&mut input);
    let content_type = input.word(&TYPES);
    let left = input.long_bytes();
    let right = input.rest();
    let body = |bytes| Body { content_type: Some(&content_type), bytes, ..Body::default() };
    let limits = &LIMITS;

    for same in [left, right] {
        let found = compare(&body(same), &body(same), &rules, limits);
        assert!(found.differences.is_empty() && found.remark.is_none(), "{found:?}");
    }
    let there = compare(&body(left), &body(right), &rules, limits);
    let back = compare(&body(right), &body(left), &rules, limits);
    assert_eq!(there.compared_as, back.compared_as);
    bounded(&there);
    let plain = compare(&body(left), &body(right), &Rules::default(), limits);
    bounded(&plain);
    if plain.compared_as != ComparedAs::Json {
        assert_eq!(plain.differences.is_empty(), left == right);
        return;
    }
    assert_eq!(there.compared_as, ComparedAs::Json);
    trees(left, right, &plain.differences);
}

fn rules(input: &mut Input<'_>) -> Rules {
    let mut paths = |most| {
        let mut paths = input.list(most, |input| input.text(&PATHS));
        paths.retain(|path| path.len() <= MAX_PATH_BYTES);
        paths
    };
    let (ignore, unordered, tolerance) = (paths(1), paths(2), paths(1));
    let tolerance: Vec<_> = tolerance.into_iter().map(|path| (path, 0.5)).collect();
    Rules::new(&ignore, &unordered, &tolerance).unwrap_or_default()
}

fn bounded(found: &Comparison) {
    let Differences { first, total, .. } = &found.differences;
    assert!(first.len() <= LIMITS.max_differences && first.len() <= *total);
    for difference in first {
        assert!(difference.primary.is_some() || difference.shadow.is_some());
        for shown in [&difference.primary, &difference.shadow].into_iter().flatten() {
            // A control character is six bytes of JSON, and what was cut is quoted once more.
            assert!(shown.len() <= 12 * LIMITS.max_shown_bytes, "{} bytes", shown.len());
        }
    }
}

fn trees(left: &[u8], right: &[u8], found: &Differences) {
    let (Ok(a), Ok(b)) = (parse(left), parse(right)) else { return };
    let back = diff(&b, &a, 0, 0);
    assert_eq!(back.is_empty(), found.is_empty(), "both ways round");
    let text = a.to_text(usize::MAX);
    let Ok(again) = parse(text.as_bytes()) else { panic!("what is shown is JSON: {text}") };
    if !has_no_number(&a) {
        assert!(diff(&a, &again, 0, 0).is_empty(), "shown as it is: {text}");
    }
    if let (Value::Number(a), Value::Number(b)) = (&a.value, &b.value) {
        assert_eq!(number::same(a, b), number::same(b, a));
        assert!(!number::same(a, b) || hash(a) == hash(b));
        assert!(!number::same(a, b) || number::within(a, b, 0.0));
    }
}

fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    number::hash(text, &mut hasher);
    hasher.finish()
}

/// Whether there is a `NaN` or an infinity, which are shown as strings.
fn has_no_number(node: &Node<'_>) -> bool {
    match &node.value {
        Value::Number(text) => text.ends_with(['N', 'y']),
        Value::Array(elements) => elements.iter().any(has_no_number),
        Value::Object(members) => members.iter().any(|(_, member)| has_no_number(member)),
        Value::Null | Value::Bool(_) | Value::String(_) => false,
    }
}
