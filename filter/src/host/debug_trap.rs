//! A trap on demand, so that tests can see what a filter that fails does to its Envoy. Compiled into their module alone: the
//! feature `debug-trap` is off in the one that ships, and `cargo xtask wasm` refuses a module in which [`MARK`] is found.

use super::envoy;
use crate::flow::observation::Headers;
use crate::flow::worker::Level;

/// The VM that sees a request with this header traps.
const HEADER: &str = "x-debug-trap";

/// Logged first.
const MARK: &str = "umbra-debug-trap: the VM traps, as a request asked";

/// Traps if the request asks for it.
pub(super) fn spring(headers: &Headers) {
    if headers.iter().any(|(name, _)| name == HEADER) {
        envoy::log(Level::Error, MARK);
        core::arch::wasm32::unreachable();
    }
}
