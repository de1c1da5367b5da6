//! A shadow's evidence over time, for charts.

use std::time::SystemTime;

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use serde::Serialize;
use umbra_compare::report::point::{self, Point};
use umbra_resource::{Kind as ResourceKind, Resource};

use crate::analysis::assemble::assemble;
use crate::analysis::plan;
use crate::api::ApiContext;
use crate::api::evidence::apart;
use crate::api::problem::{Kind, Problem};
use crate::api::query::HistoryQuery;
use crate::api::schema::history::HistoryDocument;
use crate::api::time::{moment, ms, rfc3339};
use crate::evidence;
use crate::model::window::Span;

/// More than a chart has pixels for is of no use.
const MAX_POINTS: u64 = 500;
/// What is asked for if nobody says since when.
const DEFAULT_MS: u64 = 3_600_000;

/// Figures over time.
#[derive(Debug, Serialize)]
pub(crate) struct History {
    step_seconds: u64,
    points: Vec<PointAt>,
}

#[derive(Debug, Serialize)]
struct PointAt {
    at: String,
    #[serde(flatten)]
    point: Point,
}

/// What the pairs of a shadow add up to over time
///
/// A point for each step in which there was something, 500 at most. Steps are whole windows: of 10 seconds as long as those are
/// kept and the points are not too many, else of 10 minutes.
#[utoipa::path(get, path = "/api/v1/shadows/{name}/history", tag = "evidence", params(
    ("name" = String, Path), HistoryQuery,
), responses(
    (status = 200, description = "Error rates, mismatches and latencies over time", body = HistoryDocument),
    (status = 400, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "There is no such shadow", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn get_history(
    State(context): State<ApiContext>,
    name: Result<Path<String>, PathRejection>,
    query: Result<Query<HistoryQuery>, QueryRejection>,
) -> Result<Json<History>, Problem> {
    let (Path(name), Query(query)) = (name?, query?);
    let state = context.store.state();
    let Some(Resource::Shadow(shadow)) = state.get(ResourceKind::Shadow, &name).map(AsRef::as_ref) else {
        return Err(Problem::new(Kind::NotFound, format!("there is no Shadow/{name}")));
    };
    let now_ms = ms(SystemTime::now());
    let until = query.until.as_deref().map(|text| moment("until", text, now_ms)).transpose()?;
    let until = until.unwrap_or(now_ms).min(now_ms);
    let since = query.since.as_deref().map(|text| moment("since", text, now_ms)).transpose()?;
    let since = since
        .unwrap_or(until.saturating_sub(DEFAULT_MS))
        .max(now_ms.saturating_sub(context.retention.coarse_ms));
    if since >= until {
        return Err(Problem::new(
            Kind::Malformed,
            "since is not before until, or nothing is kept of that time",
        ));
    }
    let asked = query.step.as_deref().map(step_ms).transpose()?;
    let is_fine = since >= now_ms.saturating_sub(context.retention.fine_ms);
    let Steps { span, step_ms, from_ms } = steps(since, until, asked, is_fine)?;
    let _turn = context.turns.take().await;
    let telemetry = context.store.telemetry();
    let epoch = evidence::began(&telemetry, &name).await?.map_or(0, |(epoch, _)| epoch);
    let sums = telemetry.sums(&name, epoch, span, (from_ms, until), step_ms).await?;
    let (digests, gates) = (plan::is_by_digest(&shadow.spec), plan::gates(&shadow.spec));
    let points = apart(move || {
        let point = |(at, sum): (u64, crate::store::telemetry::Sum)| PointAt {
            at: rfc3339(at),
            point: point::point(&assemble(&sum.traffic, &sum.endpoints, &[], digests).whole, &gates),
        };
        sums.into_iter().map(point).collect()
    })
    .await?;
    Ok(Json(History { step_seconds: step_ms / 1_000, points }))
}

#[derive(Debug, PartialEq)]
struct Steps {
    span: Span,
    step_ms: u64,
    from_ms: u64,
}

/// Which windows, and how many of them make a step.
fn steps(since: u64, until: u64, asked: Option<u64>, is_fine: bool) -> Result<Steps, Problem> {
    let length = until.saturating_sub(since);
    let of = |span: Span| {
        let window = span.ms();
        // One more step than fits, as the first begins before `since`.
        let least = asked.unwrap_or_else(|| length.div_ceil(MAX_POINTS - 1));
        let step_ms = least.div_ceil(window).max(1).saturating_mul(window);
        Steps { span, step_ms, from_ms: since - since % step_ms }
    };
    let (fine, coarse) = (of(Span::Fine), of(Span::Coarse));
    // Thousands of fine windows are for what nobody has summed up yet.
    let steps = if is_fine && fine.step_ms < Span::Coarse.ms() && length / Span::Fine.ms() <= 2 * MAX_POINTS {
        fine
    } else {
        coarse
    };
    if (until - steps.from_ms).div_ceil(steps.step_ms) > MAX_POINTS {
        let words =
            format!("step is too short: more than {MAX_POINTS} points; give a longer one, or leave it out");
        return Err(Problem::new(Kind::Malformed, words));
    }
    Ok(steps)
}

fn step_ms(text: &str) -> Result<u64, Problem> {
    let wrong = || Problem::new(Kind::Malformed, "step is not a length of time: give one such as 30s or 10m");
    let step = humantime::parse_duration(text).map_err(|_| wrong())?;
    let ms = u64::try_from(step.as_millis()).map_err(|_| wrong())?;
    if ms == 0 { Err(wrong()) } else { Ok(ms) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_whole_windows_and_points_are_bounded() {
        const HOUR: u64 = 3_600_000;
        let now = 1_000_000 * HOUR + 1;
        for (length, asked, is_fine, span, seconds) in [
            (HOUR, None, true, Span::Fine, 10),
            (HOUR, Some(25_000), true, Span::Fine, 30),
            (HOUR, None, false, Span::Coarse, 600),
            (2 * HOUR, None, true, Span::Fine, 20),
            (24 * HOUR, None, true, Span::Coarse, 600),
            (720 * HOUR, None, false, Span::Coarse, 5_400),
            (HOUR, Some(600_000), true, Span::Coarse, 600),
        ] {
            let found = steps(now - length, now, asked, is_fine).unwrap();
            assert_eq!((found.span, found.step_ms / 1_000), (span, seconds), "{length} {asked:?}");
            assert!(found.from_ms <= now - length && found.from_ms.is_multiple_of(found.step_ms));
            assert!((now - found.from_ms).div_ceil(found.step_ms) <= MAX_POINTS);
        }
        assert!(steps(now - 720 * HOUR, now, Some(10_000), false).is_err());
    }
}
