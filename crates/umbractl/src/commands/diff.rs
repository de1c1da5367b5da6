//! `umbractl diff`: compares two files as bodies.

pub(super) mod manifests;

use std::{fs, io, io::Read, path::Path};

use serde::Serialize;
use umbra_compare::{
    body::{Body, ComparedAs, Comparison, Limits, compare},
    difference::Differences,
    json::rules::Rules,
    report::view::JsonText,
};

use crate::{
    cli::{Format, diff::BodyArgs},
    failure::{Failure, Outcome},
    output::Output,
    words::count,
};

/// What somebody can look through; how many there are is said in any case.
const MAX_DIFFERENCES: usize = 1_000;

#[derive(Serialize)]
struct Report {
    equal: bool,
    differences: Vec<Entry>,
    /// How many there are, of which the first are listed.
    total: usize,
    compared_as: &'static str,
    truncated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    remark: Option<String>,
}

#[derive(Serialize)]
struct Entry {
    path: String,
    kind: &'static str,
    at: String,
    /// `null` where the kind says that there is nothing.
    primary: Option<JsonText>,
    shadow: Option<JsonText>,
}

/// Compares the two files under the rules.
pub(super) fn run(args: &BodyArgs, output: &Output) -> Result<Outcome, Failure> {
    if output.format() == Format::Yaml {
        // YAML readers would round the numbers that the comparison tells apart.
        return Err(Failure::error("diff is for reading or for JSON: give -o table or -o json"));
    }
    let tolerance: Vec<_> =
        args.tolerance.iter().map(|tolerance| (tolerance.path.clone(), tolerance.absolute)).collect();
    let rules = Rules::new(&args.ignore, &args.unordered, &tolerance)
        .map_err(|error| Failure::error(format!("--{error}")))?;
    let (Some(primary), Some(shadow)) = (&args.primary, &args.shadow) else {
        return Err(Failure::error("give two files: the primary's body and the shadow's"));
    };
    if primary == shadow && primary.as_os_str() == "-" {
        return Err(Failure::error("standard input can be read only once"));
    }
    let (primary, shadow) = (read(primary)?, read(shadow)?);
    let limits = Limits {
        max_decoded_bytes: primary.len().max(shadow.len()),
        max_differences: MAX_DIFFERENCES,
        max_shown_bytes: primary.len().max(shadow.len()),
    };
    let body = |bytes| Body { bytes, ..Body::default() };
    let found = compare(&body(&primary), &body(&shadow), &rules, &limits);
    let report = report(found);
    output.show(&report, || text(&report))?;
    Ok(if report.equal { Outcome::Yes } else { Outcome::No })
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = if path.as_os_str() == "-" {
        io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        fs::read(path)
    };
    read.map_err(|error| Failure::error(format!("{}: {error}", path.display())))
}

fn report(found: Comparison) -> Report {
    let Comparison { compared_as, differences: Differences { first, total, .. }, truncated, remark } = found;
    let differences = first.into_iter().map(|difference| Entry {
        path: difference.path,
        kind: difference.kind.name(),
        at: difference.at,
        primary: difference.primary.map(JsonText),
        shadow: difference.shadow.map(JsonText),
    });
    let compared_as = match compared_as {
        ComparedAs::Json => "json",
        ComparedAs::Text => "text",
        ComparedAs::Bytes => "bytes",
    };
    Report { equal: total == 0, differences: differences.collect(), total, compared_as, truncated, remark }
}

fn text(report: &Report) -> String {
    let mut lines: Vec<String> = report.remark.iter().map(|remark| format!("note: {remark}")).collect();
    if report.equal {
        lines.push(format!("the same, compared as {}", report.compared_as));
        return lines.join("\n");
    }
    for Entry { at, kind, primary, shadow, .. } in &report.differences {
        lines.push(format!("{at}: {kind}: {} -> {}", shown(primary.as_ref()), shown(shadow.as_ref())));
    }
    let more = report.total - report.differences.len();
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    lines.push(format!("{}, compared as {}", count(report.total as u64, "difference"), report.compared_as));
    lines.join("\n")
}

fn shown(value: Option<&JsonText>) -> &str {
    value.map_or("nothing", |JsonText(text)| text)
}
