//! Reports, put together from what is kept.

use std::collections::BTreeMap;

use umbra_compare::difference::{Difference, Field, Kind};
use umbra_compare::report::fields::{FieldCount, FieldExample};
use umbra_compare::report::part::{Examples, Part};
use umbra_compare::report::{EXAMPLES, Report};

use crate::analysis::document::{DifferenceDocument, Found};
use crate::model::tally::{Tally, Traffic};

/// A pair that may serve as an example.
#[derive(Clone, Debug, PartialEq)]
pub struct Example {
    /// The pair.
    pub pair: String,
    /// Its endpoint.
    pub endpoint: String,
    /// What it shows.
    pub found: Found,
}

/// The report that these numbers make, with these examples, the newest first. With `digests`, nothing is compared beyond
/// the digests.
pub fn assemble(
    traffic: &Traffic,
    endpoints: &BTreeMap<String, Tally>,
    examples: &[Example],
    digests: bool,
) -> Report {
    let mut report = Report {
        began_ms: traffic.seen_ms.map(|(began, _)| began),
        ended_ms: traffic.seen_ms.map(|(_, ended)| ended),
        ..Report::default()
    };
    for (name, tally) in endpoints {
        let mut endpoint = tally.shown(digests);
        for example in examples.iter().filter(|example| example.endpoint == *name) {
            illustrate(&mut endpoint.part.examples, example);
            for difference in &example.found.fields {
                let Some((kind, difference)) = difference_of(difference) else { continue };
                let field = Field { path: &difference.path, kind };
                // Only for what is counted in this stretch of time.
                if !endpoint.fields.iter().any(|(seen, _)| seen == field) {
                    continue;
                }
                let example = FieldExample { pair: example.pair.clone(), difference: difference.clone() };
                let count = FieldCount { examples: vec![example], ..FieldCount::default() };
                endpoint.fields.add_count(&field, &count);
            }
        }
        report.whole.merge(&endpoint.part);
        report.endpoints.insert(name.clone(), endpoint);
    }
    report.whole = Part {
        candidate_outcomes: traffic.candidate.clone(),
        control_outcomes: traffic.control.clone(),
        ..report.whole
    };
    report
}

fn illustrate(examples: &mut Examples, example: &Example) {
    let Found { error, status, body, slower_us, .. } = example.found;
    for (list, shows) in
        [(&mut examples.errors, error), (&mut examples.statuses, status), (&mut examples.bodies, body)]
    {
        if shows && list.len() < EXAMPLES {
            list.push(example.pair.clone());
        }
    }
    if slower_us > 0.0 {
        examples.slowest.push((slower_us, example.pair.clone()));
        examples.slowest.sort_by(|left, right| right.0.total_cmp(&left.0));
        examples.slowest.truncate(EXAMPLES);
    }
}

fn difference_of(document: &DifferenceDocument) -> Option<(Kind, Difference)> {
    let kind = Kind::from_name(&document.kind)?;
    let difference = Difference {
        path: document.path.clone(),
        at: document.at.clone(),
        kind,
        primary: document.primary.clone(),
        shadow: document.shadow.clone(),
    };
    Some((kind, difference))
}
