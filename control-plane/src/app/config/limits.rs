//! The settings about how much one server takes on.

use std::num::NonZeroU32;

use crate::app::config::{Errors, parsed};
use crate::app::settings::Settings;

/// How much one server takes on. What is over is refused or waits, and those that are there go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitsConfig {
    /// Envoys that are remembered, and so may be connected.
    pub nodes: NonZeroU32,
    /// Connections of Envoys.
    pub connections: NonZeroU32,
    /// Streams of one Envoy.
    pub node_streams: NonZeroU32,
}

/// What one process holds with some hundred megabytes.
const NODES: u32 = 10_000;
/// An Envoy has one for its policy, and one for each worker that reports.
const CONNECTIONS: u32 = 50_000;
/// An Envoy has one, and two while one leader follows another. More are Envoys that have the same id, which is a mistake
/// that should not stop them.
const NODE_STREAMS: u32 = 8;

impl LimitsConfig {
    /// Reads them.
    pub(super) fn resolve(settings: &Settings, errors: &mut Errors) -> LimitsConfig {
        let mut number = |key, default: u32| {
            let given = parsed(settings, key, &default.to_string(), errors, |text| {
                text.parse().map_err(|_| format!("{text:?} is not a number: give how many, 1 or more"))
            });
            given.unwrap_or(NonZeroU32::MIN)
        };
        LimitsConfig {
            nodes: number("max-nodes", NODES),
            connections: number("max-xds-connections", CONNECTIONS),
            node_streams: number("max-node-streams", NODE_STREAMS),
        }
    }

    /// Streams of all Envoys together: one each, and some for leaders that hand over.
    pub fn streams(&self) -> usize {
        let nodes = self.nodes.get() as usize;
        nodes.saturating_add(nodes.div_ceil(10))
    }
}
