//! Pages of lists: by a cursor that says after which one the next page begins.

use crate::api::problem::{Kind, Problem};
use crate::api::query::PageQuery;

/// More at once is what leaving out the limit is for.
const MAX_LIMIT: usize = 1_000;

/// The items, in the order of their names, that the page has, and the cursor of the next one.
///
/// # Errors
/// The limit or the cursor is wrong.
pub(crate) fn page<T>(
    query: &PageQuery,
    items: impl Iterator<Item = T>,
    name: impl Fn(&T) -> &str,
) -> Result<(Vec<T>, Option<String>), Problem> {
    let limit = query.limit.map_or(usize::MAX, |limit| limit as usize);
    if query.limit.is_some() && !(1..=MAX_LIMIT).contains(&limit) {
        return Err(Problem::new(Kind::Malformed, format!("limit is {limit}: give 1 to {MAX_LIMIT}")));
    }
    let after = query.cursor.as_deref().map(read).transpose()?;
    let mut rest = items.skip_while(|item| after.as_deref().is_some_and(|after| name(item) <= after));
    let mut page: Vec<T> = Vec::new();
    while page.len() < limit {
        match rest.next() {
            Some(item) => page.push(item),
            None => return Ok((page, None)),
        }
    }
    let next = rest.next().and_then(|_| page.last()).map(|last| write(name(last)));
    Ok((page, next))
}

/// In hexadecimal digits: names of nodes may be any text, and nobody shall read anything into it.
fn write(name: &str) -> String {
    name.bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn read(cursor: &str) -> Result<String, Problem> {
    let wrong = || Problem::new(Kind::Malformed, "cursor is none of this list: give next of the page before");
    let bytes: Option<Vec<u8>> =
        (0..cursor.len()).step_by(2).map(|at| u8::from_str_radix(cursor.get(at..at + 2)?, 16).ok()).collect();
    String::from_utf8(bytes.ok_or_else(wrong)?).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn pages_are_the_list(names in prop::collection::btree_set(".{0,5}", 0..20), limit in 1..7_u32) {
            let (mut found, mut cursor) = (Vec::new(), None);
            loop {
                let query = PageQuery { limit: Some(limit), cursor };
                let (items, next) = page(&query, names.iter(), |name| name).unwrap();
                prop_assert!(items.len() <= limit as usize);
                prop_assert!(!items.is_empty() || names.is_empty());
                found.extend(items.into_iter().cloned());
                cursor = next;
                if cursor.is_none() {
                    break;
                }
            }
            prop_assert!(found.iter().eq(names.iter()));
            let (all, next) = page(&PageQuery::default(), names.iter(), |name| name).unwrap();
            prop_assert_eq!((all.len(), next), (names.len(), None));
        }

        #[test]
        fn no_cursor_panics(cursor in ".{0,9}") {
            let query = PageQuery { limit: None, cursor: Some(cursor) };
            let _ = page(&query, ["a"].into_iter(), |name| name);
        }
    }
}
