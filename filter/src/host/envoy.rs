//! Envoy's side of the ABI, as the traits and types of `flow`.

use crate::flow::config::{ControlPlane, Token};
use crate::flow::headers::Edit;
use crate::flow::shared::{SharedData, Versioned};
use crate::flow::time::Now;
use crate::flow::worker::Level;
use proxy_wasm::hostcalls;
use proxy_wasm::types::{LogLevel, MapType};
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The service and the method of the control plane's stream.
const SERVICE: &str = "envoy.service.discovery.v3.AggregatedDiscoveryService";
const METHOD: &str = "DeltaAggregatedResources";

/// The same of reports.
const TELEMETRY: &str = "umbra.telemetry.v1.TelemetryService";
const REPORT: &str = "Report";

/// How long a report's answer is waited for. The control plane writes to its disk first.
const REPORT_TIMEOUT: Duration = Duration::from_secs(10);

/// Envoy's shared data.
pub(super) struct EnvoyShared;

impl SharedData for EnvoyShared {
    fn get(&self, key: &str) -> Option<Versioned> {
        match hostcalls::get_shared_data(key) {
            // An empty value comes without bytes, and a missing key without a version.
            Ok((value, Some(version))) => Some(Versioned { value: value.unwrap_or_default(), version }),
            _ => None,
        }
    }

    fn set(&self, key: &str, value: &[u8], version: Option<u32>) -> bool {
        hostcalls::set_shared_data(key, Some(value), version).is_ok()
    }
}

/// The monotonic clock, in microseconds.
pub(super) fn now_us() -> u64 {
    u64::try_from(since_start().as_micros()).unwrap_or(u64::MAX)
}

fn since_start() -> Duration {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed()
}

/// Both clocks.
pub(super) fn now() -> Now {
    let monotonic = since_start();
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Now {
        monotonic_ms: u64::try_from(monotonic.as_millis()).unwrap_or(u64::MAX),
        wall_ms: u64::try_from(wall.as_millis()).unwrap_or(u64::MAX),
    }
}

/// One line for the operator.
pub(super) fn log(level: Level, text: &str) {
    let level = match level {
        Level::Info => LogLevel::Info,
        Level::Warn => LogLevel::Warn,
        Level::Error => LogLevel::Error,
    };
    let _ = hostcalls::log(level, &format!("umbra: {text}"));
}

/// A property's bytes.
pub(super) fn property(path: &[&str]) -> Option<Vec<u8>> {
    hostcalls::get_property(path.to_vec()).ok().flatten()
}

/// The first line of a header of the request at hand.
pub(super) fn request_header(name: &str) -> Option<Vec<u8>> {
    hostcalls::get_map_value_bytes(MapType::HttpRequestHeaders, name).ok().flatten()
}

/// The request whose headers came.
pub(super) struct ThisRequest;

impl Edit for ThisRequest {
    fn remove(&mut self, name: &str) {
        let _ = hostcalls::remove_map_value(MapType::HttpRequestHeaders, name);
    }

    fn add(&mut self, name: &'static str, value: &[u8]) {
        let _ = hostcalls::add_map_value_bytes(MapType::HttpRequestHeaders, name, value);
    }

    fn set(&mut self, name: &str, value: &[u8]) {
        let _ = hostcalls::set_map_value_bytes(MapType::HttpRequestHeaders, name, Some(value));
    }
}

/// Opens the stream to a control plane, and returns Envoy's number of it.
pub(super) fn open_stream(to: &ControlPlane) -> Option<u32> {
    let service = service_behind(&to.cluster)?;
    let authorization = to.token.as_ref().map(Token::authorization);
    hostcalls::open_grpc_stream(&service, SERVICE, METHOD, metadata(authorization.as_deref())).ok()
}

/// Sends a report to a control plane, and returns Envoy's number of the call.
pub(super) fn report(to: &ControlPlane, report: &[u8]) -> Option<u32> {
    let service = service_behind(&to.cluster)?;
    let authorization = to.token.as_ref().map(Token::authorization);
    let metadata = metadata(authorization.as_deref());
    hostcalls::dispatch_grpc_call(&service, TELEMETRY, REPORT, metadata, Some(report), REPORT_TIMEOUT).ok()
}

fn metadata(authorization: Option<&str>) -> Vec<(&str, &[u8])> {
    authorization.map(|value| ("authorization", value.as_bytes())).into_iter().collect()
}

/// How Envoy is told where a gRPC service is.
///
/// Envoy takes a serialized `GrpcService` or, failing that, a cluster's name, and tries the first on whatever it
/// gets. A name that happens to be valid protobuf (`xd` is) then stands for a service without a target, and
/// ends the Envoy process. So the service is always written out:
/// `{ envoy_grpc: { cluster_name: … } }`, both of field number 1. Names over 123 bytes would make lengths that are not
/// UTF-8, which the SDK asks for; the configuration refuses them.
fn service_behind(cluster: &str) -> Option<String> {
    let name_length = u8::try_from(cluster.len()).ok().filter(|length| *length <= 123)?;
    Some(format!("\n{}\n{}{cluster}", char::from(name_length.saturating_add(2)), char::from(name_length)))
}
