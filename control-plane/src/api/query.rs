//! Query parameters. Unknown ones are refused: a mistyped `dry_run` must not become a write.

use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

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

/// Which rows of the audit trail.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditQuery {
    /// How many rows at most, 1 to 500; 100 if left out. Not with `ndjson`.
    #[param(minimum = 1, maximum = 500)]
    pub(crate) limit: Option<u32>,
    /// Only rows with a smaller id: `next` of the page before. Not with `ndjson`.
    pub(crate) before: Option<u64>,
    /// Only what this one did.
    pub(crate) actor: Option<String>,
    /// Only such changes: `create`, `update`, `delete`, `valve`, `expire`, `revoke`, `sign-in-failed`.
    pub(crate) action: Option<String>,
    /// Only changes of such things: `Stamp`, `Shadow`, `Token`, `Access`.
    pub(crate) kind: Option<String>,
    /// Only changes of the one of this name.
    pub(crate) name: Option<String>,
    /// Only from then on: a time (RFC 3339), or how long ago (`30m`).
    pub(crate) since: Option<String>,
    /// Only before then.
    pub(crate) until: Option<String>,
    /// `json` for a page, or `ndjson` for all rows, oldest first, one on a line. Left out: as `Accept` says.
    #[param(inline)]
    pub(crate) format: Option<AuditFormat>,
}

/// How the audit trail is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum AuditFormat {
    /// A page.
    Json,
    /// All rows, oldest first, one on a line.
    Ndjson,
}

/// Which page of the tokens.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct TokensQuery {
    /// How many at most, 1 to 500; 100 if left out.
    #[param(minimum = 1, maximum = 500)]
    pub(crate) limit: Option<u32>,
    /// `next` of the page before.
    pub(crate) cursor: Option<String>,
}

/// Which stretch of time.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SpanQuery {
    /// From when on: a time (RFC 3339), or how long ago (`30m`). Left out, with `until`: all of the evidence. Times are
    /// rounded to 10 seconds, and to 10 minutes where older windows are kept no finer.
    pub(crate) since: Option<String>,
    /// Until when; now if left out.
    pub(crate) until: Option<String>,
}

/// Which stretch of time, in which steps.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct HistoryQuery {
    /// From when on: a time (RFC 3339), or how long ago (`30m`); an hour before the end if left out.
    pub(crate) since: Option<String>,
    /// Until when; now if left out.
    pub(crate) until: Option<String>,
    /// How long a step is at the least (`10s`, `10m`); as long as makes 500 points or fewer if left out.
    pub(crate) step: Option<String>,
}

/// What is told of.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct EventsQuery {
    /// Tell of every node by itself.
    #[serde(default)]
    #[param(required = false)]
    pub(crate) nodes: bool,
}

/// Which page of a list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageQuery {
    /// How many at most, 1 to 1000; all if left out.
    #[param(minimum = 1, maximum = 1000)]
    pub(crate) limit: Option<u32>,
    /// Those after the page before: its `next`.
    pub(crate) cursor: Option<String>,
}

/// Which pairs.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PairsQuery {
    /// `match`, `noise` or `different` for those that were answered, `answered` for all of them, or what became of the
    /// copy: `connect_failure`, `reset`, `timeout`, `late`, `no_answer`, `not_routed`, `never_seen`, `dropped`.
    pub(crate) outcome: Option<String>,
    /// As in the report: `GET /users/{id}`.
    pub(crate) endpoint: Option<String>,
    /// A field that differs, as in the report: `$.items[*].price`, `header:location`.
    pub(crate) field: Option<String>,
    /// The one with this id, as in examples.
    pub(crate) pair: Option<String>,
    /// How many at most, 1 to 100; 20 if left out.
    #[param(minimum = 1, maximum = 100)]
    pub(crate) limit: Option<u32>,
    /// Only pairs with a smaller id: `next` of the page before.
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
