//! Mappings and lists.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{Report, describe, shorten, suggest};

/// A mapping whose fields are taken one after the other. What is left in the end is unknown.
pub(crate) struct Object {
    fields: Map<String, Value>,
    known: Vec<&'static str>,
}

impl Object {
    /// Reports what is not a mapping.
    pub(crate) fn open(value: Value, report: &mut Report) -> Option<Self> {
        match value {
            Value::Object(fields) => Some(Self { fields, known: Vec::new() }),
            other => {
                report.problem(format!("expected a mapping, found {}", describe(&other)));
                None
            }
        }
    }

    /// Reads a field that may be left out; `None` when it was.
    pub(crate) fn optional<T>(
        &mut self,
        name: &'static str,
        report: &mut Report,
        read: impl FnOnce(Value, &mut Report) -> Option<T>,
    ) -> Option<T> {
        let value = self.take(name)?;
        report.field(name, |report| {
            if value.is_null() {
                report.problem("has no value: give one, or leave the field out");
                return None;
            }
            read(value, report)
        })
    }

    /// Reads a field that must be there. `what` completes "is missing: give …".
    pub(crate) fn required<T>(
        &mut self,
        name: &'static str,
        what: &str,
        report: &mut Report,
        read: impl FnOnce(Value, &mut Report) -> Option<T>,
    ) -> Option<T> {
        let value = self.take(name).unwrap_or(Value::Null);
        report.field(name, |report| {
            if value.is_null() {
                report.problem(format!("is missing: give {what}"));
                return None;
            }
            read(value, report)
        })
    }

    /// Takes a field as it is.
    pub(crate) fn take(&mut self, name: &'static str) -> Option<Value> {
        self.known.push(name);
        self.fields.remove(name)
    }

    /// Whether the field is there and not yet taken.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.fields.contains_key(name)
    }

    /// Whether every field was taken, or there was none.
    pub(crate) fn is_used_up(&self) -> bool {
        self.fields.is_empty()
    }

    /// Reports what is left.
    pub(crate) fn close(self, report: &mut Report) {
        for name in self.fields.keys() {
            if report.is_full() {
                break;
            }
            let mut message = format!("unknown field `{}`", shorten(name));
            match suggest::nearest(name, &self.known) {
                Some(near) => message.push_str(&format!(", did you mean `{near}`?")),
                None => message.push_str(&format!(": there are {}", suggest::listed(&self.known))),
            }
            report.field(name, |report| report.problem(message));
        }
    }
}

/// Reads a list of at most `max` elements.
pub(crate) fn list<T>(
    value: Value,
    max: usize,
    report: &mut Report,
    read: impl FnMut(Value, &mut Report) -> Option<T>,
) -> Option<Vec<T>> {
    let answers = elements(value, max, report, read)?;
    answers.into_iter().collect()
}

/// Reads a list in which no element stands twice. `same` says what two elements must share to be the same.
pub(crate) fn unique_list<T, Key: Ord>(
    value: Value,
    max: usize,
    report: &mut Report,
    read: impl FnMut(Value, &mut Report) -> Option<T>,
    same: impl Fn(&T) -> Key,
) -> Option<Vec<T>> {
    let answers = elements(value, max, report, read)?;
    let mut seen = BTreeMap::new();
    for (index, answer) in answers.iter().enumerate() {
        let Some(key) = answer.as_ref().map(&same) else { continue };
        if let Some(first) = seen.get(&key) {
            report.index(index, |report| {
                report.problem(format!("is the same as element {first}: leave one out"))
            });
        } else {
            seen.insert(key, index);
        }
    }
    answers.into_iter().collect()
}

/// Reports a list that has no element. `what` completes "is empty: give …".
pub(crate) fn refuse_empty<T>(list: &[T], what: &str, report: &mut Report) {
    if list.is_empty() {
        report.problem(format!("is empty: give {what}"));
    }
}

/// What every element came to; `None` where one was reported.
fn elements<T>(
    value: Value,
    max: usize,
    report: &mut Report,
    mut read: impl FnMut(Value, &mut Report) -> Option<T>,
) -> Option<Vec<Option<T>>> {
    let elements = match value {
        Value::Array(elements) => elements,
        other => {
            report.problem(format!("expected a list, found {}", describe(&other)));
            return None;
        }
    };
    if elements.len() > max {
        report.problem(format!("has {} elements: give at most {max}", elements.len()));
        return None;
    }
    let mut answers = Vec::with_capacity(elements.len());
    for (index, element) in elements.into_iter().enumerate() {
        answers.push(report.index(index, |report| read(element, report)));
    }
    Some(answers)
}
