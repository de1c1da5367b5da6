//! The door of the API: who asks is known, and may, before any handler sees the request.

use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::access::{Known, Refused};
use crate::api::ApiContext;
use crate::api::access::{self, Need};
use crate::api::hosts::is_same_origin;
use crate::api::problem::{Kind, Problem};
use crate::listener::Peer;
use crate::model::access::{Caller, Role};

/// What a page of the console sends with each write: what `GET /api/v1/me` says.
const CSRF: &str = "x-umbra-csrf";

/// Lets those through who may. Handlers take whoever it is as `Extension<Caller>` or `Extension<Known>`; on a public
/// route there is nobody.
pub(crate) async fn guard(State(context): State<ApiContext>, mut request: Request, next: Next) -> Response {
    if !context.hosts.admit(request.headers(), request.uri()) {
        let words =
            "the server does not answer to that name: call it localhost, or name it with --allowed-hosts";
        return Problem::new(Kind::Misdirected, words).into_response();
    }
    // What matches no route reaches no handler but those that say so.
    let Some(path) = request.extensions().get::<MatchedPath>() else { return next.run(request).await };
    let need = access::need(request.method(), path.as_str());
    let Need::Role(role) = need else { return next.run(request).await };
    let peer = request.extensions().get::<Peer>();
    let known = match context.access.authenticate(request.headers(), peer).await {
        Ok(known) => known,
        Err(refused) => return answer(&refused),
    };
    if let Err(problem) = own_write(&known, &request).and_then(|()| require(&known.caller, role)) {
        return problem.into_response();
    }
    if !request.method().is_safe()
        && let Some(wait) = context.access.note_write(&known.caller)
    {
        return too_many(format!("{} writes too fast", known.caller.name), wait);
    }
    request.extensions_mut().insert(known.caller.clone());
    request.extensions_mut().insert(known);
    next.run(request).await
}

/// Whoever sent these headers, once the body is here too: it may come slowly, and what the guard let them in with may be
/// revoked meanwhile.
///
/// # Errors
/// 401.
pub(crate) async fn still(context: &ApiContext, headers: &HeaderMap) -> Result<Caller, Problem> {
    let known = context.access.still(headers).await;
    let words =
        "you are let in no more: your token or session was revoked, or has ended, before the body was here";
    known.map(|known| known.caller).ok_or_else(|| Problem::new(Kind::Unauthenticated, words))
}

/// Whether `caller` has this role at least.
///
/// # Errors
/// 403, with the role that it takes.
pub(crate) fn require(caller: &Caller, role: Role) -> Result<(), Problem> {
    if caller.role >= role {
        return Ok(());
    }
    let Caller { name, role: has, .. } = caller;
    Err(Problem::new(Kind::Forbidden, format!("this takes the role {role}, and {name} has the role {has}")))
}

/// The answer to whoever is not believed.
pub(crate) fn answer(refused: &Refused) -> Response {
    match refused {
        Refused::TooMany(wait) => too_many(refused.to_string(), *wait),
        Refused::Nobody | Refused::Wrong(_) => {
            Problem::new(Kind::Unauthenticated, refused.to_string()).into_response()
        }
    }
}

fn too_many(words: String, wait: Duration) -> Response {
    let mut response = Problem::new(Kind::TooManyRequests, words).into_response();
    let seconds = wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0));
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}

/// Whether a write that a browser signed by itself, with its cookie, was made by the console's page.
fn own_write(known: &Known, request: &Request) -> Result<(), Problem> {
    let headers = request.headers();
    let shown = headers.get(CSRF).map(HeaderValue::as_bytes);
    let is_own =
        known.is_own_write(shown) && (known.csrf.is_none() || is_same_origin(headers, request.uri()));
    if request.method().is_safe() || is_own {
        return Ok(());
    }
    let words = format!(
        "a write of a session needs the header {CSRF} with what GET /api/v1/me says, from the same site"
    );
    Err(Problem::new(Kind::Csrf, words))
}
