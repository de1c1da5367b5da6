//! One request, on a listener or on a shadow cluster.

use super::envoy::{self, EnvoyShared, ThisRequest};
use super::state;
use crate::flow::answers::{AnswerView, Followed};
use crate::flow::config::Primary;
use crate::flow::copy::{self, Copy, CopyView};
use crate::flow::headers::{PAIR, SLOT};
use crate::flow::primary;
use proxy_wasm::hostcalls;
use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::{Action, BufferType, MapType};
use std::rc::Rc;

/// By which Envoy tells a server for how long it waits.
const EXPECTED_TIMEOUT: &str = "x-envoy-expected-rq-timeout-ms";

/// Role primary: one request on its way in, and its answer on its way out.
pub(super) struct PrimaryContext {
    config: Rc<Primary>,
    followed: Option<Followed>,
}

impl PrimaryContext {
    pub(super) fn new(config: Rc<Primary>) -> Self {
        Self { config, followed: None }
    }
}

impl Context for PrimaryContext {}

impl HttpContext for PrimaryContext {
    fn on_http_request_headers(&mut self, _count: usize, end_of_stream: bool) -> Action {
        // One call for all the headers instead of one per name (ADR 0002).
        let headers = hostcalls::get_map_bytes(MapType::HttpRequestHeaders).unwrap_or_default();
        #[cfg(feature = "debug-trap")]
        super::debug_trap::spring(&headers);
        let source_ip = || envoy::property(&["source", "address"]).and_then(|text| copy::peer_address(&text));
        let followed = state::with(|state| {
            let (vm, shared) = (&mut state.vm, &EnvoyShared);
            primary::on_request(
                vm,
                &self.config,
                &headers,
                end_of_stream,
                source_ip,
                shared,
                &mut ThisRequest,
            )
        });
        self.followed = followed.flatten();
        Action::Continue
    }

    fn on_http_response_headers(&mut self, _count: usize, end_of_stream: bool) -> Action {
        on_headers(self.followed.as_mut(), end_of_stream)
    }

    fn on_http_response_body(&mut self, bytes: usize, end_of_stream: bool) -> Action {
        on_body(self.followed.as_mut(), bytes, end_of_stream)
    }

    fn on_http_response_trailers(&mut self, _count: usize) -> Action {
        on_trailers(self.followed.as_mut())
    }
}

impl Drop for PrimaryContext {
    /// Also of a request that was cut off, or answered before it was routed.
    fn drop(&mut self) {
        if let Some(followed) = &self.followed {
            // A host is chosen when a request is routed, right before its copies are made.
            let was_routed = || envoy::property(&["upstream", "address"]).is_some();
            state::with(|state| primary::on_gone(&mut state.vm, followed, was_routed));
        }
    }
}

/// Role shadow: a request to a shadow cluster, which may be a copy.
#[derive(Default)]
pub(super) struct CopyContext {
    copy: Option<Copy>,
}

impl Context for CopyContext {}

impl HttpContext for CopyContext {
    fn on_http_request_headers(&mut self, _count: usize, _end_of_stream: bool) -> Action {
        // A request without the mark is production's own, to a cluster that is also somebody's control.
        if let Some(slot) = envoy::request_header(SLOT) {
            let pair = envoy::request_header(PAIR);
            let copy = state::with(|state| {
                copy::on_request(
                    &mut state.vm,
                    &slot,
                    pair.as_deref(),
                    &ThisCopy,
                    &EnvoyShared,
                    &mut ThisRequest,
                )
            });
            self.copy = copy.flatten();
        }
        Action::Continue
    }

    fn on_http_response_headers(&mut self, _count: usize, end_of_stream: bool) -> Action {
        on_headers(self.copy.as_mut().map(|copy| &mut copy.answer), end_of_stream)
    }

    fn on_http_response_body(&mut self, bytes: usize, end_of_stream: bool) -> Action {
        on_body(self.copy.as_mut().map(|copy| &mut copy.answer), bytes, end_of_stream)
    }

    fn on_http_response_trailers(&mut self, _count: usize) -> Action {
        on_trailers(self.copy.as_mut().map(|copy| &mut copy.answer))
    }
}

impl Drop for CopyContext {
    /// Envoy does not log requests of upstream filters: the end of the context is all that shows the end of a copy.
    fn drop(&mut self) {
        if let Some(copy) = &self.copy {
            state::with(|state| copy.on_end(&mut state.vm, &ThisCopy));
        }
    }
}

fn on_headers(followed: Option<&mut Followed>, end_of_stream: bool) -> Action {
    if let Some(followed) = followed {
        state::with(|state| followed.on_headers(&mut state.vm, end_of_stream, &ThisAnswer));
    }
    Action::Continue
}

fn on_body(followed: Option<&mut Followed>, bytes: usize, end_of_stream: bool) -> Action {
    if let Some(followed) = followed {
        state::with(|state| followed.on_body(&mut state.vm, bytes, end_of_stream, &ThisAnswer));
    }
    Action::Continue
}

fn on_trailers(followed: Option<&mut Followed>) -> Action {
    if let Some(followed) = followed {
        state::with(|state| followed.on_trailers(&mut state.vm, &ThisAnswer));
    }
    Action::Continue
}

/// The answer whose callback runs.
struct ThisAnswer;

impl AnswerView for ThisAnswer {
    fn headers(&self) -> Vec<(String, Vec<u8>)> {
        hostcalls::get_map_bytes(MapType::HttpResponseHeaders).unwrap_or_default()
    }

    fn header(&self, name: &str) -> Option<Vec<u8>> {
        hostcalls::get_map_value_bytes(MapType::HttpResponseHeaders, name).ok().flatten()
    }

    fn body(&self, start: usize, bytes: usize) -> Vec<u8> {
        hostcalls::get_buffer(BufferType::HttpResponseBody, start, bytes).ok().flatten().unwrap_or_default()
    }

    fn trailing_grpc_status(&self) -> Option<Vec<u8>> {
        hostcalls::get_map_value_bytes(MapType::HttpResponseTrailers, "grpc-status").ok().flatten()
    }

    fn now_us(&self) -> u64 {
        envoy::now_us()
    }
}

/// The copy whose callback runs.
struct ThisCopy;

impl CopyView for ThisCopy {
    fn cluster(&self) -> Option<Vec<u8>> {
        envoy::property(&["xds", "cluster_name"])
    }

    fn expected_timeout(&self) -> Option<Vec<u8>> {
        envoy::request_header(EXPECTED_TIMEOUT)
    }

    fn was_connected(&self) -> bool {
        envoy::property(&["upstream", "local_address"]).is_some()
    }

    fn age_ms(&self) -> Option<u64> {
        let started: [u8; 8] = envoy::property(&["request", "time"])?.try_into().ok()?;
        let started_ms = u64::from_le_bytes(started) / 1_000_000;
        envoy::now().wall_ms.checked_sub(started_ms)
    }

    fn now_us(&self) -> u64 {
        envoy::now_us()
    }
}
