//! The shop of the demo and of the console's suite: json-server with its data, and Envoy in front of it.

pub(crate) mod data;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::http::Client;
use crate::interrupt;
use crate::process::Process;
use crate::progress::Progress;
use crate::sidecar::Sidecar;
use crate::tools::envoy;

/// A server that has not come up after this will not.
const START_LIMIT: Duration = Duration::from_secs(60);

/// Node closes a connection that was idle for 5 s, and a request that comes just then is lost: Envoy must be first.
const IDLE_TIMEOUT: &str = "3s";

/// An empty folder below `target`, whatever an earlier run left there.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn fresh_folder(target: &Path, name: &str) -> Result<PathBuf> {
    let folder = target.join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot write {}", folder.display()))?;
    Ok(folder)
}

/// Starts the json-server that `node` names, with fresh data of its own: a write to one must not be seen by another.
///
/// # Errors
/// When it does not come up.
pub(crate) fn json_server(folder: &Path, name: &str, node: &mut Command, port: u16) -> Result<Process> {
    let database = folder.join(format!("{name}.json"));
    fs::write(&database, serde_json::to_vec_pretty(&data::shop())?)?;
    let progress = Progress::start(format_args!("starting {name}"));
    let process = Process::start_logged(
        name,
        node.args(["--host", "127.0.0.1", "--port", &port.to_string()]).arg(database).current_dir(folder),
        &folder.join(format!("{name}.log")),
    )?;
    let process = ready(process, port, "/products/1")?;
    progress.done(format_args!("http://127.0.0.1:{port}"));
    Ok(process)
}

/// Where Envoy listens.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EnvoyPorts {
    /// What clients talk to.
    pub(crate) ingress: u16,
    /// Its admin page.
    pub(crate) admin: u16,
}

/// Starts the newest Envoy with this configuration; `servers` are the clusters that json-servers stand behind.
///
/// # Errors
/// When the configuration has no such cluster, or when Envoy does not come up.
pub(crate) fn envoy(
    folder: &Path,
    binary: &Path,
    mut sidecar: Sidecar,
    servers: &[&str],
    ports: EnvoyPorts,
    workers: u32,
) -> Result<Process> {
    sidecar.set_admin_port(ports.admin)?;
    sidecar.set_listener_port(ports.ingress)?;
    for cluster in servers {
        sidecar.set_idle_timeout(cluster, IDLE_TIMEOUT)?;
    }
    let config = folder.join("envoy.json");
    sidecar.write(&config)?;
    let progress = Progress::start(format_args!("starting envoy {} with {workers} workers", envoy::NEWEST));
    let process = Process::start_logged(
        "envoy",
        Command::new(binary).arg("-c").arg(config).args([
            "--concurrency",
            &workers.to_string(),
            "--use-dynamic-base-id",
            "--disable-hot-restart",
        ]),
        &folder.join("envoy.log"),
    )?;
    let process = ready(process, ports.admin, "/ready")?;
    progress.done(format_args!("http://127.0.0.1:{}", ports.ingress));
    Ok(process)
}

/// Waits until `path` is answered with 200, or fails with the end of the log when the process ends first.
///
/// # Errors
/// Then, and when it takes too long.
pub(crate) fn ready(mut process: Process, port: u16, path: &str) -> Result<Process> {
    let client = Client::new(port);
    let what = format!("an answer to {path}");
    let waited = interrupt::wait_for(&what, START_LIMIT, || {
        process.must_run()?;
        Ok(client.is_ok(path).then_some(()))
    });
    // One that runs and does not answer has said why in its log.
    waited.with_context(|| format!("a server did not come up{}", process.tail()))?;
    Ok(process)
}
