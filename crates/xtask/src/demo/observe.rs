//! What Envoy and the control plane say about themselves.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::stack::Ports;
use crate::http::Client;
use crate::interrupt;

/// The shadow that the demo applies.
pub(crate) const SHADOW: &str = "catalogue-next";

/// Before every metric of the filter's, in Envoy's statistics.
const PREFIX: &str = "wasmcustom.umbra.";

/// A change that is not in effect after this is not slow but lost.
const SYNC_LIMIT: Duration = Duration::from_secs(15);

/// Clients of the two that can be asked.
#[derive(Debug)]
pub(crate) struct Observer {
    api: Client,
    admin: Client,
}

/// The filter's counters, by their names without the prefix: `requests`, `skipped.method`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counters(BTreeMap<String, u64>);

impl Counters {
    /// These counts, by name.
    pub(crate) fn of(counts: BTreeMap<String, u64>) -> Self {
        Self(counts)
    }

    /// One of them; 0 when it was never counted.
    pub(crate) fn get(&self, name: &str) -> u64 {
        self.0.get(name).copied().unwrap_or_default()
    }

    /// What was counted since `earlier`.
    pub(crate) fn since(&self, earlier: &Self) -> Self {
        let grown = |(name, value): (&String, &u64)| (name.clone(), value.saturating_sub(earlier.get(name)));
        Self(self.0.iter().map(grown).collect())
    }

    /// Why requests were not mirrored, with how often: only reasons that were met.
    pub(crate) fn skipped(&self) -> Vec<(&str, u64)> {
        let reasons = self.0.iter().filter(|(_, count)| **count > 0);
        reasons.filter_map(|(name, count)| Some((name.strip_prefix("skipped.")?, *count))).collect()
    }
}

/// A change that every worker follows.
#[derive(Debug)]
pub(crate) struct InEffect {
    /// The revision.
    pub(crate) revision: u64,
    /// From the API's answer until the control plane knew that every worker follows.
    pub(crate) after: Duration,
}

impl Observer {
    /// Asks at these ports.
    pub(crate) fn new(ports: Ports) -> Self {
        Self { api: Client::new(ports.api), admin: Client::new(ports.admin) }
    }

    /// The filter's counters, as Envoy shows them.
    ///
    /// # Errors
    /// When Envoy does not answer as expected.
    pub(crate) fn counters(&self) -> Result<Counters> {
        let stats = self.admin.get_json("/stats?format=json&filter=wasmcustom")?;
        let stats =
            stats.get("stats").and_then(Value::as_array).context("Envoy's statistics have no list")?;
        let mut counters = BTreeMap::new();
        for stat in stats {
            let name = stat.get("name").and_then(Value::as_str).and_then(|name| name.strip_prefix(PREFIX));
            if let (Some(name), Some(value)) = (name, stat.get("value").and_then(Value::as_u64)) {
                counters.insert(name.to_owned(), value);
            }
        }
        Ok(Counters::of(counters))
    }

    /// Moves the valve and waits until every worker follows.
    ///
    /// # Errors
    /// When the API refuses, or when the node does not follow in time.
    pub(crate) fn move_valve(&self, percent: u64) -> Result<InEffect> {
        let path = format!("/api/v1/shadows/{SHADOW}/valve");
        let shadow =
            self.api.patch_json(&path, &json!({"percent": percent, "reason": "cargo xtask demo"}))?;
        let answered = SystemTime::now();
        let revision = shadow.pointer("/metadata/revision").and_then(Value::as_u64);
        self.in_effect(revision.context("the API's answer has no revision")?, answered)
    }

    /// Waits until every worker follows the newest revision, which was answered just now.
    ///
    /// # Errors
    /// When the node does not follow in time.
    pub(crate) fn newest_in_effect(&self) -> Result<InEffect> {
        let answered = SystemTime::now();
        let nodes = self.api.get_json("/api/v1/nodes")?;
        let revision = nodes.get("revision").and_then(Value::as_u64).context("the nodes have no revision")?;
        self.in_effect(revision, answered)
    }

    fn in_effect(&self, revision: u64, answered: SystemTime) -> Result<InEffect> {
        let what = format!("every worker to follow revision {revision}");
        let synced = interrupt::wait_for(&what, SYNC_LIMIT, || {
            let nodes = self.api.get_json("/api/v1/nodes")?;
            Ok(synced_at(&nodes, revision))
        })
        .with_context(|| format!("the nodes: {:?}", self.api.get_json("/api/v1/nodes")))?;
        let synced = humantime::parse_rfc3339_weak(&synced).with_context(|| format!("no time: {synced}"))?;
        // Earlier than the answer is possible: the policy goes out as soon as the change is committed.
        Ok(InEffect { revision, after: synced.duration_since(answered).unwrap_or_default() })
    }
}

/// When the one node came to follow `revision`, if it does.
fn synced_at(nodes: &Value, revision: u64) -> Option<String> {
    let [node] = nodes.get("items")?.as_array()?.as_slice() else { return None };
    let applied = node.pointer("/applied/revision")?.as_u64()?;
    let synced = node.get("state")?.as_str()? == "SYNCED" && applied >= revision;
    synced.then(|| node.get("synced_at")?.as_str().map(str::to_owned))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_follows_when_it_is_synced_at_the_revision() {
        let nodes = |state: &str, revision: u64| {
            let applied = json!({"version": "v", "revision": revision});
            json!({"items": [{"state": state, "applied": applied, "synced_at": "2026-01-01T00:00:00Z"}]})
        };
        for (nodes, follows) in [
            (nodes("SYNCED", 3), true),
            (nodes("SYNCED", 4), true),
            (nodes("SYNCED", 2), false),
            (nodes("STALE", 3), false),
            (json!({"items": [{"state": "STALE", "applied": null}]}), false),
            (json!({"items": []}), false),
        ] {
            assert_eq!(synced_at(&nodes, 3).is_some(), follows, "{nodes}");
        }
    }
}
