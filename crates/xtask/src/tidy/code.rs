//! Rust source without what is not code: comments and the contents of literals.

/// `source` with comments and the insides of string literals left out. Good enough to look for paths in: it does
/// not parse.
pub(crate) fn without_text(source: &str) -> String {
    let mut code = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(next) = rest.chars().next() {
        if rest.starts_with("//") {
            rest = rest.find('\n').map_or("", |end| rest.get(end..).unwrap_or_default());
        } else if rest.starts_with("/*") {
            rest = after(rest, "*/");
        } else if let Some(hashes) = raw_string(rest) {
            let closing = format!("\"{}", "#".repeat(hashes));
            rest = after(rest.get(hashes + 2..).unwrap_or_default(), &closing);
            code.push_str("\"\"");
        } else if next == '"' {
            rest = after_string(rest);
            code.push_str("\"\"");
        } else if rest.starts_with("'\"'") {
            rest = after(rest, "\"'");
        } else {
            code.push(next);
            rest = rest.get(next.len_utf8()..).unwrap_or_default();
        }
    }
    code
}

/// The part of `source` before its test module, which by custom is the last thing in a file.
pub(crate) fn without_tests(source: &str) -> &str {
    source.split("#[cfg(test)]").next().unwrap_or_default()
}

fn after<'a>(text: &'a str, end: &str) -> &'a str {
    text.find(end).and_then(|at| text.get(at + end.len()..)).unwrap_or_default()
}

/// With how many `#` the raw string starts that `text` starts with, if it does.
fn raw_string(text: &str) -> Option<usize> {
    let text = text.strip_prefix('r')?;
    let quoted = text.trim_start_matches('#');
    quoted.starts_with('"').then_some(text.len() - quoted.len())
}

fn after_string(text: &str) -> &str {
    let mut escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return text.get(at + 1..).unwrap_or_default(),
            _ => {}
        }
    }
    ""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_go() {
        for (source, expected) in [
            ("a // crate::b\nc", "a \nc"),
            ("a /* crate::b */ c", "a  c"),
            (r#"x("crate::b \" d") e"#, r#"x("") e"#),
            ("x(r#\"a \" crate::b\"#) e", "x(\"\") e"),
            (r#"'"' crate::b '"'"#, " crate::b "),
            ("for x", "for x"),
        ] {
            assert_eq!(without_text(source), expected, "{source}");
        }
    }
}
