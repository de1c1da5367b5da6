//! The resources operators write, stamps and shadows: reading them, saying what is wrong with them, and
//! compiling them for a node.
//!
//! Three steps, each with its own type, so that a later one need not ask again what an earlier one knows:
//!
//! 1. [`from_json`], [`from_yaml`] and [`from_value`] read text into [`Resource`]s. Every problem is
//!    listed, with its field in the operator's own terms (`spec.match[0].path.regex`).
//! 2. [`ResourceSet::new`] takes resources as a whole: names are unique, every stamp a shadow names is
//!    there, and the whole is a policy that [`umbra_policy::Policy::build`] accepts.
//! 3. [`ResourceSet::compile`] writes the policy of one node; [`explain::explain`] says what a request would get.
//!
//! Pure: no IO, no clock, no randomness. Nothing that comes from outside can panic it. It does not store
//! anything, and it compares no responses: [`asked`] says how `compare` and `gates` want it done.

pub mod asked;
pub mod explain;
mod input;
pub mod manifest;
mod percent;
mod problem;
mod read;
mod set;

// The names that every other crate uses, as one flat list.
#[cfg(feature = "yaml")]
pub use input::yaml::from_yaml;
pub use input::{MAX_DOCUMENTS, MAX_TEXT_BYTES, from_json, from_value};
pub use manifest::{Kind, Metadata, Resource, Shadow, Stamp};
pub use percent::{Percent, percent_to_ppm, ppm_to_percent};
pub use problem::Problem;
pub use set::{NodeAttributes, ResourceSet};
