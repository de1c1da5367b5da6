//! A file is one idea. Past 500 lines it seldom is, and then it is listed here with its reason.

use super::files::File;

/// From this many lines on, a file needs a reason.
const JUSTIFY: usize = 500;

/// The files that may be longer, and why.
const JUSTIFIED: [(&str, &str); 0] = [];

/// Hand-written Rust files that are too long, and reasons that are no longer needed.
pub(crate) fn check(files: &[File]) -> Vec<String> {
    let mut breaches = Vec::new();
    let long = || files.iter().filter(|file| file.is_hand_written_rust() && lines(file) > JUSTIFY);
    for file in long() {
        if !JUSTIFIED.iter().any(|(path, _)| *path == file.path) {
            breaches.push(format!(
                "{}: {} lines, and a file of more than {JUSTIFY} needs a reason in xtask's tidy/length.rs",
                file.path,
                lines(file)
            ));
        }
    }
    for (path, reason) in JUSTIFIED {
        if !long().any(|file| file.path == path) {
            breaches.push(format!("{path}: short enough, so its reason can go: {reason}"));
        }
    }
    breaches
}

/// The median and the longest, in words.
pub(crate) fn report(files: &[File]) -> String {
    let mut rust: Vec<(usize, &str)> = files
        .iter()
        .filter(|file| file.is_hand_written_rust())
        .map(|file| (lines(file), file.path.as_str()))
        .collect();
    rust.sort_unstable();
    match (rust.get(rust.len() / 2), rust.last()) {
        (Some((median, _)), Some((longest, path))) => {
            format!("{} of Rust, median {median} lines, longest {longest} ({path})", rust.len())
        }
        _ => "none of Rust".to_owned(),
    }
}

fn lines(file: &File) -> usize {
    file.text.lines().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_files_need_a_reason() {
        let file = |path: &str, lines| File { path: path.to_owned(), text: "x\n".repeat(lines) };
        assert!(check(&[file("a.rs", JUSTIFY)]).is_empty());
        assert_eq!(check(&[file("a.rs", JUSTIFY + 1)]).len(), 1);
        assert!(check(&[file("a/generated/b.rs", JUSTIFY + 1)]).is_empty());
        assert!(check(&[file("a.md", JUSTIFY + 1)]).is_empty());
    }
}
