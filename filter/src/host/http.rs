//! One request, on a listener or on a shadow cluster.

use super::envoy::{self, EnvoyShared};
use super::state;
use crate::flow::config::Primary;
use crate::flow::copy::{self, Copy};
use crate::flow::headers::{PAIR, SLOT};
use crate::flow::primary;
use proxy_wasm::hostcalls;
use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::{Action, MapType};
use std::rc::Rc;

/// Role primary: one request on its way in.
pub(super) struct PrimaryContext {
    config: Rc<Primary>,
}

impl PrimaryContext {
    pub(super) fn new(config: Rc<Primary>) -> Self {
        Self { config }
    }
}

impl Context for PrimaryContext {}

impl HttpContext for PrimaryContext {
    fn on_http_request_headers(&mut self, _count: usize, end_of_stream: bool) -> Action {
        // One call for all the headers instead of one per name (ADR 0002).
        let headers = hostcalls::get_map_bytes(MapType::HttpRequestHeaders).unwrap_or_default();
        let source_ip = || envoy::property(&["source", "address"]).and_then(|text| copy::peer_address(&text));
        let edits = state::with(|state| {
            primary::on_request(&mut state.vm, &self.config, &headers, end_of_stream, source_ip, &EnvoyShared)
        });
        envoy::edit_request(&edits.unwrap_or_default());
        Action::Continue
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
        const HEADERS: MapType = MapType::HttpRequestHeaders;
        // A request without the mark is production's own, to a cluster that is also somebody's control.
        if let Ok(Some(slot)) = hostcalls::get_map_value_bytes(HEADERS, SLOT) {
            let pair = hostcalls::get_map_value_bytes(HEADERS, PAIR).ok().flatten();
            let cluster = || envoy::property(&["xds", "cluster_name"]);
            let decided =
                state::with(|state| copy::on_request(&mut state.vm, &slot, pair.as_deref(), cluster));
            if let Some((copy, edits)) = decided {
                envoy::edit_request(&edits);
                self.copy = Some(copy);
            }
        }
        Action::Continue
    }

    fn on_http_response_headers(&mut self, _count: usize, _end_of_stream: bool) -> Action {
        if let Some(copy) = &mut self.copy {
            state::with(|state| copy.on_response(&mut state.vm));
        }
        Action::Continue
    }
}

impl Drop for CopyContext {
    /// Envoy does not log requests of upstream filters: the end of the context is all that shows the end of a copy.
    fn drop(&mut self) {
        if let Some(copy) = &mut self.copy {
            state::with(|state| copy.on_end(&mut state.vm));
        }
    }
}
