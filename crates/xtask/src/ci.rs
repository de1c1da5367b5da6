//! `cargo xtask check` and `cargo xtask ci`: what a change must pass before it lands.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use crate::checkout::Checkout;
use crate::steps::Steps;
use crate::{codegen, console, demo, deny, filter, fuzz, monitoring, run, test, tidy, validate, wasm};

/// Long enough for a cold build on two slow cores; it only ends one that hangs, before `.ci/run` would.
const LIMIT: Duration = Duration::from_secs(30 * 60);

/// The crates that the filter is made of, or may be: they must build for wasm32, each with its own features alone.
const PURE_FOR_WASM: [&str; 12] = [
    "check",
    "--locked",
    "--target",
    "wasm32-wasip1",
    "--package",
    "umbra-policy",
    "--package",
    "umbra-compare",
    "--package",
    "umbra-resource",
    "--package",
    "umbra-wire",
];

/// The filter as it ships: what only Envoy calls is compiled for wasm32 alone.
const LINT_FILTER: [&str; 6] =
    ["clippy", "--locked", "--target", "wasm32-wasip1", "--package", "umbra-filter"];

/// Everything but the tests, the quickest first.
///
/// # Errors
/// When a step fails.
pub(crate) fn check(checkout: &Checkout, steps: &mut Steps) -> Result<()> {
    let cargo = |arguments: &[&str]| {
        let mut command = Command::new("cargo");
        command.args(arguments).current_dir(&checkout.root).env("RUSTDOCFLAGS", "-D warnings");
        run::show(&mut command, LIMIT)
    };
    steps.take("components of the toolchain", || add_components(&checkout.root))?;
    steps.take("format", || {
        cargo(&["fmt", "--all", "--check"])?;
        run::show(&mut fuzz::cargo(checkout, &["fmt", "--check"]), LIMIT)
    })?;
    steps.take("tidy", || tidy::check(checkout))?;
    steps.take("dependencies", || deny::check(checkout, false))?;
    steps.take("generated code", || codegen::run(checkout, true))?;
    steps.take("console", || console::build(checkout, true))?;
    steps.take("filter", || filter::build(checkout))?;
    steps.take("imports and size of the filter", || wasm::check(&checkout.filter()))?;
    steps.take("pure crates for wasm32", || cargo(&PURE_FOR_WASM))?;
    steps.take("alert rules", || monitoring::check(checkout))?;
    steps.take("Envoy configurations", || validate::all(checkout))?;
    steps.take("clippy", || {
        cargo(&["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"])
    })?;
    steps.take("clippy of the filter for wasm32", || {
        for features in [&[][..], &["--features", "debug-trap"]] {
            cargo(&[&LINT_FILTER, features, &["--", "-D", "warnings"]].concat())?;
        }
        Ok(())
    })?;
    steps.take("inputs that are kept for fuzzing", || fuzz::replay(checkout))?;
    steps.take("clippy of the fuzz targets", || {
        let arguments = ["clippy", "--release", "--locked", "--", "-D", "warnings"];
        run::show(&mut fuzz::cargo(checkout, &arguments), LIMIT)
    })?;
    steps.take("documentation", || cargo(&["doc", "--workspace", "--no-deps", "--locked"]))?;
    Ok(())
}

/// Everything, the demo once, and every fuzz target for as long as by itself.
///
/// # Errors
/// When a step fails.
pub(crate) fn all(checkout: &Checkout, steps: &mut Steps) -> Result<()> {
    check(checkout, steps)?;
    test::all(checkout, steps)?;
    steps.take("demo", || demo::play(checkout, true))?;
    steps.take("fuzz", || fuzz::look(checkout, &fuzz::Arguments::default()))
}

/// Adds clippy and rustfmt where the toolchain came without.
fn add_components(root: &Path) -> Result<()> {
    for component in ["clippy", "fmt"] {
        let mut asked = Command::new("cargo");
        asked.args([component, "--version"]).current_dir(root);
        if run::capture(&mut asked, Duration::from_secs(60)).is_err() {
            let rustup =
                run::need("rustup", "the toolchain has no clippy or rustfmt, and rustup would add them")?;
            let mut add = Command::new(rustup);
            add.args(["component", "add", "clippy", "rustfmt"]).current_dir(root);
            run::show(&mut add, Duration::from_secs(600))?;
        }
    }
    Ok(())
}
