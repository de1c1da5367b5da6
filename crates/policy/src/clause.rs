//! One clause of a stamp: conditions that must all hold.

use crate::cookie;
use crate::host::HostPattern;
use crate::path::PathPattern;
use crate::policy::StampId;
use crate::query;
use crate::request::{Request, RequestView};
use crate::spec::{ClauseSpec, FieldSpec};
use crate::validate::{At, Errors, check_cookie_name, check_method, check_query_name, header_name};
use crate::value::ValuePattern;

/// The most items in each of a clause's lists.
const MAX_ITEMS: usize = 100;

/// A validated clause.
#[derive(Clone, Debug)]
pub(crate) struct Clause {
    pub(crate) stamp: StampId,
    pub(crate) hosts: Box<[HostPattern]>,
    pub(crate) path: Option<PathPattern>,
    methods: Box<[Box<str>]>,
    pub(crate) headers: Box<[Field]>,
    pub(crate) cookies: Box<[Field]>,
    pub(crate) query: Box<[Field]>,
}

/// A condition on a named header, cookie or parameter.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub(crate) name: Box<str>,
    value: ValuePattern,
}

/// The condition of a clause that did not hold. The number is its position in the clause's list.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Condition {
    Host,
    Path,
    Method,
    Header(usize),
    Cookie(usize),
    Query(usize),
}

impl Clause {
    /// Validates; everything wrong is noted in `errors`, and the result is then of no use.
    pub(crate) fn build(spec: &ClauseSpec, stamp: StampId, at: At<'_>, errors: &mut Errors) -> Clause {
        let mut hosts = Vec::with_capacity(spec.hosts.len());
        if errors.at_most(at.field("hosts"), spec.hosts.len(), MAX_ITEMS) {
            for (position, host) in spec.hosts.iter().enumerate() {
                hosts.extend(errors.keep(at.item("hosts", position), HostPattern::parse(host)));
            }
        }
        let path = spec.path.as_ref().and_then(|path| {
            let at_path = at.field("path");
            errors.keep(at_path.field(path.kind()), PathPattern::parse(path))
        });
        if errors.at_most(at.field("methods"), spec.methods.len(), MAX_ITEMS) {
            for (position, method) in spec.methods.iter().enumerate() {
                errors.keep(at.item("methods", position), check_method(method));
            }
        }
        let plain = |check: fn(&str) -> Result<(), &'static str>| {
            move |name: &str| check(name).map(|()| name.to_owned())
        };
        Clause {
            stamp,
            hosts: hosts.into(),
            path,
            methods: spec.methods.iter().map(|method| method.as_str().into()).collect(),
            headers: build_fields(&spec.headers, "headers", header_name, at, errors),
            cookies: build_fields(&spec.cookies, "cookies", plain(check_cookie_name), at, errors),
            query: build_fields(&spec.query, "query", plain(check_query_name), at, errors),
        }
    }

    /// The first condition that does not hold, each one asked directly: for explanations.
    pub(crate) fn first_failure<R: RequestView>(&self, request: &Request<'_, R>) -> Option<Condition> {
        if !self.hosts.is_empty() && !self.hosts.iter().any(|host| host.fits(&request.host)) {
            return Some(Condition::Host);
        }
        if self.path.as_ref().is_some_and(|path| !path.fits(request.path)) {
            return Some(Condition::Path);
        }
        self.first_failure_past_path(request)
    }

    /// Whether what the index has not answered holds too: it knows hosts and paths, but no expressions.
    pub(crate) fn fits_past_index<R: RequestView>(&self, request: &Request<'_, R>) -> bool {
        if let Some(path @ PathPattern::Regex(_)) = &self.path
            && !path.fits(request.path)
        {
            return false;
        }
        self.first_failure_past_path(request).is_none()
    }

    fn first_failure_past_path<R: RequestView>(&self, request: &Request<'_, R>) -> Option<Condition> {
        let view = request.view;
        if !self.methods.is_empty() && !self.methods.iter().any(|method| method.as_bytes() == view.method()) {
            return Some(Condition::Method);
        }
        let failed = |field: &Field| !field.value.fits(view.header(&field.name));
        if let Some(position) = self.headers.iter().position(failed) {
            return Some(Condition::Header(position));
        }
        let failed = |field: &Field| !field.value.fits(cookie::values(view.header("cookie"), &field.name));
        if let Some(position) = self.cookies.iter().position(failed) {
            return Some(Condition::Cookie(position));
        }
        let failed = |field: &Field| !field.value.fits(query::values(request.query, &field.name));
        self.query.iter().position(failed).map(Condition::Query)
    }
}

fn build_fields(
    specs: &[FieldSpec],
    list: &'static str,
    name: impl Fn(&str) -> Result<String, &'static str>,
    at: At<'_>,
    errors: &mut Errors,
) -> Box<[Field]> {
    let mut fields = Vec::with_capacity(specs.len());
    if !errors.at_most(at.field(list), specs.len(), MAX_ITEMS) {
        return Box::default();
    }
    for (position, spec) in specs.iter().enumerate() {
        let at = at.item(list, position);
        let name = errors.keep(at.field("name"), name(&spec.name));
        let value = match ValuePattern::parse(&spec.value) {
            Ok(value) => Some(value),
            Err((field, message)) => {
                errors.add(at.field(field), message);
                None
            }
        };
        if let (Some(name), Some(value)) = (name, value) {
            fields.push(Field { name: name.into(), value });
        }
    }
    fields.into()
}
