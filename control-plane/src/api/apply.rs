//! Several resources at once, all or none.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request, State};
use axum::{Extension, Json};
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::problem::Problem;
use crate::api::query::ApplyQuery;
use crate::api::schema::ResourceDocument;
use crate::api::{ApiContext, body, guard, origin, query};
use crate::model::access::{Caller, Role};
use crate::model::command::{Command, Written};

/// What an apply did, or would do.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Applied {
    /// The store's revision after it.
    revision: u64,
    /// Nothing was changed.
    dry_run: bool,
    /// In the order given.
    results: Vec<AppliedResource>,
}

/// What became of one resource.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AppliedResource {
    /// `Stamp` or `Shadow`.
    kind: &'static str,
    name: String,
    /// `created`, `updated` or `unchanged`.
    action: &'static str,
    /// The revision at which it last changed; in a dry run, that at which it would.
    revision: u64,
}

/// Create or replace several resources, all or none
///
/// Without dry_run: the role admin.
#[utoipa::path(post, path = "/api/v1/apply", tag = "operation", params(
    ApplyQuery,
    ("idempotency-key" = Option<String>, Header, description = "Done once, however often it is sent with this key: the first answer is kept for a day"),
),
    request_body(description = "One resource, a list, {\"items\": [...]}, or several YAML documents",
        content((Vec<ResourceDocument> = "application/json"), (Vec<ResourceDocument> = "application/yaml"))),
    responses(
    (status = 200, description = "Done, or with dry_run: would be done", body = Applied),
    (status = 400, description = "Not readable", body = Problem, content_type = "application/problem+json"),
    (status = 413, description = "Too large", body = Problem, content_type = "application/problem+json"),
    (status = 415, description = "Neither JSON nor YAML", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "Invalid; nothing was changed", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn apply(
    State(context): State<ApiContext>,
    Extension(caller): Extension<Caller>,
    query: Result<Query<ApplyQuery>, QueryRejection>,
    request: Request,
) -> Result<Json<Applied>, Problem> {
    let Query(ApplyQuery { dry_run, reason }) = query?;
    if !dry_run {
        guard::require(&caller, Role::Admin)?;
    }
    let (parts, body) = request.into_parts();
    let origin = origin::of(&parts.extensions, query::reason(reason)?);
    let resources = body::resources(&parts.headers, body, context.limits.apply_bytes).await?;
    guard::still(&context, &parts.headers).await?;
    let outcome = context.store.execute(Command::Apply { resources, dry_run }, origin).await?;
    let results = outcome.results.iter().map(row).collect();
    Ok(Json(Applied { revision: outcome.revision, dry_run, results }))
}

fn row(Written { effect, resource }: &Written) -> AppliedResource {
    AppliedResource {
        kind: resource.kind().as_str(),
        name: resource.name().to_owned(),
        action: effect.as_str(),
        revision: resource.metadata().revision.unwrap_or_default(),
    }
}
