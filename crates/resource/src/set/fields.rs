//! What the policy says of its own fields, in the operator's terms.

use std::collections::BTreeMap;

use umbra_policy::FieldError;

use crate::manifest::{Kind, Shadow, Stamp};
use crate::problem::Problem;
use crate::read::shorten;

/// An error of `umbra_policy::Policy::build` as a problem of the resource that it came from. The policy
/// was compiled from these, in this order.
pub(crate) fn problem(error: FieldError, stamps: &[Stamp], shadows: &[Shadow]) -> Problem {
    let FieldError { path, message } = error;
    if let Some((position, rest)) = element(&path, "stamps")
        && let Some(stamp) = stamps.get(position)
    {
        let resource = Some(format!("{}/{}", Kind::Stamp, shorten(&stamp.metadata.name)));
        return Problem { resource, field: stamp_field(rest), message };
    }
    if let Some((position, rest)) = element(&path, "shadows")
        && let Some(shadow) = shadows.get(position)
    {
        let resource = Some(format!("{}/{}", Kind::Shadow, shorten(&shadow.metadata.name)));
        let set_headers = shadow.spec.request.as_ref().map(|request| &request.set_headers);
        return Problem { resource, field: shadow_field(rest, set_headers), message };
    }
    Problem { resource: None, field: path, message }
}

/// `clauses[1].path.regex` is `spec.match[1].path.regex`.
fn stamp_field(path: &str) -> String {
    match path.strip_prefix("clauses") {
        Some(rest) => format!("spec.match{rest}"),
        None => format!("metadata.{path}"),
    }
}

/// `target_cluster` is `spec.target.cluster`, and so on.
fn shadow_field(path: &str, set_headers: Option<&BTreeMap<String, String>>) -> String {
    match path {
        "name" => "metadata.name".to_owned(),
        "target_cluster" => "spec.target.cluster".to_owned(),
        "control_cluster" => "spec.control.cluster".to_owned(),
        "share_ppm" => "spec.percent".to_owned(),
        "compare.share_ppm" => "spec.compare.percent".to_owned(),
        "sample.header" | "sample.cookie" => "spec.sample.name".to_owned(),
        other => {
            let header = element(other, "request.set_headers").and_then(|(position, _)| {
                // Compiled in the order of the map.
                set_headers?.keys().nth(position)
            });
            match header {
                Some(name) => format!("spec.request.set_headers.{}", shorten(name)),
                None => format!("spec.{other}"),
            }
        }
    }
}

/// `list[3].rest` taken apart, for this list.
fn element<'p>(path: &'p str, list: &str) -> Option<(usize, &'p str)> {
    let (position, rest) = path.strip_prefix(list)?.strip_prefix('[')?.split_once(']')?;
    Some((position.parse().ok()?, rest.strip_prefix('.').unwrap_or(rest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fields_in_the_operators_terms() {
        let headers = BTreeMap::from([("a".to_owned(), String::new()), ("x-env".to_owned(), String::new())]);
        #[track_caller]
        fn check(headers: &BTreeMap<String, String>, path: &str, expected: &str) {
            assert_eq!(shadow_field(path, Some(headers)), expected);
        }
        check(&headers, "name", "metadata.name");
        check(&headers, "stamps[1]", "spec.stamps[1]");
        check(&headers, "target_cluster", "spec.target.cluster");
        check(&headers, "control_cluster", "spec.control.cluster");
        check(&headers, "share_ppm", "spec.percent");
        check(&headers, "compare.share_ppm", "spec.compare.percent");
        check(&headers, "compare.endpoints[2]", "spec.compare.endpoints[2]");
        check(&headers, "sample.cookie", "spec.sample.name");
        check(&headers, "sample.salt", "spec.sample.salt");
        check(&headers, "guard.methods[0]", "spec.guard.methods[0]");
        check(&headers, "request.remove_headers[2]", "spec.request.remove_headers[2]");
        check(&headers, "request.set_headers[1].value", "spec.request.set_headers.x-env");
        assert_eq!(stamp_field("clauses[1].path.regex"), "spec.match[1].path.regex");
        assert_eq!(stamp_field("clauses"), "spec.match");
        assert_eq!(stamp_field("name"), "metadata.name");
        assert_eq!(element("stamps[12].clauses", "stamps"), Some((12, "clauses")));
        assert_eq!(element("stamps", "stamps"), None);
    }
}
