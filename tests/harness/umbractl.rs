//! The command line, run as an operator runs it.

use crate::control_plane::ADMIN;
use crate::environment;
use std::process::{Command, Output};

/// Runs `umbractl` against the API on this port.
pub async fn umbractl(api_port: u16, arguments: &[&str]) -> Output {
    let mut command = Command::new(environment::umbractl());
    command
        .args(arguments)
        .env("UMBRA_SERVER", format!("http://127.0.0.1:{api_port}"))
        .env("UMBRA_TOKEN", ADMIN);
    tokio::task::spawn_blocking(move || command.output().expect("running umbractl"))
        .await
        .expect("waiting for umbractl")
}

/// The same, and it must succeed: what it printed.
pub async fn succeed(api_port: u16, arguments: &[&str]) -> String {
    let output = umbractl(api_port, arguments).await;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {text}{errors}");
    text
}
