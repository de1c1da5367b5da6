//! What happens around every request: an id, a log line, a measurement, a limit, and an answer even after a panic.

use std::any::Any;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::{Instrument, debug, error, info_span};

use crate::api::metrics::{ApiMetrics, RequestLabels, RouteLabels};
use crate::api::problem::{Kind, Problem};
use crate::traces;

static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// As long as any tracing system makes them; a longer one is replaced.
const MAX_REQUEST_ID_BYTES: usize = 128;

/// Gives the request an id (the client's, if it sent a usable one), and logs and counts the answer.
pub(crate) async fn observe(State(metrics): State<ApiMetrics>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = request_id(&request);
    let method = method_label(request.method());
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "unmatched".to_owned(), |path| path.as_str().to_owned());
    let span = info_span!("request", id = id.to_str().unwrap_or_default());
    let trace = traces::request(method, &route, request.headers());
    let mut response = next.run(request).instrument(span.clone()).instrument(trace.clone()).await;
    let (elapsed, status) = (started.elapsed(), response.status().as_u16());
    traces::answered(&trace, status);
    span.in_scope(|| debug!(method, route, status, ms = elapsed.as_secs_f64() * 1e3, "answered"));
    let labels = RequestLabels { method, route: route.clone(), status: u32::from(status) };
    metrics.requests.get_or_create(&labels).inc();
    metrics.duration.get_or_create(&RouteLabels { route }).observe(elapsed.as_secs_f64());
    response.headers_mut().insert(REQUEST_ID.clone(), id);
    response
}

/// Ends a request that takes too long. A write that was begun is still finished.
pub(crate) async fn timeout(State(limit): State<Duration>, request: Request, next: Next) -> Response {
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            let words = format!(
                "not done within {limit:?}; a write may have been done all the same: read before you repeat it"
            );
            Problem::new(Kind::Timeout, words).into_response()
        }
    }
}

/// Turns a panic of a handler into an answer.
#[expect(clippy::needless_pass_by_value, reason = "the signature is tower-http's")]
pub(crate) fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let words = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    error!(panic = words, "a request handler panicked");
    Problem::new(Kind::Internal, "this is a defect of the server: its log says more").into_response()
}

pub(crate) async fn not_found(uri: Uri) -> Problem {
    let path: String = uri.path().chars().take(200).collect();
    Problem::new(Kind::NotFound, format!("nothing is served at {path}: see /api/v1/openapi.json"))
}

pub(crate) async fn method_not_allowed(method: Method, uri: Uri) -> Problem {
    let path: String = uri.path().chars().take(200).collect();
    let method: String = method.as_str().chars().take(32).collect();
    Problem::new(
        Kind::MethodNotAllowed,
        format!("{path} does not take {method}: the header allow says what it takes"),
    )
}

fn request_id(request: &Request) -> HeaderValue {
    let usable = |id: &&HeaderValue| {
        let bytes = id.as_bytes();
        !bytes.is_empty() && bytes.len() <= MAX_REQUEST_ID_BYTES && bytes.iter().all(u8::is_ascii_graphic)
    };
    match request.headers().get(&REQUEST_ID).filter(usable) {
        Some(id) => id.clone(),
        None => fresh_id(),
    }
}

/// Unique within this run of the server, which is what its log covers.
fn fresh_id() -> HeaderValue {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    HeaderValue::from(NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Methods are the client's to invent; labels are not.
fn method_label(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "PUT" => "PUT",
        "POST" => "POST",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::routing::get;
    use http_body_util::BodyExt;
    use tower::ServiceExt;
    use tower_http::catch_panic::CatchPanicLayer;

    use super::{Request, panicked};

    #[tokio::test]
    async fn a_panic_is_a_problem_that_keeps_its_words_to_itself() {
        async fn panics() {
            panic!("secret {}", 1)
        }
        let router = Router::new().route("/", get(panics)).layer(CatchPanicLayer::custom(panicked));
        let response = router.oneshot(Request::new(Body::empty())).await.unwrap();
        assert_eq!(response.status(), 500);
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let body = String::from_utf8(body.into()).unwrap();
        assert!(body.contains("urn:umbra:problem:internal") && !body.contains("secret"), "{body}");
    }
}
