//! Which clause of a stamp matched, and what the others failed by.

use umbra_policy::explain::{FieldMismatch, Mismatch};

use super::{ClauseExplanation, ExplainRequest, FailedCondition, StampExplanation};
use crate::manifest::Stamp;
use crate::manifest::stamp::{Clause, FieldMatch, PathMatch, ValueMatch};
use crate::read::shorten;

/// `answers` are the policy's, one for each clause.
pub(super) fn explain(
    stamp: &Stamp,
    answers: &[Option<Mismatch>],
    request: &ExplainRequest,
) -> StampExplanation {
    let mut clauses = Vec::with_capacity(answers.len());
    for (index, (clause, answer)) in stamp.spec.clauses.iter().zip(answers).enumerate() {
        let field = format!("spec.match[{index}]");
        let failed = answer.as_ref().map(|mismatch| failed(clause, mismatch, &field, request));
        clauses.push(ClauseExplanation { matched: failed.is_none(), field, failed });
    }
    let stamped = clauses.iter().any(|clause| clause.matched);
    StampExplanation { name: stamp.metadata.name.clone(), stamped, clauses }
}

fn failed(clause: &Clause, mismatch: &Mismatch, field: &str, request: &ExplainRequest) -> FailedCondition {
    let (place, words) = match mismatch {
        Mismatch::Host(host) => {
            ("hosts".to_owned(), format!("host {} is none of {}", quote(host), clause.hosts.join(", ")))
        }
        Mismatch::Path(path) => ("path".to_owned(), path_words(path, clause.path.as_ref())),
        Mismatch::Method(method) => (
            "methods".to_owned(),
            format!("method {} is none of {}", quote(method), clause.methods.join(", ")),
        ),
        Mismatch::Header(failed) => {
            (format!("headers[{}]", failed.position), field_words("header", failed, &clause.headers))
        }
        Mismatch::Cookie(failed) => {
            (format!("cookies[{}]", failed.position), field_words("cookie", failed, &clause.cookies))
        }
        Mismatch::Query(failed) => {
            (format!("query[{}]", failed.position), field_words("query parameter", failed, &clause.query))
        }
    };
    // A path that is compared without its query is shown as it was sent, where the two differ.
    let words = match mismatch {
        Mismatch::Path(path) if path.as_slice() != request.path.as_bytes() => {
            format!("{words} (without its query)")
        }
        _ => words,
    };
    FailedCondition { field: format!("{field}.{place}"), words }
}

fn path_words(path: &[u8], asked: Option<&PathMatch>) -> String {
    let path = quote(path);
    match asked {
        Some(PathMatch::Exact(text)) => format!("path {path} is not \"{text}\""),
        Some(PathMatch::Prefix(text)) => format!("path {path} is not \"{text}\" and does not lie below it"),
        Some(PathMatch::Regex(text)) => {
            format!("path {path} is not matched as a whole by the expression {text}")
        }
        Some(PathMatch::Template(text)) => format!("path {path} does not fit the template {text}"),
        None => format!("path {path} does not fit"),
    }
}

fn field_words(what: &str, failed: &FieldMismatch, asked: &[FieldMatch]) -> String {
    let name = &failed.name;
    let asked = asked.get(failed.position).map(|field| &field.value);
    if failed.values.is_empty() {
        return format!("{what} {name} is not there");
    }
    let values: Vec<String> = failed.values.iter().map(|value| quote(value)).collect();
    let values = values.join(", ");
    match asked {
        Some(ValueMatch::Exact(text)) => format!("{what} {name} is {values}, not \"{text}\""),
        Some(ValueMatch::Prefix(text)) => {
            format!("{what} {name} is {values}, which does not start with \"{text}\"")
        }
        Some(ValueMatch::Suffix(text)) => {
            format!("{what} {name} is {values}, which does not end with \"{text}\"")
        }
        Some(ValueMatch::Contains(text)) => {
            format!("{what} {name} is {values}, which does not contain \"{text}\"")
        }
        Some(ValueMatch::Regex(text)) => {
            format!("{what} {name} is {values}, which is not matched as a whole by the expression {text}")
        }
        Some(ValueMatch::Absent) => format!("{what} {name} is there, as {values}, and must not be"),
        Some(ValueMatch::Present) | None => format!("{what} {name} is {values}, which does not fit"),
    }
}

/// Bytes as a person reads them; what is not UTF-8 is replaced.
fn quote(bytes: &[u8]) -> String {
    format!("\"{}\"", shorten(&String::from_utf8_lossy(bytes)))
}
