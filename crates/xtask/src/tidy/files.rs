//! The text files of the checkout: those that are committed, and those that are about to be.

use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use crate::checkout::Checkout;
use crate::run;

/// One file, with what is in it.
#[derive(Debug)]
pub(crate) struct File {
    /// Its path from the checkout's root.
    pub(crate) path: String,
    /// What is in it.
    pub(crate) text: String,
}

impl File {
    /// Whether somebody wrote this Rust by hand.
    pub(crate) fn is_hand_written_rust(&self) -> bool {
        self.path.ends_with(".rs") && !self.path.contains("/generated/")
    }
}

/// Inputs of the fuzz targets: what stands in them nobody wrote.
fn is_fuzz_input(path: &str) -> bool {
    path.starts_with("fuzz/corpus/") || path.starts_with("fuzz/regressions/")
}

/// Every file that git knows or would take, apart from lock files, fuzz inputs, and those that are not text.
///
/// # Errors
/// When git does not answer.
pub(crate) fn list(checkout: &Checkout) -> Result<Vec<File>> {
    let listed = run::capture(
        Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .current_dir(&checkout.root),
        Duration::from_secs(60),
    )?;
    let mut files = Vec::new();
    for path in listed.split('\0').filter(|path| !path.is_empty()) {
        if path.ends_with("Cargo.lock") || path.ends_with("package-lock.json") || is_fuzz_input(path) {
            continue;
        }
        // One that was deleted and not yet committed is listed and cannot be read.
        if let Ok(text) = fs::read_to_string(checkout.root.join(path)) {
            files.push(File { path: path.to_owned(), text });
        }
    }
    Ok(files)
}
