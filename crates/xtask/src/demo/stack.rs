//! Everything that the demo runs: production, its control, two candidates (one of them also behind a relay), the
//! control plane, and Envoy.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use super::relay::Relay;
use super::warm;
use crate::checkout::Checkout;
use crate::process::Process;
use crate::progress::Progress;
use crate::shop::EnvoyPorts;
use crate::sidecar::Sidecar;
use crate::tools::envoy;
use crate::tools::json_server::{self, Servers};
use crate::{control_plane, ports, shop};

/// How many worker threads Envoy runs: more than one, so that "every worker" means something.
pub(crate) const WORKERS: u32 = 4;

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
        let folder = shop::fresh_folder(&checkout.target, "demo")?;
        let [ingress, admin, api, xds, production, next, control, twin] = ports::free()?;
        let ports = Ports { ingress, admin, api, production, next, control, twin, xds };

        let Servers { old, new } = servers;
        let mut servers = Vec::new();
        for (name, port) in [("production", production), ("control", control), ("twin", twin)] {
            // A line for every request would cost as much as the request itself.
            servers.push(shop::json_server(
                &folder,
                name,
                Command::new("node").arg(&old).arg("--quiet"),
                port,
            )?);
        }
        servers.push(shop::json_server(&folder, "next", Command::new("node").arg(&new), next)?);
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

fn run_control_plane(checkout: &Checkout, folder: &Path, ports: Ports) -> Result<Process> {
    let progress = Progress::start("starting the control plane");
    let umbra = Command::new(checkout.binaries().join("umbra"));
    let process = control_plane::start(umbra, folder, ports.api, ports.xds)?;
    progress.done(format_args!("http://127.0.0.1:{}", ports.api));
    Ok(process)
}

fn run_envoy(checkout: &Checkout, folder: &Path, ports: Ports, relay: u16, envoy: &Path) -> Result<Process> {
    let mut sidecar = Sidecar::load(checkout)?;
    sidecar.set_cluster_port("primary", ports.production)?;
    sidecar.set_cluster_port("shadow", relay)?;
    sidecar.set_cluster_port("control", ports.control)?;
    sidecar.add_cluster("next", "shadow", ports.next)?;
    sidecar.add_cluster("twin", "shadow", ports.twin)?;
    sidecar.set_cluster_port("umbra-control-plane", ports.xds)?;
    let servers = ["primary", "shadow", "control", "next", "twin"];
    let listens = EnvoyPorts { ingress: ports.ingress, admin: ports.admin };
    shop::envoy(folder, envoy, sidecar, &servers, listens, WORKERS)
}
