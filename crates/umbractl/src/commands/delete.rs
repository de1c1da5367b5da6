//! `umbractl delete`: deletes resources, by name or as files name them.

use std::path::PathBuf;

use reqwest::StatusCode;
use serde::Serialize;
use umbra_resource::Kind;

use super::suggest;
use crate::{
    cli::{Files, Stored},
    client::Client,
    failure::{Failure, Outcome},
    manifest,
    output::Output,
};

#[derive(Serialize)]
struct Deleted<'a> {
    kind: Kind,
    name: &'a str,
    action: &'static str,
}

/// The resources of one kind with these names.
pub(super) fn named(kind: Stored, names: Vec<String>) -> Vec<(Kind, String)> {
    names.into_iter().map(|name| (kind.into(), name)).collect()
}

/// The resources that files name: shadows first, because a stamp that a shadow uses stays.
pub(super) fn in_files(filename: Vec<PathBuf>, recursive: bool) -> Result<Vec<(Kind, String)>, Failure> {
    let manifests = manifest::read_some(&Files { filename, recursive })?;
    let mut targets: Vec<_> =
        manifests.resources.iter().map(|resource| (resource.kind(), resource.name().to_owned())).collect();
    targets.sort_by_key(|(kind, _)| *kind == Kind::Stamp);
    Ok(targets)
}

/// Deletes one after the other. What cannot be deleted stops it; what was deleted before stays so and is shown.
pub(super) async fn run(
    client: &Client,
    targets: &[(Kind, String)],
    ignore_not_found: bool,
    reason: Option<&str>,
    output: &Output,
) -> Result<Outcome, Failure> {
    let mut done = Vec::new();
    let mut failure = None;
    for (kind, name) in targets {
        let action = match client.delete(*kind, name, reason).await {
            Ok(()) => "deleted",
            Err(error) if ignore_not_found && error.status() == Some(StatusCode::NOT_FOUND) => "not found",
            Err(error) => {
                failure = Some(suggest(client, *kind, name, error).await);
                break;
            }
        };
        done.push(Deleted { kind: *kind, name, action });
    }
    if !done.is_empty() || failure.is_none() {
        output.show(&done, || {
            let lines: Vec<_> = done
                .iter()
                .map(|deleted| format!("{}/{} {}", deleted.kind, deleted.name, deleted.action))
                .collect();
            lines.join("\n")
        })?;
    }
    match failure {
        Some(failure) => Err(failure),
        None => Ok(Outcome::Yes),
    }
}
