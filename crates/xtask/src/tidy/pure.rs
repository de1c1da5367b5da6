//! The pure crates do no IO: no files, sockets, processes, threads or clock. Time and randomness are arguments.

use super::code;
use super::files::File;

/// The crates whose source is looked at.
const CRATES: [&str; 4] =
    ["crates/audit/src/", "crates/policy/src/", "crates/compare/src/", "crates/resource/src/"];

/// What none of them may name.
const FORBIDDEN: [&str; 13] = [
    "std::fs",
    "std::env",
    "std::process",
    "std::thread",
    "SystemTime",
    "Instant",
    "RandomState",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "stdin(",
    "async fn",
    ".await",
];

/// Every pure file that names something of the outside world outside its tests.
pub(crate) fn check(files: &[File]) -> Vec<String> {
    let mut breaches = Vec::new();
    for file in files {
        let pure = CRATES.iter().any(|path| file.path.starts_with(path));
        if !pure || !file.is_hand_written_rust() || file.path.ends_with("/tests.rs") {
            continue;
        }
        let code = code::without_text(code::without_tests(&file.text));
        for word in FORBIDDEN.iter().filter(|word| code.contains(**word)) {
            breaches.push(format!("{}: `{word}` in a pure crate", file.path));
        }
    }
    breaches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pure_crates_name_nothing_of_the_outside() {
        for (path, text, expected) in [
            ("crates/policy/src/a.rs", "use std::fs;", 1),
            ("crates/policy/src/a.rs", "use std::net::IpAddr; // no std::fs", 0),
            ("crates/policy/src/a.rs", "#[cfg(test)]\nmod tests { use std::fs; }", 0),
            ("crates/wire/src/a.rs", "use std::fs;", 0),
        ] {
            let file = File { path: path.to_owned(), text: text.to_owned() };
            assert_eq!(check(&[file]).len(), expected, "{path}: {text}");
        }
    }
}
