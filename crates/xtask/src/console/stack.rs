//! A real stack for the console's suite: production, the shadow and Envoy run here. The control plane is started by the
//! suite itself, which has to do without it for a while; so are the counters, through which it sees what the servers get.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::json;

use crate::checkout::Checkout;
use crate::ports;
use crate::process::Process;
use crate::shop::{self, EnvoyPorts};
use crate::sidecar::Sidecar;
use crate::tools::envoy;
use crate::tools::json_server::{self, Servers};

/// More than one, so that "every worker" means something.
const WORKERS: u32 = 2;

/// The running parts. Dropped, Envoy goes first: it is not left without the servers.
#[derive(Debug)]
pub(super) struct Stack {
    _envoy: Process,
    _servers: [Process; 2],
    description: PathBuf,
}

impl Stack {
    /// Starts everything but the control plane.
    ///
    /// # Errors
    /// When a part cannot be installed or does not come up: the message has the end of its log.
    pub(super) fn start(checkout: &Checkout) -> Result<Self> {
        let umbra = checkout.binaries().join("umbra");
        for built in [&umbra, &checkout.filter()] {
            ensure!(
                built.is_file(),
                "{} is not built: `cargo xtask demo` and `test` build it",
                built.display()
            );
        }
        let binary = envoy::install(checkout, envoy::NEWEST)?;
        let Servers { old, new } = json_server::install(checkout)?;
        let folder = shop::fresh_folder(&checkout.target, "browse")?;
        let [ingress, admin, api, xds, production, shadow] = ports::free()?;
        let [counted_production, counted_shadow] = ports::free()?;

        let servers = [
            shop::json_server(
                &folder,
                "production",
                Command::new("node").arg(&old).arg("--quiet"),
                production,
            )?,
            shop::json_server(&folder, "shadow", Command::new("node").arg(&new), shadow)?,
        ];
        let mut sidecar = Sidecar::load(checkout)?;
        sidecar.set_cluster_port("primary", counted_production)?;
        sidecar.set_cluster_port("shadow", counted_shadow)?;
        sidecar.set_cluster_port("control", production)?;
        sidecar.set_cluster_port("umbra-control-plane", xds)?;
        let clusters = ["primary", "shadow", "control"];
        let envoy =
            shop::envoy(&folder, &binary, sidecar, &clusters, EnvoyPorts { ingress, admin }, WORKERS)?;

        let database = format!("sqlite://{}", folder.join("umbra.sqlite").display());
        let description = json!({
            "folder": &folder,
            "ports": {"api": api, "ingress": ingress},
            "counters": {
                "production": {"from": counted_production, "to": production},
                "shadow": {"from": counted_shadow, "to": shadow},
            },
            "umbra": [
                umbra, "serve", "--database-url", database,
                "--listen-api", format!("127.0.0.1:{api}"), "--listen-xds", format!("127.0.0.1:{xds}"),
            ],
        });
        let file = folder.join("stack.json");
        fs::write(&file, serde_json::to_vec_pretty(&description)?)
            .with_context(|| format!("cannot write {}", file.display()))?;
        Ok(Self { _envoy: envoy, _servers: servers, description: file })
    }

    /// The file that says where everything is, and how to start the control plane.
    pub(super) fn description(&self) -> &Path {
        &self.description
    }
}
