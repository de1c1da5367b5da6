//! Reports and verdicts: what the pairs of a shadow add up to.

use std::time::SystemTime;

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use serde::Serialize;
use umbra_compare::gates::Gates;
use umbra_compare::report::Report;
use umbra_compare::report::judge::judge;
use umbra_compare::report::view::{self, ReportView, VerdictView};
use umbra_resource::{Kind as ResourceKind, Resource};

use crate::analysis::plan;
use crate::api::ApiContext;
use crate::api::problem::{Kind, Problem};
use crate::api::query::SpanQuery;
use crate::api::schema::report::ReportDocument;
use crate::api::schema::verdict::VerdictDocument;
use crate::api::time::{moment, ms, rfc3339};
use crate::evidence::{self, Gathered};
use crate::model::window::cover;

/// What an answer is about.
#[derive(Debug, Serialize)]
struct About {
    shadow: String,
    /// When its evidence began (RFC 3339); null for one that is older than its evidence.
    evidence_since: Option<String>,
    /// What was asked for, rounded to windows; null for all of the evidence.
    since: Option<String>,
    until: Option<String>,
}

/// How many answers were compared, and how closely.
#[derive(Debug, Serialize)]
struct Compared {
    /// By digest and headers.
    compared: u64,
    /// Those that were not equal.
    unequal: u64,
    /// Those of them that were looked at word for word. In the figures, each counts for as many as it stands for.
    examined: u64,
}

/// A report.
#[derive(Debug, Serialize)]
pub(crate) struct ReportAnswer {
    #[serde(flatten)]
    about: About,
    /// Requests of which copies were sent. `mirrored` counts those of which it is known what became of them, and gets
    /// there in the end.
    sent: u64,
    /// Requests that were not mirrored because the shadow fails or hangs.
    shed: u64,
    answers: Compared,
    #[serde(flatten)]
    report: ReportView,
}

/// A verdict.
#[derive(Debug, Serialize)]
pub(crate) struct VerdictAnswer {
    #[serde(flatten)]
    about: About,
    #[serde(flatten)]
    verdict: VerdictView,
}

/// What the pairs of a shadow add up to
///
/// Since its evidence began, or for a stretch of time. Evidence begins anew when a change of the shadow makes older
/// pairs incomparable: another target or control, other headers on the copies, another way of comparing.
#[utoipa::path(get, path = "/api/v1/shadows/{name}/report", tag = "evidence", params(
    ("name" = String, Path), SpanQuery,
), responses(
    (status = 200, description = "Counts by outcome, statuses, error rates, latencies and mismatches, for each endpoint and field, with examples", body = ReportDocument),
    (status = 400, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "There is no such shadow", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn get_report(
    State(context): State<ApiContext>,
    name: Result<Path<String>, PathRejection>,
    query: Result<Query<SpanQuery>, QueryRejection>,
) -> Result<Json<ReportAnswer>, Problem> {
    let (Path(name), Query(query)) = (name?, query?);
    let _turn = context.turns.take().await;
    let Evidence { about, sent, shed, report, gates } = asked_for(&context, name, &query).await?;
    let bodies = &report.whole.evidence.bodies;
    let answers =
        Compared { compared: bodies.compared, unequal: bodies.unequal, examined: bodies.examined.trials };
    let report = apart(move || view::report(&report, &gates)).await?;
    Ok(Json(ReportAnswer { about, sent, shed, answers, report }))
}

/// Whether a shadow may go live
///
/// By its gates, as they are now. It holds at every moment at which somebody asks: the intervals are confidence sequences.
#[utoipa::path(get, path = "/api/v1/shadows/{name}/verdict", tag = "evidence", params(
    ("name" = String, Path), SpanQuery,
), responses(
    (status = 200, description = "`go`, `no-go` or `not-enough-evidence`, with a reason for each gate", body = VerdictDocument),
    (status = 400, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "There is no such shadow", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn get_verdict(
    State(context): State<ApiContext>,
    name: Result<Path<String>, PathRejection>,
    query: Result<Query<SpanQuery>, QueryRejection>,
) -> Result<Json<VerdictAnswer>, Problem> {
    let (Path(name), Query(query)) = (name?, query?);
    let _turn = context.turns.take().await;
    let Evidence { about, report, gates, .. } = asked_for(&context, name, &query).await?;
    let verdict = apart(move || view::verdict(&judge(&report, &gates), &report)).await?;
    Ok(Json(VerdictAnswer { about, verdict }))
}

/// Hundreds of endpoints with hundreds of fields, or some thousand intervals: too long for a thread that serves.
pub(crate) async fn apart<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Problem> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| Problem::new(Kind::Internal, "what the pairs add up to cannot be found"))
}

struct Evidence {
    about: About,
    sent: u64,
    shed: u64,
    report: Report,
    gates: Gates,
}

async fn asked_for(context: &ApiContext, name: String, query: &SpanQuery) -> Result<Evidence, Problem> {
    let state = context.store.state();
    let Some(Resource::Shadow(shadow)) = state.get(ResourceKind::Shadow, &name).map(AsRef::as_ref) else {
        return Err(Problem::new(Kind::NotFound, format!("there is no Shadow/{name}")));
    };
    let now_ms = ms(SystemTime::now());
    let since = query.since.as_deref().map(|text| moment("since", text, now_ms)).transpose()?;
    let until = query.until.as_deref().map(|text| moment("until", text, now_ms)).transpose()?;
    let telemetry = context.store.telemetry();
    let began = evidence::began(&telemetry, &name).await?;
    let (epoch, began_ms) = began.unzip();
    let stretches = if since.is_none() && until.is_none() {
        vec![evidence::ALL]
    } else {
        let kept_from = now_ms.saturating_sub(context.retention.fine_ms);
        let oldest = now_ms.saturating_sub(context.retention.coarse_ms);
        let until = until.unwrap_or(now_ms.saturating_add(1)).min(now_ms.saturating_add(1));
        cover(since.unwrap_or(oldest).max(oldest), until, kept_from)
    };
    let rounded = |ms: Option<u64>| ms.filter(|_| since.is_some() || until.is_some()).map(rfc3339);
    let about = About {
        shadow: name.clone(),
        evidence_since: began_ms.map(rfc3339),
        since: rounded(stretches.first().map(|stretch| stretch.from_ms)),
        until: rounded(stretches.last().map(|stretch| stretch.until_ms)),
    };
    let Gathered { sent, shed, report } =
        evidence::gather(&telemetry, &name, &shadow.spec, epoch.unwrap_or_default(), &stretches).await?;
    Ok(Evidence { about, sent, shed, report, gates: plan::gates(&shadow.spec) })
}
