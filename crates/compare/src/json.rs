//! Comparing two JSON documents by structure.

pub mod diff;
pub mod number;
pub mod path;
pub mod rules;
pub mod tree;
