//! YAML, several documents, with budgets: an alias can stand for more than was sent.

use serde_saphyr::options::{DuplicateKeyPolicy, MergeKeyPolicy, NonFiniteFloatPolicy};

use super::tree::Tree;
use super::{MAX_DOCUMENTS, MAX_TEXT_BYTES, check_length, finish, from_documents};
use crate::manifest::Resource;
use crate::problem::Problem;

/// Nodes in all documents, aliases expanded. The largest set that is allowed has fewer.
const MAX_NODES: usize = 1_000_000;

/// Nesting. A resource has six levels.
const MAX_DEPTH: usize = 32;

/// Reads resources from YAML: several documents, each a resource, a list of them, or a mapping with `items`.
/// JSON is YAML, and is read too. Otherwise as [`crate::from_json`].
///
/// `yes`, `no`, `on` and `off` are texts, as in YAML 1.2.
///
/// # Errors
/// As [`crate::from_json`]. What is not YAML is reported with its document and line.
#[cfg(feature = "yaml")]
pub fn from_yaml(text: &str) -> Result<Vec<Resource>, Vec<Problem>> {
    check_length(text)?;
    let mut documents = Vec::new();
    let mut syntax = Vec::new();
    let mut bytes = text.as_bytes();
    for (index, document) in serde_saphyr::read_with_options::<_, Tree>(&mut bytes, options()).enumerate() {
        let number = index + 1;
        match document {
            Ok(Tree(value)) => documents.push((value, Some(format!("document {number}")))),
            Err(error) => syntax.push(syntax_problem(number, &error)),
        }
        // A stream of errors has no end of its own; nobody reads more.
        if documents.len() + syntax.len() > MAX_DOCUMENTS {
            break;
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
            max_documents: MAX_DOCUMENTS + 1,
            max_aliases: 10_000,
            max_anchors: 10_000,
            max_total_scalar_bytes: 2 * MAX_TEXT_BYTES,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: MAX_NODES,
        },
        duplicate_keys: DuplicateKeyPolicy::Error,
        merge_keys: MergeKeyPolicy::Error,
        non_finite_float_policy: NonFiniteFloatPolicy::Reject,
        strict_booleans: true,
        with_snippet: false,
    }
}

fn syntax_problem(document: usize, error: &serde_saphyr::Error) -> Problem {
    let resource = Some(format!("document {document}"));
    Problem { resource, field: String::new(), message: error.to_string() }
}
