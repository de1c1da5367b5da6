//! Envoy's side of the ABI, as the traits and types of `flow`.

use crate::flow::headers::Edit;
use crate::flow::shared::{SharedData, Versioned};
use crate::flow::time::Now;
use crate::flow::worker::Level;
use proxy_wasm::hostcalls;
use proxy_wasm::types::{LogLevel, MapType};
use std::sync::OnceLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// The service and the method of the control plane's stream.
const SERVICE: &str = "envoy.service.discovery.v3.AggregatedDiscoveryService";
const METHOD: &str = "DeltaAggregatedResources";

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

/// Both clocks.
pub(super) fn now() -> Now {
    static START: OnceLock<Instant> = OnceLock::new();
    let monotonic = START.get_or_init(Instant::now).elapsed();
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

/// Changes the headers of the request at hand.
pub(super) fn edit_request(edits: &[Edit]) {
    const HEADERS: MapType = MapType::HttpRequestHeaders;
    for edit in edits {
        let _ = match edit {
            Edit::Remove(name) => hostcalls::remove_map_value(HEADERS, name),
            Edit::Add(name, value) => hostcalls::add_map_value_bytes(HEADERS, name, value),
            Edit::Set(name, value) => hostcalls::set_map_value_bytes(HEADERS, name, Some(value)),
        };
    }
}

/// Opens the stream to the control plane behind a cluster, and returns its token.
///
/// Envoy takes a serialized `GrpcService` or, failing that, a cluster's name, and tries the first on whatever it
/// gets. A name that happens to be valid protobuf (`xd` is) then stands for a service without a target, and
/// ends the Envoy process. So the service is always written out:
/// `{ envoy_grpc: { cluster_name: … } }`, both of field number 1. Names over 123 bytes would make lengths that are not
/// UTF-8, which the SDK asks for; the configuration refuses them.
pub(super) fn open_stream(cluster: &str) -> Option<u32> {
    let name_length = u8::try_from(cluster.len()).ok().filter(|length| *length <= 123)?;
    let service =
        format!("\n{}\n{}{cluster}", char::from(name_length.saturating_add(2)), char::from(name_length));
    hostcalls::open_grpc_stream(&service, SERVICE, METHOD, Vec::new()).ok()
}
