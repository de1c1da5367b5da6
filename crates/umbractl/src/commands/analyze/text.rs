//! An analysis for people.

use umbra_compare::{
    histogram::Histogram,
    report::{
        Report,
        endpoint::Endpoint,
        fields::is_noise,
        judge::{Finding, Judgement},
        words,
    },
    verdict::State,
};

use crate::{output::table, words::gate};

/// So many endpoints and fields are shown; JSON has all of them.
const SHOWN: usize = 10;

/// The answer, the reasons, the endpoints and the fields that differ.
pub(super) fn of(judgement: &Judgement, report: &Report) -> String {
    let mut text = format!("{}: {}\n\n", judgement.answer.name(), words::headline(judgement, report));
    for finding in &judgement.findings {
        text += &reason(finding, report);
    }
    text += &endpoints(report);
    text += &fields(report);
    text
}

fn reason(finding: &Finding, report: &Report) -> String {
    let state = match finding.reason.state {
        State::Pass => "pass",
        State::Fail => "FAIL",
        State::Open => "open",
    };
    let carriers = finding.carriers.iter();
    let carriers = carriers
        .map(|carrier| words::carrier(&carrier.endpoint, carrier.named_field(), carrier.pairs, carrier.of));
    let words = words::finding(finding, report);
    gate(state, &finding.reason.gate.name(), &words, carriers, &finding.examples)
}

fn endpoints(report: &Report) -> String {
    let mut endpoints: Vec<_> = report.endpoints.iter().collect();
    endpoints.sort_by_key(|(_, endpoint)| std::cmp::Reverse(endpoint.part.evidence.pairs));
    if endpoints.is_empty() {
        return String::new();
    }
    let header = ["ENDPOINT", "PAIRS", "ERRORS", "STATUS", "BODY", "P50", "P95", "P99"];
    let more = endpoints.len().saturating_sub(SHOWN);
    let rows = endpoints.into_iter().take(SHOWN).map(|(name, endpoint)| row(name, endpoint));
    let mut text = format!(
        "\nShadow over primary, by endpoint: errors, other statuses and bodies over noise, latencies in ms\n{}",
        table(&header, rows)
    );
    if more > 0 {
        text += &format!("and {more} more\n");
    }
    text
}

fn row(name: &str, endpoint: &Endpoint) -> Vec<String> {
    let evidence = &endpoint.part.evidence;
    let rate = |excess: Option<f64>| excess.map(words::percent).unwrap_or_default();
    let bodies = evidence.bodies;
    let over_noise = bodies.over_noise();
    let quantile = |p: f64| {
        let ms = |histogram: &Histogram| histogram.quantile(p).map(|us| words::digits(us / 1_000.0));
        match (ms(&evidence.primary_latency), ms(&evidence.shadow_latency)) {
            (Some(primary), Some(shadow)) => format!("{primary} -> {shadow}"),
            _ => String::new(),
        }
    };
    vec![
        name.to_owned(),
        words::number(evidence.pairs),
        rate(evidence.errors.excess()),
        rate(evidence.statuses.excess()),
        rate(over_noise),
        quantile(0.5),
        quantile(0.95),
        quantile(0.99),
    ]
}

fn fields(report: &Report) -> String {
    let mut fields = Vec::new();
    for (endpoint, seen) in &report.endpoints {
        let compared = seen.part.evidence.bodies.compared;
        fields.extend(seen.fields.iter().map(|(field, count)| (endpoint, field, count, compared)));
    }
    if fields.is_empty() {
        return String::new();
    }
    fields.sort_by_key(|(_, _, count, _)| std::cmp::Reverse((count.excess(), count.raw)));
    let more = fields.len().saturating_sub(SHOWN);
    let header = ["ENDPOINT", "FIELD", "KIND", "SHADOW", "CONTROL", "NOISE", "EXAMPLE", "VALUES"];
    let rows = fields.into_iter().take(SHOWN).map(|(endpoint, field, count, compared)| {
        let example = count.examples.first();
        let shown = |value: &Option<String>| {
            let text = value.as_deref().unwrap_or("nothing");
            let short: String = text.chars().take(24).collect();
            if short.len() < text.len() { format!("{short}…") } else { short }
        };
        let values = example.map(|example| {
            format!("{} -> {}", shown(&example.difference.primary), shown(&example.difference.shadow))
        });
        vec![
            endpoint.clone(),
            field.path.to_owned(),
            field.kind.name().to_owned(),
            words::number(count.raw),
            words::number(count.noise),
            if is_noise(&field, count, compared) { "yes" } else { "no" }.to_owned(),
            example.map(|example| example.pair.clone()).unwrap_or_default(),
            values.unwrap_or_default(),
        ]
    });
    let mut text = format!("\nFields that differ from the primary's, in pairs\n{}", table(&header, rows));
    if more > 0 {
        text += &format!("and {more} more\n");
    }
    text
}
