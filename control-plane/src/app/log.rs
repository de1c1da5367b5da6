//! Log lines on standard error, and spans for whoever collects them.

use std::io::{self, IsTerminal};

use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt, registry};

use crate::app::config::LogFormat;
use crate::traces;

/// From here on, log lines are written, and spans go to `exporter`. `filter` was checked when the configuration was.
pub(crate) fn start(format: LogFormat, filter: &str, exporter: Option<&SdkTracerProvider>) {
    let lines = fmt::layer().with_writer(io::stderr);
    let lines = match format {
        LogFormat::Text => lines.with_ansi(io::stderr().is_terminal()).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    let lines = lines
        .with_filter(filter_fn(|line| line.target() != traces::TARGET))
        .with_filter(EnvFilter::new(filter));
    let spans = exporter.map(|provider| {
        tracing_opentelemetry::layer()
            .with_tracer(provider.tracer("umbra"))
            // Where in the code a span begins is nothing to operators.
            .with_location(false)
            .with_threads(false)
            .with_filter(filter_fn(|span| span.target() == traces::TARGET))
    });
    registry().with(lines).with(spans).init();
}
