//! YAML, several documents, with budgets: an alias can stand for more than was sent.

use serde_saphyr::Error;
use serde_saphyr::budget::BudgetBreach;
use serde_saphyr::options::{DuplicateKeyPolicy, MergeKeyPolicy, NonFiniteFloatPolicy};

use super::tree::Tree;
use super::{MAX_DOCUMENTS, MAX_TEXT_BYTES, check_length, finish, from_documents};
use crate::manifest::Resource;
use crate::problem::Problem;
use crate::read::shorten;

/// Nodes in all documents. A text of the length that is allowed has fewer, unless it is made of punctuation.
const MAX_NODES: usize = 1_000_000;

/// What aliases may add: enough for a few shared lists, too little for a bomb.
const MAX_ALIASED_EVENTS: usize = 50_000;

/// Nesting. A resource has six levels.
const MAX_DEPTH: usize = 32;

const TOO_MUCH: &str = "holds too much, or too much by aliases: give less at a time";

/// Reads resources from YAML: several documents, each a resource, a list of them, or a mapping with `items`.
/// JSON is YAML, and is read too. Otherwise as [`crate::from_json`].
///
/// `yes`, `no`, `on` and `off` are texts, as in YAML 1.2.
///
/// # Errors
/// As [`crate::from_json`]. What is not YAML is reported with its document and line.
pub fn from_yaml(text: &str) -> Result<Vec<Resource>, Vec<Problem>> {
    check_length(text)?;
    // The reader passes over empty documents without a word, however many there are.
    let ends = text.lines().filter(|line| line.starts_with("---") || line.starts_with("..."));
    if ends.count() > MAX_DOCUMENTS {
        let message = format!("has more than {MAX_DOCUMENTS} documents: give fewer at a time");
        return Err(vec![Problem::general(message)]);
    }
    let mut documents = Vec::new();
    let mut syntax = Vec::new();
    let mut bytes = text.as_bytes();
    for (index, document) in serde_saphyr::read_with_options::<_, Tree>(&mut bytes, options()).enumerate() {
        let number = index + 1;
        match document {
            Ok(Tree(value)) => documents.push((value, Some(format!("document {number}")))),
            Err(error) => syntax.push(syntax_problem(number, &error)),
        }
    }
    let (resources, problems) = from_documents(documents);
    syntax.extend(problems);
    finish((resources, syntax))
}

fn options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_reader_input_bytes: Some(MAX_TEXT_BYTES),
            max_events: 2 * MAX_NODES,
            max_nodes: MAX_NODES,
            max_depth: MAX_DEPTH,
            flow_nesting_limit: MAX_DEPTH,
            max_documents: MAX_DOCUMENTS,
            max_aliases: 10_000,
            max_anchors: 10_000,
            max_recorded_anchor_events: MAX_ALIASED_EVENTS,
            max_recorded_anchor_bytes: MAX_TEXT_BYTES,
            max_total_scalar_bytes: 2 * MAX_TEXT_BYTES,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: MAX_ALIASED_EVENTS,
        },
        duplicate_keys: DuplicateKeyPolicy::Error,
        merge_keys: MergeKeyPolicy::Error,
        non_finite_float_policy: NonFiniteFloatPolicy::Reject,
        strict_booleans: true,
        with_snippet: false,
    }
}

fn syntax_problem(document: usize, error: &Error) -> Problem {
    let mut cause = error.without_snippet();
    while let Error::AliasError { error, .. } = cause {
        cause = error;
    }
    let what = match cause {
        Error::DuplicateMappingKey { key: Some(key), .. } => {
            format!("the field `{}` stands here twice", shorten(key))
        }
        Error::Budget { breach: BudgetBreach::Depth { .. }, .. } => {
            format!("nests too deeply: give at most {MAX_DEPTH} levels")
        }
        Error::Budget { .. } | Error::AliasReplayLimitExceeded { .. } => TOO_MUCH.to_owned(),
        other => other.to_string(),
    };
    let message = match error.location() {
        // The library puts the place last; here it comes first, as in every other problem.
        Some(at) => {
            let place = format!(" at line {}, column {}", at.line(), at.column());
            let what = what.strip_suffix(&place).unwrap_or(&what);
            format!("line {}, column {}: {what}", at.line(), at.column())
        }
        None => what,
    };
    Problem { resource: Some(format!("document {document}")), field: String::new(), message }
}
