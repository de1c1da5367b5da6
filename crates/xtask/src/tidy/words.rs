//! What must not stand in any file: work left over, tests switched off, and places of one machine.

use super::files::File;

/// What must not stand anywhere, and why. Written in halves, so that this file does not break its own rule.
const FORBIDDEN: [(&str, &str, &str); 9] = [
    ("TO", "DO", "finish it or leave it out"),
    ("FIX", "ME", "finish it or leave it out"),
    ("todo", "!(", "finish it or leave it out"),
    ("unimplemented", "!(", "finish it or leave it out"),
    ("allow(dead", "_code)", "dead code goes"),
    ("#[ig", "nore", "a test that is skipped has not passed"),
    ("/work", "/", "a path of one machine"),
    ("/root", "/", "a path of one machine"),
    ("/tmp", "/tools", "a path of one machine"),
];

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
    }
    breaches
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
}
