//! `cargo xtask validate`: every configuration under `envoy/`, by every Envoy that the tests run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::checkout::Checkout;
use crate::tools::envoy;
use crate::{run, say};

/// Where the configurations look for the module. Envoy loads it while it validates, so it is replaced by the one
/// that was built; nothing else of a file is touched.
const MODULE: &str = "/etc/envoy/umbra-filter.wasm";

const LIMIT: Duration = Duration::from_secs(120);

/// Validates them all.
///
/// # Errors
/// When a file does not pass, when there is none, or when an Envoy cannot be installed.
pub(crate) fn all(checkout: &Checkout) -> Result<()> {
    let files = configurations(&checkout.root.join("envoy"))?;
    ensure!(!files.is_empty(), "no configuration under envoy/");
    let scratch = checkout.target.join("validate");
    fs::create_dir_all(&scratch).with_context(|| format!("cannot write {}", scratch.display()))?;
    for version in envoy::VERSIONS {
        let envoy = envoy::install(checkout, version)?;
        for file in &files {
            validate(&envoy, file, &scratch, &checkout.filter())
                .with_context(|| format!("{} does not pass on Envoy {version}", file.display()))?;
            say::line(format_args!("envoy {version}: {} passes", shown(checkout, file)));
        }
    }
    Ok(())
}

fn validate(envoy: &Path, file: &Path, scratch: &Path, module: &Path) -> Result<()> {
    let text = fs::read_to_string(file)?.replace(MODULE, &module.to_string_lossy());
    let copy = scratch.join("envoy.yaml");
    fs::write(&copy, text)?;
    run::capture(
        Command::new(envoy)
            .args(["--mode", "validate", "--use-dynamic-base-id", "--log-level", "warn", "-c"])
            .arg(copy),
        LIMIT,
    )
    .map(drop)
}

/// Every YAML file below `folder`, in order.
fn configurations(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(configurations(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn shown(checkout: &Checkout, file: &Path) -> String {
    file.strip_prefix(&checkout.root).unwrap_or(file).display().to_string()
}
