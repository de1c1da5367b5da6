//! `cargo xtask test`: every test, the end-to-end ones once with each Envoy.
//!
//! Everything is selected with `--workspace` in each call, so that cargo resolves the same features each time and
//! builds nothing twice.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use cargo_metadata::{Metadata, MetadataCommand, TargetKind};

use crate::checkout::Checkout;
use crate::steps::Steps;
use crate::tools::envoy;
use crate::{console, filter, run, schemathesis, tools};

/// Long enough for a cold build on two slow cores; it only ends one that hangs, before `.ci/run` would.
pub(crate) const BUILD_LIMIT: Duration = Duration::from_secs(30 * 60);

/// Ends tests that hang, long before CI's own limit, with the name of the step in the message.
pub(crate) const TEST_LIMIT: Duration = Duration::from_secs(15 * 60);

/// The package that talks to real Envoys.
const END_TO_END: &str = "umbra-e2e";

/// Runs every test.
///
/// # Errors
/// When something cannot be installed or built, or a test fails.
pub(crate) fn all(checkout: &Checkout, steps: &mut Steps) -> Result<()> {
    steps.take("console in a browser, by itself", || console::browse_mock(checkout))?;
    steps.take("tools", || tools::install(checkout))?;
    steps.take("build the filter that traps", || filter::build_trap(checkout))?;
    steps.take("build the filter", || filter::build(checkout))?;
    steps.take("build the binaries and the tests", || {
        cargo(checkout, &["build", "--workspace", "--lib", "--bins", "--tests", "--examples"], BUILD_LIMIT)
    })?;
    steps.take("console in a browser, with everything behind it", || console::browse_stack(checkout))?;
    steps.take("the API against its description", || schemathesis::check(checkout))?;
    let targets = Targets::of(checkout)?;
    for (index, version) in envoy::VERSIONS.into_iter().enumerate() {
        let envoy = envoy::install(checkout, version)?;
        if index == 0 {
            // Everything once: the first Envoy's end-to-end tests are among it.
            steps.take(&format!("all tests, end-to-end with Envoy {version}"), || {
                run::show(&mut end_to_end(checkout, &envoy, version, &[]), TEST_LIMIT)
            })?;
        } else {
            steps.take(&format!("end-to-end tests with Envoy {version}"), || {
                run::show(&mut end_to_end(checkout, &envoy, version, &targets.end_to_end), TEST_LIMIT)
            })?;
        }
    }
    Ok(())
}

/// `cargo test` of the whole workspace, or of the named test targets alone, with one Envoy.
pub(crate) fn end_to_end(checkout: &Checkout, envoy: &Path, version: &str, only: &[String]) -> Command {
    let mut command = Command::new("cargo");
    // All failures, not only those of the first package.
    command.args(["test", "--workspace", "--no-fail-fast"]);
    for target in only {
        command.args(["--test", target]);
    }
    command
        .env("UMBRA_E2E_ENVOY", envoy)
        .env("UMBRA_E2E_ENVOY_VERSION", version)
        .env("UMBRA_E2E_FILTER", checkout.filter())
        .env("UMBRA_E2E_TRAP_FILTER", checkout.trap_filter())
        .env("UMBRA_E2E_BIN_DIR", checkout.binaries())
        .current_dir(&checkout.root);
    command
}

fn cargo(checkout: &Checkout, arguments: &[&str], limit: Duration) -> Result<()> {
    run::show(Command::new("cargo").args(arguments).current_dir(&checkout.root), limit)
}

/// The integration tests of the end-to-end package, by name.
#[derive(Debug)]
struct Targets {
    end_to_end: Vec<String>,
}

impl Targets {
    fn of(checkout: &Checkout) -> Result<Self> {
        let metadata = MetadataCommand::new()
            .manifest_path(checkout.root.join("Cargo.toml"))
            .no_deps()
            .exec()
            .context("cargo metadata failed")?;
        let end_to_end = names(&metadata, |package| package == END_TO_END);
        ensure!(!end_to_end.is_empty(), "{END_TO_END} has no integration test");
        // cargo selects test targets by name in every member, so one with the same name would run once more, and
        // its results would be taken for those of another Envoy.
        let others = names(&metadata, |package| package != END_TO_END);
        let both: Vec<&String> = end_to_end.intersection(&others).collect();
        ensure!(both.is_empty(), "tests of {END_TO_END} and of another package have one name: {both:?}");
        Ok(Self { end_to_end: end_to_end.into_iter().collect() })
    }
}

fn names(metadata: &Metadata, wanted: impl Fn(&str) -> bool) -> BTreeSet<String> {
    let packages = metadata.packages.iter().filter(|package| wanted(&package.name));
    let targets = packages.flat_map(|package| &package.targets);
    targets
        .filter(|target| target.kind.contains(&TargetKind::Test))
        .map(|target| target.name.clone())
        .collect()
}
