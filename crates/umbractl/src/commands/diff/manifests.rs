//! `umbractl diff -f`: what an apply of these files would change.

use reqwest::StatusCode;
use serde::Serialize;
use umbra_compare::body::{Body, Limits, compare};
use umbra_compare::json::rules::Rules;
use umbra_compare::report::view::JsonText;
use umbra_resource::Resource;

use super::{MAX_DIFFERENCES, shown};
use crate::{
    cli::Files,
    client::Client,
    failure::{Failure, Outcome},
    manifest,
    output::{self, Output},
    words::count,
};

#[derive(Serialize)]
struct Report {
    equal: bool,
    resources: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    kind: String,
    name: String,
    state: State,
    changes: Vec<Change>,
}

#[derive(Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    New,
    Changed,
    Same,
}

#[derive(Serialize)]
struct Change {
    path: String,
    /// `null` where the control plane has nothing.
    before: Option<JsonText>,
    /// `null` where the file has nothing.
    after: Option<JsonText>,
}

/// Reads the files, and connects only when they are in order.
pub(crate) async fn run(
    connect: impl FnOnce() -> Result<Client, Failure>,
    files: &Files,
    output: &Output,
) -> Result<Outcome, Failure> {
    let manifests = manifest::read_some(files)?;
    let client = connect()?;
    let mut resources = Vec::new();
    for after in &manifests.resources {
        let before = match client.get(after.kind(), after.name()).await {
            Ok(resource) => Some(resource.without_server_fields()),
            Err(error) if error.status() == Some(StatusCode::NOT_FOUND) => None,
            // No refusal says that anything differs.
            Err(error) => return Err(Failure::from(error).into_error()),
        };
        resources.push(entry(before.as_ref(), after)?);
    }
    let report = Report { equal: resources.iter().all(|entry| entry.state == State::Same), resources };
    output.show(&report, || text(&report))?;
    Ok(if report.equal { Outcome::Yes } else { Outcome::No })
}

fn entry(before: Option<&Resource>, after: &Resource) -> Result<Entry, Failure> {
    let (state, changes) = match before {
        None => (State::New, Vec::new()),
        Some(before) if before == after => (State::Same, Vec::new()),
        Some(before) => (State::Changed, changes(before, after)?),
    };
    Ok(Entry { kind: after.kind().to_string(), name: after.name().to_owned(), state, changes })
}

fn changes(before: &Resource, after: &Resource) -> Result<Vec<Change>, Failure> {
    let (before, after) = (output::json(before)?, output::json(after)?);
    let longest = before.len().max(after.len());
    let limits =
        Limits { max_decoded_bytes: longest, max_differences: MAX_DIFFERENCES, max_shown_bytes: longest };
    let [before, after] = [&before, &after].map(|text| Body { bytes: text.as_bytes(), ..Body::default() });
    let found = compare(&before, &after, &Rules::default(), &limits).differences.first.into_iter();
    let change = found.map(|difference| Change {
        path: difference.at,
        before: difference.primary.map(JsonText),
        after: difference.shadow.map(JsonText),
    });
    Ok(change.collect())
}

fn text(report: &Report) -> String {
    let mut lines = Vec::new();
    for Entry { kind, name, state, changes } in &report.resources {
        lines.push(match state {
            State::New => format!("{kind}/{name}: new"),
            State::Changed => format!("{kind}/{name}: changed"),
            State::Same => format!("{kind}/{name}: the same"),
        });
        lines.extend(changes.iter().map(|Change { path, before, after }| {
            format!("  {path}: {} -> {}", shown(before.as_ref()), shown(after.as_ref()))
        }));
    }
    let of = |state| report.resources.iter().filter(|entry| entry.state == state).count() as u64;
    lines.push(match (of(State::New), of(State::Changed)) {
        (0, 0) => "the control plane has all of this already".to_owned(),
        (new, changed) => {
            format!(
                "an apply would create {} and change {}",
                count(new, "resource"),
                count(changed, "resource")
            )
        }
    });
    lines.join("\n")
}
