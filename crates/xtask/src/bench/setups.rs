//! The Envoys that are compared: all are `envoy/sidecar`, with more or less of Umbra in it.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::load::Upstreams;
use crate::checkout::Checkout;
use crate::http::Client;
use crate::process::Process;
use crate::sidecar::Sidecar;
use crate::{interrupt, ports};

/// One way to set Envoy up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Setup {
    /// No filter, no mirror.
    Plain,
    /// Envoy's own mirror, of everything.
    Native,
    /// The filter in both roles; everything is stamped and nothing mirrored.
    UmbraAtZero,
    /// The filter in both roles; everything is stamped and mirrored.
    Umbra,
}

/// What a setup should send to the shadow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mirrors {
    /// Not one request.
    Nothing,
    /// Every request.
    Everything,
}

/// A running Envoy.
#[derive(Debug)]
pub(crate) struct Running {
    /// How it is set up.
    pub(crate) setup: Setup,
    /// Its process.
    pub(crate) process: Process,
    /// Its listener.
    pub(crate) port: u16,
    /// Its admin page.
    pub(crate) admin: u16,
}

impl Setup {
    /// All of them; the others are compared with the first.
    pub(crate) const ALL: [Self; 4] = [Self::Plain, Self::Native, Self::UmbraAtZero, Self::Umbra];

    /// Its name in the table.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Plain => "without filter or mirror",
            Self::Native => "Envoy's own mirror, 100 %",
            Self::UmbraAtZero => "Umbra, valve at 0 %",
            Self::Umbra => "Umbra, valve at 100 %",
        }
    }

    /// What it should send to the shadow.
    pub(crate) fn mirrors(self) -> Mirrors {
        match self {
            Self::Plain | Self::UmbraAtZero => Mirrors::Nothing,
            Self::Native | Self::Umbra => Mirrors::Everything,
        }
    }

    /// Starts an Envoy that is set up so, with one worker.
    ///
    /// # Errors
    /// When it does not come up.
    pub(crate) fn start(
        self,
        checkout: &Checkout,
        envoy: &Path,
        folder: &Path,
        upstreams: Upstreams,
    ) -> Result<Running> {
        let [port, admin] = ports::free()?;
        let mut sidecar = Sidecar::load(checkout)?;
        match self {
            Self::Plain => sidecar.remove_umbra(),
            Self::Native => sidecar.mirror_natively("shadow")?,
            Self::UmbraAtZero => sidecar.run_alone(&resources(0))?,
            Self::Umbra => sidecar.run_alone(&resources(100))?,
        }
        sidecar.set_listener_port(port)?;
        sidecar.set_admin_port(admin)?;
        sidecar.set_cluster_port("primary", upstreams.primary)?;
        sidecar.set_cluster_port("shadow", upstreams.shadow)?;
        let config = folder.join(format!("{self:?}.json"));
        sidecar.write(&config)?;
        let mut process = Process::start_logged(
            self.name(),
            Command::new(envoy).arg("-c").arg(config).args([
                "--concurrency",
                "1",
                "--use-dynamic-base-id",
                "--disable-hot-restart",
            ]),
            &folder.join(format!("{self:?}.log")),
        )?;
        let client = Client::new(admin);
        interrupt::wait_for("Envoy to be ready", Duration::from_secs(60), || {
            process.must_run()?;
            Ok(client.is_ok("/ready").then_some(()))
        })
        .with_context(|| format!("Envoy did not come up{}", process.tail()))?;
        Ok(Running { setup: self, process, port, admin })
    }
}

/// One stamp that fits everything, and one shadow of it at this share.
fn resources(percent: u32) -> Value {
    json!([
        {
            "apiVersion": "umbra/v1",
            "kind": "Stamp",
            "metadata": {"name": "everything"},
            "spec": {"match": [{"path": {"prefix": "/"}}]},
        },
        {
            "apiVersion": "umbra/v1",
            "kind": "Shadow",
            "metadata": {"name": "next"},
            "spec": {"stamps": ["everything"], "target": {"cluster": "shadow"}, "percent": percent},
        },
    ])
}
