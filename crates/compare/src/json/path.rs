//! JSONPath (RFC 9535) as far as asking it of a document takes time and memory in proportion to the document.
//!
//! What finds the same value many times over is not taken: each further `..` would multiply what is found by the depth
//! of the document, each list of alternatives by their number, and `$` in a filter by the size of the document.

use serde_json_path::{JsonPath, ParseError};

/// The most alternatives that the brackets of a path may list, multiplied: as many times may one value be found.
const MAX_ALTERNATIVES: usize = 8;

/// How many brackets and parentheses may be open at once.
const MAX_DEPTH: usize = 8;

/// A path that is not taken.
#[derive(Debug, thiserror::Error)]
pub enum PathError {
    /// It is none.
    #[error("{0}")]
    Malformed(#[from] ParseError),
    /// It ends within a string.
    #[error("a string in it has no closing quote")]
    Unclosed,
    /// It goes into the depth more than once.
    #[error("`..` comes {0} times: give it once at most, as in $..items[*].id")]
    Descents(usize),
    /// It names too many alternatives.
    #[error(
        "its brackets allow for {0} alternatives: give at most {MAX_ALTERNATIVES}, and the rest as paths of their own"
    )]
    Alternatives(usize),
    /// Its brackets and parentheses nest too deep.
    #[error("its brackets nest {0} deep: give at most {MAX_DEPTH}")]
    Deep(usize),
    /// A filter asks for the whole document.
    #[error("a filter asks for `$`: give `@`, the value that the filter is asked of")]
    Root,
}

/// Reads a path.
///
/// # Errors
/// See [`PathError`].
pub fn read(text: &str) -> Result<JsonPath, PathError> {
    // First: the parser panics where a path ends in the middle of an escape (`\u`), which only an open string has, and takes
    // twice as long for each filter that is within another.
    let reach = Reach::of(text).ok_or(PathError::Unclosed)?;
    if reach.depth > MAX_DEPTH {
        return Err(PathError::Deep(reach.depth));
    }
    let path = JsonPath::parse(text)?;
    match reach {
        Reach { descents: 2.., .. } => Err(PathError::Descents(reach.descents)),
        Reach { roots: 2.., .. } => Err(PathError::Root),
        Reach { alternatives, .. } if alternatives > MAX_ALTERNATIVES => {
            Err(PathError::Alternatives(alternatives))
        }
        _ => Ok(path),
    }
}

/// What multiplies the values that a path finds.
#[derive(Debug, PartialEq, Eq)]
struct Reach {
    /// How often there is `..`.
    descents: usize,
    /// How often there is `$`.
    roots: usize,
    /// The product of how many selectors there are in each pair of brackets.
    alternatives: usize,
    /// How many brackets and parentheses are open at once.
    depth: usize,
}

impl Reach {
    /// Of a path; what it says of one that is malformed means nothing. `None` if a string has no closing quote.
    fn of(text: &str) -> Option<Reach> {
        let mut reach = Reach { descents: 0, roots: 0, alternatives: 1, depth: 0 };
        // For each bracket and parenthesis that is open, how many selectors or arguments it has.
        let mut open: Vec<(char, usize)> = Vec::new();
        let mut letters = text.chars().peekable();
        while let Some(letter) = letters.next() {
            match letter {
                '\'' | '"' => skip_string(letter, &mut letters)?,
                '$' => reach.roots += 1,
                '.' if letters.next_if_eq(&'.').is_some() => reach.descents += 1,
                '[' | '(' => {
                    open.push((letter, 1));
                    reach.depth = reach.depth.max(open.len());
                }
                ',' => {
                    if let Some((_, count)) = open.last_mut() {
                        *count += 1;
                    }
                }
                ']' | ')' => {
                    if let Some(('[', count)) = open.pop() {
                        reach.alternatives = reach.alternatives.saturating_mul(count);
                    }
                }
                _ => {}
            }
        }
        Some(reach)
    }
}

/// Goes on behind the string whose quote was taken; `None` if there is no other.
fn skip_string(quote: char, letters: &mut impl Iterator<Item = char>) -> Option<()> {
    while let Some(letter) = letters.next() {
        if letter == '\\' {
            letters.next();
        } else if letter == quote {
            return Some(());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_at_each_value_a_few_times_is_taken() {
        for path in [
            "$",
            "$..id",
            "$..items[*].*[0]",
            "$['a','b']['c','d','e','f']",
            "$..[?@.kind == 'x..y[$],']",
            "$..[?@.x == \"a,b$..\" && count(@.y) > 1]",
            r#"$["a,b\"$.."]"#,
            "$.items[?count(@.tags[*]) > 1]",
            "$['..$..', \"it's ..\"]",
        ] {
            assert_eq!(read(path).err().map(|error| error.to_string()), None, "{path}");
        }
    }

    #[test]
    fn a_path_that_ends_anywhere_is_an_error_at_worst() {
        for whole in [r#"$['\u00e4','\uD83D\uDE00']"#, r#"$["\\\"\u0041"]"#, "$[?@['a'] == \"b\"]"] {
            assert!(read(whole).is_ok(), "{whole}");
            for end in whole.char_indices().map(|(at, _)| at) {
                let _ = read(&whole[..end]);
            }
        }
        assert_eq!(read(r"$['\u").unwrap_err().to_string(), "a string in it has no closing quote");
    }

    #[test]
    fn what_looks_at_each_value_over_and_over_is_not() {
        for (path, expected) in [
            ("$..*..*", "`..` comes 2 times: give it once at most, as in $..items[*].id"),
            ("$..[?@..x]", "`..` comes 2 times: give it once at most, as in $..items[*].id"),
            ("$['\\'']..a..b..c", "`..` comes 3 times: give it once at most, as in $..items[*].id"),
            (
                "$[*,*][*,*][*,*][0,0]",
                "its brackets allow for 16 alternatives: give at most 8, and the rest as paths of their own",
            ),
            (
                &format!("${}@.a{}", "[?@".repeat(60), "]".repeat(60)),
                "its brackets nest 60 deep: give at most 8",
            ),
            ("$[?count($[*]) > 1]", "a filter asks for `$`: give `@`, the value that the filter is asked of"),
        ] {
            assert_eq!(read(path).unwrap_err().to_string(), expected, "{path}");
        }
        assert!(matches!(read("a.b"), Err(PathError::Malformed(_))));
    }
}
