//! What was probably meant.

/// Longer names are not compared: nobody mistypes so much.
const MAX_COMPARED_CHARS: usize = 40;

/// The known name that is nearest to what was written, if one is near enough: a letter in three at most.
pub(crate) fn nearest<'k>(written: &str, known: &[&'k str]) -> Option<&'k str> {
    if written.chars().count() > MAX_COMPARED_CHARS {
        return None;
    }
    let plain = plain(written);
    let mut best: Option<(usize, &'k str)> = None;
    for name in known {
        let distance = distance(&plain, &self::plain(name));
        let allowed = (name.chars().count() / 3).max(1);
        if distance <= allowed && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, name));
        }
    }
    best.map(|(_, name)| name)
}

/// `a`, `b` and `c`, each in backquotes.
pub(crate) fn listed(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    joined(&quoted.iter().map(String::as_str).collect::<Vec<_>>())
}

/// a, b and c.
pub(crate) fn joined(words: &[&str]) -> String {
    match words {
        [] => "none".to_owned(),
        [only] => (*only).to_owned(),
        [head @ .., last] => format!("{} and {last}", head.join(", ")),
    }
}

/// Case and word separators are not what tells two names apart: `maxRps` is near `max_rps`.
fn plain(name: &str) -> Vec<char> {
    name.chars().filter(|letter| !matches!(letter, '_' | '-')).flat_map(char::to_lowercase).collect()
}

/// The Damerau-Levenshtein distance, restricted: letters inserted, left out, changed, or two neighbours swapped.
fn distance(left: &[char], right: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=right.len()).collect();
    for (row, a) in left.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, b) in right.iter().enumerate() {
            let at = |line: &[usize], index: usize| line.get(index).copied().unwrap_or(usize::MAX / 2);
            let changed = at(&above, column) + usize::from(a != b);
            let mut least = changed.min(at(&above, column + 1) + 1).min(at(&current, column) + 1);
            let swapped =
                row > 0 && column > 0 && left.get(row - 1) == Some(b) && right.get(column - 1) == Some(a);
            if swapped {
                least = least.min(at(&before, column - 1) + 1);
            }
            current.push(least);
        }
        before = std::mem::replace(&mut above, current);
    }
    above.last().copied().unwrap_or(left.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_what_is_near() {
        const KNOWN: &[&str] = &["percent", "max_rps", "p50", "p95", "salt", "stamps", "target"];
        #[track_caller]
        fn check(written: &str, expected: Option<&str>) {
            assert_eq!(nearest(written, KNOWN), expected, "{written}");
        }
        check("prcent", Some("percent"));
        check("pecrent", Some("percent"));
        check("Percent", Some("percent"));
        check("percentage", None);
        check("maxRps", Some("max_rps"));
        check("max-rps", Some("max_rps"));
        check("stamp", Some("stamps"));
        check("p59", Some("p50"));
        check("p99", Some("p95"));
        check("slat", Some("salt"));
        check("", None);
        check("something else", None);
        check(&"percent".repeat(1000), None);
    }
}
