//! What an operator types: umbractl, with what it answers.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::stack::Ports;
use crate::checkout::Checkout;
use crate::{run, say};

/// Nothing that the demo types waits for longer by itself.
const LIMIT: Duration = Duration::from_secs(60);

/// Types commands and shows them.
#[derive(Debug)]
pub(crate) struct Operator {
    umbractl: PathBuf,
    folder: PathBuf,
    server: String,
}

impl Operator {
    /// Works in the checkout, with the control plane at these ports.
    pub(crate) fn new(checkout: &Checkout, ports: Ports) -> Self {
        Self {
            umbractl: checkout.binaries().join("umbractl"),
            folder: checkout.root.clone(),
            server: format!("http://127.0.0.1:{}", ports.api),
        }
    }

    /// The control plane's address.
    pub(crate) fn server(&self) -> &str {
        &self.server
    }

    /// Where umbractl is.
    pub(crate) fn umbractl(&self) -> &Path {
        &self.umbractl
    }

    /// Runs `umbractl`, its output shown; gives its exit code.
    ///
    /// # Errors
    /// When it cannot be run to its end.
    pub(crate) fn asks(&self, arguments: &[&str]) -> Result<i32> {
        say::line(format_args!("\n$ umbractl {}", arguments.join(" ")));
        let mut command = Command::new(&self.umbractl);
        command.args(["--server", &self.server]).args(arguments).current_dir(&self.folder);
        run::show_any(&mut command, LIMIT)?.code().context("umbractl was killed")
    }

    /// Runs `umbractl`, its output shown.
    ///
    /// # Errors
    /// When it fails.
    pub(crate) fn types(&self, arguments: &[&str]) -> Result<()> {
        let code = self.asks(arguments)?;
        ensure!(code == 0, "`umbractl {}` ended with {code}", arguments.join(" "));
        Ok(())
    }
}
