//! Everything that the demo runs: production, its control, two candidates (one of them also behind a relay), the
//! control plane, and Envoy.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use super::data;
use super::relay::Relay;
use super::warm;
use crate::checkout::Checkout;
use crate::http::Client;
use crate::process::Process;
use crate::progress::Progress;
use crate::sidecar::Sidecar;
use crate::tools::envoy;
use crate::tools::json_server::{self, Servers};
use crate::{interrupt, ports};

/// How many worker threads Envoy runs: more than one, so that "every worker" means something.
pub(crate) const WORKERS: u32 = 4;

/// A server that has not come up after this will not.
const START_LIMIT: Duration = Duration::from_secs(60);

/// Node closes a connection that was idle for 5 s, and a request that comes just then is lost: Envoy must be first.
const IDLE_TIMEOUT: &str = "3s";

/// The running parts. Dropped, the first field first: nobody is left without the one it talks to.
#[derive(Debug)]
pub(crate) struct Stack {
    envoy: Process,
    control_plane: Process,
    relay: Relay,
    servers: Vec<Process>,
    ports: Ports,
    pace: Duration,
    folder: PathBuf,
}

/// Where the parts listen, on the loopback address.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ports {
    /// Envoy's listener: what clients talk to.
    pub(crate) ingress: u16,
    /// Envoy's admin page.
    pub(crate) admin: u16,
    /// The control plane's API.
    pub(crate) api: u16,
    /// json-server's old release.
    pub(crate) production: u16,
    /// json-server's new release.
    pub(crate) next: u16,
    /// The old release again, as the control.
    control: u16,
    /// The old release once more, as a candidate.
    twin: u16,
    xds: u16,
}

impl Stack {
    /// Starts everything on free ports, with fresh data, and waits until it answers.
    ///
    /// # Errors
    /// When a part cannot be installed or does not come up: the message has the end of its log.
    pub(crate) fn start(checkout: &Checkout) -> Result<Self> {
        let envoy_binary = envoy::install(checkout, envoy::NEWEST)?;
        let servers = json_server::install(checkout)?;
        let folder = fresh_folder(checkout)?;
        let [ingress, admin, api, xds, production, next, control, twin] = ports::free()?;
        let ports = Ports { ingress, admin, api, production, next, control, twin, xds };

        let Servers { old, new } = servers;
        let mut servers = Vec::new();
        for (name, port) in [("production", production), ("control", control), ("twin", twin)] {
            // A line for every request would cost as much as the request itself.
            servers.push(run_json_server(
                &folder,
                name,
                Command::new("node").arg(&old).arg("--quiet"),
                port,
            )?);
        }
        servers.push(run_json_server(&folder, "next", Command::new("node").arg(&new), next)?);
        let pace = warm::up(&[production, control, twin, next])?;
        let relay = Relay::start(next)?;
        let control_plane = run_control_plane(checkout, &folder, ports)?;
        let envoy = run_envoy(checkout, &folder, ports, relay.port(), &envoy_binary)?;
        Ok(Self { envoy, control_plane, relay, servers, ports, pace, folder })
    }

    /// Where the parts listen.
    pub(crate) fn ports(&self) -> Ports {
        self.ports
    }

    /// How often a request may be sent that three servers answer, for latencies to be those of the servers.
    pub(crate) fn pace(&self) -> Duration {
        self.pace
    }

    /// Where their data and logs are.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The relay in front of the shadow.
    pub(crate) fn relay(&self) -> &Relay {
        &self.relay
    }

    /// Fails when a part has ended by itself.
    ///
    /// # Errors
    /// Then: the message has the end of its log.
    pub(crate) fn must_run(&mut self) -> Result<()> {
        let umbra = [&mut self.envoy, &mut self.control_plane];
        umbra.into_iter().chain(&mut self.servers).try_for_each(Process::must_run)
    }
}

fn fresh_folder(checkout: &Checkout) -> Result<PathBuf> {
    let folder = checkout.target.join("demo");
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot write {}", folder.display()))?;
    Ok(folder)
}

fn run_json_server(folder: &Path, name: &str, node: &mut Command, port: u16) -> Result<Process> {
    // Each its own copy: a write to one must not be seen by the other.
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

fn run_control_plane(checkout: &Checkout, folder: &Path, ports: Ports) -> Result<Process> {
    let progress = Progress::start("starting the control plane");
    let process = Process::start_logged(
        "the control plane",
        Command::new(checkout.binaries().join("umbra"))
            .args(["serve", "--dev"])
            .arg("--database-url")
            .arg(format!("sqlite://{}", folder.join("umbra.sqlite").display()))
            .args(["--listen-api", &format!("127.0.0.1:{}", ports.api)])
            .args(["--listen-xds", &format!("127.0.0.1:{}", ports.xds)]),
        &folder.join("umbra.log"),
    )?;
    let process = ready(process, ports.api, "/readyz")?;
    progress.done(format_args!("http://127.0.0.1:{}", ports.api));
    Ok(process)
}

fn run_envoy(checkout: &Checkout, folder: &Path, ports: Ports, relay: u16, envoy: &Path) -> Result<Process> {
    let mut sidecar = Sidecar::load(checkout)?;
    sidecar.set_admin_port(ports.admin)?;
    sidecar.set_listener_port(ports.ingress)?;
    sidecar.set_cluster_port("primary", ports.production)?;
    sidecar.set_cluster_port("shadow", relay)?;
    sidecar.set_cluster_port("control", ports.control)?;
    sidecar.add_cluster("next", "shadow", ports.next)?;
    sidecar.add_cluster("twin", "shadow", ports.twin)?;
    sidecar.set_cluster_port("umbra-control-plane", ports.xds)?;
    for cluster in ["primary", "shadow", "control", "next", "twin"] {
        sidecar.set_idle_timeout(cluster, IDLE_TIMEOUT)?;
    }
    let config = folder.join("envoy.json");
    sidecar.write(&config)?;
    let progress = Progress::start(format_args!("starting envoy {} with {WORKERS} workers", envoy::NEWEST));
    let process = Process::start_logged(
        "envoy",
        Command::new(envoy).arg("-c").arg(config).args([
            "--concurrency",
            &WORKERS.to_string(),
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
fn ready(mut process: Process, port: u16, path: &str) -> Result<Process> {
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
