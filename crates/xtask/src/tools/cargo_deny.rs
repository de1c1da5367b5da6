//! cargo-deny, built from crates.io into `.tools`, once for each version.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::checkout::Checkout;
use crate::progress::Progress;
use crate::run;

const VERSION: &str = "0.20.2";

/// A minute and a half on two cores, unoptimised: what it does takes a second all the same.
const BUILD_LIMIT: Duration = Duration::from_secs(20 * 60);

/// Builds it if it is not there; gives the path of its program.
///
/// # Errors
/// When the build fails.
pub(crate) fn install(checkout: &Checkout) -> Result<PathBuf> {
    let folder = checkout.tools.join(format!("cargo-deny-{VERSION}"));
    let program = folder.join("bin/cargo-deny");
    if program.is_file() {
        return Ok(program);
    }
    let progress = Progress::start(format_args!("building cargo-deny {VERSION}"));
    fs::create_dir_all(&checkout.tools)
        .with_context(|| format!("cannot write {}", checkout.tools.display()))?;
    run::capture(
        Command::new("cargo")
            .args([
                "install",
                "cargo-deny",
                "--version",
                VERSION,
                "--locked",
                "--debug",
                "--no-default-features",
            ])
            .arg("--root")
            .arg(&folder)
            // A folder of its own and not the workspace's, so that its settings are not taken for this build.
            .current_dir(&checkout.tools),
        BUILD_LIMIT,
    )
    .context("cannot build cargo-deny from crates.io")?;
    ensure!(program.is_file(), "cargo left no {}", program.display());
    progress.done("built");
    Ok(program)
}
