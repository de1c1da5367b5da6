//! What the control plane knows, and what a command makes of it. Pure: no IO, no clock, no randomness.
//!
//! [`state::State`] is everything at one revision, and never changes; [`plan::plan`] takes a state and a
//! [`command::Command`] and says what the next state would be. The store makes it so.

pub mod access;
pub mod audit;
pub mod command;
pub mod epoch;
pub mod expiry;
pub mod nodes;
pub mod plan;
pub mod rates;
pub mod state;
pub mod tally;
pub mod window;
