//! Policies that requests of [`crate::request`] are likely to fit.

use umbra_policy::spec::{
    BodySpec, ClauseSpec, CompareSpec, CopySpec, FieldSpec, GuardSpec, PathSpec, PolicySpec, SampleBy,
    SampleSpec, ShadowSpec, StampSpec, ValueSpec,
};

use crate::input::Input;

const HOSTS: [&str; 9] = ["a", "b.a", "*.a", "*.b.a", "*", "c.b.a", "::1", "*.c", "[::1]"];
const PATHS: [&str; 9] = ["/", "/a", "/a/b", "/a/", "//a", "/users/{id}", "/{x}/b", "/{x}", "/users/"];
const TEXTS: [&str; 6] = ["a", "ab", "b", "1", "", "\u{e9}"];
const REGEXES: [&str; 6] = ["a|ab", "[0-9]+", ".*", "/?a/?.*", "(?i)A.*b?", "(a*)*b"];
const NAMES: [&str; 4] = ["x", "y", "X", "cookie"];
const STAMPS: [&str; 6] = ["s0", "s1", "s2", "s3", "s4", "s5"];

/// A policy that mostly builds: what is wrong with it comes from the rare arbitrary text.
pub(crate) fn policy(input: &mut Input<'_>) -> PolicySpec {
    let stamps = 1 + input.below(4);
    let stamps = STAMPS.iter().take(stamps).map(|name| StampSpec {
        name: (*name).to_owned(),
        clauses: std::iter::once(clause(input)).chain(input.list(2, clause)).collect(),
    });
    let stamps: Vec<StampSpec> = stamps.collect();
    let shadows = input.below(4);
    let shadows = (0..shadows).map(|index| shadow(format!("d{index}"), &stamps, input)).collect();
    PolicySpec { revision: 7, mesh_key: input.flag().then_some([7; 16]), stamps, shadows }
}

fn clause(input: &mut Input<'_>) -> ClauseSpec {
    ClauseSpec {
        hosts: input.list(2, |input| input.text(&HOSTS)),
        path: path(input),
        methods: input.list(1, |input| input.text(&["GET", "POST"])),
        headers: input.list(2, field),
        cookies: input.list(1, field),
        query: input.list(1, field),
    }
}

fn path(input: &mut Input<'_>) -> Option<PathSpec> {
    match input.below(5) {
        0 => None,
        1 => Some(PathSpec::Exact(input.text(&PATHS))),
        2 => Some(PathSpec::Prefix(input.text(&PATHS))),
        3 => Some(PathSpec::Template(input.text(&PATHS))),
        _ => Some(PathSpec::Regex(input.text(&REGEXES))),
    }
}

fn field(input: &mut Input<'_>) -> FieldSpec {
    let name = input.text(&NAMES);
    let value = match input.below(7) {
        0 => ValueSpec::Present,
        1 => ValueSpec::Absent,
        2 => ValueSpec::Exact(input.text(&TEXTS)),
        3 => ValueSpec::Prefix(input.text(&TEXTS)),
        4 => ValueSpec::Suffix(input.text(&TEXTS)),
        5 => ValueSpec::Contains(input.text(&TEXTS)),
        _ => ValueSpec::Regex(input.text(&REGEXES)),
    };
    FieldSpec { name, value }
}

fn shadow(name: String, stamps: &[StampSpec], input: &mut Input<'_>) -> ShadowSpec {
    let by = match input.below(4) {
        0 => SampleBy::Request,
        1 => SampleBy::Header(input.text(&NAMES)),
        2 => SampleBy::Cookie(input.text(&NAMES)),
        _ => SampleBy::SourceIp,
    };
    ShadowSpec {
        stamps: std::iter::once(0)
            .chain(input.list(2, Input::byte))
            .map(|at| stamps[usize::from(at) % stamps.len()].name.clone())
            .collect::<std::collections::BTreeSet<_>>()
            .into_iter()
            .collect(),
        target_cluster: input.text(&["t", "u"]),
        control_cluster: input.flag().then(|| input.text(&["p", "t"])),
        enabled: input.byte() < 224,
        share_ppm: input.pick(&[1_000_000, 500_000, 1, 0, 999_999]),
        sample: SampleSpec { by, salt: input.text(&["salt", "d0"]) },
        guard: GuardSpec {
            methods: input.list(1, |input| input.text(&["GET", "POST"])),
            max_request_bytes: input.pick(&[262_144, 0, 1, u64::MAX]),
            allow_unknown_length: input.flag(),
            max_rps: input.flag().then(|| input.pick(&[1, 200, u32::MAX])),
        },
        request: CopySpec {
            remove_headers: input.list(1, |input| input.text(&["authorization", "x"])),
            set_headers: input.list(1, |input| (input.text(&["x-env", "y"]), input.text(&TEXTS))),
        },
        compare: input.flag().then(|| CompareSpec {
            share_ppm: input.pick(&[1_000_000, 500_000, 0]),
            body: input.pick(&[BodySpec::None, BodySpec::Digest, BodySpec::Full]),
            max_body_bytes: input.pick(&[65_536, 0, 3]),
            headers: input.list(1, |input| input.text(&["content-type", "x"])),
            endpoints: input.list(1, |input| input.text(&PATHS)),
        }),
        name,
    }
}
