//! The module that ships, in a host that answers its imports as Envoy does, in virtual time.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests may stop at the first surprise, as tests do"
)]

mod agreement;
mod configuration;
mod control_plane;
mod cost;
mod evidence;
mod fixtures;
mod generate;
mod host;
mod hostile;
mod leadership;
mod pairs;
mod reports;
mod requests;
