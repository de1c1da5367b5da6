//! Which requests get a stamp.

use serde_json::Value;
use umbra_policy::spec::ClauseSpec;

use super::object::{Object, list, refuse_empty, unique_list};
use super::{Report, probe, scalar, shorten, suggest};
use crate::manifest::stamp::{Clause, FieldMatch, PathMatch, StampSpec, ValueMatch};

/// As `umbra_policy::Policy::build` has it.
const MAX_CLAUSES: usize = 100;

/// Elements of one list inside a clause.
const MAX_CONDITIONS: usize = 100;

/// Reads a condition on a header, a cookie or a parameter.
type ReadField = fn(Value, &mut Report) -> Option<FieldMatch>;

pub(crate) fn spec(value: Value, report: &mut Report) -> Option<StampSpec> {
    let mut object = Object::open(value, report)?;
    let clauses = object.required("match", "a list of conditions", report, |value, report| {
        let clauses = list(value, MAX_CLAUSES, report, clause)?;
        refuse_empty(&clauses, "at least one element", report);
        Some(clauses)
    });
    object.close(report);
    Some(StampSpec { clauses: clauses? })
}

fn clause(value: Value, report: &mut Report) -> Option<Clause> {
    let mut object = Object::open(value, report)?;
    let hosts = object.optional("hosts", report, |value, report| {
        let hosts = unique_list(value, MAX_CONDITIONS, report, host, |host| host.to_ascii_lowercase())?;
        refuse_empty(&hosts, "at least one host, or leave the field out to take every host", report);
        Some(hosts)
    });
    let path = object.optional("path", report, path);
    let methods = object.optional("methods", report, |value, report| {
        let methods = unique_list(value, MAX_CONDITIONS, report, scalar::method, Clone::clone)?;
        refuse_empty(&methods, "at least one method, or leave the field out to take every method", report);
        Some(methods)
    });
    let mut fields = |place, read_one: ReadField, report: &mut Report| {
        object.optional(place, report, |value, report| list(value, MAX_CONDITIONS, report, read_one))
    };
    let headers = fields("headers", header, report);
    let cookies = fields("cookies", cookie, report);
    let query = fields("query", parameter, report);
    object.close(report);
    Some(Clause {
        hosts: hosts.unwrap_or_default(),
        path,
        methods: methods.unwrap_or_default(),
        headers: headers.unwrap_or_default(),
        cookies: cookies.unwrap_or_default(),
        query: query.unwrap_or_default(),
    })
}

fn host(value: Value, report: &mut Report) -> Option<String> {
    let host = scalar::filled_text(value, report)?;
    let clause = ClauseSpec { hosts: vec![host.clone()], ..ClauseSpec::default() };
    probe::condition(clause, "hosts[0]", report);
    Some(host)
}

fn header(value: Value, report: &mut Report) -> Option<FieldMatch> {
    let header = field(value, matched_header, report)?;
    let clause = ClauseSpec { headers: vec![header.compile()], ..ClauseSpec::default() };
    probe::condition(clause, "headers[0]", report);
    Some(header)
}

fn cookie(value: Value, report: &mut Report) -> Option<FieldMatch> {
    let cookie = field(value, scalar::filled_text, report)?;
    let clause = ClauseSpec { cookies: vec![cookie.compile()], ..ClauseSpec::default() };
    probe::condition(clause, "cookies[0]", report);
    Some(cookie)
}

fn parameter(value: Value, report: &mut Report) -> Option<FieldMatch> {
    let parameter = field(value, scalar::filled_text, report)?;
    let clause = ClauseSpec { query: vec![parameter.compile()], ..ClauseSpec::default() };
    probe::condition(clause, "query[0]", report);
    Some(parameter)
}

/// A header's name. What Envoy makes of the request line and `host` has fields of its own, and the control headers are taken off
/// every request before any rule sees it.
fn matched_header(value: Value, report: &mut Report) -> Option<String> {
    scalar::checked(value, report, |name| {
        let lower = name.to_ascii_lowercase();
        let instead = match lower.as_str() {
            ":authority" | "host" => Some("hosts"),
            ":path" => Some("path"),
            ":method" => Some("methods"),
            _ => None,
        };
        if let Some(instead) = instead {
            return Err(format!("`{name}` has a field of its own: give `{instead}`"));
        }
        if lower.starts_with("x-umbra-") {
            let name = shorten(name);
            return Err(format!(
                "`{name}` is Umbra's own and never arrives from outside: give another header"
            ));
        }
        scalar::token(name, "a header's name")
    })
}

fn path(value: Value, report: &mut Report) -> Option<PathMatch> {
    const KINDS: [&str; 4] = ["exact", "prefix", "regex", "template"];
    let mut object = Object::open(value, report)?;
    let chosen = one_of(&mut object, &KINDS, report);
    object.close(report);
    let (kind, value) = chosen?;
    let text = report.field(kind, |report| scalar::filled_text(value, report))?;
    let path = match kind {
        "exact" => PathMatch::Exact(text),
        "prefix" => PathMatch::Prefix(text),
        "regex" => PathMatch::Regex(text),
        _ => PathMatch::Template(text),
    };
    let clause = ClauseSpec { path: Some(path.compile()), ..ClauseSpec::default() };
    probe::condition(clause, "path", report);
    Some(path)
}

fn field(
    value: Value,
    read_name: fn(Value, &mut Report) -> Option<String>,
    report: &mut Report,
) -> Option<FieldMatch> {
    const KINDS: [&str; 7] = ["exact", "prefix", "suffix", "contains", "regex", "present", "absent"];
    let mut object = Object::open(value, report)?;
    let name = object.required("name", "a name", report, read_name);
    let chosen = one_of(&mut object, &KINDS, report);
    object.close(report);
    let (kind, value) = chosen?;
    let value = report.field(kind, |report| match kind {
        "present" | "absent" => {
            if !scalar::boolean(value, report)? {
                let other = if kind == "present" { "absent" } else { "present" };
                report.problem(format!("false says nothing: give `{other}: true` for the opposite"));
                return None;
            }
            Some(if kind == "present" { ValueMatch::Present } else { ValueMatch::Absent })
        }
        // An empty value can be asked for, but every value has an empty part.
        "exact" => scalar::text(value, report).map(ValueMatch::Exact),
        "prefix" => scalar::filled_text(value, report).map(ValueMatch::Prefix),
        "suffix" => scalar::filled_text(value, report).map(ValueMatch::Suffix),
        "contains" => scalar::filled_text(value, report).map(ValueMatch::Contains),
        _ => scalar::filled_text(value, report).map(ValueMatch::Regex),
    })?;
    Some(FieldMatch { name: name?, value })
}

/// Takes the one of these fields that is there; reports when there is none, or more than one.
fn one_of(object: &mut Object, kinds: &[&'static str], report: &mut Report) -> Option<(&'static str, Value)> {
    let written: Vec<&'static str> = kinds.iter().copied().filter(|kind| object.has(kind)).collect();
    let mut chosen = None;
    for kind in kinds {
        if let Some(value) = object.take(kind) {
            chosen = Some((*kind, value));
        }
    }
    match written.len() {
        1 => chosen,
        // What is left is reported as unknown, with what was probably meant.
        0 if !object.is_used_up() => None,
        0 => {
            report.problem(format!("has no condition: give exactly one of {}", suggest::listed(kinds)));
            None
        }
        _ => {
            let written = suggest::listed(&written);
            report.problem(format!("has several conditions, {written}: give exactly one of them"));
            None
        }
    }
}
