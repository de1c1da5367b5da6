//! The control plane from outside: over its ports, on its files, as a process. One binary, so that it links once.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests may stop at the first surprise"
)]

mod access;
mod api;
mod audit;
mod config;
mod console;
mod delta;
mod events;
mod expiry;
mod faults;
mod hostile;
mod limits;
mod lists;
mod monitoring;
mod nodes;
mod openapi;
mod plan;
mod process;
mod store;
mod support;
mod telemetry;
mod tls;
mod traces;
mod unread;
mod xds;
