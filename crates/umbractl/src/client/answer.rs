//! What the control plane answers. Fields that are not known here are ignored, so that an older umbractl
//! goes on working with a newer control plane; resources are the exception (they are read strictly, because
//! what is shown may be applied again, and a field must not get lost on the way).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use umbra_resource::Resource;

/// All resources of one kind.
#[derive(Debug, Deserialize)]
pub(crate) struct Listed {
    pub(crate) items: Vec<Resource>,
}

/// What an apply did, or would do.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Applied {
    pub(crate) revision: u64,
    pub(crate) dry_run: bool,
    pub(crate) results: Vec<AppliedResource>,
}

/// What an apply did to one resource.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct AppliedResource {
    pub(crate) kind: String,
    pub(crate) name: String,
    /// `created`, `updated` or `unchanged`.
    pub(crate) action: String,
    pub(crate) revision: Option<u64>,
}

/// The nodes, and the revision of the store at which they were listed.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Nodes {
    pub(crate) revision: u64,
    pub(crate) items: Vec<Node>,
}

/// Every shadow with what goes on there now, as far as a status shows it.
#[derive(Debug, Deserialize)]
pub(crate) struct Board {
    pub(crate) shadows: Vec<BoardRow>,
}

/// A shadow.
#[derive(Debug, Deserialize)]
pub(crate) struct BoardRow {
    pub(crate) name: String,
    /// None if nothing was ever reported.
    pub(crate) rates: Option<Rates>,
}

/// Over the last seconds.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct Rates {
    pub(crate) shed_per_second: f64,
}

/// One Envoy.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Node {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) cluster: String,
    #[serde(default)]
    pub(crate) zone: String,
    #[serde(default)]
    pub(crate) region: String,
    #[serde(default)]
    pub(crate) metadata: serde_json::Map<String, serde_json::Value>,
    /// Empty if it did not say.
    #[serde(default)]
    pub(crate) envoy_version: String,
    /// `SYNCED`, `STALE` or `NACKED`.
    pub(crate) state: String,
    pub(crate) connected: bool,
    #[serde(default)]
    pub(crate) streams: u64,
    pub(crate) desired: Option<PolicyVersion>,
    pub(crate) applied: Option<PolicyVersion>,
    pub(crate) nack: Option<Nack>,
    pub(crate) connected_at: Option<String>,
    pub(crate) last_seen: Option<String>,
    pub(crate) synced_at: Option<String>,
    /// By shadow, from the policy that the node has applied.
    #[serde(default)]
    pub(crate) shares: BTreeMap<String, Share>,
    /// Those that reported lately.
    #[serde(default)]
    pub(crate) workers: Vec<Worker>,
}

/// A worker of an Envoy.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Worker {
    pub(crate) instance: String,
    /// `SYNCED`, `STALE` or `SILENT`.
    pub(crate) state: String,
    /// Of the policy that its last report is of.
    pub(crate) version: String,
    pub(crate) reported_at: String,
    pub(crate) requests: u64,
}

/// A policy that was sent to a node.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct PolicyVersion {
    pub(crate) version: String,
    /// The store's revision that it was compiled at; `None` where the control plane does not remember it.
    pub(crate) revision: Option<u64>,
}

/// A node's refusal of a policy.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Nack {
    pub(crate) version: String,
    pub(crate) revision: Option<u64>,
    pub(crate) reason: String,
    pub(crate) at: Option<String>,
}

/// A shadow's valve and switch on one node.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Share {
    pub(crate) percent: f64,
    pub(crate) enabled: bool,
}

impl Node {
    /// The store's revision whose policy the node runs. A node that is synced runs what it shall run, also where
    /// the control plane does not remember what it applied.
    pub(crate) fn revision_in_effect(&self) -> Option<u64> {
        let of = |policy: &Option<PolicyVersion>| policy.as_ref().and_then(|policy| policy.revision);
        match self.state.as_str() {
            "SYNCED" => of(&self.applied).or(of(&self.desired)),
            _ => of(&self.applied),
        }
    }

    /// The share of the requests that this node mirrors to a shadow, in percent: 0 where the shadow is off, or
    /// is not in the node's policy.
    pub(crate) fn share_in_effect(&self, shadow: &str) -> f64 {
        self.shares.get(shadow).filter(|share| share.enabled).map_or(0.0, |share| share.percent)
    }
}

/// A part of the audit trail, newest first.
#[derive(Debug, Deserialize)]
pub(crate) struct AuditPage {
    pub(crate) items: Vec<AuditEntry>,
    /// Where the next page begins; `None` on the last one.
    pub(crate) next: Option<i64>,
}

/// One change.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct AuditEntry {
    pub(crate) id: i64,
    pub(crate) revision: u64,
    pub(crate) at: String,
    pub(crate) actor: String,
    pub(crate) source: Option<String>,
    pub(crate) action: String,
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) before: Option<serde_json::Value>,
    pub(crate) after: Option<serde_json::Value>,
    pub(crate) reason: Option<String>,
    /// What chains it to the row before; an older control plane has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) hash: Option<String>,
}

/// What answers at an address.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Version {
    pub(crate) name: String,
    pub(crate) version: String,
}

/// A refusal, as in RFC 9457.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ApiProblem {
    pub(crate) title: String,
    pub(crate) detail: Option<String>,
    pub(crate) errors: Vec<ApiFieldError>,
}

/// One wrong field.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ApiFieldError {
    /// `Shadow/checkout-v2`.
    pub(crate) resource: Option<String>,
    pub(crate) field: String,
    pub(crate) message: String,
}

/// Whether a shadow may go live.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Verdict {
    pub(crate) shadow: String,
    /// `go`, `no-go` or `not-enough-evidence`.
    pub(crate) verdict: String,
    pub(crate) pairs: u64,
    /// One sentence for people.
    #[serde(default)]
    pub(crate) summary: String,
    pub(crate) evidence_since: Option<String>,
    /// One for each gate: failed ones first, then open ones, then those that pass.
    pub(crate) reasons: Vec<Reason>,
}

/// A gate, and where it stands.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Reason {
    pub(crate) gate: String,
    /// `pass`, `fail` or `open`.
    pub(crate) state: String,
    pub(crate) observed: Option<f64>,
    pub(crate) limit: Option<f64>,
    /// The lowest and the highest plausible value; `null` where nothing bounds it.
    pub(crate) interval: Option<[Option<f64>; 2]>,
    /// How many more pairs are expected to settle an open gate.
    pub(crate) more_pairs: Option<u64>,
    /// The endpoint that the figures are of; `null`: all of them.
    pub(crate) endpoint: Option<String>,
    #[serde(default)]
    pub(crate) words: String,
    /// By which endpoints and fields a gate fails.
    #[serde(default)]
    pub(crate) carriers: Vec<Carrier>,
    /// Ids of pairs.
    #[serde(default)]
    pub(crate) examples: Vec<String>,
}

/// An endpoint, or a field of one, by which a gate fails.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Carrier {
    pub(crate) endpoint: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) field: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) kind: Option<String>,
    pub(crate) pairs: u64,
    pub(crate) of: u64,
}

/// What the pairs of a shadow add up to, as far as a table shows it.
#[derive(Debug, Deserialize)]
pub(crate) struct Report {
    pub(crate) shadow: String,
    pub(crate) evidence_since: Option<String>,
    pub(crate) sent: u64,
    pub(crate) shed: u64,
    pub(crate) mirrored: u64,
    pub(crate) answers: Answers,
    pub(crate) outcomes: Outcomes,
    #[serde(flatten)]
    pub(crate) counts: Counts,
    pub(crate) latency_ms: Latencies,
    pub(crate) endpoints: Vec<EndpointCounts>,
}

/// How many answers were compared.
#[derive(Debug, Deserialize)]
pub(crate) struct Answers {
    pub(crate) compared: u64,
}

/// What became of the copies.
#[derive(Debug, Deserialize)]
pub(crate) struct Outcomes {
    pub(crate) shadow: Vec<OutcomeCount>,
}

/// How often.
#[derive(Debug, Deserialize)]
pub(crate) struct OutcomeCount {
    pub(crate) outcome: String,
    pub(crate) count: u64,
}

/// Shares of the pairs; `None` where there are none.
#[derive(Debug, Deserialize)]
pub(crate) struct Counts {
    pub(crate) error_rates: ErrorRates,
    pub(crate) status_mismatch: Mismatch,
    pub(crate) body_mismatch: Mismatch,
}

/// Shares of answers that are errors.
#[derive(Debug, Deserialize)]
pub(crate) struct ErrorRates {
    pub(crate) primary: Option<f64>,
    pub(crate) shadow: Option<f64>,
}

/// The share of pairs that differ.
#[derive(Debug, Deserialize)]
pub(crate) struct Mismatch {
    pub(crate) over_noise: Option<f64>,
}

/// Quantiles, by `p50` and so on, in milliseconds.
#[derive(Debug, Deserialize)]
pub(crate) struct Latencies {
    pub(crate) pairs: u64,
    pub(crate) primary: BTreeMap<String, Option<f64>>,
    pub(crate) shadow: BTreeMap<String, Option<f64>>,
}

/// One endpoint.
#[derive(Debug, Deserialize)]
pub(crate) struct EndpointCounts {
    pub(crate) endpoint: String,
    pub(crate) pairs: u64,
    #[serde(flatten)]
    pub(crate) counts: Counts,
    pub(crate) latency_ms: Latencies,
    pub(crate) fields: Vec<Field>,
}

/// A field that differs, in the shadow's answer and in the control's.
#[derive(Debug, Deserialize)]
pub(crate) struct Field {
    pub(crate) path: String,
    pub(crate) kind: String,
    pub(crate) raw: f64,
    pub(crate) noise: f64,
    pub(crate) excess: f64,
    pub(crate) is_noise: bool,
    pub(crate) examples: Vec<FieldExample>,
}

/// What a field was in one pair; `null` also stands for nothing, which the field's kind tells.
#[derive(Debug, Deserialize)]
pub(crate) struct FieldExample {
    pub(crate) primary: serde_json::Value,
    pub(crate) shadow: serde_json::Value,
}
