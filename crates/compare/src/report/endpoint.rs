//! One endpoint of a report.

use super::fields::Fields;
use super::part::{Looked, Part};
use super::triple::Examined;
use crate::evidence::{BodyFacts, Differs};

/// What the pairs of one endpoint add up to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Endpoint {
    /// Counts, evidence and examples.
    pub part: Part,
    /// The fields that differ.
    pub fields: Fields,
    /// Comparisons of which only the beginnings of the bodies were there.
    pub truncated: u64,
}

impl Endpoint {
    /// Takes in what was found in a pair, and says what it means with noise and over it.
    pub(super) fn look(&mut self, pair: &str, examined: &Examined) -> Looked {
        let bodies = || std::iter::once(&examined.candidate).chain(&examined.control);
        self.truncated += u64::from(bodies().any(|found| found.body.truncated));
        let raw = Differs {
            candidate: examined.candidate.differences().next().is_some(),
            control: examined.control.as_ref().is_some_and(|found| found.differences().next().is_some()),
        };
        if raw == Differs::default() {
            return Looked { raw, facts: BodyFacts::Equal };
        }
        let over_noise = self.fields.add(pair, examined, 1.0, self.part.evidence.bodies.compared);
        Looked { raw, facts: BodyFacts::Examined(over_noise) }
    }

    /// Adds what was counted of other pairs.
    pub fn merge(&mut self, other: &Endpoint) {
        self.part.merge(&other.part);
        self.fields.merge(&other.fields);
        self.truncated += other.truncated;
    }
}
