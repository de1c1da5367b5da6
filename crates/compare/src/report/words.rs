//! Findings as sentences that an operator understands.

use super::Report;
use super::judge::{Finding, Judgement};
use super::part::Part;
use crate::outcome::{Outcome, Outcomes};
use crate::verdict::{Answer, Gate, State};

/// What it comes to, in one sentence.
pub fn headline(judgement: &Judgement, report: &Report) -> String {
    if report.whole.mirrored() == 0 {
        return "there is no pair at all, so nothing can be said".to_owned();
    }
    if let Some(words) = none_answered("copies", &report.whole.candidate_outcomes) {
        return words;
    }
    let gates = |state: State| {
        let names: Vec<_> = judgement
            .findings
            .iter()
            .filter(|finding| finding.reason.state == state)
            .map(|finding| finding.reason.gate.name())
            .collect();
        names.join(", ")
    };
    let pairs = number(judgement.pairs);
    match judgement.answer {
        Answer::Go => format!("after {pairs} pairs every gate is inside its limit"),
        Answer::NoGo => format!("after {pairs} pairs the shadow is past its limit on {}", gates(State::Fail)),
        Answer::NotEnoughEvidence => {
            let more = judgement.findings.iter().filter_map(|finding| finding.reason.more_pairs).max();
            let more = more.map(|more| format!("; about {} more pairs should settle it", number(more)));
            format!(
                "after {pairs} pairs there is no telling yet on {}{}",
                gates(State::Open),
                more.unwrap_or_default()
            )
        }
    }
}

/// A finding in a sentence, with the first of its carriers.
pub fn finding(finding: &Finding, report: &Report) -> String {
    let reason = &finding.reason;
    let named = finding.endpoint.as_deref().and_then(|name| report.endpoints.get(name));
    let part = named.map_or(&report.whole, |endpoint| &endpoint.part);
    let Some(observed) = reason.observed else {
        return match reason.gate {
            Gate::MinDuration => "the pairs carry no times, so min_duration counts as met".to_owned(),
            gate => unmeasured(gate, part),
        };
    };
    let interval = reason.interval;
    let limit = reason.limit;
    let mut words = finding.endpoint.as_ref().map(|name| format!("on {name}, ")).unwrap_or_default();
    words += &match reason.gate {
        Gate::MinPairs => {
            format!(
                "there are {} pairs; at least {} are asked for",
                number(observed as u64),
                number(limit as u64)
            )
        }
        Gate::MinDuration => {
            format!("the pairs span {}; at least {} are asked for", span(observed), span(limit))
        }
        Gate::LatencyRatio(percentile) => {
            let p = f64::from(percentile) / 100.0;
            let ms = |quantile: Option<f64>| quantile.map(|us| us / 1_000.0).unwrap_or_default();
            let shadow = ms(part.evidence.shadow_latency.quantile(p));
            let primary = ms(part.evidence.primary_latency.quantile(p));
            let hi = if interval.hi.is_finite() { digits(interval.hi) } else { "no known end".to_owned() };
            format!(
                "the shadow's p{percentile} latency is {} times the primary's ({} to {hi}): {} ms against {} ms; the limit is {}",
                digits(observed),
                digits(interval.lo),
                digits(shadow),
                digits(primary),
                digits(limit)
            )
        }
        gate => format!(
            "{} ({} to {}); the limit is {}",
            rate(gate, observed, part.control_outcomes.total() > 0),
            percent(interval.lo.max(-1.0)),
            percent(interval.hi.min(1.0)),
            percent(limit)
        ),
    };
    if reason.gate == Gate::ErrorExcess {
        let is_failure = |outcome: Outcome| outcome.is_evidence() && outcome != Outcome::Answered;
        let failures = part.candidate_outcomes.seen().filter(|(outcome, _)| is_failure(*outcome));
        let failures = counted(failures);
        if !failures.is_empty() {
            words += &format!(" (of the copies, {failures})");
        }
    }
    if let (State::Open, Some(more)) = (reason.state, reason.more_pairs) {
        words += &format!("; about {} more pairs should settle it", number(more));
    }
    if let Some(first) = finding.carriers.first() {
        words += &format!("; most of all on {}", name(&first.endpoint, first.named_field()));
    }
    words
}

/// What a rate's gate measures, so that `observed` reads well.
fn rate(gate: Gate, observed: f64, has_control: bool) -> String {
    let often = percent(observed.abs());
    let over = if has_control { " more often than a second answer of production does" } else { "" };
    match gate {
        Gate::ErrorExcess if observed < 0.0 => {
            format!("the primary answered with an error on {often} of the pairs more often than the shadow")
        }
        Gate::ErrorExcess => {
            format!("the shadow answered with an error on {often} of the pairs where the primary did not")
        }
        _ if observed < 0.0 => {
            let what = if gate == Gate::StatusMismatch { "status" } else { "answer" };
            format!(
                "the shadow's {what} differs on {often} of the pairs less often than a second answer of production does"
            )
        }
        Gate::StatusMismatch => format!("the shadow's status differs on {often} of the pairs{over}"),
        _ => format!("the shadow's answer differs in headers or body on {often} of the pairs{over}"),
    }
}

fn unmeasured(gate: Gate, part: &Part) -> String {
    let shadow = || none_answered("copies", &part.candidate_outcomes);
    // Where there is a control, a pair without its answer is not compared.
    let control = || none_answered("copies to the control", &part.control_outcomes);
    if let Some(words) = shadow().or_else(control) {
        return words;
    }
    let what = match gate {
        Gate::BodyMismatch if part.evidence.bodies.unequal > 0 => {
            return "bodies differ by their digests, and none of them was looked at more closely".to_owned();
        }
        Gate::BodyMismatch => "no pair has headers or bodies that could be compared",
        Gate::LatencyRatio(_) => "no pair has the latency of both answers",
        Gate::StatusMismatch => "no pair has the status of all answers",
        Gate::ErrorExcess | Gate::MinPairs | Gate::MinDuration => "there is no pair",
    };
    format!("{what}, so nothing was measured")
}

/// What became of the copies, if there are some and none was answered.
fn none_answered(copies: &str, outcomes: &Outcomes) -> Option<String> {
    if outcomes.total() == 0 || outcomes.count(Outcome::Answered) > 0 {
        return None;
    }
    let mut seen: Vec<_> = outcomes.seen().collect();
    seen.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    Some(format!("none of {} {copies} was answered: {}", number(outcomes.total()), counted(seen)))
}

/// `30 could not connect, 10 were …`.
fn counted(outcomes: impl IntoIterator<Item = (Outcome, u64)>) -> String {
    let each = outcomes.into_iter().map(|(outcome, count)| format!("{} {}", number(count), outcome.words()));
    each.collect::<Vec<_>>().join(", ")
}

/// An endpoint or field that carries a failed gate: `GET /cart/{id} $.price (type): 400 of 8,000 pairs`. A field has the
/// name of the kind in which it differs.
pub fn carrier(endpoint: &str, field: Option<(&str, &str)>, pairs: u64, of: u64) -> String {
    format!("{}: {} of {} pairs", name(endpoint, field), number(pairs), number(of))
}

fn name(endpoint: &str, field: Option<(&str, &str)>) -> String {
    match field {
        Some((path, kind)) => format!("{endpoint} {path} ({kind})"),
        None => endpoint.to_owned(),
    }
}

/// A share as `1.2 %`, to three digits at most. What is not quite all is cut off: `100 %` would say that it is all.
pub fn percent(share: f64) -> String {
    let rounded = digits(share * 100.0);
    let text = match rounded.as_str() {
        "100" if share < 1.0 => "99.9",
        "-100" if share > -1.0 => "-99.9",
        text => text,
    };
    format!("{text} %")
}

/// A number to three significant digits; whole numbers in full, no zeros at the end, never an exponent.
pub fn digits(value: f64) -> String {
    if !value.is_finite() {
        return value.to_string();
    }
    let magnitude = if value == 0.0 { 0.0 } else { value.abs().log10().floor() };
    let decimals = (2.0 - magnitude).clamp(0.0, 6.0) as usize;
    let text = format!("{value:.decimals$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// A count with its thousands apart: `20,000`.
pub fn number(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A time as `1h 30m`: the two largest units.
fn span(ms: f64) -> String {
    let seconds = (ms / 1_000.0) as u64;
    let units = [(86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")];
    let mut rest = seconds;
    let mut parts = Vec::new();
    for (size, unit) in units {
        if rest >= size {
            parts.push(format!("{}{unit}", rest / size));
            rest %= size;
        }
    }
    parts.truncate(2);
    if parts.is_empty() { "0s".to_owned() } else { parts.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_plain() {
        for (value, text) in [
            (1.2345, "1.23"),
            (0.1, "0.1"),
            (0.0, "0"),
            (-0.000_000_1, "0"),
            (1_234.5, "1234"),
            (39.96, "40"),
            (0.05, "0.05"),
            (-1.5, "-1.5"),
            (100.0, "100"),
            (f64::INFINITY, "inf"),
        ] {
            assert_eq!(digits(value), text, "{value}");
        }
        for (share, text) in [
            (0.012, "1.2 %"),
            (0.9994, "99.9 %"),
            // 4 of 10,000 are not among them.
            (0.9996, "99.9 %"),
            (-0.9996, "-99.9 %"),
            (1.0, "100 %"),
            (-1.0, "-100 %"),
            (1.000_1, "100 %"),
            // Ten decimals would say no more than none.
            (1e-10, "0 %"),
        ] {
            assert_eq!(percent(share), text, "{share}");
        }
        assert_eq!(
            [number(0), number(999), number(1_000), number(1_234_567)],
            ["0", "999", "1,000", "1,234,567"]
        );
        assert_eq!([span(0.0), span(723_000.0), span(5_400_000.0)], ["0s", "12m 3s", "1h 30m"]);
    }
}
