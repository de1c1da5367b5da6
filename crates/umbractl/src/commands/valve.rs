//! `umbractl valve` and `umbractl switch`: the two things that are moved while traffic flows.

use std::time::{Duration, Instant};

use serde::Serialize;
use umbra_resource::manifest::status::Expiry;
use umbra_resource::{Kind, Resource};

use super::{suggest, wait};
use crate::{
    client::{Client, ValveChange},
    failure::{Failure, Outcome},
    output::Output,
    words,
};

#[derive(Serialize)]
struct Moved<'a> {
    shadow: &'a str,
    enabled: bool,
    percent: f64,
    revision: Option<u64>,
    /// What goes back by itself, and when: the next first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    expiries: Vec<&'a Expiry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wait: Option<wait::Waited>,
}

/// Moves the valve or the switch, and sees it through where `wait` says for how long.
pub(super) async fn run(
    client: &Client,
    shadow: &str,
    change: &ValveChange<'_>,
    wait: Option<Duration>,
    output: &Output,
) -> Result<Outcome, Failure> {
    let resource = match client.set_valve(shadow, change).await {
        Ok(resource) => resource,
        Err(error) => return Err(suggest(client, Kind::Shadow, shadow, error).await),
    };
    let answered = Instant::now();
    let Resource::Shadow(shadow) = resource else {
        return Err(Failure::error("the control plane answered with something that is not a shadow"));
    };
    let revision = shadow.metadata.revision;
    let mut moved = Moved {
        shadow: &shadow.metadata.name,
        enabled: shadow.spec.is_enabled(),
        percent: shadow.spec.share().value(),
        revision,
        expiries: shadow.status.expiry.iter().chain(&shadow.status.then).collect(),
        wait: None,
    };
    if let Some(limit) = wait {
        let Some(revision) = revision else {
            return Err(Failure::error("the control plane did not say at which revision the change is"));
        };
        moved.wait = Some(wait::until_in_effect(client, revision, answered, limit, output).await?);
    }
    output.show(&moved, || {
        let revision = moved.revision.map(|revision| format!(" (revision {revision})")).unwrap_or_default();
        let mut text = format!(
            "Shadow/{}: switch {}, valve {}%{revision}\n",
            moved.shadow,
            words::switch(moved.enabled),
            moved.percent
        );
        for expiry in &moved.expiries {
            text.push_str(&words::expiry(expiry));
            text.push('\n');
        }
        if let Some(waited) = &moved.wait {
            text.push_str(&waited.to_string());
        }
        text
    })?;
    if change.lasts.is_some() && moved.expiries.is_empty() {
        output.note("it stands there for good already, so there is nothing to go back to");
    }
    // What an operator may not have expected of the position.
    if change.percent.is_some_and(|percent| percent > 0.0) && !moved.enabled {
        output.note(&format!(
            "the switch is off: nothing is mirrored until `umbractl switch {} on`",
            moved.shadow
        ));
    }
    if change.percent.is_some() && !shadow.spec.overrides.is_empty() {
        let places: Vec<_> = shadow.spec.overrides.iter().map(words::place).collect();
        output.note(&format!("overrides stay as they are: {}", places.join(", ")));
    }
    Ok(match &moved.wait {
        Some(waited) if !waited.in_effect => Outcome::No,
        _ => Outcome::Yes,
    })
}
