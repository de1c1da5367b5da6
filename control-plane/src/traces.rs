//! Spans for OpenTelemetry. They are apart from the log's: they have a target of their own, which no line is written for, and
//! which costs nothing where nobody collects them.

use axum::http::HeaderMap;
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::{Span, field, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// The target of every span that is exported.
pub const TARGET: &str = "umbra::traces";

/// The span of a request to the API, by the names of OpenTelemetry's semantic conventions for HTTP servers. Whoever asks may
/// have begun the trace: `traceparent`.
pub fn request(method: &'static str, route: &str, headers: &HeaderMap) -> Span {
    let span = info_span!(
        target: TARGET,
        "request",
        otel.name = format_args!("{method} {route}"),
        otel.kind = "server",
        otel.status_code = field::Empty,
        http.request.method = method,
        http.route = route,
        http.response.status_code = field::Empty,
    );
    if !span.is_disabled() {
        // Without a layer that exports there is no parent to be set.
        let _ = span.set_parent(TraceContextPropagator::new().extract(&Headers(headers)));
    }
    span
}

/// The answer to a request.
pub fn answered(span: &Span, status: u16) {
    span.record("http.response.status_code", status);
    if status >= 500 {
        span.record("otel.status_code", "ERROR");
    }
}

/// The span of one transaction of so many reports.
pub fn commit(reports: usize) -> Span {
    info_span!(target: TARGET, "commit reports", reports = reports)
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(|name| name.as_str()).collect()
    }
}
