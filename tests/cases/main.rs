//! The end-to-end tests: see each module for what it holds Umbra to.

// A helper that meets a surprise has to stop the test there.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod bodies;
mod broken;
mod churn;
mod copies;
mod faults;
mod floods;
mod guards;
mod harness;
mod hostile;
mod impostors;
mod kills;
mod leader;
mod lifted;
mod loops;
mod odd;
mod outcomes;
mod overrides;
mod pairs;
mod partition;
mod rate;
mod restart;
mod secrets;
mod share;
mod shedding;
mod slots;
mod spoofing;
mod tls;
mod tokens;
mod transparent;
mod trap;
mod valve;
mod verdict;
