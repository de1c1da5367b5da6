//! What is watched: an Envoy of `envoy/sidecar` with every request mirrored and compared in full, and its control plane.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::account::Account;
use super::sample::Sample;
use crate::bench::load::Upstreams;
use crate::checkout::Checkout;
use crate::http::Client;
use crate::process::Process;
use crate::shop::EnvoyPorts;
use crate::sidecar::Sidecar;
use crate::tools::envoy;
use crate::{control_plane, interrupt, ports, shop};

/// Worker threads of Envoy.
const WORKERS: u32 = 1;

/// Reports come once a second, and what was on its way is done by then.
const SETTLE: Duration = Duration::from_secs(60);

/// The running parts. Dropped, the first field first: nobody is left without the one it talks to.
#[derive(Debug)]
pub(crate) struct Stage {
    envoy: Process,
    control_plane: Process,
    admin: Client,
    api: Client,
    ingress: u16,
}

impl Stage {
    /// Starts everything on free ports, and waits until Envoy runs the policy.
    ///
    /// # Errors
    /// When a part does not come up.
    pub(crate) fn start(checkout: &Checkout, folder: &Path, upstreams: Upstreams) -> Result<Self> {
        let [ingress, admin, api_port, xds] = ports::free()?;
        let umbra = Command::new(checkout.target.join("release/umbra"));
        let control_plane = control_plane::start(umbra, folder, api_port, xds)?;
        let api = Client::new(api_port);
        control_plane::apply(&api, &resources())?;

        let binary = envoy::install(checkout, envoy::NEWEST)?;
        let mut sidecar = Sidecar::load(checkout)?;
        sidecar.set_cluster_port("primary", upstreams.primary)?;
        sidecar.set_cluster_port("shadow", upstreams.shadow)?;
        sidecar.set_cluster_port("umbra-control-plane", xds)?;
        let envoy = shop::envoy(folder, &binary, sidecar, &[], EnvoyPorts { ingress, admin }, WORKERS)?;
        control_plane::wait_for_envoy(&api)?;
        Ok(Self { envoy, control_plane, admin: Client::new(admin), api, ingress })
    }

    /// Where clients come in.
    pub(crate) fn ingress(&self) -> u16 {
        self.ingress
    }

    /// Envoy's process.
    pub(crate) fn envoy_id(&self) -> u32 {
        self.envoy.id()
    }

    /// Fails when a part has ended by itself.
    ///
    /// # Errors
    /// Then: the message has the end of its log.
    pub(crate) fn must_run(&mut self) -> Result<()> {
        self.envoy.must_run()?;
        self.control_plane.must_run()
    }

    /// Memory now, which is so long after the load began.
    ///
    /// # Errors
    /// When a part does not say.
    pub(crate) fn sample(&self, at: Duration) -> Result<Sample> {
        let stats = self.stats()?;
        let stat = |name: &str| stats.get(name).copied().with_context(|| format!("Envoy has no {name}"));
        Ok(Sample {
            at,
            envoy: resident(self.envoy.id())?,
            envoy_heap: stat("server.memory_heap_size")?,
            control_plane: resident(self.control_plane.id())?,
            requests: stat("http.ingress.downstream_rq_total")?,
        })
    }

    /// Waits until what was sent is accounted for everywhere.
    ///
    /// # Errors
    /// When it is not, after a minute, with what was counted by then.
    pub(crate) fn settled(&self) -> Result<()> {
        let mut last = Account::default();
        let settled = interrupt::wait_for("the account of every request", SETTLE, || {
            let account = self.account()?;
            // Two looks with the same figures: the filter tells Envoy of its counts ten times a second.
            let settled = account.is_settled() && account == last;
            last = account;
            std::thread::sleep(Duration::from_millis(500));
            Ok(settled.then_some(()))
        });
        settled.with_context(|| format!("{last:?}"))
    }

    /// What was counted so far.
    ///
    /// # Errors
    /// When a part does not say.
    pub(crate) fn account(&self) -> Result<Account> {
        let stats = self.stats()?;
        let received = stats.get("http.ingress.downstream_rq_total").copied();
        let mut filter = BTreeMap::new();
        for (name, value) in stats {
            if let Some((_, name)) = name.split_once("wasmcustom.umbra.") {
                *filter.entry(name.to_owned()).or_default() += value;
            }
        }
        let report = self.api.get_json("/api/v1/shadows/soak/report")?;
        let outcomes = report.pointer("/outcomes/shadow").and_then(Value::as_array).into_iter().flatten();
        let outcome =
            |of: &Value| Some((of.get("outcome")?.as_str()?.to_owned(), of.get("count")?.as_u64()?));
        Ok(Account {
            received: received.context("Envoy has no count of its requests")?,
            filter,
            reported: report.get("mirrored").and_then(Value::as_u64).context("a report without mirrored")?,
            outcomes: outcomes.filter_map(outcome).collect(),
        })
    }

    /// Envoy's counters and gauges.
    fn stats(&self) -> Result<BTreeMap<String, u64>> {
        let filter = "^server.memory_|downstream_rq_total$|wasmcustom.umbra";
        let stats = self.admin.get_json(&format!("/stats?format=json&filter={filter}"))?;
        let stats = stats.get("stats").and_then(Value::as_array).context("Envoy's statistics are no list")?;
        let stat = |of: &Value| Some((of.get("name")?.as_str()?.to_owned(), of.get("value")?.as_u64()?));
        Ok(stats.iter().filter_map(stat).collect())
    }
}

/// Every request, compared in full.
fn resources() -> Value {
    json!([
        {
            "apiVersion": "umbra/v1",
            "kind": "Stamp",
            "metadata": {"name": "all"},
            "spec": {"match": [{"path": {"prefix": "/"}}]},
        },
        {
            "apiVersion": "umbra/v1",
            "kind": "Shadow",
            "metadata": {"name": "soak"},
            "spec": {
                "stamps": ["all"],
                "target": {"cluster": "shadow"},
                "percent": 100,
                "compare": {"body": "full"},
            },
        },
    ])
}

/// What is resident of a process, in bytes (proc_pid_status(5)).
fn resident(id: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).context("no /proc: this needs Linux")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    Ok(kib.context("/proc has another format")? << 10)
}
