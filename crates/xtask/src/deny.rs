//! `cargo xtask deny`: licences, duplicates and sources of the dependencies, as `deny.toml` says.
//!
//! Advisories need a database from elsewhere: `cargo xtask deny --advisories`, where there is a way to it.

use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use crate::checkout::Checkout;
use crate::run;
use crate::tools::cargo_deny;

/// It takes a second, and as long as the database of advisories takes to fetch.
const LIMIT: Duration = Duration::from_secs(300);

/// Checks the dependencies.
///
/// # Errors
/// When one is not as it must be, or the tool cannot be built.
pub(crate) fn check(checkout: &Checkout, advisories: bool) -> Result<()> {
    let program = cargo_deny::install(checkout)?;
    let mut command = Command::new(program);
    command.args(["check", "bans", "licenses", "sources"]);
    if advisories {
        command.arg("advisories");
    }
    run::show(command.current_dir(&checkout.root), LIMIT)
}
