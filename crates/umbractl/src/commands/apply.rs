//! `umbractl apply`: creates or changes resources.

use crate::{
    cli::Files,
    client::Client,
    failure::{Failure, Outcome},
    manifest,
    output::{Output, table},
};

/// Reads the files, and connects only when they are in order.
pub(super) async fn run(
    connect: impl FnOnce() -> Result<Client, Failure>,
    files: &Files,
    dry_run: bool,
    reason: Option<&str>,
    output: &Output,
) -> Result<Outcome, Failure> {
    let manifests = manifest::read_some(files)?;
    let client = connect()?;
    let applied = client
        .apply(&manifests.resources, dry_run, reason)
        .await
        .map_err(|error| Failure::refused(&error, &manifests.origins))?;
    output.show(&applied, || {
        table(
            &["KIND", "NAME", "ACTION", "REVISION"],
            applied.results.iter().map(|result| {
                let revision = result.revision.filter(|_| !applied.dry_run);
                vec![
                    result.kind.clone(),
                    result.name.clone(),
                    result.action.clone(),
                    revision.map(|revision| revision.to_string()).unwrap_or_default(),
                ]
            }),
        )
    })?;
    if applied.dry_run {
        output.note("dry run: nothing was changed");
    }
    Ok(Outcome::Yes)
}
