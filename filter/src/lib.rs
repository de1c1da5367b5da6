//! The proxy-wasm filter: stamps requests and shadows a share of them inside Envoy.
