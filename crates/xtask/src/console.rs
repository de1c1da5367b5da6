//! `cargo xtask console`: the web console is built from its source and committed, so that the server builds without
//! Node. `--check` builds it again and holds what is committed to it, byte for byte.

mod stack;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::checkout::Checkout;
use crate::process::Process;
use crate::{interrupt, ports, run, say};
use stack::Stack;

const SOURCE: &str = "control-plane/console";
const BUILT: &str = "control-plane/console/dist";
const BROWSER: &str = "tests/console";

/// Each takes seconds; this only ends one that hangs.
const LIMIT: Duration = Duration::from_secs(600);

/// A suite takes a minute: this ends one that hangs, before CI would.
const SUITE_LIMIT: Duration = Duration::from_secs(300);

/// What the source must pass, as scripts of its package.
const CHECKS: [&str; 3] = ["typecheck", "lint", "test"];

/// Checks the source and builds it; with `check`, compares with what is committed instead of writing it.
///
/// # Errors
/// When npm is missing, a check fails, or what is committed is not what the source makes.
pub(crate) fn build(checkout: &Checkout, check: bool) -> Result<()> {
    let source = checkout.root.join(SOURCE);
    install(&source)?;
    for script in CHECKS {
        npm(&source, &["run", script])?;
    }
    let fresh = checkout.target.join("console");
    let out = fresh.display().to_string();
    npm(&source, &["run", "build", "--", "--outDir", &out, "--emptyOutDir"])?;
    let (fresh, folder) = (read(&fresh)?, checkout.root.join(BUILT));
    if check { compare(&read(&folder)?, &fresh) } else { write(&folder, &fresh) }
}

/// Pictures of every page of the console with made-up figures, at both widths and in both themes: `target/shots/*.png`.
///
/// # Errors
/// When something is missing, a page scrolls sideways or complains, or axe finds something serious.
pub(crate) fn shots(checkout: &Checkout) -> Result<()> {
    let (source, browser) = (checkout.root.join(SOURCE), checkout.root.join(BROWSER));
    ready(&source, &browser)?;
    let [port] = ports::free()?;
    let folder = checkout.target.join("shots");
    fs::create_dir_all(&folder).with_context(|| format!("cannot write {}", folder.display()))?;
    let mut preview = Process::start_logged(
        "the preview of the console",
        Command::new("node")
            .args(["node_modules/vite/bin/vite.js", "preview", "--port", &port.to_string()])
            .current_dir(&source),
        &folder.join("preview.log"),
    )?;
    let client = crate::http::Client::new(port);
    interrupt::wait_for("the preview of the console", LIMIT, || {
        preview.must_run()?;
        Ok(client.is_ok("/").then_some(()))
    })?;
    let mut node = Command::new("node");
    node.arg("shots.mjs").arg(format!("http://127.0.0.1:{port}")).arg(&folder).arg("checkout-v2");
    run::show(node.current_dir(&browser), LIMIT)?;
    say::line(format_args!("pictures are in {}", folder.display()));
    Ok(())
}

/// What operators do, in a real browser, against a made-up control plane.
///
/// # Errors
/// When something is missing, or the console does not do what it should.
pub(crate) fn browse_mock(checkout: &Checkout) -> Result<()> {
    let (source, browser) = (checkout.root.join(SOURCE), checkout.root.join(BROWSER));
    ready(&source, &browser)?;
    run::show(Command::new("node").args(["suite.mjs", "mock"]).current_dir(&browser), SUITE_LIMIT)
}

/// What operators do, in a real browser, against the built control plane with an Envoy and two servers behind it.
///
/// # Errors
/// When something is missing or does not come up, or when the console does not do what it should.
pub(crate) fn browse_stack(checkout: &Checkout) -> Result<()> {
    let (source, browser) = (checkout.root.join(SOURCE), checkout.root.join(BROWSER));
    ready(&source, &browser)?;
    let stack = Stack::start(checkout)?;
    let mut suite = Command::new("node");
    suite.args(["suite.mjs", "stack"]).env("UMBRA_STACK", stack.description());
    run::show(suite.current_dir(&browser), SUITE_LIMIT)
}

fn ready(source: &Path, browser: &Path) -> Result<()> {
    run::need(
        "chromium",
        "the console is looked at in Chromium: install it (Debian: apt-get install chromium)",
    )?;
    install(source)?;
    install(browser)
}

/// Installs a package's dependencies if they are not there as its lock file has them.
fn install(package: &Path) -> Result<()> {
    run::need(
        "node",
        "the console is built with Node.js 20.19 or newer: install it (Debian: apt-get install nodejs)",
    )?;
    let lock = fs::read(package.join("package-lock.json"))
        .with_context(|| format!("{} has no lock file", package.display()))?;
    // Written last, so its being there means that the installation was finished, and of this lock.
    let installed = package.join("node_modules/.installed-lock.json");
    if fs::read(&installed).is_ok_and(|kept| kept == lock) {
        return Ok(());
    }
    npm(package, &["ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"])?;
    fs::write(&installed, lock).with_context(|| format!("cannot write {}", installed.display()))
}

fn npm(package: &Path, arguments: &[&str]) -> Result<()> {
    let npm =
        run::need("npm", "the console's packages come from npm: install it (Debian: apt-get install npm)")?;
    run::show(Command::new(npm).args(arguments).current_dir(package), LIMIT)
}

/// Every file below `folder`, by its path from there.
fn read(folder: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).with_context(|| format!("cannot list {}", next.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            files.insert(path.strip_prefix(folder)?.to_owned(), bytes);
        }
    }
    Ok(files)
}

fn compare(committed: &BTreeMap<PathBuf, Vec<u8>>, fresh: &BTreeMap<PathBuf, Vec<u8>>) -> Result<()> {
    let mut stale: Vec<String> = Vec::new();
    for path in fresh.keys().chain(committed.keys()) {
        let name = path.display().to_string();
        if fresh.get(path) != committed.get(path) && !stale.contains(&name) {
            stale.push(name);
        }
    }
    if stale.is_empty() {
        say::line(format_args!("{} files of {BUILT} are what the source makes", fresh.len()));
        return Ok(());
    }
    bail!("{BUILT} is not what the source makes: {}; run `cargo xtask console`", stale.join(", "))
}

fn write(folder: &Path, fresh: &BTreeMap<PathBuf, Vec<u8>>) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    for (path, bytes) in fresh {
        let path = folder.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).with_context(|| format!("cannot write {}", parent.display()))?;
        }
        fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
    }
    say::line(format_args!("{} files written to {BUILT}", fresh.len()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_the_same_is_named() {
        let files = |list: &[(&str, &str)]| -> BTreeMap<PathBuf, Vec<u8>> {
            list.iter().map(|(path, text)| (PathBuf::from(path), text.as_bytes().to_vec())).collect()
        };
        let committed = files(&[("a", "1"), ("b", "1"), ("gone", "1")]);
        compare(&committed, &committed).unwrap();
        let error = compare(&committed, &files(&[("a", "1"), ("b", "2"), ("new", "1")])).unwrap_err();
        assert!(error.to_string().contains(": b, new, gone;"), "{error}");
    }
}
