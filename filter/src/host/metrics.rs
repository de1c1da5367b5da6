//! Envoy's metrics.

use crate::flow::counters;
use proxy_wasm::hostcalls;
use proxy_wasm::types::MetricType;

/// The metrics of one VM, defined.
pub(super) struct Metrics {
    counters: Vec<Option<u32>>,
    revision: Gauge,
    refused: Gauge,
}

struct Gauge {
    id: Option<u32>,
    written: Option<u64>,
}

impl Metrics {
    /// Defines them all, so that Envoy shows those that are 0.
    pub(super) fn define() -> Self {
        let names = counters::names();
        Self {
            counters: names
                .iter()
                .map(|name| hostcalls::define_metric(MetricType::Counter, name).ok())
                .collect(),
            revision: Gauge::define("umbra.policy_revision"),
            refused: Gauge::define("umbra.configuration_refused"),
        }
    }

    /// Adds to the counters, in the order of [`counters::names`].
    pub(super) fn add(&self, counts: &[u64]) {
        for (id, count) in self.counters.iter().zip(counts) {
            if let (Some(id), 1..) = (id, *count) {
                let _ = hostcalls::increment_metric(*id, i64::try_from(*count).unwrap_or(i64::MAX));
            }
        }
    }

    /// The revision of the policy that this worker runs.
    pub(super) fn revision(&mut self, revision: u64) {
        self.revision.set(revision);
    }

    /// Whether a plugin of this VM runs without the configuration that it was given.
    pub(super) fn refused(&mut self, refused: bool) {
        self.refused.set(u64::from(refused));
    }
}

impl Gauge {
    fn define(name: &str) -> Self {
        Self { id: hostcalls::define_metric(MetricType::Gauge, name).ok(), written: None }
    }

    fn set(&mut self, value: u64) {
        if let Some(id) = self.id
            && self.written != Some(value)
        {
            let _ = hostcalls::record_metric(id, value);
            self.written = Some(value);
        }
    }
}
