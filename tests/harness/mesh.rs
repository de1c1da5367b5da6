//! The usual scene: production, a shadow and a control, an Envoy between them and the client, and a
//! control plane beside it.

use crate::ads::Relay;
use crate::alone::{Turn, alone, in_company};
use crate::control_plane::ControlPlane;
use crate::envoy::Envoy;
use crate::envoy::config::{Cluster, ControlPlaneLink, EnvoyOptions};
use crate::eventually::{SOON, eventually};
use crate::upstream::Upstream;
use serde_json::Value;

/// Everything that a test of the running system needs.
pub struct Mesh {
    /// The Envoy under test.
    pub envoy: Envoy,
    /// Its control plane.
    pub control_plane: ControlPlane,
    /// Between the two, where the test asked for it.
    pub relay: Option<Relay>,
    /// Production.
    pub primary: Upstream,
    /// The cluster `shadow`.
    pub shadow: Upstream,
    /// The cluster `control`.
    pub control: Upstream,
    _turn: Turn,
}

impl Mesh {
    /// With these resources applied before Envoy starts, and Envoy synced.
    pub async fn start(resources: &[Value]) -> Self {
        Self::start_with(resources, |_| {}).await
    }

    /// The same with other options for Envoy.
    pub async fn start_with(resources: &[Value], change: impl FnOnce(&mut EnvoyOptions)) -> Self {
        let turn = in_company().await;
        Self::build(turn, false, resources, change).await
    }

    /// The same with a relay between Envoy and the control plane.
    pub async fn start_relayed(resources: &[Value], change: impl FnOnce(&mut EnvoyOptions)) -> Self {
        let turn = in_company().await;
        Self::build(turn, true, resources, change).await
    }

    /// The same with no other test running beside it.
    pub async fn start_alone(resources: &[Value], change: impl FnOnce(&mut EnvoyOptions)) -> Self {
        let turn = alone().await;
        Self::build(turn, false, resources, change).await
    }

    async fn build(
        turn: Turn,
        relayed: bool,
        resources: &[Value],
        change: impl FnOnce(&mut EnvoyOptions),
    ) -> Self {
        let control_plane = ControlPlane::start().await;
        if !resources.is_empty() {
            control_plane.apply(resources).await;
        }
        let primary = Upstream::start("primary").await;
        let shadow = Upstream::start("shadow").await;
        let control = Upstream::start("control").await;
        let clusters = vec![
            Cluster::primary("primary", primary.port()),
            Cluster::shadow("shadow", shadow.port()),
            Cluster::shadow("control", control.port()),
        ];
        let mut options = EnvoyOptions::new("node-1", clusters);
        let mut port = control_plane.xds_port();
        let mut relay = None;
        if relayed {
            let started = Relay::start(port).await;
            port = started.port();
            relay = Some(started);
        }
        options.control_plane = Some(ControlPlaneLink { port, tls: None });
        change(&mut options);
        let envoy = Envoy::start(options).await;
        let mesh = Self { envoy, control_plane, relay, primary, shadow, control, _turn: turn };
        mesh.synced().await;
        mesh
    }

    /// Applies resources, and waits until the Envoy runs them.
    pub async fn apply(&self, resources: &[Value]) {
        self.control_plane.apply(resources).await;
        self.synced().await;
    }

    /// Moves the valve of the shadow `main`, and waits until the Envoy follows.
    pub async fn percent(&self, percent: f64) {
        let change = serde_json::json!({"percent": percent});
        self.control_plane.valve("main", change).await;
        self.synced().await;
    }

    /// Waits until the Envoy runs the latest policy.
    pub async fn synced(&self) -> Value {
        self.control_plane.synced(self.envoy.node()).await
    }

    /// Waits until all that was sent has been answered and recorded everywhere.
    pub async fn settled(&self) {
        self.envoy.idle().await;
        eventually(SOON, "the shadow has recorded every copy", async || {
            let stats = self.envoy.stats().await;
            let sent = |cluster: &str| {
                let total = format!("cluster.{cluster}.upstream_rq_total");
                stats.get(&total).copied().unwrap_or(0)
            };
            let seen = [&self.shadow, &self.control].map(|upstream| upstream.count() as u64);
            let expected = [sent("shadow"), sent("control")];
            if seen == expected { Ok(()) } else { Err(format!("sent {expected:?}, seen {seen:?}")) }
        })
        .await;
    }
}
