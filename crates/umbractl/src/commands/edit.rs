//! `umbractl edit`: a resource in an editor, and back, unless somebody else changed it meanwhile.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use reqwest::StatusCode;
use umbra_resource::{Kind, Resource};

use super::suggest;
use crate::{
    cli::Files,
    client::Client,
    failure::{Failure, Outcome},
    manifest,
    output::{self, Output},
};

/// Fetches, lets somebody edit, and puts back what came of it.
pub(super) async fn run(
    client: &Client,
    kind: Kind,
    name: &str,
    reason: Option<&str>,
    output: &Output,
) -> Result<Outcome, Failure> {
    let resource = match client.get(kind, name).await {
        Ok(resource) => resource,
        Err(error) => return Err(suggest(client, kind, name, error).await),
    };
    let Some(revision) = resource.metadata().revision else {
        return Err(Failure::error("the control plane did not say at which revision it is"));
    };
    let before = resource.without_server_fields();
    let failed = |error| Failure::error(format!("cannot write a file to edit: {error}"));
    let mut file = tempfile::Builder::new().prefix("umbractl-").suffix(".yaml").tempfile().map_err(failed)?;
    file.write_all(output::yaml(std::slice::from_ref(&before))?.as_bytes()).map_err(failed)?;
    file.flush().map_err(failed)?;
    // An editor may put another file in its place, so from here on the path is what counts.
    let path = file.into_temp_path();
    let edited = edit(&path).and_then(|()| read(&path, kind, name));
    let put = match edited {
        Ok(after) if after == before => {
            output.note("nothing was changed");
            return Ok(Outcome::Yes);
        }
        Ok(after) => match client.put(&after, revision, reason).await {
            Ok(written) => Ok(written),
            Err(error) if error.status() == Some(StatusCode::PRECONDITION_FAILED) => Err(Failure::no(
                format!("somebody else changed {kind}/{name} meanwhile: nothing was written"),
            )),
            Err(error) => Err(Failure::from(error)),
        },
        Err(failure) => Err(failure),
    };
    match put {
        Ok(written) => {
            output.show(&written, || {
                let revision = written.metadata().revision.map(|revision| format!(" (revision {revision})"));
                format!("{kind}/{name} updated{}\n", revision.unwrap_or_default())
            })?;
            Ok(Outcome::Yes)
        }
        Err(failure) => {
            // What was typed is not lost.
            Err(match path.keep() {
                Ok(kept) => failure.hint(format!("what you wrote is in {}", kept.display())),
                Err(_) => failure,
            })
        }
    }
}

/// Through a shell, as the variables may hold options.
fn edit(path: &Path) -> Result<(), Failure> {
    let given = |name| std::env::var(name).ok().filter(|editor| !editor.trim().is_empty());
    let editor = given("VISUAL").or_else(|| given("EDITOR")).unwrap_or_else(|| "vi".to_owned());
    let ended =
        Command::new("sh").arg("-c").arg(format!("{editor} \"$1\"")).arg("umbractl").arg(path).status();
    match ended {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => {
            Err(Failure::error(format!("the editor {editor} ended with {status}: nothing was written")))
        }
        Err(error) => Err(Failure::error(format!("cannot start the editor {editor}: {error}"))),
    }
}

fn read(path: &Path, kind: Kind, name: &str) -> Result<Resource, Failure> {
    let files = Files { filename: vec![path.to_owned()], recursive: false };
    let mut resources = manifest::read(&files)?.resources;
    match (resources.pop(), resources.is_empty()) {
        (Some(resource), true) if resource.kind() == kind && resource.name() == name => Ok(resource),
        (None, _) => Err(Failure::no("the file is empty: nothing was written")),
        _ => Err(Failure::no(format!(
            "the file shall hold {kind}/{name} and nothing else: nothing was written"
        ))),
    }
}
