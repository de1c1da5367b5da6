//! What a request gets under a policy: its stamps, and the shadows that take a copy of it.
//!
//! [`Policy::build`] validates a [`spec::PolicySpec`] and indexes its rules once; [`decide`] then answers
//! for each request. The order in which things are looked at is in `docs/matching.md`.
//!
//! Pure: no IO, no clock, no randomness. Time, keys and random numbers are arguments. The same code
//! decides in the filter, answers `umbractl explain`, and validates policies in the control plane.
//!
//! Not here: how operators write the rules (`umbra-resource`), how they travel (`umbra-wire`), what
//! happens to a copy on its way, and limits that need memory between requests (`umbra-filter`).
//!
//! **Invariant:** nothing that a request holds can cause a panic; every byte of it is taken as it comes.

mod clause;
pub mod cookie;
mod decide;
pub mod explain;
pub mod host;
mod index;
pub mod pair;
pub mod path;
mod policy;
pub mod query;
mod request;
mod shadow;
pub mod share;
pub mod spec;
mod validate;
mod value;

// The crate's front door: what every user of it names.
pub use decide::{Decision, Mirror, MirrorRole, Skip, Slot, decide};
pub use policy::{Policy, Stamp, StampId};
pub use request::{BodyLength, RequestView};
pub use shadow::{Shadow, ShadowId};
pub use validate::FieldError;
