//! Fields of messages: where they are, and what is wrong with them.

use std::fmt;

use umbra_policy::FieldError;

/// How many bad fields are kept. A message with more is not one with mistakes but something else, and
/// must not take more memory as a list of errors than as what it is.
const MAX_ERRORS: usize = 1000;

/// The bad fields of a message, so far.
#[derive(Default)]
pub(crate) struct Errors(Vec<FieldError>);

impl Errors {
    pub(crate) fn add(&mut self, at: At<'_>, message: impl Into<String>) {
        if self.0.len() < MAX_ERRORS {
            self.0.push(FieldError { path: at.to_string(), message: message.into() });
        }
    }

    /// `value`, unless there was an error.
    pub(crate) fn or<T>(self, value: T) -> Result<T, Vec<FieldError>> {
        if self.0.is_empty() { Ok(value) } else { Err(self.0) }
    }
}

/// Where a field is: borrowed steps from the root, written out only for an error.
#[derive(Clone, Copy)]
pub(crate) enum At<'a> {
    Root,
    Field(&'a At<'a>, &'static str),
    Item(&'a At<'a>, usize),
}

impl<'a> At<'a> {
    pub(crate) fn field(&'a self, name: &'static str) -> At<'a> {
        At::Field(self, name)
    }
}

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            At::Root => Ok(()),
            At::Field(At::Root, name) => f.write_str(name),
            At::Field(parent, name) => write!(f, "{parent}.{name}"),
            At::Item(list, index) => write!(f, "{list}[{index}]"),
        }
    }
}

/// Converts each item of a list, and leaves out those that are bad.
pub(crate) fn each<From, To>(
    items: Vec<From>,
    list: At<'_>,
    mut convert: impl FnMut(From, At<'_>) -> Option<To>,
) -> Vec<To> {
    let mut converted = Vec::with_capacity(items.len());
    for (index, item) in items.into_iter().enumerate() {
        converted.extend(convert(item, At::Item(&list, index)));
    }
    converted
}
