//! Behaviour of the policy core, seen from outside.

// Test helpers stop at the first surprise; clippy knows that only of functions marked as tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod agree;
mod fields;
mod hosts;
mod pairs;
mod paths;
mod sampling;
mod settle;
mod support;
mod validation;
