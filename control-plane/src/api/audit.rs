//! The audit trail, page by page.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::api::ApiContext;
use crate::api::problem::{Kind, Problem};
use crate::api::query::AuditQuery;
use crate::api::schema::ResourceDocument;
use crate::model::audit::AuditEntry;

/// A screenful and more, of rows that may hold two resources each.
const DEFAULT_LIMIT: u32 = 100;
const MAX_LIMIT: u32 = 500;

/// A page of the audit trail, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditPage {
    items: Vec<AuditRow>,
    /// `before` of the next page; null if this is the last.
    next: Option<u64>,
}

/// One change to one resource.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditRow {
    /// Grows with every row.
    id: u64,
    /// The store's revision that the change made.
    revision: u64,
    /// When (RFC 3339, UTC).
    #[schema(format = DateTime)]
    at: String,
    /// Who: `token:` or `oidc:` and a name, `dev` of a server that asks nobody.
    actor: String,
    /// The address that the request came from.
    source: String,
    /// `create`, `update`, `delete` or `valve`.
    action: String,
    /// `Stamp` or `Shadow`.
    kind: String,
    name: String,
    /// The resource before; null if it was created.
    #[schema(value_type = Option<ResourceDocument>)]
    before: Option<Box<RawValue>>,
    /// The resource after; null if it was deleted.
    #[schema(value_type = Option<ResourceDocument>)]
    after: Option<Box<RawValue>>,
    /// Why, as far as it was said.
    reason: Option<String>,
}

/// Who changed what, newest first
#[utoipa::path(get, path = "/api/v1/audit", tag = "operation", params(AuditQuery), responses(
    (status = 200, description = "A page", body = AuditPage),
    (status = 400, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn list_audit(
    State(context): State<ApiContext>,
    query: Result<Query<AuditQuery>, QueryRejection>,
) -> Result<Json<AuditPage>, Problem> {
    let Query(AuditQuery { limit, before }) = query?;
    let limit = limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(Problem::new(Kind::Malformed, format!("limit is {limit}: give 1 to {MAX_LIMIT}")));
    }
    // One row more than asked for says whether there is another page.
    let mut entries = context.store.audit(limit.saturating_add(1), before).await?;
    let more = entries.len() > limit as usize;
    entries.truncate(limit as usize);
    let next = entries.last().map(|entry| entry.id).filter(|_| more);
    let items = entries.into_iter().map(row).collect::<Result<_, _>>()?;
    Ok(Json(AuditPage { items, next }))
}

fn row(entry: AuditEntry) -> Result<AuditRow, Problem> {
    Ok(AuditRow {
        id: entry.id,
        revision: entry.revision,
        at: entry.at,
        actor: entry.actor,
        source: entry.source,
        action: entry.action,
        kind: entry.kind,
        name: entry.name,
        before: json(entry.before)?,
        after: json(entry.after)?,
        reason: entry.reason,
    })
}

/// The resource as it was kept, even if this release would not take it any more.
fn json(kept: Option<String>) -> Result<Option<Box<RawValue>>, Problem> {
    kept.map(RawValue::from_string).transpose().map_err(|error| {
        Problem::new(Kind::Unavailable, format!("a row of the audit trail cannot be read: {error}"))
    })
}
