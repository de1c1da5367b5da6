//! Stamps and shadows: list, read, write, delete.

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use umbra_resource::{Kind, Resource};

use crate::api::page::page;
use crate::api::problem::{self, Problem};
use crate::api::query::{NoQuery, PageQuery, WriteQuery};
use crate::api::schema::{ShadowDocument, ShadowList, StampDocument, StampList};
use crate::api::{ApiContext, body, etag, guard, origin, query};
use crate::model::command::{Command, Effect};

type Named = Result<Path<String>, PathRejection>;
type Writing = Result<Query<WriteQuery>, QueryRejection>;
type Paging = Result<Query<PageQuery>, QueryRejection>;
type Reading = Result<Query<NoQuery>, QueryRejection>;

/// List the stamps
#[utoipa::path(get, path = "/api/v1/stamps", tag = "stamps", params(PageQuery), responses(
    (status = 200, description = "The stamps, by name", body = StampList, headers(("etag" = String, description = "The store's revision"))),
    (status = 304, description = "The store is still at the revision in if-none-match"),
    (status = 400, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn list_stamps(
    State(context): State<ApiContext>,
    query: Paging,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    list(&context, Kind::Stamp, &query?.0, &headers)
}

/// List the shadows
#[utoipa::path(get, path = "/api/v1/shadows", tag = "shadows", params(PageQuery), responses(
    (status = 200, description = "The shadows, by name", body = ShadowList, headers(("etag" = String, description = "The store's revision"))),
    (status = 304, description = "The store is still at the revision in if-none-match"),
    (status = 400, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn list_shadows(
    State(context): State<ApiContext>,
    query: Paging,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    list(&context, Kind::Shadow, &query?.0, &headers)
}

/// Read a stamp
#[utoipa::path(get, path = "/api/v1/stamps/{name}", tag = "stamps", params(("name" = String, Path)), responses(
    (status = 200, description = "The stamp", body = StampDocument, headers(("etag" = String, description = "Its revision"))),
    (status = 304, description = "It is still at the revision in if-none-match"),
    (status = 404, description = "There is none", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn get_stamp(
    State(context): State<ApiContext>,
    name: Named,
    query: Reading,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    query?;
    read(&context, Kind::Stamp, &name?.0, &headers)
}

/// Read a shadow
#[utoipa::path(get, path = "/api/v1/shadows/{name}", tag = "shadows", params(("name" = String, Path)), responses(
    (status = 200, description = "The shadow", body = ShadowDocument, headers(("etag" = String, description = "Its revision"))),
    (status = 304, description = "It is still at the revision in if-none-match"),
    (status = 404, description = "There is none", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn get_shadow(
    State(context): State<ApiContext>,
    name: Named,
    query: Reading,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    query?;
    read(&context, Kind::Shadow, &name?.0, &headers)
}

/// Create or replace a stamp
#[utoipa::path(put, path = "/api/v1/stamps/{name}", tag = "stamps", params(
    ("name" = String, Path), WriteQuery,
    ("if-match" = Option<String>, Header, description = "Only if it is at this revision; * if it is there at all"),
    ("if-none-match" = Option<String>, Header, description = "*: only if it is not there"),
), request_body(content((StampDocument = "application/json"), (StampDocument = "application/yaml"))), responses(
    (status = 200, description = "Replaced, or so already", body = StampDocument, headers(("etag" = String, description = "Its revision"))),
    (status = 201, description = "Created", body = StampDocument, headers(("etag" = String, description = "Its revision"))),
    (status = 400, description = "Not readable", body = Problem, content_type = "application/problem+json"),
    (status = 412, description = "The precondition does not hold", body = Problem, content_type = "application/problem+json"),
    (status = 413, description = "Too large", body = Problem, content_type = "application/problem+json"),
    (status = 415, description = "Neither JSON nor YAML", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "Invalid", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn put_stamp(
    State(context): State<ApiContext>,
    name: Named,
    query: Writing,
    request: Request,
) -> Result<Response, Problem> {
    write(&context, Kind::Stamp, name?.0, query?.0, request).await
}

/// Create or replace a shadow
#[utoipa::path(put, path = "/api/v1/shadows/{name}", tag = "shadows", params(
    ("name" = String, Path), WriteQuery,
    ("if-match" = Option<String>, Header, description = "Only if it is at this revision; * if it is there at all"),
    ("if-none-match" = Option<String>, Header, description = "*: only if it is not there"),
), request_body(content((ShadowDocument = "application/json"), (ShadowDocument = "application/yaml"))), responses(
    (status = 200, description = "Replaced, or so already", body = ShadowDocument, headers(("etag" = String, description = "Its revision"))),
    (status = 201, description = "Created", body = ShadowDocument, headers(("etag" = String, description = "Its revision"))),
    (status = 400, description = "Not readable", body = Problem, content_type = "application/problem+json"),
    (status = 412, description = "The precondition does not hold", body = Problem, content_type = "application/problem+json"),
    (status = 413, description = "Too large", body = Problem, content_type = "application/problem+json"),
    (status = 415, description = "Neither JSON nor YAML", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "Invalid", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn put_shadow(
    State(context): State<ApiContext>,
    name: Named,
    query: Writing,
    request: Request,
) -> Result<Response, Problem> {
    write(&context, Kind::Shadow, name?.0, query?.0, request).await
}

/// Delete a stamp
#[utoipa::path(delete, path = "/api/v1/stamps/{name}", tag = "stamps", params(
    ("name" = String, Path), WriteQuery,
    ("if-match" = Option<String>, Header, description = "Only if it is at this revision"),
), responses(
    (status = 204, description = "Deleted"),
    (status = 404, description = "There is none", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "Shadows still use it", body = Problem, content_type = "application/problem+json"),
    (status = 412, description = "The precondition does not hold", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn delete_stamp(
    State(context): State<ApiContext>,
    name: Named,
    query: Writing,
    request: Request,
) -> Result<StatusCode, Problem> {
    delete(&context, Kind::Stamp, name?.0, query?.0, request).await
}

/// Delete a shadow
#[utoipa::path(delete, path = "/api/v1/shadows/{name}", tag = "shadows", params(
    ("name" = String, Path), WriteQuery,
    ("if-match" = Option<String>, Header, description = "Only if it is at this revision"),
), responses(
    (status = 204, description = "Deleted"),
    (status = 404, description = "There is none", body = Problem, content_type = "application/problem+json"),
    (status = 412, description = "The precondition does not hold", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn delete_shadow(
    State(context): State<ApiContext>,
    name: Named,
    query: Writing,
    request: Request,
) -> Result<StatusCode, Problem> {
    delete(&context, Kind::Shadow, name?.0, query?.0, request).await
}

/// The answer that shows one resource.
pub(crate) fn shown(status: StatusCode, resource: &Resource) -> Response {
    let mut response = (status, Json(resource)).into_response();
    response.headers_mut().insert(header::ETAG, etag::of(resource.metadata().revision.unwrap_or_default()));
    response
}

#[derive(Serialize)]
struct Listed<'a> {
    items: Vec<&'a Resource>,
    revision: u64,
    next: Option<String>,
}

fn list(
    context: &ApiContext,
    kind: Kind,
    query: &PageQuery,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let state = context.store.state();
    let tag = (header::ETAG, etag::of(state.revision()));
    if etag::not_modified(headers, state.revision())? {
        return Ok((StatusCode::NOT_MODIFIED, [tag]).into_response());
    }
    let (items, next) =
        page(query, state.list(kind).map(AsRef::as_ref), |resource: &&Resource| resource.name())?;
    Ok(([tag], Json(Listed { items, revision: state.revision(), next })).into_response())
}

fn read(context: &ApiContext, kind: Kind, name: &str, headers: &HeaderMap) -> Result<Response, Problem> {
    let state = context.store.state();
    let Some(resource) = state.get(kind, name) else {
        let name: String = name.chars().take(64).collect();
        return Err(Problem::new(problem::Kind::NotFound, format!("there is no {kind} {name:?}")));
    };
    let revision = resource.metadata().revision.unwrap_or_default();
    if etag::not_modified(headers, revision)? {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, etag::of(revision))]).into_response());
    }
    Ok(shown(StatusCode::OK, resource))
}

async fn write(
    context: &ApiContext,
    kind: Kind,
    name: String,
    query: WriteQuery,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let precondition = etag::precondition(&parts.headers)?;
    let origin = origin::of(&parts.extensions, query::reason(query.reason)?);
    let resource = Box::new(one(kind, &name, &parts.headers, body, context.limits.resource_bytes).await?);
    guard::still(context, &parts.headers).await?;
    let outcome = context.store.execute(Command::Put { resource, precondition }, origin).await?;
    let written = outcome.results.first();
    let written = written.ok_or_else(|| Problem::new(problem::Kind::Internal, "the write has no result"))?;
    let status = if written.effect == Effect::Created { StatusCode::CREATED } else { StatusCode::OK };
    Ok(shown(status, &written.resource))
}

/// The one resource in the body, which must be the one in the URL.
async fn one(
    kind: Kind,
    name: &str,
    headers: &HeaderMap,
    body: Body,
    limit: usize,
) -> Result<Resource, Problem> {
    let mut resources = body::resources(headers, body, limit).await?;
    let (Some(resource), true) = (resources.pop(), resources.is_empty()) else {
        return Err(Problem::new(
            problem::Kind::Invalid,
            "give exactly one resource; POST /api/v1/apply takes several",
        ));
    };
    if resource.kind() != kind {
        let words = format!("is {}, but the URL is that of a {kind}", resource.kind());
        return Err(Problem::field("kind", words));
    }
    if resource.name() != name {
        return Err(Problem::field(
            "metadata.name",
            format!("is {:?}, but the URL says otherwise", resource.name()),
        ));
    }
    Ok(resource)
}

async fn delete(
    context: &ApiContext,
    kind: Kind,
    name: String,
    query: WriteQuery,
    request: Request,
) -> Result<StatusCode, Problem> {
    let precondition = etag::precondition(request.headers())?;
    let origin = origin::of(request.extensions(), query::reason(query.reason)?);
    context.store.execute(Command::Delete { kind, name, precondition }, origin).await?;
    Ok(StatusCode::NO_CONTENT)
}
