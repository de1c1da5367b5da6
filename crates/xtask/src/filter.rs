//! `cargo xtask filter`: builds the module that ships. Tests, demo, benchmarks and releases all use this file.

pub(crate) mod exports;

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use sha2::{Digest, Sha256};

use crate::checkout::Checkout;
use crate::{run, say, wasm};

/// What Envoy runs: WASI preview 1 for its clock and randomness, no more than `cargo xtask wasm` lets pass.
const TARGET: &str = "wasm32-wasip1";

/// A cold build of the module on a slow machine takes some minutes; this only ends one that hangs.
const BUILD_LIMIT: Duration = Duration::from_secs(1800);

/// Builds `umbra-filter.wasm` and `umbra-filter.wasm.sha256` in the target folder; gives the module's path.
///
/// # Errors
/// When the target is missing and cannot be added, when the build fails, or when a file cannot be written.
pub(crate) fn build(checkout: &Checkout) -> Result<PathBuf> {
    let module = module(checkout, &[])?;
    let digest = hex(&Sha256::digest(&module));
    let filter = checkout.filter();
    replace(&filter, &module)?;
    // The format of `sha256sum`, so that `sha256sum --check` verifies a download.
    replace(
        &checkout.target.join("umbra-filter.wasm.sha256"),
        format!("{digest}  umbra-filter.wasm\n").as_bytes(),
    )?;
    say::line(format_args!("{}: {} bytes, sha256 {digest}", filter.display(), module.len()));
    Ok(filter)
}

/// Builds the module of the end-to-end tests that traps when a request asks for it, which never ships; gives its path.
///
/// # Errors
/// As [`build`], and when `cargo xtask wasm` would not tell it from the one that ships.
pub(crate) fn build_trap(checkout: &Checkout) -> Result<PathBuf> {
    let module = module(checkout, &["--features", "debug-trap"])?;
    let filter = checkout.trap_filter();
    ensure!(wasm::has_debug_trap(&module), "{} cannot be told from the module that ships", filter.display());
    replace(&filter, &module)?;
    Ok(filter)
}

fn module(checkout: &Checkout, features: &[&str]) -> Result<Vec<u8>> {
    add_target(checkout)?;
    run::show(
        Command::new("cargo")
            .args(["build", "--package", "umbra-filter", "--profile", "filter", "--target", TARGET])
            .args(features)
            .current_dir(&checkout.root),
        BUILD_LIMIT,
    )?;
    let built = checkout.target.join(TARGET).join("filter/umbra_filter.wasm");
    let module = fs::read(&built).with_context(|| format!("cannot read {}", built.display()))?;
    exports::keep_used(&module).with_context(|| format!("cannot rewrite {}", built.display()))
}

/// Adds the target to the pinned toolchain where it is not there: cargo does not fetch it by itself where
/// rustup's automatic installation is off.
fn add_target(checkout: &Checkout) -> Result<()> {
    let limit = Duration::from_secs(60);
    let libraries = run::capture(
        Command::new("rustc")
            .args(["--print", "target-libdir", "--target", TARGET])
            .current_dir(&checkout.root),
        limit,
    )?;
    if fs::read_dir(libraries.trim()).is_ok_and(|mut files| files.next().is_some()) {
        return Ok(());
    }
    let Some(rustup) = run::find("rustup") else {
        bail!(
            "the Rust target {TARGET} is not installed, and there is no rustup to add it: install it by hand"
        );
    };
    say::line(format_args!("adding the Rust target {TARGET}"));
    run::show(
        Command::new(rustup).args(["target", "add", TARGET]).current_dir(&checkout.root),
        Duration::from_secs(600),
    )
}

/// Writes beside the file and renames, so that an Envoy that is just reading it never sees half a module.
fn replace(file: &PathBuf, bytes: &[u8]) -> Result<()> {
    let new = file.with_extension("new");
    fs::write(&new, bytes).with_context(|| format!("cannot write {}", new.display()))?;
    fs::rename(&new, file).with_context(|| format!("cannot write {}", file.display()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
