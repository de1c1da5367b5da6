//! The audit trail, page by page.

use std::time::SystemTime;

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use futures::{TryStreamExt, stream};
use serde::Serialize;
use serde_json::value::RawValue;
use tracing::error;
use utoipa::ToSchema;

use crate::api::ApiContext;
use crate::api::problem::{Kind, Problem};
use crate::api::query::{AuditFormat, AuditQuery, NoQuery};
use crate::api::schema::ResourceDocument;
use crate::api::time::{moment, ms, rfc3339};
use crate::api::tokens::ScopeDocument;
use crate::model::audit::{AuditEntry, AuditFilter};
use crate::store::audit::Verified;

/// A screenful and more, of rows that may hold two resources each.
const DEFAULT_LIMIT: u32 = 100;
const MAX_LIMIT: u32 = 500;
/// One JSON value on a line.
const NDJSON: &str = "application/x-ndjson";

/// A page of the audit trail, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditPage {
    items: Vec<AuditRow>,
    /// `before` of the next page; null if this is the last.
    next: Option<u64>,
}

/// One change to a resource or a token, or attempts to get in that failed.
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
    /// `create`, `update`, `delete`, `valve`, `expire` (its valve or switch went back, as its time was over), `revoke` or
    /// `sign-in-failed`.
    action: String,
    /// `Stamp`, `Shadow`, `Token` or `Access`.
    kind: String,
    name: String,
    /// The resource or the token before, without what makes it one; null if it was created.
    #[schema(value_type = Option<AuditedDocument>)]
    before: Option<Box<RawValue>>,
    /// The same after; null if it was deleted. Of attempts that failed, how many there were.
    #[schema(value_type = Option<AuditedDocument>)]
    after: Option<Box<RawValue>>,
    /// Why, as far as it was said.
    reason: Option<String>,
    /// SHA-256 over the hash of the row before and this row: what chains them.
    hash: String,
}

/// What a row is about.
#[derive(Serialize, ToSchema)]
#[schema(as = Audited)]
#[serde(untagged)]
#[expect(dead_code, reason = "it describes what is kept as text")]
pub(crate) enum AuditedDocument {
    /// A stamp or a shadow.
    Resource(ResourceDocument),
    /// A token.
    Token(AuditedToken),
    /// Attempts to get in that failed.
    Failed(AuditedFailures),
}

/// A token in the audit trail.
#[derive(Serialize, ToSchema)]
pub(crate) struct AuditedToken {
    id: String,
    name: String,
    /// `viewer`, `operator`, `admin` or `node`.
    role: String,
    scope: ScopeDocument,
    /// In milliseconds since 1970. Null: never.
    expires_ms: Option<u64>,
}

/// Attempts to get in that failed.
#[derive(Serialize, ToSchema)]
pub(crate) struct AuditedFailures {
    /// How many, from one address within an hour.
    attempts: u64,
}

/// Whether the audit trail is what was written.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditVerdict {
    /// How many rows were looked at: all, or those up to the first bad one.
    rows: u64,
    /// Whether each goes on from the one before it.
    ok: bool,
    /// The id of the first that does not; null if all do.
    first_bad: Option<u64>,
    /// The hash of the last row that is good. Write it down: rows that are taken off the end later are missed by it alone.
    #[schema(example = "0000000000000000000000000000000000000000000000000000000000000000")]
    head: String,
}

/// Who changed what, newest first
///
/// With `Accept: application/x-ndjson` or `format=ndjson`, all the rows that fit, oldest first, one on a line.
#[utoipa::path(get, path = "/api/v1/audit", tag = "operation", params(AuditQuery), responses(
    (status = 200, description = "A page, or all rows", content((AuditPage = "application/json"), (String = "application/x-ndjson"))),
    (status = 400, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn list_audit(
    State(context): State<ApiContext>,
    query: Result<Query<AuditQuery>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Query(query) = query?;
    let wants_lines = match query.format {
        Some(format) => format == AuditFormat::Ndjson,
        None => headers.get(header::ACCEPT).is_some_and(|accept| accept == NDJSON),
    };
    let now_ms = ms(SystemTime::now());
    let at = |name, text: Option<String>| -> Result<Option<String>, Problem> {
        text.map(|text| moment(name, &text, now_ms).map(rfc3339)).transpose()
    };
    let AuditQuery { limit, before, actor, action, kind, name, since, until, .. } = query;
    let (since, until) = (at("since", since)?, at("until", until)?);
    let filter = AuditFilter { actor, action, kind, name, since, until };
    if wants_lines {
        if limit.is_some() || before.is_some() {
            let words = "limit and before are for pages: an export has all the rows that the filters leave";
            return Err(Problem::new(Kind::Malformed, words));
        }
        return Ok(export(context, filter));
    }
    let limit = limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(Problem::new(Kind::Malformed, format!("limit is {limit}: give 1 to {MAX_LIMIT}")));
    }
    if before.is_some_and(|before| i64::try_from(before).is_err()) {
        return Err(Problem::new(Kind::Malformed, "before is no id: give next of the page before"));
    }
    // One row more than asked for says whether there is another page.
    let mut entries = context.store.audit(&filter, limit.saturating_add(1), before).await?;
    let more = entries.len() > limit as usize;
    entries.truncate(limit as usize);
    let next = entries.last().map(|entry| entry.id).filter(|_| more);
    let items = entries.into_iter().map(AuditRow::of).collect::<Result<_, _>>().map_err(unreadable)?;
    Ok(Json(AuditPage { items, next }).into_response())
}

/// Whether the audit trail is what was written
///
/// Follows the chain of hashes from the first row. `umbractl audit verify` does the same from an export, on a machine
/// that need not trust this one.
#[utoipa::path(get, path = "/api/v1/audit/verify", tag = "operation", responses(
    (status = 200, description = "What was found", body = AuditVerdict),
))]
pub(crate) async fn verify_audit(
    State(context): State<ApiContext>,
    query: Result<Query<NoQuery>, QueryRejection>,
) -> Result<Json<AuditVerdict>, Problem> {
    query?;
    let Verified { rows, first_bad, head } = context.store.verify_audit().await?;
    Ok(Json(AuditVerdict { rows, ok: first_bad.is_none(), first_bad, head: head.to_string() }))
}

/// All rows, a few in memory at a time, as fast as the client reads them.
fn export(context: ApiContext, filter: AuditFilter) -> Response {
    let pages = stream::try_unfold(0, move |after| {
        let (context, filter) = (context.clone(), filter.clone());
        async move {
            let entries = context.store.audit_after(&filter, after).await?;
            let Some(last) = entries.last().map(|entry| entry.id) else { return Ok(None) };
            let mut lines = Vec::new();
            for entry in entries {
                serde_json::to_writer(&mut lines, &AuditRow::of(entry)?)?;
                lines.push(b'\n');
            }
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(Some((lines, last)))
        }
    });
    // The status is gone already: a connection that breaks off is what tells the client.
    let pages = pages
        .inspect_err(|error| error!(error = error.as_ref() as &dyn std::error::Error, "an export failed"));
    ([(header::CONTENT_TYPE, NDJSON)], Body::from_stream(pages)).into_response()
}

impl AuditRow {
    /// The row, with resources as they were kept, even if this release would not take them any more.
    pub(crate) fn of(entry: AuditEntry) -> Result<Self, serde_json::Error> {
        let AuditEntry { id, record, hash } = entry;
        let json = |kept: Option<String>| kept.map(RawValue::from_string).transpose();
        Ok(AuditRow {
            id,
            revision: record.revision,
            at: record.at,
            actor: record.actor,
            source: record.source,
            action: record.action,
            kind: record.kind,
            name: record.name,
            before: json(record.before)?,
            after: json(record.after)?,
            reason: record.reason,
            hash,
        })
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is what map_err hands over")]
fn unreadable(error: serde_json::Error) -> Problem {
    Problem::new(Kind::Unavailable, format!("a row of the audit trail cannot be read: {error}"))
}
