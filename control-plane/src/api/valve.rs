//! The valve and the switch of a shadow, by themselves: what is moved most, in the greatest hurry.

use std::time::SystemTime;

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use umbra_resource::manifest::status::Moment;
use utoipa::ToSchema;

use crate::api::problem::{Kind, Problem};
use crate::api::query::NoQuery;
use crate::api::schema::ShadowDocument;
use crate::api::time::ms;
use crate::api::{ApiContext, body, etag, guard, origin, query, resources};
use crate::model::command::Command;

/// What lasts longer than a leap year was not meant for a limited time.
const LONGEST_MS: u64 = 366 * 86_400_000;

/// Where a shadow's valve and switch shall stand. One of `percent` and `enabled` at least.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Valve {
    /// The valve, 0 to 100, at most four decimals. Overrides for some nodes stay as they are.
    #[schema(minimum = 0, maximum = 100, example = 25)]
    percent: Option<f64>,
    /// The switch. Off is off on every node.
    enabled: Option<bool>,
    /// Until when (RFC 3339): then what this moves goes back by itself, and `status.expiry` says so until then. A later
    /// change of the same field stands for good, or for a time of its own.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// The same as a length of time from now: `2h`, at most 366 days.
    #[serde(rename = "for")]
    #[schema(example = "2h")]
    lasts: Option<String>,
    /// Why, for the audit trail; at most 1000 characters.
    reason: Option<String>,
}

/// Move a shadow's valve or switch
#[utoipa::path(patch, path = "/api/v1/shadows/{name}/valve", tag = "shadows", params(
    ("name" = String, Path),
    ("if-match" = Option<String>, Header, description = "Only if the shadow is at this revision"),
), request_body = Valve, responses(
    (status = 200, description = "The shadow as it is now", body = ShadowDocument, headers(("etag" = String, description = "Its revision"))),
    (status = 400, description = "Not readable", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "There is no such shadow", body = Problem, content_type = "application/problem+json"),
    (status = 412, description = "The precondition does not hold", body = Problem, content_type = "application/problem+json"),
    (status = 413, description = "Too large", body = Problem, content_type = "application/problem+json"),
    (status = 415, description = "Not JSON", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "Invalid", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn patch_valve(
    State(context): State<ApiContext>,
    name: Result<Path<String>, PathRejection>,
    query: Result<Query<NoQuery>, QueryRejection>,
    request: Request,
) -> Result<Response, Problem> {
    query?;
    let Path(shadow) = name?;
    let (parts, body) = request.into_parts();
    let precondition = etag::precondition(&parts.headers)?;
    let Valve { percent, enabled, expires_at, lasts, reason } =
        body::json(&parts.headers, body, context.limits.resource_bytes).await?;
    let caller = guard::still(&context, &parts.headers).await?;
    if percent.is_none() && enabled.is_none() {
        return Err(Problem::new(Kind::Invalid, "nothing to do: give percent, enabled, or both"));
    }
    let until = until(expires_at, lasts, ms(SystemTime::now()))?;
    let origin = origin::of(&parts.extensions, query::reason(reason)?);
    let command = Command::Valve { shadow, percent, enabled, until, precondition, by: Box::new(caller) };
    let outcome = context.store.execute(command, origin).await?;
    let written = outcome.results.first();
    let written = written.ok_or_else(|| Problem::new(Kind::Internal, "the write has no result"))?;
    Ok(resources::shown(StatusCode::OK, &written.resource))
}

/// When the change ends, if it does.
fn until(expires_at: Option<String>, lasts: Option<String>, now_ms: u64) -> Result<Option<Moment>, Problem> {
    let (field, until_ms) = match (expires_at, lasts) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => {
            return Err(Problem::field("for", "goes without expires_at: give one of them"));
        }
        (Some(at), None) => {
            let at = Moment::parse(&at).ok_or_else(|| {
                Problem::field("expires_at", "is not a time: give one such as 2030-01-31T12:00:00Z")
            })?;
            ("expires_at", at.ms())
        }
        (None, Some(lasts)) => {
            let lasts = humantime::parse_duration(&lasts)
                .map_err(|_| Problem::field("for", "is not a length of time: give one such as 2h"))?;
            ("for", now_ms.saturating_add(u64::try_from(lasts.as_millis()).unwrap_or(u64::MAX)))
        }
    };
    if until_ms <= now_ms {
        return Err(Problem::field(field, "is over already: give a time to come"));
    }
    if until_ms - now_ms > LONGEST_MS {
        return Err(Problem::field(
            field,
            "is more than 366 days away: leave it out for a change that stays",
        ));
    }
    Ok(Some(Moment::from_ms(until_ms)))
}
