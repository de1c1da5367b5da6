//! What must not stand in any file: work left over, tests switched off, and places of one machine.

use std::collections::BTreeSet;

use super::code;
use super::files::File;

/// What must not stand anywhere, and why. Written in halves, so that this file does not break its own rule.
const FORBIDDEN: [(&str, &str, &str); 8] = [
    ("TO", "DO", "finish it or leave it out"),
    ("FIX", "ME", "finish it or leave it out"),
    ("todo", "!(", "finish it or leave it out"),
    ("unimplemented", "!(", "finish it or leave it out"),
    ("#[ig", "nore", "a test that is skipped has not passed"),
    ("/work", "/", "a path of one machine"),
    ("/root", "/", "a path of one machine"),
    ("/tmp", "/tools", "a path of one machine"),
];

/// Lints that no `allow` may name, whatever else it names: what nobody uses would stay. `expect` may, for it says when it
/// is no longer so.
const NOT_ALLOWED: [&str; 2] = ["dead_code", "unused"];

/// Every place where something forbidden stands.
pub(crate) fn check(files: &[File]) -> Vec<String> {
    let mut breaches = Vec::new();
    for file in files {
        for (at, line) in file.text.lines().enumerate() {
            for (first, second, reason) in FORBIDDEN {
                let word = [first, second].concat();
                if stands_alone(line, &word) {
                    breaches.push(format!("{}:{}: `{word}`: {reason}", file.path, at + 1));
                }
            }
        }
        // What generators write is theirs.
        if file.is_hand_written_rust() {
            let code = code::without_text(&file.text);
            let allowed = allowed(&code);
            for lint in NOT_ALLOWED.iter().filter(|lint| allowed.contains(**lint)) {
                breaches.push(format!("{}: `{lint}` is allowed: dead code goes", file.path));
            }
        }
    }
    breaches
}

/// The lints that attributes in `code` allow.
fn allowed(code: &str) -> BTreeSet<&str> {
    let mut lints = BTreeSet::new();
    for (at, word) in code.match_indices("allow(") {
        let list = code.get(at + word.len()..).unwrap_or_default();
        let list = list.split(')').next().unwrap_or_default();
        lints.extend(list.split(',').map(str::trim));
    }
    lints
}

/// Whether `word` stands in `line`, and not as the end of a longer word or path, as in a link.
fn stands_alone(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line.get(..at).unwrap_or_default();
        !before.ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forbidden_words_are_found_with_their_line() {
        let word = ["TO", "DO"].concat();
        let file = File { path: "a.md".to_owned(), text: format!("fine\nnot fine: {word}\n") };
        let breaches = check(&[file]);
        assert_eq!(breaches.len(), 1);
        assert!(breaches[0].starts_with("a.md:2:"), "{breaches:?}");
        let link = ["see https://example.com/root", "/page"].concat();
        assert!(check(&[File { path: "a.md".to_owned(), text: link }]).is_empty());
    }

    #[test]
    fn dead_code_is_allowed_to_nobody() {
        for (path, text, expected) in [
            ("a.rs", "#[allow(dead_code)]", 1),
            ("a.rs", "#![allow(dead_code, unreachable_pub)]", 1),
            ("a.rs", "#[allow(\n    unreachable_pub,\n    dead_code,\n    reason = \"a\"\n)]", 1),
            ("a.rs", "#[cfg_attr(test, allow(unused))]", 1),
            ("a.rs", "#[allow(clippy::unwrap_used, unused_variables)] // dead_code", 0),
            ("a.rs", "#[expect(dead_code, reason = \"it describes\")]", 0),
            ("a/generated/b.rs", "#![allow(dead_code)]", 0),
        ] {
            let file = File { path: path.to_owned(), text: text.to_owned() };
            assert_eq!(check(&[file]).len(), expected, "{path}: {text}");
        }
    }
}
