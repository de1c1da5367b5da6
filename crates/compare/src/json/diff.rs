//! The structural difference of two documents.

mod arrays;
mod path;

use std::collections::HashMap;

use super::number;
use super::tree::{Node, Value};
use crate::difference::{Difference, Differences, Kind};
use path::Path;

/// Finds the differences of two documents, and keeps the first `keep`, with values of up to about `shown_bytes`.
///
/// Names are compared without order. Where one comes more than once, its first value is compared with the first, the
/// second with the second. Numbers are compared exactly. Both documents have been marked by the rules.
pub fn diff(primary: &Node<'_>, shadow: &Node<'_>, keep: usize, shown_bytes: usize) -> Differences {
    let mut walk = Walk { path: Path::default(), found: Differences::default(), keep, shown_bytes };
    walk.nodes(primary, shadow);
    walk.found
}

struct Walk<'a> {
    path: Path<'a>,
    found: Differences,
    keep: usize,
    shown_bytes: usize,
}

impl<'a> Walk<'a> {
    fn nodes(&mut self, primary: &'a Node<'_>, shadow: &'a Node<'_>) {
        if primary.mark.ignored || shadow.mark.ignored || self.found.is_full() {
            return;
        }
        match (&primary.value, &shadow.value) {
            (Value::Object(left), Value::Object(right)) => self.objects(left, right),
            (Value::Array(left), Value::Array(right)) => {
                self.arrays(left, right, primary.mark.unordered || shadow.mark.unordered);
            }
            _ if same(primary, shadow) => {}
            (left, right) => {
                let same_type = std::mem::discriminant(left) == std::mem::discriminant(right);
                self.note(if same_type { Kind::Value } else { Kind::Type }, Some(primary), Some(shadow));
            }
        }
    }

    fn objects(&mut self, primary: &'a [(String, Node<'_>)], shadow: &'a [(String, Node<'_>)]) {
        if primary.len() == shadow.len()
            && primary.iter().zip(shadow).all(|((left, _), (right, _))| left == right)
        {
            for ((name, left), (_, right)) in primary.iter().zip(shadow) {
                self.path.within_name(name);
                self.nodes(left, right);
                self.path.leave();
            }
            return;
        }
        let mut rest = by_name(shadow);
        for (name, left) in primary {
            self.path.within_name(name);
            match rest.get_mut(name.as_str()).and_then(|values| values.pop()) {
                Some((_, right)) => self.nodes(left, right),
                None => self.only(Kind::Missing, left),
            }
            self.path.leave();
        }
        let mut rest: Vec<_> = rest
            .into_iter()
            .flat_map(|(name, values)| values.into_iter().map(move |(index, value)| (index, name, value)))
            .collect();
        rest.sort_by_key(|(index, _, _)| *index);
        for (_, name, right) in rest {
            self.path.within_name(name);
            self.only(Kind::Extra, right);
            self.path.leave();
        }
    }

    /// A value that only one side has.
    fn only(&mut self, kind: Kind, node: &Node<'_>) {
        if node.mark.ignored {
            return;
        }
        let (primary, shadow) = if kind == Kind::Missing { (Some(node), None) } else { (None, Some(node)) };
        self.note(kind, primary, shadow);
    }

    fn note(&mut self, kind: Kind, primary: Option<&Node<'_>>, shadow: Option<&Node<'_>>) {
        let bytes = self.shown_bytes;
        let shown = |node: Option<&Node<'_>>| node.map(|node| node.to_text(bytes));
        self.note_text(kind, || shown(primary), || shown(shadow));
    }

    fn note_text(
        &mut self,
        kind: Kind,
        primary: impl FnOnce() -> Option<String>,
        shadow: impl FnOnce() -> Option<String>,
    ) {
        let path = &self.path;
        self.found.add(self.keep, || Difference {
            path: path.generalised(),
            at: path.exact(),
            kind,
            primary: primary(),
            shadow: shadow(),
        });
    }
}

/// The values of each name with their places, the first one last, for taking them off the end.
fn by_name<'n, 'a>(members: &'n [(String, Node<'a>)]) -> HashMap<&'n str, Vec<(usize, &'n Node<'a>)>> {
    let mut names: HashMap<&str, Vec<(usize, &Node<'_>)>> = HashMap::with_capacity(members.len());
    for (index, (name, value)) in members.iter().enumerate().rev() {
        names.entry(name).or_default().push((index, value));
    }
    names
}

/// Whether two values that are no containers are the same under their marks.
fn same(primary: &Node<'_>, shadow: &Node<'_>) -> bool {
    match (&primary.value, &shadow.value) {
        (Value::Null, Value::Null) => true,
        (Value::Bool(left), Value::Bool(right)) => left == right,
        (Value::String(left), Value::String(right)) => left == right,
        (Value::Number(left), Value::Number(right)) => match primary.mark.tolerance.or(shadow.mark.tolerance)
        {
            Some(tolerance) => number::within(left, right, tolerance),
            None => number::same(left, right),
        },
        _ => false,
    }
}
