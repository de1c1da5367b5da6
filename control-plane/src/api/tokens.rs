//! Tokens: list, make, revoke.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::access::{AccessError, now_ms};
use crate::api::problem::{Kind, Problem};
use crate::api::query::{TokensQuery, WriteQuery};
use crate::api::{ApiContext, body, guard, origin, query};
use crate::model::access::token::{Grant, NewToken, Token, sound_name};

/// A screenful and more.
const DEFAULT_LIMIT: u32 = 100;
const MAX_LIMIT: u32 = 500;
/// A thousand ids of nodes, and some room.
const MAX_BYTES: usize = 256 << 10;
/// Longer is for ever.
const MAX_EXPIRY: Duration = Duration::from_secs(100 * 365 * 24 * 3_600);

/// What a token reaches: exactly one of these.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Scope)]
pub(crate) struct ScopeDocument {
    /// `true`: everything that the role could reach.
    all: Option<bool>,
    /// Of an operator: the shadows with these names.
    shadows: Option<BTreeSet<String>>,
    /// Of an operator: the shadows whose labels fit, as `team=cart,env!=prod`.
    selector: Option<String>,
    /// Of a node: these ids; one that ends in `*` stands for all that begin so.
    nodes: Option<BTreeSet<String>>,
}

/// Tokens, the youngest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TokenPage {
    items: Vec<TokenDocument>,
    /// `cursor` of the next page; null if this is the last.
    next: Option<String>,
}

/// A token, without what makes it one.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Token)]
pub(crate) struct TokenDocument {
    id: String,
    name: String,
    /// `viewer`, `operator`, `admin` or `node`.
    role: &'static str,
    #[schema(value_type = ScopeDocument)]
    scope: Value,
    #[schema(format = DateTime)]
    created_at: String,
    created_by: String,
    /// Null: never.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// To the minute. Null: never.
    #[schema(format = DateTime)]
    last_used_at: Option<String>,
    /// Null: it is not revoked.
    #[schema(format = DateTime)]
    revoked_at: Option<String>,
}

/// A token that was just made.
#[derive(Serialize, ToSchema)]
pub(crate) struct CreatedToken {
    #[serde(flatten)]
    #[schema(inline)]
    shown: TokenDocument,
    /// The token itself. It is shown here and never again.
    token: String,
}

/// A token to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewToken)]
pub(crate) struct NewTokenDocument {
    /// What it is called in the audit trail: 1 to 64 letters, digits and . _ - @ +
    #[schema(example = "deploy-bot")]
    name: String,
    /// `viewer`, `operator`, `admin` or `node`.
    #[schema(example = "operator")]
    role: String,
    /// Everything that the role could reach, if left out.
    #[schema(value_type = Option<ScopeDocument>)]
    scope: Option<Value>,
    /// Until when (RFC 3339); without end, if this and `expires_in` are left out.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// For how long: `30d`, `12h`.
    expires_in: Option<String>,
    /// Why, for the audit trail; at most 1000 characters.
    reason: Option<String>,
}

/// List the tokens
#[utoipa::path(get, path = "/api/v1/tokens", tag = "access", params(TokensQuery), responses(
    (status = 200, description = "A page, the youngest first", body = TokenPage),
    (status = 400, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn list_tokens(
    State(context): State<ApiContext>,
    query: Result<Query<TokensQuery>, QueryRejection>,
) -> Result<Json<TokenPage>, Problem> {
    let Query(TokensQuery { limit, cursor }) = query?;
    let limit = limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(Problem::new(Kind::Malformed, format!("limit is {limit}: give 1 to {MAX_LIMIT}")));
    }
    let after = cursor.as_deref().map(position).transpose()?;
    let mut tokens = context.access.tokens();
    if let Some(after) = after {
        tokens.retain(|token| (token.created_ms, token.id.as_str()) < after);
    }
    let limit = limit as usize;
    let more = tokens.len() > limit;
    tokens.truncate(limit);
    let next = tokens.last().filter(|_| more).map(|token| format!("{}-{}", token.created_ms, token.id));
    Ok(Json(TokenPage { items: tokens.into_iter().map(document).collect(), next }))
}

/// Make a token
#[utoipa::path(post, path = "/api/v1/tokens", tag = "access", params(
    ("idempotency-key" = Option<String>, Header, description = "Done once, however often it is sent with this key: the first answer is kept for a day"),
), request_body = NewTokenDocument, responses(
    (status = 201, description = "It is made, and shown this once", body = CreatedToken),
    (status = 400, description = "Not readable", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "There are too many", body = Problem, content_type = "application/problem+json"),
    (status = 413, description = "Too large", body = Problem, content_type = "application/problem+json"),
    (status = 415, description = "Not JSON", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "Invalid", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn create_token(
    State(context): State<ApiContext>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let wanted: NewTokenDocument = body::json(&parts.headers, body, MAX_BYTES).await?;
    guard::still(&context, &parts.headers).await?;
    let origin = origin::of(&parts.extensions, query::reason(wanted.reason.clone())?);
    let (token, text) = context.access.create(checked(wanted)?, &origin).await?;
    let created = CreatedToken { shown: document(token), token: text };
    let no_store = (header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok((StatusCode::CREATED, [no_store], Json(created)).into_response())
}

/// Revoke a token
#[utoipa::path(delete, path = "/api/v1/tokens/{id}", tag = "access", params(("id" = String, Path), WriteQuery), responses(
    (status = 204, description = "It is revoked, and was perhaps before"),
    (status = 404, description = "There is none", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn revoke_token(
    State(context): State<ApiContext>,
    id: Result<Path<String>, PathRejection>,
    query: Result<Query<WriteQuery>, QueryRejection>,
    request: Request,
) -> Result<StatusCode, Problem> {
    let (Path(id), Query(WriteQuery { reason })) = (id?, query?);
    let origin = origin::of(request.extensions(), query::reason(reason)?);
    if context.access.revoke(&id, &origin).await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    let id: String = id.chars().take(64).collect();
    Err(Problem::new(Kind::NotFound, format!("there is no token with the id {id:?}")))
}

/// RFC 3339, UTC.
pub(crate) fn time(at_ms: u64) -> String {
    let at = UNIX_EPOCH + Duration::from_millis(at_ms);
    humantime::format_rfc3339_millis(at).to_string()
}

fn checked(wanted: NewTokenDocument) -> Result<NewToken, Problem> {
    let NewTokenDocument { name, role, scope, expires_at, expires_in, reason: _ } = wanted;
    let invalid = |words: String| {
        let (field, message) = words.split_once(": ").unwrap_or(("", words.as_str()));
        Problem::field(field, message)
    };
    sound_name(&name).map_err(invalid)?;
    let grant = Grant::of(&role, scope).map_err(invalid)?;
    let now = SystemTime::now();
    let expires = match (expires_at, expires_in) {
        (None, None) => None,
        (Some(_), Some(_)) => return Err(Problem::field("expires_in", "give this or expires_at, not both")),
        (Some(at), None) => {
            let at = humantime::parse_rfc3339(&at)
                .map_err(|_| Problem::field("expires_at", "is no time such as 2030-01-31T12:00:00Z"))?;
            let left = at.duration_since(now).map_err(|_| Problem::field("expires_at", "is in the past"))?;
            Some(left)
        }
        (None, Some(time)) => {
            let time = humantime::parse_duration(&time)
                .map_err(|_| Problem::field("expires_in", "is no length of time such as 30d or 12h"))?;
            Some(time)
        }
    };
    if expires.is_some_and(|left| left.is_zero() || left > MAX_EXPIRY) {
        return Err(Problem::field("expires_in", "is not between now and in 100 years"));
    }
    let expires_ms =
        expires.map(|left| now_ms().saturating_add(u64::try_from(left.as_millis()).unwrap_or(u64::MAX)));
    Ok(NewToken { name, grant, expires_ms })
}

fn position(cursor: &str) -> Result<(u64, &str), Problem> {
    let parts = cursor.split_once('-').and_then(|(at, id)| Some((at.parse().ok()?, id)));
    parts.ok_or_else(|| Problem::new(Kind::Malformed, "cursor is none: give next of the page before"))
}

fn document(token: Token) -> TokenDocument {
    TokenDocument {
        role: token.grant.role_name(),
        scope: token.grant.scope_json(),
        id: token.id,
        name: token.name,
        created_at: time(token.created_ms),
        created_by: token.created_by,
        expires_at: token.expires_ms.map(time),
        last_used_at: token.last_used_ms.map(time),
        revoked_at: token.revoked_ms.map(time),
    }
}

impl From<AccessError> for Problem {
    fn from(error: AccessError) -> Problem {
        match error {
            AccessError::TooMany => Problem::new(Kind::InUse, error.to_string()),
            AccessError::Store(error) => error.into(),
            error => {
                tracing::error!(error = &error as &dyn std::error::Error, "access failed a request");
                Problem::new(Kind::Unavailable, "the server's log says why")
            }
        }
    }
}
