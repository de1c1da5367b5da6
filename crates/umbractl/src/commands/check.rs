//! `umbractl check`: lists everything that is wrong in manifests, without a control plane.

use serde::Serialize;
use umbra_resource::ResourceSet;

use crate::{
    cli::Files,
    failure::{Failure, Outcome},
    manifest::{self, Finding},
    output::Output,
    words::count,
};

#[derive(Serialize)]
struct Report {
    valid: bool,
    resources: usize,
    problems: Vec<Finding>,
}

/// Checks the files one by one, and then all their resources together.
pub(super) fn run(files: &Files, output: &Output) -> Result<Outcome, Failure> {
    let (manifests, mut problems) = manifest::read_all(files)?;
    let resources = manifests.resources.len();
    // A resource that could not be read is missing from the whole: what then refers to it would be called
    // wrong without being so.
    if problems.is_empty()
        && let Err(of_the_whole) = ResourceSet::new(manifests.resources)
    {
        problems.extend(of_the_whole.into_iter().map(|problem| manifests.origins.locate_problem(problem)));
    }
    let report = Report { valid: problems.is_empty(), resources, problems };
    output.show(&report, || {
        if report.valid {
            return format!("{}: no problem found", count(report.resources as u64, "resource"));
        }
        let mut lines: Vec<_> = report.problems.iter().map(ToString::to_string).collect();
        lines.push(format!("{} found", count(report.problems.len() as u64, "problem")));
        lines.join("\n")
    })?;
    Ok(if report.valid { Outcome::Yes } else { Outcome::No })
}
