//! Pushes stamp rules and mirror shares to the filters and answers to operators.
//!
//! - [`model`]: what is known, and what a command makes of it. Pure.
//! - [`store`]: the model on disk. Every write is one transaction.
//! - [`xds`]: Delta xDS for Envoys.
//! - [`api`]: REST for operators.
//! - [`intake`]: what the filters report.
//! - [`analysis`]: what it adds up to.
//! - [`access`]: who is at the other end.
//! - [`console`]: the web console's pages.
//! - [`evidence`]: what is kept of it, put together.
//! - [`live`]: what goes on now, for whoever follows it.
//! - [`listener`]: connections for both, with TLS.
//! - [`traces`]: spans for OpenTelemetry.
//! - [`app`]: configuration, and everything put together.
//!
//! `api`, `xds` and `intake` do not know each other: they meet in the model. Only `app` sees all.
//!
//! Not here: what requests get under a policy (`umbra-policy`), what a valid resource is (`umbra-resource`), and the
//! protocol's state machines and encoding (`umbra-wire`).

pub mod access;
pub mod analysis;
pub mod api;
pub mod app;
pub mod console;
pub mod evidence;
pub mod intake;
pub mod listener;
pub mod live;
pub mod model;
pub mod store;
pub mod traces;
pub mod xds;
