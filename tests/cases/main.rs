//! The end-to-end tests: see each module for what it holds Umbra to.

// A helper that meets a surprise has to stop the test there.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod harness;
