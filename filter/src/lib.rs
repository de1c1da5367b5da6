//! The proxy-wasm filter: stamps requests and shadows a share of them inside Envoy.
//!
//! [`flow`] holds all behaviour and is pure: events in, actions out; time, random numbers and the shared data
//! are arguments. `host` is the only module that names proxy-wasm; it exists in the wasm build alone.
//!
//! Not here: what a request gets under a policy (`umbra-policy`), how policies travel (`umbra-wire`), and what
//! operators write (`umbra-resource`).

pub mod flow;

#[cfg(target_arch = "wasm32")]
mod host;
