//! How a shadow wants its pairs looked at, with the defaults in place of what it leaves out.

use umbra_compare::answer::Choice;
use umbra_compare::gates::Gates;
use umbra_compare::json::rules::RuleError;
use umbra_resource::asked;
use umbra_resource::manifest::compare::BodyComparison;
use umbra_resource::manifest::shadow::ShadowSpec;

use crate::analysis::redact::Redaction;

/// As much as a filter samples of a body when nobody says otherwise.
pub const MAX_BODY_BYTES: u64 = 65_536;

/// How a shadow wants its pairs looked at.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What is compared.
    pub choice: Choice,
    /// How much is looked at, and kept, of bodies.
    pub bodies: BodyComparison,
    /// Only so much of a body is kept, in bytes.
    pub max_body_bytes: usize,
    /// What is never kept.
    pub redaction: Redaction,
}

impl Plan {
    /// The plan of a shadow.
    ///
    /// # Errors
    /// A rule that cannot be read. Valid manifests have none.
    pub fn of(spec: &ShadowSpec) -> Result<Plan, RuleError> {
        let compare = spec.compare.clone().unwrap_or_default();
        let bodies = compare.body.unwrap_or_default();
        let max_body_bytes = compare.max_body_bytes.unwrap_or(MAX_BODY_BYTES);
        Ok(Plan {
            choice: asked::choice(&compare, bodies)?,
            bodies,
            max_body_bytes: usize::try_from(max_body_bytes).unwrap_or(usize::MAX),
            redaction: Redaction::of(&compare.redact.unwrap_or_default())?,
        })
    }
}

/// Whether the digests are all that is compared of this shadow's answers.
pub fn is_by_digest(spec: &ShadowSpec) -> bool {
    let bodies = spec.compare.as_ref().and_then(|compare| compare.body);
    bodies.unwrap_or_default() != BodyComparison::Full
}

/// The gates of a shadow: what it asks, and the defaults for the rest.
pub fn gates(spec: &ShadowSpec) -> Gates {
    let (compare, gates) = (spec.compare.clone(), spec.gates.clone());
    asked::gates(&compare.unwrap_or_default(), &gates.unwrap_or_default())
}

pub(crate) fn lower(names: &[String]) -> Vec<String> {
    names.iter().map(|name| name.to_ascii_lowercase()).collect()
}
