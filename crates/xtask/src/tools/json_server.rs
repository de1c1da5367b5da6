//! Two releases of json-server side by side, from npm, by the lock file that is committed beside this crate.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use super::DOWNLOAD_LIMIT;
use crate::checkout::Checkout;
use crate::progress::Progress;
use crate::run;

/// The release that plays production.
pub(crate) const OLD_VERSION: &str = "0.17.4";
/// Its successor, which plays the shadow.
pub(crate) const NEW_VERSION: &str = "1.0.0-beta.15";

const PACKAGE: &str = include_str!("../../json-server/package.json");
const LOCK: &str = include_str!("../../json-server/package-lock.json");

/// The two scripts to hand to node.
#[derive(Debug)]
pub(crate) struct Servers {
    /// json-server [`OLD_VERSION`].
    pub(crate) old: PathBuf,
    /// json-server [`NEW_VERSION`].
    pub(crate) new: PathBuf,
}

/// Installs both if they are not there as the lock file has them.
///
/// # Errors
/// When node or npm is missing, or the download fails.
pub(crate) fn install(checkout: &Checkout) -> Result<Servers> {
    let folder = checkout.tools.join("json-server");
    let modules = folder.join("node_modules");
    let servers = Servers {
        old: modules.join("json-server-017/lib/cli/bin.js"),
        new: modules.join("json-server-1/lib/bin.js"),
    };
    // Written last, so its being there means that the installation was finished, and of this lock.
    let installed_lock = folder.join("installed-lock.json");
    run::need(
        "node",
        "the demo's servers run on Node.js 20 or newer: install it (Debian: apt-get install nodejs)",
    )?;
    if fs::read_to_string(&installed_lock).is_ok_and(|lock| lock == LOCK) {
        return Ok(servers);
    }
    let npm = run::need("npm", "json-server comes from npm: install it (Debian: apt-get install npm)")?;
    let progress = Progress::start("installing json-server, both releases");
    fs::create_dir_all(&folder).with_context(|| format!("cannot write {}", folder.display()))?;
    fs::write(folder.join("package.json"), PACKAGE)?;
    fs::write(folder.join("package-lock.json"), LOCK)?;
    run::capture(
        Command::new(npm)
            .args(["ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"])
            .current_dir(&folder),
        DOWNLOAD_LIMIT,
    )
    .context("cannot install json-server from npm")?;
    for script in [&servers.old, &servers.new] {
        anyhow::ensure!(script.is_file(), "npm left no {}", script.display());
    }
    fs::write(&installed_lock, LOCK)?;
    progress.done("installed");
    Ok(servers)
}
