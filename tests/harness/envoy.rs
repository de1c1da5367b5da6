//! A real Envoy, with or without Umbra in it.

pub mod config;

use crate::client::{Connection, Protocol, Request};
use crate::environment;
use crate::eventually::{SOON, eventually};
use crate::memory::{self, Growth};
use crate::process::Process;
use config::EnvoyOptions;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A running Envoy that is ready to take requests. Dropping it ends it.
pub struct Envoy {
    process: Process,
    options: EnvoyOptions,
    folder: TempDir,
    admin_port: u16,
    port: u16,
}

impl Envoy {
    /// Starts one, and waits until it is ready.
    ///
    /// # Panics
    /// When it ends or does not get ready, with its log.
    pub async fn start(options: EnvoyOptions) -> Self {
        let folder = TempDir::new().expect("a folder for Envoy");
        let file = write_config(folder.path(), &options);
        let admin_file = folder.path().join("admin");
        let mut command = Command::new(environment::envoy());
        command
            .arg("-c")
            .arg(&file)
            .args(["--use-dynamic-base-id", "--disable-hot-restart"])
            .args(["--concurrency", &options.concurrency.to_string()])
            .args(["--drain-time-s", "1", "--parent-shutdown-time-s", "2"])
            .args(["--log-level", "info"])
            .arg("--admin-address-path")
            .arg(&admin_file);
        let mut process = Process::start(&options.node, folder.path(), command);
        let admin_port = eventually(SOON, "Envoy's admin address", async || {
            process.assert_running();
            let text = std::fs::read_to_string(&admin_file).unwrap_or_default();
            port_of(&text).ok_or(text)
        })
        .await;
        let mut envoy = Self { process, options, folder, admin_port, port: 0 };
        eventually(SOON, "Envoy is ready", async || {
            envoy.process.assert_running();
            envoy.ready().await
        })
        .await;
        envoy.port = envoy.listening_port().await;
        envoy
    }

    /// Where its listener is.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The id of its node.
    pub fn node(&self) -> &str {
        &self.options.node
    }

    /// Everything that it has logged.
    pub fn log(&self) -> String {
        self.process.output()
    }

    /// The memory that it takes from now on.
    pub fn memory(&self) -> Growth {
        Growth::of(self.process.id())
    }

    /// What is resident of it now, in bytes.
    pub fn resident(&self) -> u64 {
        memory::resident(self.process.id())
    }

    /// All its counters and gauges.
    pub async fn stats(&self) -> BTreeMap<String, u64> {
        let text = self.admin("GET", "/stats").await;
        let pairs = text.lines().filter_map(|line| line.split_once(": "));
        pairs.filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?))).collect()
    }

    /// One counter or gauge, 0 when Envoy has never made it.
    pub async fn stat(&self, name: &str) -> u64 {
        self.stats().await.get(name).copied().unwrap_or(0)
    }

    /// One of the filter's metrics: `umbra("mirrored")` is `wasmcustom.umbra.mirrored`.
    pub async fn umbra(&self, name: &str) -> u64 {
        self.umbra_all().await.get(name).copied().unwrap_or(0)
    }

    /// All of the filter's metrics that are not 0.
    ///
    /// Up to 1.36 at least, Envoy puts a VM's metrics under the name of whoever needed that VM first,
    /// which is a cluster: `cluster.shadow.wasmcustom.umbra.mirrored`. With VMs that follow one another
    /// there may be several.
    pub async fn umbra_all(&self) -> BTreeMap<String, u64> {
        let mut all = BTreeMap::new();
        for (name, value) in self.stats().await {
            let Some((_, name)) = name.split_once("wasmcustom.umbra.") else {
                continue;
            };
            if value != 0 {
                *all.entry(name.to_owned()).or_default() += value;
            }
        }
        all
    }

    /// Waits until one of the filter's metrics has this value, and no other.
    pub async fn umbra_reaches(&self, name: &str, value: u64) {
        eventually(SOON, &format!("umbra.{name} is {value}"), async || {
            let all = self.umbra_all().await;
            let is = all.get(name).copied().unwrap_or(0);
            if is == value { Ok(()) } else { Err(format!("{all:?}")) }
        })
        .await;
    }

    /// Waits until every request that came in has been answered, and every copy too.
    pub async fn idle(&self) {
        eventually(SOON, "no request is under way", async || {
            let stats = self.stats().await;
            let busy = stats.into_iter().find(|(name, value)| {
                let active = name.ends_with("_rq_active") || name.ends_with("_rq_pending_active");
                // The stream to the control plane stays open, and this look is itself a request.
                let ours = name.contains("umbra-control-plane") || name.contains(".admin.");
                active && !ours && *value > 0
            });
            busy.map_or(Ok(()), |(name, value)| Err(format!("{name}: {value}")))
        })
        .await;
    }

    /// Fails if a wasm VM of this Envoy has trapped, panicked or been reloaded.
    pub async fn assert_no_trap(&self) {
        for (name, value) in self.stats().await {
            // The filter's own counts are of the copies' failures, not of its VM's.
            let failure = name.contains("wasm")
                && !name.contains("wasmcustom")
                && ["fail", "reload", "crash", "error"].iter().any(|word| name.contains(word));
            assert!(!failure || value == 0, "{name}: {value}");
        }
        for line in self.log().lines() {
            let trap = ["RuntimeError", "panicked at", "wasm failed", "VM failure"]
                .iter()
                .any(|word| line.contains(word));
            assert!(!trap, "a wasm VM trapped: {line}");
        }
    }

    /// Replaces the listener and the clusters of an Envoy that was started with
    /// [`EnvoyOptions::dynamic`], by changing what its options say. New plugin VMs are made when the
    /// VM configuration is another.
    pub fn reconfigure(&mut self, change: impl FnOnce(&mut EnvoyOptions)) {
        assert!(self.options.dynamic, "this Envoy's configuration is static");
        change(&mut self.options);
        // Kept, so that the clients of the test stay where they are.
        self.options.listener_port = Some(self.port);
        write_dynamic(self.folder.path(), &self.options);
    }

    /// Asks the admin interface.
    pub async fn admin(&self, method: &str, path: &str) -> String {
        self.try_admin(method, path).await.unwrap()
    }

    async fn try_admin(&self, method: &str, path: &str) -> Result<String, String> {
        let mut connection = Connection::open(self.admin_port, Protocol::Http1).await?;
        let request = Request::new(method, path);
        let response = connection.send(&request).await?;
        Ok(response.text())
    }

    async fn ready(&self) -> Result<(), String> {
        let text = self.try_admin("GET", "/ready").await?;
        if text.trim() == "LIVE" { Ok(()) } else { Err(text) }
    }

    async fn listening_port(&self) -> u16 {
        eventually(SOON, "Envoy's listener", async || {
            let text = self.admin("GET", "/listeners?format=json").await;
            let listeners: Value = serde_json::from_str(&text).map_err(|e| e.to_string())?;
            let address = &listeners["listener_statuses"][0]["local_address"]["socket_address"];
            let port = address["port_value"].as_u64();
            port.and_then(|port| u16::try_from(port).ok())
                .filter(|port| *port != 0)
                .ok_or_else(|| listeners.to_string())
        })
        .await
    }
}

fn port_of(address: &str) -> Option<u16> {
    address.trim().rsplit_once(':')?.1.parse().ok()
}

fn write_config(folder: &Path, options: &EnvoyOptions) -> PathBuf {
    let file = folder.join("envoy.json");
    if options.dynamic {
        write_dynamic(folder, options);
    }
    let bootstrap = config::bootstrap(options, folder);
    std::fs::write(&file, format!("{bootstrap:#}")).expect("writing Envoy's configuration");
    file
}

/// Envoy takes notice of a file when one is moved into its place.
fn write_dynamic(folder: &Path, options: &EnvoyOptions) {
    let files = [
        ("clusters.json", config::clusters_file(options)),
        ("listeners.json", config::listeners_file(options)),
    ];
    for (name, content) in files {
        let new = folder.join(format!("{name}.new"));
        std::fs::write(&new, format!("{content:#}")).expect("writing a dynamic configuration");
        std::fs::rename(&new, folder.join(name)).expect("moving a dynamic configuration");
    }
}
