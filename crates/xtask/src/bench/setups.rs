//! The Envoys that are compared: all are `envoy/sidecar`, with more or less of Umbra in it.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::load::{LIST, SMALL, Upstreams};
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
    /// Envoy's own mirror, of everything; answers are 2 KB of JSON.
    NativeJson,
    /// With a control plane: everything is mirrored, and the same answers compared by digest.
    Digest,
    /// The same, with bodies sampled and compared in full.
    Full,
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
    /// Its control plane, which ends after it.
    control_plane: Option<Process>,
    /// Its listener.
    pub(crate) port: u16,
    /// Its admin page.
    pub(crate) admin: u16,
}

impl Running {
    /// Whether it has a control plane to report to.
    pub(crate) fn reports(&self) -> bool {
        self.control_plane.is_some()
    }
}

impl Setup {
    /// All of them, each after the one that it is compared with.
    pub(crate) const ALL: [Self; 7] = [
        Self::Plain,
        Self::Native,
        Self::UmbraAtZero,
        Self::Umbra,
        Self::NativeJson,
        Self::Digest,
        Self::Full,
    ];

    /// What it is compared with.
    pub(crate) fn base(self) -> Self {
        match self {
            Self::Plain | Self::Native | Self::UmbraAtZero | Self::Umbra => Self::Plain,
            Self::NativeJson | Self::Digest | Self::Full => Self::NativeJson,
        }
    }

    /// What it is asked for.
    pub(crate) fn path(self) -> &'static str {
        match self.base() {
            Self::NativeJson => LIST,
            _ => SMALL,
        }
    }

    /// Its name in the table.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Plain => "without filter or mirror",
            Self::Native => "Envoy's own mirror, 100 %",
            Self::UmbraAtZero => "Umbra, valve at 0 %",
            Self::Umbra => "Umbra, valve at 100 %",
            Self::NativeJson => "JSON, Envoy's own mirror",
            Self::Digest => "JSON, Umbra, by digest",
            Self::Full => "JSON, Umbra, in full",
        }
    }

    /// What it should send to the shadow.
    pub(crate) fn mirrors(self) -> Mirrors {
        match self {
            Self::Plain | Self::UmbraAtZero => Mirrors::Nothing,
            Self::Native | Self::Umbra | Self::NativeJson | Self::Digest | Self::Full => Mirrors::Everything,
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
        let mut control_plane = None;
        match self {
            Self::Plain => sidecar.remove_umbra(),
            Self::Native | Self::NativeJson => sidecar.mirror_natively("shadow")?,
            Self::UmbraAtZero => sidecar.run_alone(&resources(0, "none"))?,
            Self::Umbra => sidecar.run_alone(&resources(100, "digest"))?,
            Self::Digest | Self::Full => {
                let started = ControlPlane::start(checkout, folder, self)?;
                sidecar.set_cluster_port("umbra-control-plane", started.xds)?;
                control_plane = Some(started);
            }
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
        if let Some(control_plane) = &control_plane {
            control_plane.wait_for_envoy()?;
        }
        let control_plane = control_plane.map(|started| started.process);
        Ok(Running { setup: self, process, control_plane, port, admin })
    }
}

/// A control plane with resources.
struct ControlPlane {
    process: Process,
    api: Client,
    xds: u16,
}

impl ControlPlane {
    fn start(checkout: &Checkout, folder: &Path, setup: Setup) -> Result<Self> {
        let [api, xds] = ports::free()?;
        let database = folder.join(format!("{setup:?}.sqlite"));
        for end in ["", "-wal", "-shm"] {
            let mut file = database.clone().into_os_string();
            file.push(end);
            if let Err(error) = fs::remove_file(&file) {
                ensure!(error.kind() == ErrorKind::NotFound, "cannot remove {}: {error}", file.display());
            }
        }
        let mut process = Process::start_logged(
            "the control plane",
            Command::new(checkout.target.join("release/umbra"))
                .args(["serve", "--dev", "--database-url"])
                .arg(format!("sqlite://{}", database.display()))
                .args(["--listen-api", &format!("127.0.0.1:{api}")])
                .args(["--listen-xds", &format!("127.0.0.1:{xds}")]),
            &folder.join(format!("{setup:?}-umbra.log")),
        )?;
        let api = Client::new(api);
        interrupt::wait_for("the control plane to be ready", Duration::from_secs(60), || {
            process.must_run()?;
            Ok(api.is_ok("/readyz").then_some(()))
        })
        .with_context(|| format!("the control plane did not come up{}", process.tail()))?;
        let bodies = if setup == Setup::Full { "full" } else { "digest" };
        let resources = resources(100, bodies).to_string();
        let headers = [("content-type", "application/json")];
        let answer = api.send("POST", "/api/v1/apply", &headers, Some(&resources))?;
        ensure!(answer.status == 200, "the resources were answered with {}: {}", answer.status, answer.body);
        Ok(Self { process, api, xds })
    }

    fn wait_for_envoy(&self) -> Result<()> {
        interrupt::wait_for("Envoy to run the policy", Duration::from_secs(60), || {
            let nodes = self.api.get_json("/api/v1/nodes")?;
            let state = nodes.pointer("/items/0/state").and_then(Value::as_str);
            Ok((state == Some("SYNCED")).then_some(()))
        })
    }
}

/// One stamp that fits everything, and one shadow of it at this share, with a look at bodies that is this close.
fn resources(percent: u32, bodies: &str) -> Value {
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
            "spec": {"stamps": ["everything"], "target": {"cluster": "shadow"}, "percent": percent, "compare": {"body": bodies}},
        },
    ])
}
