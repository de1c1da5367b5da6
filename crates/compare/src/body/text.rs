//! The difference of two texts, by lines.

use similar::{ChangeTag, TextDiff};

use crate::body::Limits;
use crate::difference::{Difference, Differences, Field, Kind};
use crate::json::tree::{beginning, quote};

/// Texts with more lines than this are compared line for line instead: the time of a proper difference grows with the
/// square of what is different.
const MAX_LINES: usize = 5_000;

/// Finds the lines that only one of two different texts has, and keeps the first of them.
pub(super) fn diff(primary: &str, shadow: &str, limits: &Limits) -> Differences {
    let mut found = Differences::default();
    if primary.lines().count().max(shadow.lines().count()) > MAX_LINES {
        return line_for_line(primary, shadow, limits);
    }
    for change in TextDiff::from_lines(primary, shadow).iter_all_changes() {
        let (kind, index) = match change.tag() {
            ChangeTag::Equal => continue,
            ChangeTag::Delete => (Kind::Missing, change.old_index()),
            ChangeTag::Insert => (Kind::Extra, change.new_index()),
        };
        let (left, right) =
            if kind == Kind::Missing { (Some(change.value()), None) } else { (None, Some(change.value())) };
        note(&mut found, limits, index.unwrap_or_default(), kind, left, right);
    }
    found
}

fn line_for_line(primary: &str, shadow: &str, limits: &Limits) -> Differences {
    let mut found = Differences::default();
    let (mut left, mut right) = (primary.split_inclusive('\n'), shadow.split_inclusive('\n'));
    for index in 0.. {
        let kind = match (left.next(), right.next()) {
            (None, None) => break,
            (a, b) if a == b => continue,
            (a @ Some(_), b @ Some(_)) => (Kind::Value, a, b),
            (a @ Some(_), None) => (Kind::Missing, a, None),
            (None, b) => (Kind::Extra, None, b),
        };
        note(&mut found, limits, index, kind.0, kind.1, kind.2);
    }
    found
}

fn note(
    found: &mut Differences,
    limits: &Limits,
    index: usize,
    kind: Kind,
    left: Option<&str>,
    right: Option<&str>,
) {
    let shown = |line: Option<&str>| line.map(|line| quote(beginning(line, limits.max_shown_bytes)));
    found.add(limits.max_differences, &Field { path: "line", kind }, || Difference {
        path: "line".to_owned(),
        at: format!("line {}", index + 1),
        kind,
        primary: shown(left),
        shadow: shown(right),
    });
}
