//! What is asked of every parser of bytes from outside. Each module has one `check`, which libFuzzer calls with
//! bytes that it mutates for coverage (`fuzz_targets`), and which panics when something does not hold that must:
//! more than that nothing panics.
//!
//! `README.md` beside this says which parser is under which target.

#![forbid(unsafe_code)]

pub mod configuration;
pub mod delta;
pub mod documents;
pub mod encodings;
pub mod explain;
pub mod filter;
pub mod manifests;
pub mod matching;
pub mod policy;
pub mod recorded;
pub mod telemetry;

mod input;
mod node;
mod request;
mod rules;
mod shared;
