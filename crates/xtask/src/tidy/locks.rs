//! What is fuzzed is what ships: a package that both lock files have, has the same versions in both.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anyhow::{Context, Result};

use crate::checkout::Checkout;

/// The versions of each package.
type Versions<'a> = BTreeMap<&'a str, BTreeSet<&'a str>>;

/// Every package of the fuzz targets whose version is not one that ships.
///
/// # Errors
/// When a lock file cannot be read.
pub(crate) fn check(checkout: &Checkout) -> Result<Vec<String>> {
    let read = |path: &str| {
        fs::read_to_string(checkout.root.join(path)).with_context(|| format!("cannot read {path}"))
    };
    Ok(breaches(&read("Cargo.lock")?, &read("fuzz/Cargo.lock")?))
}

fn breaches(shipped: &str, fuzzed: &str) -> Vec<String> {
    let shipped = versions(shipped);
    let mut breaches = Vec::new();
    for (name, fuzzed) in versions(fuzzed) {
        let Some(shipped) = shipped.get(name) else { continue };
        for version in fuzzed.difference(shipped) {
            let precise = shipped.last().copied().unwrap_or_default();
            breaches.push(format!(
                "fuzz/Cargo.lock: {name} {version} is not in Cargo.lock: in fuzz/, `cargo update {name}@{version} --precise {precise}`"
            ));
        }
    }
    breaches
}

/// cargo writes the name first, and the version in the line behind it.
fn versions(lock: &str) -> Versions<'_> {
    let mut versions = Versions::new();
    for (name, version) in lock.lines().zip(lock.lines().skip(1)) {
        if let (Some(name), Some(version)) = (value(name, "name"), value(version, "version")) {
            versions.entry(name).or_default().insert(version);
        }
    }
    versions
}

fn value<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    line.strip_prefix(key)?.strip_prefix(" = \"")?.strip_suffix('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHIPPED: &str = "version = 4\n\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\n\n\
                           [[package]]\nname = \"a\"\nversion = \"2.0.0\"\n";

    #[test]
    fn only_versions_that_do_not_ship_are_named() {
        let fuzzed = "[[package]]\nname = \"a\"\nversion = \"2.0.0\"\n\n[[package]]\nname = \"b\"\nversion = \"3.0.0\"\n";
        assert_eq!(breaches(SHIPPED, fuzzed), [""; 0]);
        let found = breaches(SHIPPED, &fuzzed.replace("2.0.0", "2.0.1"));
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("fuzz/Cargo.lock: a 2.0.1 is not in Cargo.lock"), "{found:?}");
    }
}
