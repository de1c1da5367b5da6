//! The index against the direct evaluation, and any bytes at all.
//!
//! Hosts, segments, names and values come from small sets, so that rules overlap and requests hit them.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::Union;
use umbra_policy::explain::explain;
use umbra_policy::spec::{
    ClauseSpec, FieldSpec, PathSpec, PolicySpec, SampleBy, SampleSpec, ShadowSpec, StampSpec, ValueSpec,
};
use umbra_policy::{BodyLength, Policy, decide};

use crate::support::{TestRequest, shadow};

const SEGMENTS: [&str; 4] = ["a", "b", "", "users"];
const TEXTS: [&str; 5] = ["a", "ab", "b", "1", "\u{e9}"];
const REGEXES: [&str; 5] = ["a|ab", "[0-9]+", ".*", "/?a/?.*", "(?i)A.*b?"];

fn text() -> impl Strategy<Value = String> {
    select(&TEXTS[..]).prop_map(str::to_owned)
}

fn host_pattern() -> impl Strategy<Value = String> {
    select(&["a", "b.a", "*.a", "*.b.a", "*", "c.b.a", "::1", "*.c"][..]).prop_map(str::to_owned)
}

fn rule_path(segments: &'static [&'static str]) -> impl Strategy<Value = String> {
    vec(select(segments), 1..4).prop_map(|segments| format!("/{}", segments.join("/")))
}

fn path_spec() -> impl Strategy<Value = PathSpec> {
    prop_oneof![
        rule_path(&SEGMENTS).prop_map(PathSpec::Exact),
        rule_path(&SEGMENTS).prop_map(PathSpec::Prefix),
        rule_path(&["a", "b", "", "{x}", "{y}"]).prop_map(PathSpec::Template),
        select(&REGEXES[..]).prop_map(|source| PathSpec::Regex(source.to_owned())),
    ]
}

fn field_spec() -> impl Strategy<Value = FieldSpec> {
    let value = prop_oneof![
        text().prop_map(ValueSpec::Exact),
        text().prop_map(ValueSpec::Prefix),
        text().prop_map(ValueSpec::Suffix),
        text().prop_map(ValueSpec::Contains),
        select(&REGEXES[..]).prop_map(|source| ValueSpec::Regex(source.to_owned())),
        Just(ValueSpec::Present),
        Just(ValueSpec::Absent),
    ];
    (select(&["x", "y"][..]), value).prop_map(|(name, value)| FieldSpec { name: name.into(), value })
}

/// Conditions past the path are rare, so that most clauses are decided by what the index knows.
fn clause_spec() -> impl Strategy<Value = ClauseSpec> {
    let few = || prop_oneof![4 => Just(Vec::new()), 1 => vec(field_spec(), 1..3)];
    let methods = prop_oneof![4 => Just(Vec::new()), 1 => Just(vec!["GET".to_owned()])];
    (vec(host_pattern(), 0..3), option::of(path_spec()), methods, few(), few(), few()).prop_map(
        |(hosts, path, methods, headers, cookies, query)| ClauseSpec {
            hosts,
            path,
            methods,
            headers,
            cookies,
            query,
        },
    )
}

fn policy_spec() -> impl Strategy<Value = PolicySpec> {
    let by = prop_oneof![
        Just(SampleBy::Request),
        Just(SampleBy::Header("x".into())),
        Just(SampleBy::Cookie("y".into())),
        Just(SampleBy::SourceIp),
    ];
    let shadows = vec((vec(0..8_usize, 1..3), by, 0..=1_000_000_u32, any::<[bool; 4]>()), 0..8);
    (vec(vec(clause_spec(), 1..4), 1..8), shadows).prop_map(|(stamps, shadows)| {
        let stamp_count = stamps.len();
        let stamps = stamps
            .into_iter()
            .enumerate()
            .map(|(position, clauses)| StampSpec { name: format!("s{position}"), clauses })
            .collect();
        let shadows = shadows
            .into_iter()
            .enumerate()
            .map(|(position, (stamps, by, share_ppm, [enabled, control, get_only, salted]))| {
                let mut spec = shadow(&format!("d{position}"));
                spec.stamps = stamps.iter().map(|stamp| format!("s{}", stamp % stamp_count)).collect();
                spec.enabled = enabled;
                spec.share_ppm = share_ppm;
                spec.control_cluster = control.then(|| "base".to_owned());
                spec.guard.methods.extend(get_only.then(|| "GET".to_owned()));
                spec.sample =
                    SampleSpec { by, salt: if salted { "shared".into() } else { spec.name.clone() } };
                spec
            })
            .collect::<Vec<ShadowSpec>>();
        PolicySpec { stamps, shadows, ..PolicySpec::default() }
    })
}

/// Bytes of outside: mostly from the sets of the rules, sometimes anything.
fn bytes(likely: &'static [&'static str]) -> Union<BoxedStrategy<Vec<u8>>> {
    Union::new_weighted(vec![
        (9, select(likely).prop_map(|text| text.as_bytes().to_vec()).boxed()),
        (1, vec(any::<u8>(), 0..40).boxed()),
    ])
}

fn target() -> impl Strategy<Value = Vec<u8>> {
    let likely =
        (vec(select(&SEGMENTS[..]), 0..5), select(&["", "?", "?x=a", "?y=1&x", "?%78=ab&x=+", "#f"][..]))
            .prop_map(|(segments, end)| {
                let path: String = segments.iter().map(|segment| format!("/{segment}")).collect();
                format!("{path}{end}").into_bytes()
            });
    Union::new_weighted(vec![(9, likely.boxed()), (1, vec(any::<u8>(), 0..40).boxed())])
}

prop_compose! {
    fn request()(
        method in bytes(&["GET", "POST", "CONNECT"]),
        authority in bytes(&["a", "b.a", "c.b.a:80", "d.c.b.a.", "A", "[::1]:80", "x.c", "", ".a", ":80"]),
        path in target(),
        headers in vec(
            (
                select(&["x", "y", "cookie", "upgrade", "connection"][..]),
                bytes(&["a", "ab", "1", "", "x=a; y=1", "x=; y", "upgrade", "y=\"ab\""]),
            ),
            0..6,
        ),
        body in prop_oneof![
            Just(BodyLength::None),
            any::<u64>().prop_map(BodyLength::Known),
            Just(BodyLength::Known(1)),
            Just(BodyLength::Unknown),
        ],
        source_ip in any::<Option<std::net::IpAddr>>(),
    ) -> TestRequest {
        let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        TestRequest { method, authority, path, headers, body, source_ip }
    }
}

proptest! {
    // Enough that each pair of path kinds meets under each pair of host kinds.
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn index_and_direct_evaluation_agree(spec in policy_spec(), requests in vec(request(), 8), random: u64) {
        let policy = Policy::build(spec).expect("generated policies are valid");
        for request in requests {
            let explanation = explain(&policy, &request, random);
            prop_assert_eq!(decide(&policy, &request, random), explanation.decision, "for {:?}", request);
        }
    }

    /// Nothing from a request may panic: whatever the bytes, there is a decision, and both ways agree on it.
    #[test]
    fn any_bytes_get_a_decision(
        spec in policy_spec(),
        method: Vec<u8>,
        authority: Vec<u8>,
        path: Vec<u8>,
        values in vec((select(&["x", "y", "cookie", "upgrade", "connection"][..]), any::<Vec<u8>>()), 0..20),
        random: u64,
    ) {
        let policy = Policy::build(spec).expect("generated policies are valid");
        let headers = values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let request = TestRequest { method, authority, path, headers, body: BodyLength::None, source_ip: None };
        let explanation = explain(&policy, &request, random);
        prop_assert_eq!(decide(&policy, &request, random), explanation.decision);
    }

    /// Whatever a policy holds, building it ends in a policy or in errors, and a policy decides.
    #[test]
    fn any_texts_build_or_are_refused(texts in vec(any::<String>(), 10), request in request()) {
        let [a, b, c, d, e, f, g, h, i, j]: [String; 10] = texts.try_into().expect("ten");
        let clause = |path, value| ClauseSpec {
            hosts: vec![a.clone()],
            path: Some(path),
            methods: vec![],
            headers: vec![FieldSpec { name: "x".into(), value }],
            cookies: vec![],
            query: vec![FieldSpec { name: b.clone(), value: ValueSpec::Exact(c.clone()) }],
        };
        let clauses = vec![
            clause(PathSpec::Regex(d), ValueSpec::Regex(e)),
            clause(PathSpec::Template(format!("/{f}")), ValueSpec::Contains(g)),
            clause(PathSpec::Prefix(format!("/{h}")), ValueSpec::Prefix(i)),
            clause(PathSpec::Exact(format!("/{j}")), ValueSpec::Present),
        ];
        let alone = clauses.into_iter().map(|clause| StampSpec { name: "s".into(), clauses: vec![clause] });
        for stamp in alone {
            let spec = PolicySpec { stamps: vec![stamp], ..PolicySpec::default() };
            if let Ok(policy) = Policy::build(spec) {
                let explanation = explain(&policy, &request, 0);
                prop_assert_eq!(decide(&policy, &request, 0), explanation.decision);
            }
        }
    }
}
