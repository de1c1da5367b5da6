//! What the intake counts.

use std::collections::BTreeMap;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

/// What the intake counts.
#[derive(Clone, Debug)]
pub struct IntakeMetrics {
    pub(crate) reports: Family<ReportLabels, Counter>,
    pub(crate) pairs: Counter,
    pub(crate) pairs_left_out: Counter,
    pub(crate) shed: Counter,
    pub(crate) lost: Family<LossLabels, Counter>,
    pub(crate) commit_seconds: Histogram,
    pub(crate) batch: Histogram,
}

/// `counted`, `repeated`, `refused` or `failed`.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(crate) struct ReportLabels {
    pub(crate) result: &'static str,
}

/// Why a worker lost something.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(crate) struct LossLabels {
    pub(crate) reason: &'static str,
}

/// The reasons that filters give. Others are counted as `other`, so that nobody can make labels up.
const REASONS: [&str; 3] = ["unpaired", "samples", "reports"];

impl IntakeMetrics {
    /// Makes them and registers them.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = IntakeMetrics {
            reports: Family::default(),
            pairs: Counter::default(),
            pairs_left_out: Counter::default(),
            shed: Counter::default(),
            lost: Family::default(),
            // A synced commit takes from half a millisecond (NVMe) to some hundreds (a busy network volume).
            commit_seconds: Histogram::new(exponential_buckets(0.000_5, 2.0, 14)),
            batch: Histogram::new(exponential_buckets(1.0, 2.0, 11)),
        };
        registry.register(
            "umbra_telemetry_reports",
            "Reports from filters, by result",
            metrics.reports.clone(),
        );
        registry.register(
            "umbra_telemetry_pairs",
            "Sampled pairs that were looked at",
            metrics.pairs.clone(),
        );
        registry.register(
            "umbra_telemetry_pairs_left_out",
            "Sampled pairs that were counted and not kept, because there were too many at once",
            metrics.pairs_left_out.clone(),
        );
        registry.register(
            "umbra_telemetry_shed",
            "Requests that filters did not mirror because their shadow fails or hangs",
            metrics.shed.clone(),
        );
        registry.register("umbra_telemetry_lost", "What filters lost, by reason", metrics.lost.clone());
        registry.register_with_unit(
            "umbra_telemetry_commit",
            "Time that a transaction of reports takes",
            Unit::Seconds,
            metrics.commit_seconds.clone(),
        );
        registry.register("umbra_telemetry_batch", "Reports in one transaction", metrics.batch.clone());
        metrics
    }

    pub(crate) fn lost(&self, dropped: &BTreeMap<String, u64>) {
        for (reason, count) in dropped {
            let reason = REASONS.into_iter().find(|known| known == reason).unwrap_or("other");
            self.lost.get_or_create(&LossLabels { reason }).inc_by(*count);
        }
    }
}
