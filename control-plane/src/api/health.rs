//! Whether the server lives, whether it can serve, what it is, and what it counted.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tracing::warn;
use utoipa::ToSchema;

use crate::api::metrics::NodeLabels;
use crate::api::problem::{Kind, Problem};
use crate::api::{ApiContext, nodes};
use crate::model::nodes::Nodes;
use crate::model::nodes::whole::NodeCounts;

/// A database that takes longer than this to read one row serves nobody.
const DATABASE_TIMEOUT: Duration = Duration::from_secs(2);

/// All is well.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// `ok`
    status: &'static str,
}

/// What is running.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Version {
    /// `umbra`
    name: &'static str,
    version: &'static str,
}

/// Whether the process lives
#[utoipa::path(get, path = "/livez", tag = "operation", responses(
    (status = 200, description = "It does", body = Health),
))]
pub(crate) async fn livez() -> Json<Health> {
    Json(Health { status: "ok" })
}

/// Whether the server can serve
#[utoipa::path(get, path = "/readyz", tag = "operation", responses(
    (status = 200, description = "It can", body = Health),
    (status = 503, description = "It cannot, and why", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn readyz(State(context): State<ApiContext>) -> Result<Json<Health>, Problem> {
    if context.stopping.is_cancelled() {
        return Err(Problem::new(Kind::Unavailable, "stopping: the server is about to end"));
    }
    // The schema was brought up to date before the listener opened, so that only the database can be missing now.
    match tokio::time::timeout(DATABASE_TIMEOUT, context.store.check()).await {
        Ok(Ok(())) => Ok(Json(Health { status: "ok" })),
        Ok(Err(error)) => {
            warn!(error = &error as &dyn std::error::Error, "not ready");
            Err(Problem::new(
                Kind::Unavailable,
                format!("database: {}; the server's log says more", error.cause()),
            ))
        }
        Err(_) => {
            // A write is tried once more, and that may take longer than this may.
            let words = match context.store.trouble() {
                Some(cause) => format!("database: {cause}"),
                None => format!("database: it did not answer within {DATABASE_TIMEOUT:?}"),
            };
            Err(Problem::new(Kind::Unavailable, words))
        }
    }
}

/// What is running
#[utoipa::path(get, path = "/version", tag = "operation", responses(
    (status = 200, description = "Name and version", body = Version),
))]
pub(crate) async fn version() -> Json<Version> {
    Json(Version { name: "umbra", version: env!("CARGO_PKG_VERSION") })
}

/// What was counted, for Prometheus
#[utoipa::path(get, path = "/metrics", tag = "operation", responses(
    (status = 200, description = "OpenMetrics text", body = String, content_type = "application/openmetrics-text"),
))]
pub(crate) async fn metrics(State(context): State<ApiContext>) -> Result<Response, Problem> {
    let newest = context.store.state().revision();
    let NodeCounts { connected, away } = Nodes::locked(&context.nodes).counts(newest);
    for (connected, counts) in [("true", connected), ("false", away)] {
        for (state, count) in counts.by_state() {
            let labels = NodeLabels { state: nodes::state_name(state), connected };
            context.metrics.nodes.get_or_create(&labels).set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &context.registry)
        .map_err(|_| Problem::new(Kind::Internal, "the metrics cannot be written"))?;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}
