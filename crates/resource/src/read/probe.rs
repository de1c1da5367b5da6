//! Asking the policy whether a condition is one. What a host, a path or an expression may be is decided in
//! one place, `umbra_policy`, and asked here for each condition by itself, so that all of them are listed.

use umbra_policy::Policy;
use umbra_policy::spec::{ClauseSpec, PolicySpec, StampSpec};

use super::Report;

/// Reports what the policy says of a clause that has one condition, at `inside` (`path`, `headers[0]`) of it.
/// The reader stands at the condition.
pub(crate) fn condition(clause: ClauseSpec, inside: &str, report: &mut Report) {
    let stamp = StampSpec { name: "probe".to_owned(), clauses: vec![clause] };
    let Err(errors) = Policy::build(PolicySpec { stamps: vec![stamp], ..PolicySpec::default() }) else {
        return;
    };
    let prefix = format!("stamps[0].clauses[0].{inside}");
    for error in errors {
        let rest = error.path.strip_prefix(&prefix).unwrap_or_default();
        match rest.strip_prefix('.') {
            Some(field) => report.field(field, |report| report.problem(error.message)),
            None => report.problem(error.message),
        }
    }
}
