//! What a request gets under a policy: its stamps, and the shadows that take a copy of it.
//!
//! Pure: no IO, no clock, no randomness. Time, keys and random numbers are arguments. The same code
//! decides in the filter, answers `umbractl explain`, and validates policies in the control plane.
//!
//! Not here: how operators write the rules (`umbra-resource`), how they travel (`umbra-wire`), and what
//! happens to a copy on its way (`umbra-filter`).

pub mod spec;
