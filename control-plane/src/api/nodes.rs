//! The Envoys: what each shall run and what it runs.

use std::collections::BTreeMap;
use std::time::SystemTime;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::Serialize;
use umbra_resource::ppm_to_percent;
use utoipa::ToSchema;

use crate::api::ApiContext;
use crate::api::page::page;
use crate::api::problem::Problem;
use crate::api::query::PageQuery;
use crate::model::nodes::{Node, Nodes, PolicyInfo, SyncState, Worker, WorkerState};

/// The Envoys that were seen.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NodeList {
    /// The store's revision.
    revision: u64,
    /// By id.
    items: Vec<NodeView>,
    /// `cursor` of the next page; null if this is the last.
    next: Option<String>,
}

/// One Envoy.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NodeView {
    id: String,
    /// The service that it stands beside.
    cluster: String,
    zone: String,
    region: String,
    metadata: BTreeMap<String, String>,
    /// As `1.40.0`; empty if it did not say.
    #[schema(example = "1.40.0")]
    envoy_version: String,
    /// `SYNCED`: it runs what it shall run. `STALE`: it has not said so yet. `NACKED`: it refused it, and runs what it ran.
    state: &'static str,
    connected: bool,
    /// Its open streams: one, or for a moment two.
    streams: u32,
    /// What it shall run.
    desired: Option<PolicyView>,
    /// What it runs, as far as it said.
    applied: Option<PolicyView>,
    /// What it refused last, until it accepts something.
    nack: Option<NackView>,
    /// When it last connected (RFC 3339, UTC).
    #[schema(format = DateTime)]
    connected_at: String,
    /// When it last sent something, or its last stream ended.
    #[schema(format = DateTime)]
    last_seen: String,
    /// When it last said that it runs what it shall run.
    #[schema(format = DateTime)]
    synced_at: Option<String>,
    /// Every shadow's share in the policy that it runs, overrides applied. Empty if that policy is not remembered.
    shares: BTreeMap<String, ShareView>,
    /// Those that reported within ten minutes. The VM of Envoy's main thread, which takes no requests, is one of them.
    workers: Vec<WorkerView>,
}

/// A policy.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PolicyView {
    /// The hash of its content.
    version: String,
    /// The store's revision that it was compiled at; null if this server does not remember it.
    revision: Option<u64>,
}

/// A worker of an Envoy, by its reports.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WorkerView {
    /// Drawn anew in each life of its VM.
    #[schema(example = "8f14e45fceea167a")]
    instance: String,
    /// `SYNCED`: its last report is of the policy that the node shall run. `STALE`: of another. `SILENT`: there was none for 90 s;
    /// one that has nothing to report says so every 30 s.
    state: &'static str,
    /// The version of that policy; empty if it ran none.
    version: String,
    /// When the last report came (RFC 3339, UTC).
    #[schema(format = DateTime)]
    reported_at: String,
    /// The requests that it has reported to this server.
    requests: u64,
}

/// A policy that was refused.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NackView {
    /// The hash of its content.
    version: String,
    /// The store's revision that it was compiled at; null if this server does not remember it.
    revision: Option<u64>,
    /// Why, in the node's words.
    reason: String,
    /// When.
    #[schema(format = DateTime)]
    at: String,
}

/// A shadow's share on a node.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ShareView {
    /// The valve.
    percent: f64,
    /// The switch.
    enabled: bool,
}

/// List the Envoys
#[utoipa::path(get, path = "/api/v1/nodes", tag = "operation", params(PageQuery), responses(
    (status = 200, description = "The Envoys that were seen, by id", body = NodeList),
    (status = 400, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn list_nodes(
    State(context): State<ApiContext>,
    query: Result<Query<PageQuery>, QueryRejection>,
) -> Result<Json<NodeList>, Problem> {
    let Query(query) = query?;
    let revision = context.store.state().revision();
    let nodes = Nodes::locked(&context.nodes).list();
    let (nodes, next) = page(&query, nodes.into_iter(), |node| &node.attributes.id)?;
    Ok(Json(NodeList { revision, items: nodes.into_iter().map(|node| view(node, revision)).collect(), next }))
}

/// As shown, and as a label.
pub(crate) fn state_name(state: SyncState) -> &'static str {
    match state {
        SyncState::Synced => "SYNCED",
        SyncState::Stale => "STALE",
        SyncState::Nacked => "NACKED",
    }
}

/// A node as it is shown at `newest`, the store's revision.
pub(crate) fn view(node: Node, newest: u64) -> NodeView {
    let attributes = node.attributes.as_ref().clone();
    let workers =
        node.workers.iter().map(|(instance, worker)| worker_view(&node, *instance, worker)).collect();
    let running = node.applied.as_ref().and_then(|applied| applied.policy.as_deref());
    NodeView {
        state: state_name(node.state_at(newest)),
        shares: running.map(shares).unwrap_or_default(),
        id: attributes.id,
        cluster: attributes.cluster,
        zone: attributes.zone,
        region: attributes.region,
        metadata: attributes.metadata,
        envoy_version: node.envoy_version,
        connected: node.streams > 0,
        streams: node.streams,
        desired: node
            .desired
            .map(|policy| PolicyView { version: policy.version.clone(), revision: Some(policy.revision) }),
        applied: node.applied.map(|applied| PolicyView {
            version: applied.version,
            revision: applied.policy.map(|policy| policy.revision),
        }),
        nack: node.nack.map(|nack| NackView {
            version: nack.version,
            revision: nack.revision,
            reason: nack.reason,
            at: time(nack.at),
        }),
        connected_at: time(node.connected_at),
        last_seen: time(node.last_seen),
        synced_at: node.synced_at.map(time),
        workers,
    }
}

fn worker_view(node: &Node, instance: u64, worker: &Worker) -> WorkerView {
    let state = match node.worker_state(worker, SystemTime::now()) {
        WorkerState::Synced => "SYNCED",
        WorkerState::Stale => "STALE",
        WorkerState::Silent => "SILENT",
    };
    WorkerView {
        instance: format!("{instance:016x}"),
        state,
        version: worker.version.clone(),
        reported_at: time(worker.reported_at),
        requests: worker.requests,
    }
}

fn shares(policy: &PolicyInfo) -> BTreeMap<String, ShareView> {
    let view = |share: &crate::model::nodes::Share| ShareView {
        percent: ppm_to_percent(share.ppm),
        enabled: share.enabled,
    };
    policy.shares.iter().map(|(name, share)| (name.clone(), view(share))).collect()
}

fn time(at: SystemTime) -> String {
    humantime::format_rfc3339_millis(at).to_string()
}
