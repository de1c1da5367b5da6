//! What the store counts.

use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

/// What the store counts.
#[derive(Clone, Debug)]
pub struct StoreMetrics {
    /// The store's revision.
    pub revision: Gauge,
    /// From planning a write to its commit.
    pub write_seconds: Histogram,
}

impl StoreMetrics {
    /// Makes them and registers them.
    pub fn register(registry: &mut Registry) -> Self {
        // A synced commit takes from half a millisecond (NVMe) to some hundreds (a busy network volume).
        let write_seconds = Histogram::new(exponential_buckets(0.000_5, 2.0, 14));
        let metrics = StoreMetrics { revision: Gauge::default(), write_seconds };
        registry.register("umbra_store_revision", "The store's revision", metrics.revision.clone());
        registry.register_with_unit(
            "umbra_store_write",
            "Time from planning a write to its commit",
            Unit::Seconds,
            metrics.write_seconds.clone(),
        );
        metrics
    }
}
