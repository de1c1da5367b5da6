//! Spans, as a collector gets them.

use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::trace::v1::Span;
use reqwest::Method;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

use crate::process::Umbra;
use crate::support::{folder, until};

/// Keeps what it is sent.
#[derive(Clone, Default)]
struct Collector {
    exports: Arc<Mutex<Vec<ExportTraceServiceRequest>>>,
}

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.exports.lock().unwrap().push(request.into_inner());
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

impl Collector {
    async fn start() -> (Collector, String) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let collector = Collector::default();
        let service = TraceServiceServer::new(collector.clone());
        let server = tonic::transport::Server::builder().add_service(service);
        tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        (collector, endpoint)
    }

    fn spans(&self) -> Vec<Span> {
        let exports = self.exports.lock().unwrap();
        let resources = exports.iter().flat_map(|export| &export.resource_spans);
        let scopes = resources.flat_map(|resource| &resource.scope_spans);
        scopes.flat_map(|scope| scope.spans.clone()).collect()
    }

    fn all(&self) -> String {
        format!("{:?}", self.exports.lock().unwrap())
    }
}

#[tokio::test]
async fn a_request_is_a_span_of_its_callers_trace() {
    let (collector, endpoint) = Collector::start().await;
    let folder = folder();
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
        ("OTEL_BSP_SCHEDULE_DELAY", "50"),
        ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=here"),
    ];
    let umbra = Umbra::start_in(folder.path(), &["--dev"], &variables);
    let request = umbra
        .api()
        .request(Method::GET, "/api/v1/shadows/none")
        .header("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
        .header("authorization", "Bearer umbra_a-secret-of-somebody");
    assert_eq!(request.send().await.unwrap().status(), 404);

    let span = until(|| async {
        collector.spans().into_iter().find(|span| span.name == "GET /api/v1/shadows/{name}")
    })
    .await;
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert_eq!(hex(&span.trace_id), "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(hex(&span.parent_span_id), "b7ad6b7169203331");
    let all = collector.all();
    for expected in ["http.response.status_code", "here", "umbra"] {
        assert!(all.contains(expected), "{expected} is missing: {all}");
    }
    assert!(!all.contains("a-secret-of-somebody"), "{all}");

    // A request with a trace of its own; the end exports what is left.
    assert!(umbra.api().request(Method::GET, "/livez").send().await.unwrap().status().is_success());
    umbra.signal("-TERM");
    let (code, log) = tokio::task::spawn_blocking(move || umbra.ended()).await.unwrap();
    assert_eq!(code, Some(0), "{log}");
    let names: Vec<String> = collector.spans().into_iter().map(|span| span.name).collect();
    assert!(names.iter().any(|name| name == "GET /livez"), "{names:?}");
    assert!(!log.contains("umbra::traces") && !log.contains("otel."), "{log}");
}

#[tokio::test]
async fn a_collector_that_is_away_is_no_trouble() {
    let folder = folder();
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let endpoint = format!("http://127.0.0.1:{port}");
    let variables = [("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()), ("OTEL_BSP_SCHEDULE_DELAY", "50")];
    let umbra = Umbra::start_in(folder.path(), &["--dev"], &variables);
    assert!(umbra.api().request(Method::GET, "/livez").send().await.unwrap().status().is_success());
    umbra.signal("-TERM");
    let (code, log) = tokio::task::spawn_blocking(move || umbra.ended()).await.unwrap();
    assert_eq!(code, Some(0), "{log}");
}
