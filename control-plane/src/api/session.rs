//! Who one is to the server, and the console's sessions.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::access::{AccessError, Known, SignedIn};
use crate::api::hosts::is_same_origin;
use crate::api::problem::{Kind, Problem};
use crate::api::tokens::{ScopeDocument, time};
use crate::api::{ApiContext, body, guard};
use crate::listener::Peer;

/// A token and some room.
const MAX_BYTES: usize = 4 << 10;

/// Who one is to the server.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Me {
    /// As in the audit trail.
    #[schema(example = "token:deploy-bot")]
    name: String,
    /// `viewer`, `operator` or `admin`.
    role: &'static str,
    /// Which shadows an operator may move.
    #[schema(value_type = ScopeDocument)]
    scope: Value,
    /// `dev`, `token`, `session` or `oidc`.
    via: &'static str,
    /// Until when (RFC 3339, UTC); of a session, if nobody uses it again. Null: without end.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// Of a session: what each write has to carry in the header x-umbra-csrf.
    csrf: Option<String>,
}

/// What a session is begun with.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignIn {
    /// `umbra_…`
    token: String,
}

/// Who one is
#[utoipa::path(get, path = "/api/v1/me", tag = "access", responses(
    (status = 200, description = "Name, role and scope", body = Me),
))]
pub(crate) async fn get_me(Extension(known): Extension<Known>) -> Json<Me> {
    Json(me(known))
}

/// Begin a session of the console, with a token
#[utoipa::path(post, path = "/api/v1/session", tag = "access", request_body = SignIn, responses(
    (status = 200, description = "It is begun", body = Me, headers(("set-cookie" = String, description = "The session"))),
    (status = 400, description = "Not readable", body = Problem, content_type = "application/problem+json"),
    (status = 401, description = "The token is not good", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "A page of another site asks", body = Problem, content_type = "application/problem+json"),
    (status = 413, description = "Too large", body = Problem, content_type = "application/problem+json"),
    (status = 415, description = "Not JSON", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "Invalid", body = Problem, content_type = "application/problem+json"),
    (status = 429, description = "Too many failed attempts from there", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn sign_in(
    State(context): State<ApiContext>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    if !is_same_origin(&parts.headers, &parts.uri) {
        return Err(Problem::new(Kind::Csrf, "sign in from the console's own page"));
    }
    let SignIn { token } = body::json(&parts.headers, body, MAX_BYTES).await?;
    let SignedIn { known, cookie } =
        match context.access.sign_in(&token, parts.extensions.get::<Peer>()).await {
            Ok(signed_in) => signed_in,
            Err(AccessError::Refused(refused)) => return Ok(guard::answer(&refused)),
            Err(error) => return Err(error.into()),
        };
    Ok(with_cookie(Json(me(known)).into_response(), &cookie))
}

/// End the session of the console
#[utoipa::path(delete, path = "/api/v1/session", tag = "access", responses(
    (status = 204, description = "It is ended", headers(("set-cookie" = String, description = "Empty"))),
))]
pub(crate) async fn sign_out(State(context): State<ApiContext>, headers: HeaderMap) -> Response {
    let (cookie, ended) = context.access.sign_out(&headers).await;
    let answer = match ended {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => Problem::from(error).into_response(),
    };
    // It has ended either way, and the browser is not to show it again.
    with_cookie(answer, &cookie)
}

fn me(Known { caller, csrf }: Known) -> Me {
    Me {
        scope: serde_json::json!(caller.scope),
        name: caller.name,
        role: caller.role.as_str(),
        via: caller.via.as_str(),
        expires_at: caller.expires_ms.map(time),
        csrf,
    }
}

fn with_cookie(mut response: Response, cookie: &str) -> Response {
    if let Ok(mut value) = HeaderValue::from_str(cookie) {
        value.set_sensitive(true);
        response.headers_mut().insert(header::SET_COOKIE, value);
    }
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
