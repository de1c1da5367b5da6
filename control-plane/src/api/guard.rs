//! The door of the API: who asks is known, and may, before any handler sees the request.

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::api::ApiContext;
use crate::api::access::{self, Need};
use crate::api::problem::{Kind, Problem};
use crate::listener::Peer;
use crate::model::access::{Caller, Role};

/// Lets those through who may. Handlers take whoever it is as `Extension<Caller>`; on a public route there is nobody.
pub(crate) async fn guard(State(context): State<ApiContext>, mut request: Request, next: Next) -> Response {
    // What matches no route reaches no handler but those that say so.
    let Some(path) = request.extensions().get::<MatchedPath>() else { return next.run(request).await };
    let need = access::need(request.method(), path.as_str());
    let Need::Role(role) = need else { return next.run(request).await };
    let peer = request.extensions().get::<Peer>();
    let caller = context.access.authenticate(request.headers(), peer);
    if let Err(problem) = require(&caller, role) {
        return problem.into_response();
    }
    request.extensions_mut().insert(caller);
    next.run(request).await
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
