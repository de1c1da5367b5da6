//! The board: a row for each shadow, plain data for any serializer.

use std::collections::BTreeMap;

use serde::Serialize;
use umbra_resource::manifest::status::Moment;
use umbra_resource::{Percent, Shadow, ppm_to_percent};
use utoipa::ToSchema;

use crate::model::nodes::whole::{InEffect, NodeCounts, StateCounts};
use crate::model::rates::{Count, WINDOW_S};

/// A shadow at one look.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct BoardRow {
    /// The shadow's name.
    pub name: String,
    /// Whatever the operator wants to say of it.
    pub labels: BTreeMap<String, String>,
    /// The store's revision at which it last changed.
    pub revision: u64,
    /// For `If-Match`, with its quotes.
    #[schema(example = "\"7\"")]
    pub etag: String,
    /// The switch.
    pub enabled: bool,
    /// The valve.
    #[schema(value_type = f64)]
    pub percent: Percent,
    /// The Envoy cluster that copies go to.
    pub target: String,
    /// That of the noise baseline; null without one.
    pub control: Option<String>,
    /// Requests with any of these stamps are candidates.
    pub stamps: Vec<String>,
    /// What the Envoys do.
    pub in_effect: InEffectRow,
    /// What goes on, over the last 10 seconds; null if nothing was ever reported to this server since it started.
    pub rates: Option<RatesRow>,
    /// Whether it may go live, at most some seconds old; null if that was not looked at yet.
    pub verdict: Option<VerdictRow>,
    /// What goes back by itself next; null if nothing does.
    pub expiry: Option<ExpiryRow>,
}

/// What the connected Envoys do with a shadow. Each answers for all of its workers: it says that it runs a policy when
/// every one of them does.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct InEffectRow {
    /// Envoys that are connected.
    pub workers: usize,
    /// Those of them that run the shadow as it is now.
    pub following: usize,
    /// The smallest share that one of them mirrors, 0 where the switch is off; null if it is known of none.
    pub lowest_percent: Option<f64>,
    /// The largest.
    pub highest_percent: Option<f64>,
}

/// What goes on with a shadow's copies.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct RatesRow {
    /// Over how many seconds.
    pub seconds: u64,
    /// Requests of which copies were sent.
    pub mirrored_per_second: f64,
    /// Requests that Envoys did not mirror because the shadow fails or hangs.
    pub shed_per_second: f64,
    /// Copies that were not answered.
    pub failed_per_second: f64,
    /// Pairs with another status or body, noise and all.
    pub mismatched_per_second: f64,
}

/// A verdict in short.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct VerdictRow {
    /// `go`, `no-go` or `not-enough-evidence`.
    pub verdict: String,
    /// On how many pairs it rests.
    pub pairs: u64,
    /// One sentence.
    pub summary: String,
    /// The first of its reasons: failed gates come first, then open ones. Null without gates.
    pub first: Option<FirstReason>,
}

/// A gate, and where it stands.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct FirstReason {
    /// Which gate.
    pub gate: String,
    /// `pass`, `fail` or `open`.
    pub state: String,
    /// In words.
    pub words: String,
}

/// What goes back by itself.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct ExpiryRow {
    /// When (RFC 3339, UTC).
    #[schema(value_type = String, format = DateTime)]
    pub at: Moment,
    /// What the valve goes back to; null if it stays.
    #[schema(value_type = Option<f64>)]
    pub percent: Option<Percent>,
    /// What the switch goes back to; null if it stays.
    pub enabled: Option<bool>,
}

/// How many Envoys there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct NodesRow {
    /// All that are remembered.
    pub total: usize,
    /// Those that are connected: the three below together.
    pub connected: usize,
    /// Those that run what they shall run.
    pub synced: usize,
    /// Those that have not said so yet.
    pub stale: usize,
    /// Those that refused it.
    pub nacked: usize,
}

impl BoardRow {
    /// The row of a shadow.
    pub fn of(
        shadow: &Shadow,
        in_effect: &InEffect,
        rates: Option<Count>,
        verdict: Option<VerdictRow>,
    ) -> BoardRow {
        let Shadow { metadata, spec, status } = shadow;
        let revision = metadata.revision.unwrap_or_default();
        BoardRow {
            name: metadata.name.clone(),
            labels: metadata.labels.clone(),
            revision,
            etag: format!("\"{revision}\""),
            enabled: spec.is_enabled(),
            percent: spec.share(),
            target: spec.target.cluster.clone(),
            control: spec.control.as_ref().map(|control| control.cluster.clone()),
            stamps: spec.stamps.clone(),
            in_effect: InEffectRow {
                workers: in_effect.connected(),
                following: in_effect.following(&metadata.name, revision),
                lowest_percent: in_effect.range(&metadata.name).map(|(lowest, _)| ppm_to_percent(lowest)),
                highest_percent: in_effect.range(&metadata.name).map(|(_, highest)| ppm_to_percent(highest)),
            },
            rates: rates.map(RatesRow::of),
            verdict,
            expiry: status.expiry.as_ref().map(|expiry| ExpiryRow {
                at: expiry.at,
                percent: expiry.percent,
                enabled: expiry.enabled,
            }),
        }
    }
}

impl RatesRow {
    fn of(Count { mirrored, shed, failed, mismatched }: Count) -> Self {
        let per_second = |count: u64| count as f64 / WINDOW_S as f64;
        RatesRow {
            seconds: WINDOW_S,
            mirrored_per_second: per_second(mirrored),
            shed_per_second: per_second(shed),
            failed_per_second: per_second(failed),
            mismatched_per_second: per_second(mismatched),
        }
    }
}

impl From<NodeCounts> for NodesRow {
    fn from(NodeCounts { connected, away }: NodeCounts) -> Self {
        let StateCounts { synced, stale, nacked } = connected;
        let total = connected.total() + away.total();
        NodesRow { total, connected: connected.total(), synced, stale, nacked }
    }
}
