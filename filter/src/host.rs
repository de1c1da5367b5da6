//! The one place that names proxy-wasm: turns Envoy's callbacks into events of [`crate::flow`], and actions into host calls.
//!
//! The SDK panics on statuses that it does not expect and on text that is not UTF-8, and a panic ends the VM. So
//! only calls whose statuses were read in the SDK and in Envoy are made here, and only those that take and give bytes.

#[cfg(feature = "debug-trap")]
mod debug_trap;
mod envoy;
mod http;
mod metrics;
mod root;
mod state;

use proxy_wasm::types::LogLevel;

proxy_wasm::main! {{
    // Sets the panic hook: a panic that should not be there at least says where it was.
    proxy_wasm::set_log_level(LogLevel::Info);
    proxy_wasm::set_root_context(|id| Box::new(root::Root::new(id)));
}}
