//! What the filter does, without a word about how it is hosted.
//!
//! One [`vm::Vm`] exists per worker. It holds what the worker's plugin instances share: the [`worker::Worker`] that
//! follows (and on one worker of an Envoy: leads) the control plane's policy, the [`pairs::Pairs`] whose fate is not known
//! yet, what they add up to ([`numbers`]) on its way to the control plane ([`outbox`]), limits and counts. [`primary`] and
//! [`copy`] decide on requests, [`answers`] follows what comes back; [`config`] reads the plugin configuration.
//!
//! **Invariant:** nothing that comes from a socket, from shared data or from a plugin configuration can cause a panic:
//! a panic ends the worker's VM, and with it every plugin in it.

pub mod answers;
pub mod config;
pub mod copy;
pub mod counters;
pub mod facts;
pub mod headers;
pub mod leader;
pub mod limit;
pub mod node;
pub mod numbers;
pub mod observation;
pub mod outbox;
pub mod pairs;
pub mod primary;
pub mod shared;
pub mod shedding;
pub mod time;
pub mod vm;
pub mod worker;
