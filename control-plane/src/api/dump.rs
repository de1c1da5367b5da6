//! Everything that a bug report needs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::Serialize;
use umbra_resource::{Kind as ResourceKind, NodeAttributes, Resource};
use utoipa::ToSchema;

use crate::api::ApiContext;
use crate::api::evidence::apart;
use crate::api::nodes::{self, NodeView};
use crate::api::problem::Problem;
use crate::api::query::NoQuery;
use crate::api::schema::ResourceDocument;
use crate::api::time::{ms, rfc3339};
use crate::model::nodes::{Node, Nodes};
use crate::model::state::State as Model;

/// Everything that a bug report needs, without the mesh key, keys of TLS, and tokens. Headers that shadows set on copies are
/// in it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ConfigDump {
    /// What is running.
    version: &'static str,
    /// When it was asked (RFC 3339, UTC).
    #[schema(format = DateTime)]
    at: String,
    /// The store's revision.
    revision: u64,
    /// How the server was started, by option.
    settings: BTreeMap<String, String>,
    /// Every stamp and shadow.
    #[schema(value_type = Vec<ResourceDocument>)]
    resources: Vec<Arc<Resource>>,
    /// Every Envoy, as in `GET /nodes`.
    nodes: Vec<NodeView>,
    /// What they shall run: each policy once.
    policies: Vec<PolicyDump>,
}

/// A policy as it is compiled for some nodes.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PolicyDump {
    /// The hash of what the nodes are sent.
    version: String,
    /// The store's revision that it was compiled at.
    revision: u64,
    /// The ids of the nodes that shall run it.
    nodes: Vec<String>,
    /// Its content at the newest revision, for people: rules, shares, guards. Without the key that pairs are signed with.
    policy: String,
}

/// Everything that a bug report needs
#[utoipa::path(get, path = "/api/v1/config-dump", tag = "operation", responses(
    (status = 200, description = "Settings, resources, nodes, and their policies", body = ConfigDump),
))]
pub(crate) async fn config_dump(
    State(context): State<ApiContext>,
    query: Result<Query<NoQuery>, QueryRejection>,
) -> Result<Json<ConfigDump>, Problem> {
    query?;
    let state = context.store.state();
    let list = Nodes::locked(&context.nodes).list();
    let settings = context.settings.as_ref().clone();
    let dump = apart(move || ConfigDump {
        version: env!("CARGO_PKG_VERSION"),
        at: rfc3339(ms(SystemTime::now())),
        revision: state.revision(),
        settings,
        resources: [ResourceKind::Stamp, ResourceKind::Shadow]
            .into_iter()
            .flat_map(|kind| state.list(kind).map(Arc::clone).collect::<Vec<_>>())
            .collect(),
        policies: policies(&state, &list),
        nodes: list.into_iter().map(|node| nodes::view(node, state.revision())).collect(),
    });
    Ok(Json(dump.await?))
}

fn policies(state: &Model, nodes: &[Node]) -> Vec<PolicyDump> {
    let mut by_version: BTreeMap<&str, (u64, &NodeAttributes, Vec<String>)> = BTreeMap::new();
    for node in nodes {
        if let Some(desired) = &node.desired {
            let entry = by_version
                .entry(&desired.version)
                .or_insert_with(|| (desired.revision, &node.attributes, Vec::new()));
            entry.2.push(node.attributes.id.clone());
        }
    }
    by_version
        .into_iter()
        .map(|(version, (revision, attributes, nodes))| PolicyDump {
            version: version.to_owned(),
            revision,
            nodes,
            policy: format!("{:#?}", state.set().compile(attributes, state.revision(), None)),
        })
        .collect()
}
