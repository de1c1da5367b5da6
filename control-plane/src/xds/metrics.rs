//! What the xDS server counts.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// What the xDS server counts.
#[derive(Clone, Debug, Default)]
pub struct XdsMetrics {
    /// Streams that are open.
    pub streams: Gauge,
    /// Responses sent.
    pub pushes: Counter,
    /// Responses that a node accepted.
    pub acks: Counter,
    /// Responses that a node refused.
    pub nacks: Counter,
    /// Policies compiled, which are fewer than those sent: nodes share them.
    pub compilations: Counter,
}

impl XdsMetrics {
    /// Makes them and registers them.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = XdsMetrics::default();
        registry.register("umbra_delta_streams", "Open Delta xDS streams", metrics.streams.clone());
        registry.register("umbra_delta_pushes", "Delta xDS responses sent", metrics.pushes.clone());
        registry.register("umbra_delta_acks", "Delta xDS responses accepted", metrics.acks.clone());
        registry.register("umbra_delta_nacks", "Delta xDS responses refused", metrics.nacks.clone());
        registry.register(
            "umbra_policy_compilations",
            "Policies compiled; nodes that get the same one share it",
            metrics.compilations.clone(),
        );
        metrics
    }
}
