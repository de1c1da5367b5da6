//! What operators talk to: REST over HTTP, with problem+json for everything that is refused.

pub mod access;
mod apply;
mod audit;
mod body;
mod description;
mod dump;
mod etag;
mod events;
mod evidence;
mod explain;
mod guard;
mod health;
mod history;
pub mod hosts;
pub mod idempotency;
mod layers;
pub mod metrics;
mod nodes;
mod origin;
mod page;
mod pairs;
mod problem;
mod query;
mod resources;
pub mod schema;
pub mod serve;
mod session;
mod standing;
mod time;
mod tokens;
pub mod turns;
mod valve;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::DefaultBodyLimit;
use axum::routing::get;
use axum::{Json, Router, middleware};
use prometheus_client::registry::Registry;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::access::Access;
use crate::api::hosts::Hosts;
use crate::api::idempotency::Answers;
use crate::api::metrics::ApiMetrics;
use crate::api::turns::Turns;
use crate::live::Live;
use crate::model::nodes::Nodes;
use crate::store::Store;
use crate::store::telemetry::Retention;

/// What the handlers work with.
#[derive(Clone)]
pub struct ApiContext {
    /// The state, and the way to change it.
    pub store: Arc<Store>,
    /// Who is believed to be whom.
    pub access: Arc<Access>,
    /// The names that the server answers to.
    pub hosts: Hosts,
    /// What goes on now.
    pub live: Live,
    /// The Envoys that were seen.
    pub nodes: Arc<Mutex<Nodes>>,
    /// Everything that is counted, for `/metrics`.
    pub registry: Arc<Registry>,
    /// What the API itself counts.
    pub metrics: ApiMetrics,
    /// Cancelled when the server is about to stop: `/readyz` says so.
    pub stopping: CancellationToken,
    /// What a client may ask of the server.
    pub limits: Limits,
    /// How long telemetry is kept.
    pub retention: Retention,
    /// How the server was started, by option, without secrets.
    pub settings: Arc<BTreeMap<String, String>>,
    /// Answers to requests that may be sent again.
    pub answers: Answers,
    /// Whose turn it is to read evidence.
    pub turns: Turns,
}

/// What a client may ask of the server.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The largest body of a request for one resource, in bytes.
    pub resource_bytes: usize,
    /// The largest body of an apply, in bytes.
    pub apply_bytes: usize,
    /// How long a client may take to send a request's head.
    pub head_time: Duration,
    /// How long a request may take, its body included.
    pub request_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            // A stamp at its limit of 100 clauses with long expressions is some 200 KB.
            resource_bytes: 1 << 20,
            apply_bytes: umbra_resource::MAX_TEXT_BYTES,
            // Several round trips over a bad link fit.
            head_time: Duration::from_secs(10),
            request_time: Duration::from_secs(30),
        }
    }
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Umbra",
        description = "Stamps and shadows live traffic in Envoy meshes. Errors are RFC 9457 problem+json with the path \
                       of every wrong field. Whatever can be written has an ETag and honours If-Match.",
    ),
    tags(
        (name = "stamps", description = "Labels that rules put on matching requests"),
        (name = "shadows", description = "Where stamped requests are mirrored to, and how many"),
        (name = "evidence", description = "What the pairs of a shadow add up to, and whether it may go live"),
        (name = "access", description = "Tokens, and who one is"),
        (name = "operation", description = "The Envoys, the audit trail, and the server itself"),
    )
)]
struct Description;

/// The routes, described and bounded.
pub fn router(context: ApiContext) -> Router {
    let (router, mut description) = OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(resources::list_stamps))
        .routes(routes!(resources::get_stamp, resources::put_stamp, resources::delete_stamp))
        .routes(routes!(resources::list_shadows))
        .routes(routes!(resources::get_shadow, resources::put_shadow, resources::delete_shadow))
        .routes(routes!(valve::patch_valve))
        .routes(routes!(evidence::get_report))
        .routes(routes!(evidence::get_verdict))
        .routes(routes!(history::get_history))
        .routes(routes!(pairs::list_pairs))
        .routes(routes!(events::board))
        .routes(routes!(events::events))
        .routes(routes!(explain::explain))
        .routes(routes!(apply::apply))
        .routes(routes!(nodes::list_nodes))
        .routes(routes!(dump::config_dump))
        .routes(routes!(audit::list_audit))
        .routes(routes!(audit::verify_audit))
        .routes(routes!(session::get_me))
        .routes(routes!(session::sign_in, session::sign_out))
        .routes(routes!(tokens::list_tokens, tokens::create_token))
        .routes(routes!(tokens::revoke_token))
        .routes(routes!(health::livez))
        .routes(routes!(health::readyz))
        .routes(routes!(health::version))
        .routes(routes!(health::metrics))
        .split_for_parts();
    env!("CARGO_PKG_VERSION").clone_into(&mut description.info.version);
    description::complete(&mut description);
    let description = Arc::new(description);
    let described = get(move || {
        let description = Arc::clone(&description);
        async move { Json(description.as_ref().clone()) }
    });
    let limits = context.limits;
    router
        .route("/api/v1/openapi.json", described)
        .fallback(layers::not_found)
        .method_not_allowed_fallback(layers::method_not_allowed)
        // Bodies are read by `body`, which knows its own limits and answers with a problem.
        .layer(DefaultBodyLimit::disable())
        .layer(middleware::from_fn_with_state(context.clone(), idempotency::once))
        .layer(middleware::from_fn_with_state(context.clone(), guard::guard))
        .layer(middleware::from_fn_with_state(limits.request_time, layers::timeout))
        .layer(CatchPanicLayer::custom(layers::panicked))
        .layer(middleware::from_fn_with_state(context.metrics.clone(), layers::observe))
        .with_state(context)
}
