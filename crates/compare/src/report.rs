//! What the pairs of a shadow add up to, for a person to read: the evidence in full, per endpoint and per field, with
//! examples; and what a verdict on it rests on.
//!
//! Its size is bounded however many pairs there are. Reports of other pairs, from other workers or hours, add up.

pub mod endpoint;
pub mod fields;
pub mod judge;
pub mod part;
pub mod point;
pub mod triple;
pub mod view;
pub mod words;

use std::collections::BTreeMap;

use crate::evidence::Evidence;
use endpoint::Endpoint;
use part::{Part, Seen};
use triple::{Examined, Triple};

/// This many endpoints are told apart; the others are one, named [`OTHER`].
pub const MAX_ENDPOINTS: usize = 200;

/// The name of all endpoints beyond [`MAX_ENDPOINTS`].
pub const OTHER: &str = "other endpoints";

/// So many examples are kept of each thing.
pub const EXAMPLES: usize = 5;

/// What the pairs add up to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// Over all endpoints.
    pub whole: Part,
    /// For each endpoint.
    pub endpoints: BTreeMap<String, Endpoint>,
    /// When the first pair was made, in milliseconds since 1970. `None` when no pair carries a time.
    pub began_ms: Option<u64>,
    /// When the last pair was made.
    pub ended_ms: Option<u64>,
}

impl Report {
    /// Adds a mirrored request, with what a look at headers and bodies found (see [`triple::examine`]).
    pub fn add(&mut self, triple: &Triple<'_>, examined: Option<&Examined>) {
        self.spans(triple.at_ms, triple.at_ms);
        let endpoint = self.endpoint(triple.endpoint);
        let body = examined.map(|examined| endpoint.look(triple.id, examined));
        let seen = Seen::new(triple, body);
        endpoint.part.add(&seen);
        self.whole.add(&seen);
    }

    /// Adds the report of other pairs.
    pub fn merge(&mut self, other: &Report) {
        self.spans(other.began_ms, other.ended_ms);
        self.whole.merge(&other.whole);
        for (name, theirs) in &other.endpoints {
            self.endpoint(name).merge(theirs);
        }
    }

    /// The evidence over all pairs, with the time they span; 0 where no pair carries a time.
    pub fn evidence(&self) -> Evidence {
        let duration_ms = match (self.began_ms, self.ended_ms) {
            (Some(began), Some(ended)) => ended.saturating_sub(began),
            _ => 0,
        };
        Evidence { duration_ms, ..self.whole.evidence.clone() }
    }

    fn spans(&mut self, began: Option<u64>, ended: Option<u64>) {
        self.began_ms = self.began_ms.into_iter().chain(began).min();
        self.ended_ms = self.ended_ms.into_iter().chain(ended).max();
    }

    fn endpoint(&mut self, name: &str) -> &mut Endpoint {
        let is_told_apart = self.endpoints.contains_key(name) || self.endpoints.len() < MAX_ENDPOINTS;
        let name = if is_told_apart { name } else { OTHER };
        self.endpoints.entry(name.to_owned()).or_default()
    }
}
