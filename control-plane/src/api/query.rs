//! Query parameters. Unknown ones are refused: a mistyped `dry_run` must not become a write.

use serde::Deserialize;
use utoipa::IntoParams;

use crate::api::problem::{Kind, Problem};

/// Long enough for a sentence and a link; the audit trail is kept for ever.
const MAX_REASON_CHARACTERS: usize = 1000;

/// What goes with a write.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct WriteQuery {
    /// Why, for the audit trail; at most 1000 characters.
    pub(crate) reason: Option<String>,
}

/// What goes with an apply.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ApplyQuery {
    /// Check everything and say what would happen, but change nothing.
    #[serde(default)]
    #[param(required = false)]
    pub(crate) dry_run: bool,
    /// Why, for the audit trail; at most 1000 characters.
    pub(crate) reason: Option<String>,
}

/// Which page of the audit trail.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditQuery {
    /// How many rows at most, 1 to 500; 100 if left out.
    #[param(minimum = 1, maximum = 500)]
    pub(crate) limit: Option<u32>,
    /// Only rows with a smaller id: `next` of the page before.
    pub(crate) before: Option<u64>,
}

/// Nothing.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoQuery {}

/// A reason that is not too long; an empty one is none.
pub(crate) fn reason(given: Option<String>) -> Result<Option<String>, Problem> {
    let Some(reason) = given.filter(|reason| !reason.trim().is_empty()) else { return Ok(None) };
    if reason.chars().count() > MAX_REASON_CHARACTERS {
        let message = format!("is too long: give at most {MAX_REASON_CHARACTERS} characters");
        return Err(Problem::new(Kind::Malformed, format!("reason {message}")));
    }
    Ok(Some(reason))
}
