//! schemathesis, from PyPI, with all that it needs pinned, in a venv of its own.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use super::DOWNLOAD_LIMIT;
use crate::checkout::Checkout;
use crate::progress::Progress;
use crate::run;

/// What is installed: schemathesis, and everything that it needs, each in one version.
const PINNED: &str = include_str!("../../schemathesis/requirements.txt");

/// Installs it if it is not there as pinned; gives the path of its program.
///
/// # Errors
/// When Python or its venv module is missing, or the download fails.
pub(crate) fn install(checkout: &Checkout) -> Result<PathBuf> {
    let venv = checkout.tools.join("schemathesis");
    let program = venv.join("bin/schemathesis");
    // Written last, so its being there means that the installation was finished, and of these versions.
    let installed = venv.join("installed-requirements.txt");
    if program.is_file() && fs::read_to_string(&installed).is_ok_and(|pinned| pinned == PINNED) {
        return Ok(program);
    }
    let python = run::need(
        "python3",
        "schemathesis comes from PyPI: install Python 3 (Debian: apt-get install python3-venv)",
    )?;
    let progress = Progress::start("installing schemathesis");
    // What an interrupted installation left behind would be taken for a whole one.
    if venv.exists() {
        fs::remove_dir_all(&venv).with_context(|| format!("cannot remove {}", venv.display()))?;
    }
    run::capture(Command::new(&python).args(["-m", "venv"]).arg(&venv), DOWNLOAD_LIMIT)
        .context("Python 3 is here without its venv module (Debian: apt-get install python3-venv)")?;
    let requirements = venv.join("requirements.txt");
    fs::write(&requirements, PINNED)?;
    run::capture(
        Command::new(venv.join("bin/pip"))
            .args(["install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:", "--no-deps"])
            .arg("--requirement")
            .arg(&requirements),
        DOWNLOAD_LIMIT,
    )
    .context("cannot install schemathesis from PyPI")?;
    fs::write(&installed, PINNED)?;
    progress.done("installed");
    Ok(program)
}
