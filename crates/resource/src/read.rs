//! Reading a resource out of a tree of values, listing everything that is wrong with it.
//!
//! serde's own deserialising stops at the first surprise. An operator wants all of them, in the terms of the
//! file, so the tree is walked by hand. A reader answers `None` only after it has reported why.

pub(crate) mod compare;
pub(crate) mod gates;
pub(crate) mod object;
mod probe;
pub(crate) mod resource;
pub(crate) mod scalar;
pub(crate) mod shadow;
pub(crate) mod stamp;
pub(crate) mod suggest;

use std::fmt::Write as _;

use serde_json::Value;

use crate::problem::Problem;

/// What was written, shortened: problems quote it, and it can be as long as a whole request.
const MAX_QUOTED_CHARS: usize = 64;

/// So many problems are listed for one text; nobody reads more before mending some.
pub(crate) const MAX_PROBLEMS: usize = 500;

/// The problems of one resource, and where in it the reader stands.
pub(crate) struct Report {
    resource: Option<String>,
    path: String,
    problems: Vec<Problem>,
}

impl Report {
    pub(crate) fn new(resource: Option<String>) -> Self {
        Self { resource, path: String::new(), problems: Vec::new() }
    }

    pub(crate) fn into_problems(self) -> Vec<Problem> {
        self.problems
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.problems.is_empty()
    }

    /// Reports where the reader stands.
    pub(crate) fn problem(&mut self, message: impl Into<String>) {
        if !self.is_full() {
            self.problems.push(Problem {
                resource: self.resource.clone(),
                field: self.path.clone(),
                message: message.into(),
            });
        }
    }

    /// Whether more problems would not be listed any more.
    pub(crate) fn is_full(&self) -> bool {
        self.problems.len() >= MAX_PROBLEMS
    }

    /// Reads inside a field.
    pub(crate) fn field<T>(&mut self, name: &str, read: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.path.len();
        if length > 0 {
            self.path.push('.');
        }
        self.path.push_str(&shorten(name));
        let answer = read(self);
        self.path.truncate(length);
        answer
    }

    /// Reads inside an element of a list.
    pub(crate) fn index<T>(&mut self, index: usize, read: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.path.len();
        // Writing to a String cannot fail.
        let _ = write!(self.path, "[{index}]");
        let answer = read(self);
        self.path.truncate(length);
        answer
    }
}

/// A text as quoted in a problem or in a path: at most so long, and without control characters.
pub(crate) fn shorten(text: &str) -> String {
    let mut shown = String::new();
    for (count, letter) in text.chars().enumerate() {
        if count == MAX_QUOTED_CHARS {
            shown.push('…');
            break;
        }
        if letter.is_control() {
            shown.extend(letter.escape_default());
        } else {
            shown.push(letter);
        }
    }
    shown
}

/// A value as a problem names it: `the text "x"`, `the number 5`, `a list`.
pub(crate) fn describe(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(value) => format!("{value}"),
        Value::Number(number) => format!("the number {}", shorten(&number.to_string())),
        Value::String(text) => format!("the text \"{}\"", shorten(text)),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a mapping".to_owned(),
    }
}
