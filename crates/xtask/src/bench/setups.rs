//! The proxies that are compared: Envoys of `envoy/sidecar` with more or less of Umbra in it, and nginx.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::load::{LONG_LIST, Load, SHORT_LIST, SMALL};
use super::{floor, nginx, pin};
use crate::checkout::Checkout;
use crate::http::Client;
use crate::process::Process;
use crate::sidecar::Sidecar;
use crate::{control_plane, ports, shop};

/// One way to set a proxy up.
#[derive(Debug)]
pub(crate) struct Setup {
    /// Its name in the tables.
    pub(crate) name: &'static str,
    /// What it is compared with.
    pub(crate) base: &'static str,
    /// What it is asked for.
    pub(crate) path: &'static str,
    /// The share of the requests that the shadow should get too.
    pub(crate) mirrored: f64,
    kind: Kind,
}

#[derive(Debug, PartialEq)]
enum Kind {
    /// Envoy without filter or mirror.
    Plain,
    /// Envoy's own mirror.
    Native,
    /// A filter without work of its own, in both roles.
    Floor(Floor),
    /// The filter in both roles, with its rules in its configuration.
    Alone(Policy),
    /// The same, with a control plane that it follows and reports to.
    Followed(Policy),
    /// Envoy's Lua filter, which stamps and steers as Umbra does.
    Lua,
    /// nginx.
    Nginx,
    /// nginx with its `mirror`.
    NginxMirror,
}

/// What a filter without work of its own does.
#[derive(Debug, PartialEq)]
enum Floor {
    /// Nothing.
    Idle,
    /// Nothing, while Envoy mirrors.
    IdleMirrored,
    /// The calls of a request that is stamped and mirrored, which steer it.
    Calls,
}

/// What the filter is to do.
#[derive(Debug, PartialEq)]
struct Policy {
    rules: u32,
    /// Whether the last rule fits what is asked for.
    fits: bool,
    percent: u32,
    /// How bodies are compared; `None` for no comparison.
    compare: Option<&'static str>,
}

const PLAIN: &str = "plain Envoy";
const NATIVE: &str = "native mirror, 100 %";
const ONE_RULE: &str = "Umbra, no rule of 1 fits";
const STEERED: &str = "Umbra, stamped and mirrored, 100 %";
const LUA: &str = "Lua, stamped and mirrored, 100 %";
const SHORT_NATIVE: &str = "2 KB of JSON, native mirror";
const SHORT_DIGEST: &str = "2 KB of JSON, Umbra, by digest";
const SHORT_FULL: &str = "2 KB of JSON, Umbra, in full";
const LONG_NATIVE: &str = "20 KB of JSON, native mirror";
const NGINX: &str = "plain nginx";

/// What should come true, as a ratio of CPU per request in one run.
pub(crate) const GOALS: [(&str, &str, f64); 6] = [
    (ONE_RULE, PLAIN, 1.08),
    (STEERED, NATIVE, 1.10),
    (SHORT_DIGEST, SHORT_NATIVE, 1.15),
    (SHORT_FULL, SHORT_NATIVE, 1.35),
    (STEERED, LUA, 0.92),
    ("Umbra, no rule of 1,000 fits", ONE_RULE, 1.05),
];

/// Whose latency is measured, and that of the last over the first.
pub(crate) const TIMED: [&str; 2] = [SHORT_NATIVE, SHORT_DIGEST];

const fn alone(name: &'static str, base: &'static str, rules: u32, fits: bool, percent: u32) -> Setup {
    let policy = Policy { rules, fits, percent, compare: None };
    Setup { name, base, path: SMALL, mirrored: percent as f64 / 100.0, kind: Kind::Alone(policy) }
}

const fn compared(name: &'static str, base: &'static str, path: &'static str, how: &'static str) -> Setup {
    let policy = Policy { rules: 1, fits: true, percent: 100, compare: Some(how) };
    Setup { name, base, path, mirrored: 1.0, kind: Kind::Followed(policy) }
}

const fn other(
    name: &'static str,
    base: &'static str,
    path: &'static str,
    mirrored: f64,
    kind: Kind,
) -> Setup {
    Setup { name, base, path, mirrored, kind }
}

/// All of them.
pub(crate) const ALL: [Setup; 21] = [
    other(PLAIN, PLAIN, SMALL, 0.0, Kind::Plain),
    other("a filter without work", PLAIN, SMALL, 0.0, Kind::Floor(Floor::Idle)),
    alone(ONE_RULE, PLAIN, 1, false, 0),
    alone("Umbra, no rule of 100 fits", ONE_RULE, 100, false, 0),
    alone("Umbra, no rule of 1,000 fits", ONE_RULE, 1_000, false, 0),
    alone("Umbra, stamped alone", PLAIN, 1, true, 0),
    alone("Umbra, stamped and mirrored, 1 %", PLAIN, 1, true, 1),
    alone("Umbra, stamped and mirrored, 10 %", PLAIN, 1, true, 10),
    other(NATIVE, PLAIN, SMALL, 1.0, Kind::Native),
    other("native mirror, a filter without work", NATIVE, SMALL, 1.0, Kind::Floor(Floor::IdleMirrored)),
    other("Umbra's calls without its work", NATIVE, SMALL, 1.0, Kind::Floor(Floor::Calls)),
    alone(STEERED, NATIVE, 1, true, 100),
    other(LUA, NATIVE, SMALL, 1.0, Kind::Lua),
    other(SHORT_NATIVE, SHORT_NATIVE, SHORT_LIST, 1.0, Kind::Native),
    compared(SHORT_DIGEST, SHORT_NATIVE, SHORT_LIST, "digest"),
    compared(SHORT_FULL, SHORT_NATIVE, SHORT_LIST, "full"),
    other(LONG_NATIVE, LONG_NATIVE, LONG_LIST, 1.0, Kind::Native),
    compared("20 KB of JSON, Umbra, by digest", LONG_NATIVE, LONG_LIST, "digest"),
    compared("20 KB of JSON, Umbra, in full", LONG_NATIVE, LONG_LIST, "full"),
    other(NGINX, NGINX, SMALL, 0.0, Kind::Nginx),
    other("nginx, its mirror, 100 %", NGINX, SMALL, 1.0, Kind::NginxMirror),
];

/// Those whose names have one of these texts in them, and what they are compared with; all without a text.
///
/// # Errors
/// When there is none.
pub(crate) fn named(texts: &[String]) -> Result<Vec<&'static Setup>> {
    let asked = |setup: &&Setup| texts.is_empty() || texts.iter().any(|text| setup.name.contains(text));
    let mut wanted: Vec<&str> = ALL.iter().filter(asked).map(|setup| setup.name).collect();
    // What one is compared with comes before it, and may itself be compared with another.
    for setup in ALL.iter().rev() {
        if wanted.contains(&setup.name) {
            wanted.push(setup.base);
        }
    }
    let found: Vec<&Setup> = ALL.iter().filter(|setup| wanted.contains(&setup.name)).collect();
    let names: Vec<&str> = ALL.iter().map(|setup| setup.name).collect();
    ensure!(!found.is_empty(), "there is no set-up like {texts:?}: there are\n{}", names.join("\n"));
    Ok(found)
}

/// A running proxy.
#[derive(Debug)]
pub(crate) struct Running {
    /// How it is set up.
    pub(crate) setup: &'static Setup,
    /// Its process.
    pub(crate) process: Process,
    /// Its control plane, which ends after it, and Envoy's admin page.
    control_plane: Option<(Process, Client)>,
    /// Its listener.
    pub(crate) port: u16,
}

impl Running {
    /// The bytes that it has sent to its control plane, if it has one: reports, acknowledgements of policies, and HTTP/2.
    ///
    /// # Errors
    /// When Envoy does not say.
    pub(crate) fn telemetry_bytes(&self) -> Result<Option<u64>> {
        let Some((_, admin)) = &self.control_plane else { return Ok(None) };
        let name = "cluster.umbra-control-plane.upstream_cx_tx_bytes_total";
        let stats = admin.get_json(&format!("/stats?format=json&filter=^{name}$"))?;
        let value = stats.pointer("/stats/0/value").and_then(Value::as_u64);
        Ok(Some(value.with_context(|| format!("Envoy has no counter {name}"))?))
    }
}

impl Setup {
    /// Starts it, with one worker.
    ///
    /// # Errors
    /// When it does not come up.
    pub(crate) fn start(
        &'static self,
        checkout: &Checkout,
        envoy: &Path,
        folder: &Path,
        load: &Load,
    ) -> Result<Running> {
        let folder = &folder.join(self.name.replace([' ', ',', '%'], "-"));
        fs::create_dir_all(folder).with_context(|| format!("cannot write {}", folder.display()))?;
        match &self.kind {
            Kind::Nginx | Kind::NginxMirror => self.start_nginx(folder, load),
            _ => self.start_envoy(checkout, envoy, folder, load),
        }
    }

    fn start_nginx(&'static self, folder: &Path, load: &Load) -> Result<Running> {
        let [port] = ports::free()?;
        let config = nginx::proxy(port, load.upstreams(), self.kind == Kind::NginxMirror, folder);
        let process = nginx::start(self.name, pin::proxy, &config, folder, port)?;
        Ok(Running { setup: self, process, control_plane: None, port })
    }

    fn start_envoy(
        &'static self,
        checkout: &Checkout,
        envoy: &Path,
        folder: &Path,
        load: &Load,
    ) -> Result<Running> {
        let [port, admin] = ports::free()?;
        let mut sidecar = match &self.kind {
            Kind::Floor(floor) => floor.sidecar(checkout, folder)?,
            _ => Sidecar::load(checkout)?,
        };
        let mut control_plane = None;
        match &self.kind {
            Kind::Native => {
                sidecar.remove_umbra();
                sidecar.mirror_natively("shadow")?;
            }
            Kind::Floor(_) => {}
            Kind::Lua => sidecar.steer_by_lua("shadow")?,
            Kind::Alone(policy) => sidecar.run_alone(&policy.resources())?,
            Kind::Followed(policy) => {
                let started = ControlPlane::start(checkout, folder, &policy.resources())?;
                sidecar.set_cluster_port("umbra-control-plane", started.xds)?;
                control_plane = Some(started);
            }
            Kind::Plain | Kind::Nginx | Kind::NginxMirror => sidecar.remove_umbra(),
        }
        sidecar.set_listener_port(port)?;
        sidecar.set_admin_port(admin)?;
        sidecar.set_cluster_port("primary", load.upstreams().primary)?;
        sidecar.set_cluster_port("shadow", load.upstreams().shadow)?;
        let config = folder.join("envoy.json");
        sidecar.write(&config)?;
        let arguments = ["--concurrency", "1", "--use-dynamic-base-id", "--disable-hot-restart"];
        let process = Process::start_logged(
            self.name,
            pin::proxy(envoy).arg("-c").arg(config).args(arguments),
            &folder.join("envoy.log"),
        )?;
        let process = shop::ready(process, admin, "/ready")?;
        let admin = Client::new(admin);
        if let Some(control_plane) = &control_plane {
            control_plane::wait_for_envoy(&control_plane.api)?;
        }
        let control_plane = control_plane.map(|started| (started.process, admin));
        Ok(Running { setup: self, process, control_plane, port })
    }
}

impl Floor {
    /// The sidecar with its module, which is kept in `folder`.
    fn sidecar(&self, checkout: &Checkout, folder: &Path) -> Result<Sidecar> {
        let module = match self {
            Self::Idle | Self::IdleMirrored => floor::idle(),
            Self::Calls => floor::calls(),
        };
        let file = folder.join("floor.wasm");
        fs::write(&file, module).with_context(|| format!("cannot write {}", file.display()))?;
        let mut sidecar = Sidecar::load_with(checkout, &file)?;
        if *self == Self::IdleMirrored {
            sidecar.mirror_natively("shadow")?;
        }
        Ok(sidecar)
    }
}

/// A control plane with resources.
struct ControlPlane {
    process: Process,
    api: Client,
    xds: u16,
}

impl ControlPlane {
    fn start(checkout: &Checkout, folder: &Path, resources: &Value) -> Result<Self> {
        let [api, xds] = ports::free()?;
        let database = folder.join("umbra.sqlite");
        for end in ["", "-wal", "-shm"] {
            let mut file = database.clone().into_os_string();
            file.push(end);
            if let Err(error) = fs::remove_file(&file) {
                ensure!(error.kind() == ErrorKind::NotFound, "cannot remove {}: {error}", file.display());
            }
        }
        let umbra = pin::others(checkout.target.join("release/umbra"));
        let process = control_plane::start(umbra, folder, api, xds)?;
        let api = Client::new(api);
        control_plane::apply(&api, resources)?;
        Ok(Self { process, api, xds })
    }
}

impl Policy {
    /// So many stamps, and one shadow of the last.
    fn resources(&self) -> Value {
        let rule = |number: u32| {
            let fits = self.fits && number + 1 == self.rules;
            let path = if fits { "/".to_owned() } else { format!("/elsewhere/{number}/") };
            json!({
                "apiVersion": "umbra/v1",
                "kind": "Stamp",
                "metadata": {"name": format!("rule-{number}")},
                "spec": {"match": [{"path": {"prefix": path}}]},
            })
        };
        let mut resources: Vec<Value> = (0..self.rules).map(rule).collect();
        let compare = match self.compare {
            Some(body) => json!({"body": body}),
            None => json!({"percent": 0}),
        };
        resources.push(json!({
            "apiVersion": "umbra/v1",
            "kind": "Shadow",
            "metadata": {"name": "next"},
            "spec": {
                "stamps": [format!("rule-{}", self.rules - 1)],
                "target": {"cluster": "shadow"},
                "percent": self.percent,
                "compare": compare,
            },
        }));
        Value::Array(resources)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_comes_with_all_that_it_is_compared_with() {
        let names = |asked: &str| -> Vec<&str> {
            named(&[asked.to_owned()]).unwrap().iter().map(|setup| setup.name).collect()
        };
        assert_eq!(names("no rule of 100 fits"), [PLAIN, ONE_RULE, "Umbra, no rule of 100 fits"]);
        assert_eq!(names("Lua"), [PLAIN, NATIVE, LUA]);
        assert!(named(&["nothing like it".to_owned()]).is_err());
    }

    #[test]
    fn every_figure_has_something_to_be_compared_with() {
        let names: Vec<&str> = ALL.iter().map(|setup| setup.name).collect();
        for (position, setup) in ALL.iter().enumerate() {
            let base = names.iter().position(|name| *name == setup.base);
            assert!(base.is_some_and(|base| base <= position), "{}", setup.name);
        }
        for name in GOALS.iter().flat_map(|(of, to, _)| [of, to]).chain(&TIMED) {
            assert!(names.contains(name), "{name}");
        }
    }
}
