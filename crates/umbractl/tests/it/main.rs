//! Runs the `umbractl` that was built: against a control plane that is faked on loopback, and without one.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests may stop at the first surprise, like tests"
)]

mod analyze;
mod audit;
mod away;
mod change;
mod diff;
mod edit;
mod errors;
mod evidence;
mod fake;
mod offline;
mod run;
mod show;
mod tls;
mod token;
mod verdict;
