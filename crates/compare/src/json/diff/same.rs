//! Whether two values are the same. It stops at the first difference and keeps nothing, so that a walk can ask it of every
//! element of an array before it looks for what differs.

use super::arrays::are_twins;
use super::members::Pairing;
use crate::json::number;
use crate::json::tree::{Member, Node, Value};

/// Whether two values are the same under their marks.
///
/// Each part is looked at once for each array without order that it is in, and once besides.
pub(super) fn is_same(left: &Node<'_>, right: &Node<'_>) -> bool {
    if left.mark.ignored || right.mark.ignored {
        return true;
    }
    match (&left.value, &right.value) {
        (Value::Object(mine), Value::Object(theirs)) => are_same_members(mine, theirs),
        (Value::Array(mine), Value::Array(theirs)) if left.mark.unordered || right.mark.unordered => {
            mine.len() == theirs.len() && are_twins(mine, theirs)
        }
        (Value::Array(mine), Value::Array(theirs)) => {
            mine.len() == theirs.len() && mine.iter().zip(theirs).all(|(left, right)| is_same(left, right))
        }
        _ => is_same_scalar(left, right),
    }
}

/// Whether two values that are no containers are the same under their marks.
pub(super) fn is_same_scalar(left: &Node<'_>, right: &Node<'_>) -> bool {
    match (&left.value, &right.value) {
        (Value::Null, Value::Null) => true,
        (Value::Bool(mine), Value::Bool(theirs)) => mine == theirs,
        (Value::String(mine), Value::String(theirs)) => mine == theirs,
        (Value::Number(mine), Value::Number(theirs)) => match left.mark.tolerance.or(right.mark.tolerance) {
            Some(tolerance) => number::within(mine, theirs, tolerance),
            None => number::same(mine, theirs),
        },
        _ => false,
    }
}

fn are_same_members(left: &[Member<'_>], right: &[Member<'_>]) -> bool {
    let mut pairing = Pairing::new(right);
    let is_paired = |(name, mine): &Member<'_>| match pairing.take(name) {
        Some(theirs) => is_same(mine, theirs),
        None => mine.mark.ignored,
    };
    left.iter().all(is_paired) && pairing.rest().all(|(_, theirs)| theirs.mark.ignored)
}
