//! What the API counts.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

/// What the API counts.
#[derive(Clone, Debug)]
pub struct ApiMetrics {
    pub(crate) requests: Family<RequestLabels, Counter>,
    pub(crate) duration: Family<RouteLabels, Histogram>,
    pub(crate) nodes: Family<NodeLabels, Gauge>,
    pub(crate) viewers: Gauge,
}

/// A client follows what goes on, as long as this is kept.
pub(crate) struct Watching(Gauge);

/// **Invariant:** each comes from a small fixed set, whatever clients send.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(crate) struct RequestLabels {
    pub(crate) method: &'static str,
    pub(crate) route: String,
    pub(crate) status: u32,
}

/// The route as it is written, with its placeholders.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(crate) struct RouteLabels {
    pub(crate) route: String,
}

/// One of the states that a node can be in, and whether it has a stream: `true` or `false`.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(crate) struct NodeLabels {
    pub(crate) state: &'static str,
    pub(crate) connected: &'static str,
}

impl ApiMetrics {
    /// Makes them and registers them.
    pub fn register(registry: &mut Registry) -> Self {
        // From a read out of memory to the limit on a request's time.
        let histogram: fn() -> Histogram = || Histogram::new(exponential_buckets(0.000_25, 4.0, 10));
        let duration = Family::new_with_constructor(histogram);
        let metrics = ApiMetrics {
            requests: Family::default(),
            duration,
            nodes: Family::default(),
            viewers: Gauge::default(),
        };
        registry.register("umbra_api_requests", "Requests answered", metrics.requests.clone());
        registry.register_with_unit(
            "umbra_api_request_duration",
            "Time from a request's head to its answer's head",
            Unit::Seconds,
            metrics.duration.clone(),
        );
        registry.register(
            "umbra_nodes",
            "Nodes remembered, by state, connected or away",
            metrics.nodes.clone(),
        );
        registry.register("umbra_api_event_streams", "Clients that follow events", metrics.viewers.clone());
        metrics
    }

    /// Another client follows.
    pub(crate) fn watching(&self) -> Watching {
        self.viewers.inc();
        Watching(self.viewers.clone())
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.0.dec();
    }
}
