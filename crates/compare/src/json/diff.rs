//! The structural difference of two documents.

mod arrays;
mod members;
mod path;
mod same;

use super::tree::{Member, Node, Value};
use crate::difference::{Difference, Differences, Field, Kind};
use members::Pairing;
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
        if primary.mark.ignored || shadow.mark.ignored {
            return;
        }
        match (&primary.value, &shadow.value) {
            (Value::Object(left), Value::Object(right)) => self.objects(left, right),
            (Value::Array(left), Value::Array(right)) => {
                self.arrays(left, right, primary.mark.unordered || shadow.mark.unordered);
            }
            _ if same::is_same_scalar(primary, shadow) => {}
            (left, right) => {
                let same_type = std::mem::discriminant(left) == std::mem::discriminant(right);
                self.note(if same_type { Kind::Value } else { Kind::Type }, Some(primary), Some(shadow));
            }
        }
    }

    fn objects(&mut self, primary: &'a [Member<'_>], shadow: &'a [Member<'_>]) {
        let mut pairing = Pairing::new(shadow);
        for (name, left) in primary {
            self.path.within_name(name);
            match pairing.take(name) {
                Some(right) => self.nodes(left, right),
                None => self.only(Kind::Missing, left),
            }
            self.path.leave();
        }
        for (name, right) in pairing.rest() {
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
        let path = self.path.generalised();
        self.found.add(self.keep, &Field { path: &path, kind }, || Difference {
            path: path.clone(),
            at: self.path.exact(),
            kind,
            primary: primary(),
            shadow: shadow(),
        });
    }
}
