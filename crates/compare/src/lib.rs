//! Comparing a shadow's answers with production's, and saying what the pairs add up to.
//!
//! Pure: no IO, no clock, no randomness. Nothing here knows how a pair was made or where it is kept.

pub mod answer;
pub mod body;
pub mod confidence;
pub mod difference;
pub mod endpoint;
pub mod evidence;
pub mod gates;
pub mod histogram;
pub mod json;
pub mod outcome;
pub mod report;
pub mod verdict;
