//! Arrays: what is the same at both ends is passed over, so that one element put in at the front is one difference and
//! not as many as there are elements.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::Walk;
use super::same::is_same;
use crate::difference::Kind;
use crate::json::number;
use crate::json::tree::{Node, Value, array_text};

/// Elements without a twin are tried against at most this many others, for those that only a tolerance makes the same.
const MAX_TRIES: usize = 64;

impl<'a> Walk<'a> {
    pub(super) fn arrays(&mut self, primary: &'a [Node<'_>], shadow: &'a [Node<'_>], unordered: bool) {
        let (left, right): (Vec<_>, Vec<_>) =
            if unordered { without_twins(primary, shadow) } else { without_ends(primary, shadow) };
        if primary.len() != shadow.len() {
            self.note_text(
                Kind::Length,
                || Some(primary.len().to_string()),
                || Some(shadow.len().to_string()),
            );
        } else if !unordered && left.len() > 1 && is_shuffled(&left, &right) && are_twins(primary, shadow) {
            let bytes = self.shown_bytes;
            let shown = |elements| Some(array_text(elements, bytes));
            self.note_text(Kind::Order, || shown(primary), || shown(shadow));
            return;
        }
        self.one_by_one(&left, &right);
    }

    fn one_by_one(&mut self, left: &[(usize, &'a Node<'_>)], right: &[(usize, &'a Node<'_>)]) {
        for ((index, primary), (_, shadow)) in left.iter().zip(right) {
            self.path.within_index(*index);
            self.nodes(primary, shadow);
            self.path.leave();
        }
        let both = left.len().min(right.len());
        for (kind, rest) in [(Kind::Missing, left), (Kind::Extra, right)] {
            for (index, node) in rest.iter().skip(both) {
                self.path.within_index(*index);
                self.only(kind, node);
                self.path.leave();
            }
        }
    }
}

type Elements<'n, 'a> = Vec<(usize, &'n Node<'a>)>;

/// What is left of both without the elements that are the same at the front and at the back.
fn without_ends<'n, 'a, 'b>(
    left: &'n [Node<'a>],
    right: &'n [Node<'b>],
) -> (Elements<'n, 'a>, Elements<'n, 'b>) {
    let same = |(l, r): &(&Node<'_>, &Node<'_>)| is_same(l, r);
    let front = left.iter().zip(right).take_while(same).count();
    let least = left.len().min(right.len()) - front;
    let back = left.iter().rev().zip(right.iter().rev()).take(least).take_while(same).count();
    let middle = |length: usize| length - front - back;
    (
        left.iter().enumerate().skip(front).take(middle(left.len())).collect(),
        right.iter().enumerate().skip(front).take(middle(right.len())).collect(),
    )
}

/// What is left of both without the elements that have a twin anywhere on the other side.
fn without_twins<'n, 'a, 'b>(
    left: &'n [Node<'a>],
    right: &'n [Node<'b>],
) -> (Elements<'n, 'a>, Elements<'n, 'b>) {
    let mut by_print: HashMap<u64, Vec<usize>> = HashMap::new();
    for (index, node) in right.iter().enumerate().rev() {
        by_print.entry(fingerprint(node)).or_default().push(index);
    }
    let mut taken = vec![false; right.len()];
    let mut rest = Vec::new();
    for (index, node) in left.iter().enumerate() {
        let twins = by_print.get_mut(&fingerprint(node));
        let twin = twins.and_then(|twins| take_same(node, twins, right));
        match twin.and_then(|twin| taken.get_mut(twin)) {
            Some(taken) => *taken = true,
            None => rest.push((index, node)),
        }
    }
    let others =
        right.iter().enumerate().zip(taken).filter(|(_, taken)| !taken).map(|(other, _)| other).collect();
    (rest, others)
}

/// Takes the first of the candidates that is the same as the node; a fingerprint alone does not say so.
fn take_same(node: &Node<'_>, candidates: &mut Vec<usize>, right: &[Node<'_>]) -> Option<usize> {
    let same = |index: &usize| right.get(*index).is_some_and(|other| is_same(node, other));
    let place = candidates.iter().rev().take(MAX_TRIES).position(same)?;
    Some(candidates.remove(candidates.len() - 1 - place))
}

/// Whether each element has a twin on the other side. Where a tolerance is in play, a fingerprint alone does not say so.
pub(super) fn are_twins(left: &[Node<'_>], right: &[Node<'_>]) -> bool {
    let (left, right) = without_twins(left, right);
    left.is_empty() && right.is_empty()
}

/// Whether these elements, as many on both sides, may be the same in another order.
fn is_shuffled(left: &[(usize, &Node<'_>)], right: &[(usize, &Node<'_>)]) -> bool {
    // Mostly they are not, and then the first one mostly has no twin.
    let has_twin = |(_, node): &(usize, &Node<'_>)| right.iter().any(|(_, other)| is_same(node, other));
    if !left.first().is_some_and(has_twin) {
        return false;
    }
    let prints = |elements: &[(usize, &Node<'_>)]| {
        let mut prints: Vec<u64> = elements.iter().map(|(_, node)| fingerprint(node)).collect();
        prints.sort_unstable();
        prints
    };
    prints(left) == prints(right)
}

/// A number that is the same for values that are the same. Different ones may share it where a tolerance is in play.
fn fingerprint(node: &Node<'_>) -> u64 {
    let mut hasher = DefaultHasher::new();
    if node.mark.ignored {
        return 0;
    }
    match &node.value {
        Value::Null => 0_u8.hash(&mut hasher),
        Value::Bool(bool) => (1_u8, bool).hash(&mut hasher),
        Value::Number(_) if node.mark.tolerance.is_some() => 2_u8.hash(&mut hasher),
        Value::Number(text) => {
            2_u8.hash(&mut hasher);
            number::hash(text, &mut hasher);
        }
        Value::String(string) => (3_u8, string).hash(&mut hasher),
        Value::Array(elements) if node.mark.unordered => {
            (4_u8, sum(elements.iter().map(fingerprint))).hash(&mut hasher);
        }
        Value::Array(elements) => {
            4_u8.hash(&mut hasher);
            elements.iter().for_each(|element| fingerprint(element).hash(&mut hasher));
        }
        Value::Object(members) => {
            let members = members.iter().filter(|(_, member)| !member.mark.ignored).map(|(name, member)| {
                let mut hasher = DefaultHasher::new();
                (name, fingerprint(member)).hash(&mut hasher);
                hasher.finish()
            });
            (5_u8, sum(members)).hash(&mut hasher);
        }
    }
    hasher.finish()
}

/// A sum does not know the order of what it adds.
fn sum(prints: impl Iterator<Item = u64>) -> u64 {
    prints.fold(0, u64::wrapping_add)
}
