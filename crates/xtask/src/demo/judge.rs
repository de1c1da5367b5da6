//! A verdict on a candidate: all requests that may be copied go to it and to the control, at an even pace, until there
//! is an answer.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use super::expected;
use super::operator::Operator;
use super::stack::Stack;
use super::traffic::Traffic;
use crate::http::Client;
use crate::progress::Progress;
use crate::{interrupt, say};

/// A verdict that is not there after this does not come.
const VERDICT_LIMIT: Duration = Duration::from_secs(400);

/// How long the last reports may take: filters send one every second.
const REPORT_LIMIT: Duration = Duration::from_secs(10);

/// What is judged.
#[derive(Debug)]
pub(crate) struct Candidate {
    /// The shadow.
    pub(crate) shadow: &'static str,
    /// What it runs.
    what: &'static str,
    /// What the verdict must be.
    verdict: &'static str,
    /// How `umbractl verdict` must end.
    exit_code: i32,
    /// What must be wrong with the report and the verdict, and what must not.
    wrong: fn(&Value, &Value) -> Vec<String>,
}

/// The candidates, in their order.
pub(crate) const CANDIDATES: [Candidate; 2] = [
    Candidate {
        shadow: "catalogue-v1",
        what: "json-server 1.0, the successor",
        verdict: "no-go",
        exit_code: 1,
        wrong: expected::of_the_successor,
    },
    Candidate {
        shadow: "catalogue-twin",
        what: "json-server 0.17, what production runs already",
        verdict: "go",
        exit_code: 0,
        wrong: expected::of_a_twin,
    },
];

/// Has a candidate judged; gives what was wrong, in words.
///
/// # Errors
/// When a part of the stack fails, or when no verdict comes.
pub(crate) fn judged(
    candidate: &Candidate,
    stack: &mut Stack,
    operator: &Operator,
    traffic: &Traffic,
) -> Result<Vec<String>> {
    let Candidate { shadow, what, verdict: expected, exit_code, wrong } = *candidate;
    let api = Client::new(stack.ports().api);
    let path = |of: &str| format!("/api/v1/shadows/{shadow}/{of}");
    say::heading(format_args!("the candidate: {what}"));
    operator.types(&["valve", shadow, "100", "--wait"])?;

    traffic.flow(stack.pace());
    let progress = Progress::start(format_args!("{:.0} requests a second", 1.0 / stack.pace().as_secs_f64()));
    let settled = interrupt::wait_for("a verdict", VERDICT_LIMIT, || {
        stack.must_run()?;
        let verdict = api.get_json(&path("verdict"))?;
        progress.says(verdict.get("summary").and_then(Value::as_str).unwrap_or_default());
        Ok(is_settled(&verdict).then_some(verdict))
    });
    interrupt::check()?;
    match &settled {
        Ok(verdict) => progress.done(format_args!("{} pairs", verdict.get("pairs").unwrap_or(&Value::Null))),
        Err(_) => drop(progress),
    }
    // Traffic flows on while the operator asks, as it would.
    let code = operator.asks(&["verdict", shadow, "--wait", "20s"])?;
    traffic.pause()?;
    let report = all_told(&api, &path("report"));
    operator.types(&["report", shadow])?;
    operator.types(&["valve", shadow, "0", "--wait"])?;

    settled?;
    let (report, verdict) = (report?, api.get_json(&path("verdict"))?);
    let mut found = wrong(&report, &verdict);
    if code != exit_code {
        found.push(format!("`umbractl verdict` ended with {code}; {expected} is {exit_code}"));
    }
    Ok(found.into_iter().map(|wrong| format!("{shadow}: {wrong}")).collect())
}

/// Whether there is an answer, and enough was seen for it to be more than a first impression.
fn is_settled(verdict: &Value) -> bool {
    let passes = |gate: &str| {
        let reasons = verdict.get("reasons").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let is_it = |reason: &&Value| reason.get("gate").and_then(Value::as_str) == Some(gate);
        reasons.iter().find(is_it).and_then(|reason| reason.get("state")?.as_str()) == Some("pass")
    };
    let answer = verdict.get("verdict").and_then(Value::as_str);
    matches!(answer, Some("go" | "no-go")) && passes("min_pairs") && passes("min_duration")
}

/// The report, once it tells of every copy that was sent.
fn all_told(api: &Client, path: &str) -> Result<Value> {
    interrupt::wait_for("the report to tell of every copy", REPORT_LIMIT, || {
        let report = api.get_json(path)?;
        let count = |name: &str| report.get(name).and_then(Value::as_u64).context("the report has no counts");
        Ok((count("sent")? == count("mirrored")?).then_some(report))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_verdict_is_settled_when_enough_was_seen() {
        let verdict = |answer: &str, pairs: &str, duration: &str| {
            json!({"verdict": answer, "reasons": [
                {"gate": "min_pairs", "state": pairs}, {"gate": "min_duration", "state": duration},
            ]})
        };
        for (verdict, settled) in [
            (verdict("go", "pass", "pass"), true),
            (verdict("no-go", "pass", "pass"), true),
            (verdict("no-go", "open", "pass"), false),
            (verdict("no-go", "pass", "open"), false),
            (verdict("not-enough-evidence", "pass", "pass"), false),
            (json!({"verdict": "go"}), false),
        ] {
            assert_eq!(is_settled(&verdict), settled, "{verdict}");
        }
    }
}
