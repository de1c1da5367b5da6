//! `umbractl report`: what the pairs of a shadow add up to.

use std::fmt::Write as _;

use serde_json::Value;
use umbra_compare::report::words;
use umbra_resource::Kind;

use super::suggest;
use crate::{
    cli::Span,
    client::{
        Client,
        answer::{Counts, EndpointCounts, Field, Latencies, Report},
    },
    failure::{Failure, Outcome},
    output::{Output, table},
    words::count,
};

/// So many endpoints and fields are shown; JSON has all of them.
const SHOWN: usize = 15;

/// So much of a value is shown.
const SHOWN_CHARS: usize = 24;

/// Asks for the report and shows it.
///
/// # Errors
/// Where there is no such shadow, or the control plane cannot be asked.
pub(super) async fn run(
    client: &Client,
    shadow: &str,
    span: &Span,
    output: &Output,
) -> Result<Outcome, Failure> {
    let query = [("since", span.since.as_deref()), ("until", span.until.as_deref())];
    let report: Value = match client.report(shadow, &query).await {
        Ok(report) => report,
        Err(error) => return Err(suggest(client, Kind::Shadow, shadow, error).await),
    };
    // What is shown to programs is all that the control plane said; for people, what umbractl knows of it.
    let known: Report = serde_json::from_value(report.clone())
        .map_err(|error| Failure::error(format!("the report cannot be read: {error}")))?;
    output.show(&report, || text(&known))?;
    Ok(Outcome::Yes)
}

fn text(report: &Report) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = writeln!(
        text,
        "Shadow/{}: {} mirrored, {} sent, {} compared, evidence since {}",
        report.shadow,
        report.mirrored,
        count(report.sent, "request"),
        report.answers.compared,
        report.evidence_since.as_deref().unwrap_or("the first pair"),
    );
    let outcomes: Vec<_> =
        report.outcomes.shadow.iter().map(|one| format!("{} {}", one.count, one.outcome)).collect();
    let _ = writeln!(
        text,
        "copies: {}",
        if outcomes.is_empty() { "none".to_owned() } else { outcomes.join(", ") }
    );
    if report.shed > 0 {
        let _ = writeln!(
            text,
            "shed: {} not mirrored because the shadow fails or hangs",
            count(report.shed, "request")
        );
    }
    let whole = row("(all)", report.latency_ms.pairs, &report.counts, &report.latency_ms);
    let endpoints = report
        .endpoints
        .iter()
        .take(SHOWN)
        .map(|endpoint| row(&endpoint.endpoint, endpoint.pairs, &endpoint.counts, &endpoint.latency_ms));
    let header = ["ENDPOINT", "PAIRS", "ERRORS", "STATUS", "BODY", "P50 MS", "P95 MS", "P99 MS"];
    text += "\nErrors of primary and shadow; other statuses and bodies over noise; latencies of primary and shadow\n";
    text += &table(&header, std::iter::once(whole).chain(endpoints));
    let more = report.endpoints.len().saturating_sub(SHOWN);
    if more > 0 {
        let _ = writeln!(text, "and {more} more");
    }
    text + &fields(&report.endpoints)
}

fn row(name: &str, pairs: u64, counts: &Counts, latency: &Latencies) -> Vec<String> {
    let both = |quantile: &str| {
        let of = |side: &std::collections::BTreeMap<String, Option<f64>>| {
            side.get(quantile).copied().flatten().map_or("?".to_owned(), |ms| format!("{ms:.1}"))
        };
        format!("{} {}", of(&latency.primary), of(&latency.shadow))
    };
    vec![
        name.to_owned(),
        pairs.to_string(),
        format!("{} {}", percent(counts.error_rates.primary), percent(counts.error_rates.shadow)),
        percent(counts.status_mismatch.over_noise),
        percent(counts.body_mismatch.over_noise),
        both("p50"),
        both("p95"),
        both("p99"),
    ]
}

fn percent(share: Option<f64>) -> String {
    share.map_or("?".to_owned(), words::percent)
}

fn fields(endpoints: &[EndpointCounts]) -> String {
    let mut fields: Vec<_> = endpoints
        .iter()
        .flat_map(|endpoint| endpoint.fields.iter().map(move |field| (endpoint, field)))
        .filter(|(_, field)| field.excess != 0.0 && !field.is_noise)
        .collect();
    if fields.is_empty() {
        return String::new();
    }
    fields.sort_by(|(_, left), (_, right)| right.excess.total_cmp(&left.excess));
    let rows = fields.into_iter().take(SHOWN).map(|(endpoint, field)| {
        vec![
            endpoint.endpoint.clone(),
            field.path.clone(),
            field.kind.clone(),
            field.raw.to_string(),
            field.noise.to_string(),
            values(field),
        ]
    });
    let header = ["ENDPOINT", "FIELD", "KIND", "SHADOW", "NOISE", "VALUES"];
    format!("\nFields that differ, in pairs, with the values of one\n{}", table(&header, rows))
}

/// `1 -> "1"`: what the primary and the shadow had in one pair; empty where no pair is kept that shows it.
fn values(field: &Field) -> String {
    let Some(example) = field.examples.first() else { return String::new() };
    let shown = |value: &Value, lacking: &str| {
        let text = if field.kind == lacking { "nothing".to_owned() } else { value.to_string() };
        let short: String = text.chars().take(SHOWN_CHARS).collect();
        if short.len() < text.len() { format!("{short}…") } else { short }
    };
    format!("{} -> {}", shown(&example.primary, "extra"), shown(&example.shadow, "missing"))
}
