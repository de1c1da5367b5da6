//! Text from outside, into resources: bounded, and refused as a whole when anything in it is wrong.

pub(crate) mod tree;
#[cfg(feature = "yaml")]
pub(crate) mod yaml;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use self::tree::Tree;
use crate::manifest::Resource;
use crate::problem::Problem;
use crate::read::{MAX_PROBLEMS, resource};

/// Longer texts are refused.
pub const MAX_TEXT_BYTES: usize = 4 << 20;

/// More resources in one text are refused.
pub const MAX_DOCUMENTS: usize = 10_000;

/// Reads one resource, an array of resources, or `{"items": [...]}`, from JSON.
///
/// `metadata.revision`, `metadata.updated_at` and a shadow's `status` are accepted and dropped. A key that stands twice in a
/// mapping is refused. At most [`MAX_TEXT_BYTES`] and [`MAX_DOCUMENTS`].
///
/// # Errors
/// Everything that is wrong with a resource taken by itself, up to 500 problems. Whether the stamps that a
/// shadow names are there is for [`crate::ResourceSet::new`].
pub fn from_json(text: &str) -> Result<Vec<Resource>, Vec<Problem>> {
    check_length(text)?;
    let Tree(value) = serde_json::from_str(text).map_err(|error| vec![syntax_problem(&error)])?;
    finish(from_documents(vec![(value, None)]))
}

/// Reads one resource from a JSON value, as [`from_json`] does. What of a mapping stood twice in the text
/// cannot be told any more.
///
/// # Errors
/// Everything that is wrong with the resource taken by itself.
pub fn from_value(value: Value) -> Result<Resource, Vec<Problem>> {
    resource::resource(value, None).map(Resource::without_server_fields)
}

/// Reads one resource for serde, keeping the server's fields.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Resource, D::Error> {
    let Tree(value) = Tree::deserialize(deserializer)?;
    resource::resource(value, None).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(Problem::to_string).collect();
        D::Error::custom(lines.join("; "))
    })
}

fn check_length(text: &str) -> Result<(), Vec<Problem>> {
    if text.len() > MAX_TEXT_BYTES {
        let message = format!("is {} bytes long: give at most {MAX_TEXT_BYTES}", text.len());
        return Err(vec![Problem::general(message)]);
    }
    Ok(())
}

/// Every resource of every document, and every problem. A document holds a resource, a list of them, or a
/// mapping with `items`; with each goes what to call it while its name cannot be told.
fn from_documents(documents: Vec<(Value, Option<String>)>) -> (Vec<Resource>, Vec<Problem>) {
    let mut resources = Vec::new();
    let mut problems = Vec::new();
    let mut count = 0;
    for (document, place) in documents {
        for (value, place) in unfold(document, place) {
            count += 1;
            if count > MAX_DOCUMENTS {
                let message = format!("has more than {MAX_DOCUMENTS} resources: give fewer at a time");
                return (resources, vec![Problem::general(message)]);
            }
            // What is over is not read any more: it would not be shown.
            if problems.len() > MAX_PROBLEMS {
                continue;
            }
            match resource::resource(value, place) {
                Ok(resource) => resources.push(resource.without_server_fields()),
                Err(found) => problems.extend(found),
            }
        }
    }
    (resources, problems)
}

fn unfold(document: Value, place: Option<String>) -> Vec<(Value, Option<String>)> {
    let (elements, name) = match document {
        Value::Array(elements) => (elements, ""),
        Value::Object(mut fields)
            if fields.get("items").is_some_and(Value::is_array) && !fields.contains_key("kind") =>
        {
            match fields.remove("items") {
                Some(Value::Array(elements)) => (elements, "items"),
                _ => (Vec::new(), "items"),
            }
        }
        other => return vec![(other, place)],
    };
    let inside = place.map(|place| format!("{place}, ")).unwrap_or_default();
    let named = |(index, element)| (element, Some(format!("{inside}{name}[{index}]")));
    elements.into_iter().enumerate().map(named).collect()
}

/// All or nothing, and no more problems than somebody reads.
fn finish((resources, mut problems): (Vec<Resource>, Vec<Problem>)) -> Result<Vec<Resource>, Vec<Problem>> {
    if problems.is_empty() {
        return Ok(resources);
    }
    if problems.len() > MAX_PROBLEMS {
        problems.truncate(MAX_PROBLEMS);
        problems
            .push(Problem::general(format!("more than {MAX_PROBLEMS} problems: only the first are listed")));
    }
    Err(problems)
}

fn syntax_problem(error: &serde_json::Error) -> Problem {
    let message = error.to_string();
    // serde_json puts the place last; here it comes first, as in every other problem.
    let place = format!(" at line {} column {}", error.line(), error.column());
    let what = message.strip_suffix(&place).unwrap_or(&message);
    Problem::general(format!("line {}, column {}: {what}", error.line(), error.column()))
}
