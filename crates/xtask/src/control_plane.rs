//! The control plane under what is shown, measured and watched.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::Value;

use crate::http::Client;
use crate::process::Process;
use crate::{interrupt, shop};

/// Envoy connects within a second; a machine that compiles beside it takes longer.
const SYNC_LIMIT: Duration = Duration::from_secs(60);

/// Starts `umbra`, which names the binary, for whoever asks, with its database and its log in `folder`.
///
/// # Errors
/// When it does not come up: the message has the end of its log.
pub(crate) fn start(mut umbra: Command, folder: &Path, api: u16, xds: u16) -> Result<Process> {
    let process = Process::start_logged(
        "the control plane",
        umbra
            .args(["serve", "--dev", "--database-url"])
            .arg(format!("sqlite://{}", folder.join("umbra.sqlite").display()))
            .args(["--listen-api", &format!("127.0.0.1:{api}")])
            .args(["--listen-xds", &format!("127.0.0.1:{xds}")]),
        &folder.join("umbra.log"),
    )?;
    shop::ready(process, api, "/readyz")
}

/// Applies a list of resources.
///
/// # Errors
/// When they are not taken.
pub(crate) fn apply(api: &Client, resources: &Value) -> Result<()> {
    let headers = [("content-type", "application/json")];
    let answer = api.send("POST", "/api/v1/apply", &headers, Some(&resources.to_string()))?;
    ensure!(answer.status == 200, "the resources were answered with {}: {}", answer.status, answer.body);
    Ok(())
}

/// Waits until the one Envoy there is runs its policy.
///
/// # Errors
/// When it does not.
pub(crate) fn wait_for_envoy(api: &Client) -> Result<()> {
    interrupt::wait_for("Envoy to run the policy", SYNC_LIMIT, || {
        let nodes = api.get_json("/api/v1/nodes")?;
        let state = nodes.pointer("/items/0/state").and_then(Value::as_str);
        Ok((state == Some("SYNCED")).then_some(()))
    })
}
