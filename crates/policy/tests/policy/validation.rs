//! What a policy may not hold, and the path that each error names.

use umbra_policy::spec::{
    BodySpec, ClauseSpec, CompareSpec, PathSpec, PolicySpec, SampleBy, ShadowSpec, StampSpec, ValueSpec,
};
use umbra_policy::{FieldError, Policy};

use crate::support::{field, shadow, shadowed, stamp_for_all};

/// Asserts the paths of the errors, in order, and part of each message.
fn check_errors(spec: PolicySpec, expected: &[(&str, &str)]) {
    let errors = Policy::build(spec).err().unwrap_or_default();
    let paths: Vec<&str> = errors.iter().map(|error| error.path.as_str()).collect();
    assert_eq!(paths, expected.iter().map(|(path, _)| *path).collect::<Vec<_>>(), "{errors:#?}");
    for (error, (_, message)) in errors.iter().zip(expected) {
        assert!(error.message.contains(message), "{error:?} does not say {message:?}");
    }
}

fn clause_errors(clause: ClauseSpec, expected: &[(&str, &str)]) {
    let stamps = vec![
        stamp_for_all("a"),
        StampSpec { name: "s".into(), clauses: vec![ClauseSpec::default(), clause] },
    ];
    let expected: Vec<(String, &str)> =
        expected.iter().map(|(path, message)| (format!("stamps[1].clauses[1].{path}"), *message)).collect();
    let expected: Vec<(&str, &str)> =
        expected.iter().map(|(path, message)| (path.as_str(), *message)).collect();
    check_errors(PolicySpec { stamps, ..PolicySpec::default() }, &expected);
}

fn shadow_errors(spec: ShadowSpec, expected: &[(&str, &str)]) {
    let expected: Vec<(String, &str)> =
        expected.iter().map(|(path, message)| (format!("shadows[1].{path}"), *message)).collect();
    let expected: Vec<(&str, &str)> =
        expected.iter().map(|(path, message)| (path.as_str(), *message)).collect();
    let stamps = vec![stamp_for_all("s")];
    check_errors(PolicySpec { stamps, shadows: vec![shadow("a"), spec], ..PolicySpec::default() }, &expected);
}

#[test]
fn an_empty_policy_is_a_policy() {
    let policy =
        Policy::build(PolicySpec { revision: 7, mesh_key: Some([1; 16]), ..PolicySpec::default() }).unwrap();
    assert_eq!((policy.revision(), policy.mesh_key()), (7, Some(&[1; 16])));
    assert!(policy.stamps().is_empty() && policy.shadows().is_empty());
}

#[test]
fn a_policy_can_be_shared_by_threads() {
    fn is_shared<T: Send + Sync + 'static>() {}
    is_shared::<Policy>();
}

#[test]
fn errors_show_as_path_and_message() {
    let error = FieldError { path: "shadows[2].share_ppm".into(), message: "is wrong".into() };
    assert_eq!(error.to_string(), "shadows[2].share_ppm: is wrong");
}

#[test]
fn every_error_is_told_with_the_position_it_came_in() {
    let mut first = shadow("b");
    first.share_ppm = 1_000_001;
    first.stamps = vec!["s".into(), "nobody".into()];
    let second = ShadowSpec { target_cluster: String::new(), ..shadow("a") };
    let path = Some(PathSpec::Regex("(".into()));
    let stamps = vec![
        stamp_for_all("s"),
        StampSpec { name: "r".into(), clauses: vec![ClauseSpec { path, ..ClauseSpec::default() }] },
    ];
    check_errors(
        PolicySpec { stamps, shadows: vec![first, second], ..PolicySpec::default() },
        &[
            ("stamps[1].clauses[0].path.regex", "regular expression"),
            ("shadows[1].target_cluster", "cluster name"),
            ("shadows[0].stamps[1]", "no stamp \"nobody\""),
            ("shadows[0].share_ppm", "1000001 is out of range"),
        ],
    );
}

#[test]
fn names() {
    let stamp_errors = |name: &str, expected: &[(&str, &str)]| {
        check_errors(PolicySpec { stamps: vec![stamp_for_all(name)], ..PolicySpec::default() }, expected);
    };
    let longest = "a".repeat(63);
    for name in ["a", "0", "a-b", "a.b", "a--b", "v2.1-x", &longest] {
        stamp_errors(name, &[]);
    }
    let too_long = "a".repeat(64);
    for name in ["", "-", "a-", ".a", "A", "a_b", "a b", "a,b", "é", "a\r\nb", &too_long] {
        stamp_errors(name, &[("stamps[0].name", "is not a name")]);
        shadow_errors(
            ShadowSpec {
                name: name.into(),
                target_cluster: "c".into(),
                sample: shadow("x").sample,
                ..shadow("x")
            },
            &[("name", "is not a name")],
        );
    }
    let twice = vec![stamp_for_all("b"), stamp_for_all("a"), stamp_for_all("b")];
    check_errors(
        PolicySpec { stamps: twice, ..PolicySpec::default() },
        &[("stamps[2].name", "\"b\" is there twice")],
    );
    shadow_errors(shadow("a"), &[("name", "\"a\" is there twice")]);
}

#[test]
fn stamps() {
    let none = vec![StampSpec { name: "s".into(), clauses: vec![] }];
    check_errors(PolicySpec { stamps: none, ..PolicySpec::default() }, &[("stamps[0].clauses", "is empty")]);
    let clauses = |count| vec![StampSpec { name: "s".into(), clauses: vec![ClauseSpec::default(); count] }];
    check_errors(PolicySpec { stamps: clauses(100), ..PolicySpec::default() }, &[]);
    check_errors(
        PolicySpec { stamps: clauses(101), ..PolicySpec::default() },
        &[("stamps[0].clauses", "100 are the most")],
    );
}

#[test]
fn bounds_of_the_lists() {
    let stamps = |count| (0..count).map(|number| stamp_for_all(&format!("s{number}"))).collect();
    check_errors(PolicySpec { stamps: stamps(10_000), ..PolicySpec::default() }, &[]);
    check_errors(
        PolicySpec { stamps: stamps(10_001), ..PolicySpec::default() },
        &[("stamps", "10000 are the most")],
    );
    let shadows = |count| (0..count).map(|number| shadow(&format!("d{number}"))).collect();
    let stamps = vec![stamp_for_all("s")];
    check_errors(
        PolicySpec { stamps: stamps.clone(), shadows: shadows(1_000), ..PolicySpec::default() },
        &[],
    );
    check_errors(
        PolicySpec { stamps, shadows: shadows(1_001), ..PolicySpec::default() },
        &[("shadows", "1000 are the most")],
    );
    clause_errors(
        ClauseSpec {
            hosts: vec!["a".into(); 101],
            methods: vec!["GET".into(); 101],
            headers: vec![field("x", ValueSpec::Present); 101],
            cookies: vec![field("x", ValueSpec::Present); 101],
            query: vec![field("x", ValueSpec::Present); 101],
            path: None,
        },
        &[("hosts", "101"), ("methods", "101"), ("headers", "101"), ("cookies", "101"), ("query", "101")],
    );
}

#[test]
fn hosts() {
    let long = "a".repeat(254);
    let cases: &[(&str, &str)] = &[
        ("", "is empty"),
        (".", "is empty"),
        ("*.", "is empty"),
        ("a:80", "port"),
        ("[::1]:80", "port"),
        ("*a", "star"),
        ("a.*.b", "star"),
        ("**", "star"),
        ("*.*", "star"),
        ("a..b", "empty label"),
        (".a", "empty label"),
        ("a b", "character"),
        ("https//a", "character"),
        ("café.example", "punycode"),
        (&long, "253"),
    ];
    for (host, message) in cases {
        let hosts = vec!["good.example".into(), (*host).into()];
        clause_errors(ClauseSpec { hosts, ..ClauseSpec::default() }, &[("hosts[1]", message)]);
    }
}

#[test]
fn paths() {
    let long = format!("/{}", "a".repeat(2_048));
    let deep = "/a".repeat(101);
    let regex_with_large_program = "(?:(?:[a-z]{100}){100}){100}";
    let long_regex = "a".repeat(1_025);
    let cases = [
        (PathSpec::Exact("".into()), "path.exact", "slash"),
        (PathSpec::Exact("a".into()), "path.exact", "slash"),
        (PathSpec::Exact("/a?b".into()), "path.exact", "query"),
        (PathSpec::Exact("/a#b".into()), "path.exact", "query"),
        (PathSpec::Exact(long.clone()), "path.exact", "2048"),
        (PathSpec::Prefix("api".into()), "path.prefix", "slash"),
        (PathSpec::Prefix("/a?".into()), "path.prefix", "query"),
        (PathSpec::Prefix(deep.clone()), "path.prefix", "100 segments"),
        (PathSpec::Template("{id}".into()), "path.template", "slash"),
        (PathSpec::Template("/a{id}".into()), "path.template", "whole segment"),
        (PathSpec::Template("/{id}.json".into()), "path.template", "whole segment"),
        (PathSpec::Template("/{}".into()), "path.template", "whole segment"),
        (PathSpec::Template("/{a}{b}".into()), "path.template", "whole segment"),
        (PathSpec::Template("/{a".into()), "path.template", "whole segment"),
        (PathSpec::Template("/a}".into()), "path.template", "whole segment"),
        (PathSpec::Template(deep), "path.template", "100 segments"),
        (PathSpec::Regex("".into()), "path.regex", "is empty"),
        (PathSpec::Regex("(".into()), "path.regex", "regular expression"),
        (PathSpec::Regex("a)|(b".into()), "path.regex", "regular expression"),
        (PathSpec::Regex(r"(a)\1".into()), "path.regex", "regular expression"),
        (PathSpec::Regex("(?=a)".into()), "path.regex", "regular expression"),
        (PathSpec::Regex("(?x) a # open".into()), "path.regex", "regular expression"),
        (PathSpec::Regex(regex_with_large_program.into()), "path.regex", "size"),
        (PathSpec::Regex(long_regex), "path.regex", "1024"),
    ];
    for (path, at, message) in cases {
        clause_errors(ClauseSpec { path: Some(path), ..ClauseSpec::default() }, &[(at, message)]);
    }
    let good = [
        PathSpec::Exact("/a".repeat(100)),
        PathSpec::Template("/{a_b-1}".into()),
        PathSpec::Regex("/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}".into()),
        PathSpec::Regex("/.{1,255}".into()),
    ];
    for path in good {
        clause_errors(ClauseSpec { path: Some(path), ..ClauseSpec::default() }, &[]);
    }
}

#[test]
fn methods_and_fields() {
    let methods = ["GET", "get", "PURGE", "G T", "", "Post"].map(String::from).to_vec();
    clause_errors(
        ClauseSpec { methods, ..ClauseSpec::default() },
        &[
            ("methods[1]", "capitals"),
            ("methods[3]", "not a method"),
            ("methods[4]", "not a method"),
            ("methods[5]", "capitals"),
        ],
    );
    let long = "a".repeat(4_097);
    clause_errors(
        ClauseSpec {
            headers: vec![
                field("X-Fine", ValueSpec::Exact("".into())),
                field("", ValueSpec::Present),
                field(":path", ValueSpec::Present),
                field("a b", ValueSpec::Present),
                field("X-Umbra-Stamp", ValueSpec::Present),
                field("é", ValueSpec::Prefix("".into())),
                field("x", ValueSpec::Exact(long)),
            ],
            cookies: vec![
                field("a=b", ValueSpec::Suffix("".into())),
                field("a;", ValueSpec::Absent),
                field("a[0]", ValueSpec::Absent),
            ],
            query: vec![
                field("", ValueSpec::Contains("".into())),
                field("a b&", ValueSpec::Regex("[".into())),
            ],
            ..ClauseSpec::default()
        },
        &[
            ("headers[1].name", "not a header name"),
            ("headers[2].name", "not a header name"),
            ("headers[3].name", "not a header name"),
            ("headers[4].name", "Umbra's own"),
            ("headers[5].name", "not a header name"),
            ("headers[5].prefix", "is empty"),
            ("headers[6].exact", "4096"),
            ("cookies[0].name", "not a cookie name"),
            ("cookies[0].suffix", "is empty"),
            ("cookies[1].name", "not a cookie name"),
            ("query[0].name", "1 to 256"),
            ("query[0].contains", "is empty"),
            ("query[1].regex", "regular expression"),
        ],
    );
}

#[test]
fn shadows() {
    let mut spec = shadow("b");
    spec.stamps.clear();
    spec.target_cluster = "two words".into();
    spec.control_cluster = Some("".into());
    spec.share_ppm = u32::MAX;
    spec.sample.salt = String::new();
    spec.sample.by = SampleBy::Header("a b".into());
    spec.guard.methods = vec!["get".into()];
    spec.guard.max_rps = Some(0);
    spec.request.remove_headers =
        vec!["Authorization".into(), "x-umbra-pair".into(), "Content-Length".into()];
    spec.request.set_headers = vec![
        ("X-Env".into(), "shadow\t1".into()),
        (":path".into(), "/".into()),
        ("x".into(), "a\r\nb".into()),
    ];
    shadow_errors(
        spec,
        &[
            ("stamps", "is empty"),
            ("target_cluster", "cluster name"),
            ("control_cluster", "cluster name"),
            ("share_ppm", "out of range"),
            ("sample.salt", "1 to 253"),
            ("sample.header", "not a header name"),
            ("guard.methods[0]", "capitals"),
            ("guard.max_rps", "is 0"),
            ("request.remove_headers[1]", "Umbra's own"),
            ("request.remove_headers[2]", "frames"),
            ("request.set_headers[1].name", "not a header name"),
            ("request.set_headers[2].value", "control character"),
        ],
    );
    let mut spec = shadow("b");
    spec.sample.by = SampleBy::Cookie("a b".into());
    shadow_errors(spec, &[("sample.cookie", "not a cookie name")]);
    let istio =
        ShadowSpec { target_cluster: "outbound|80|v2|cart.shop.svc.cluster.local".into(), ..shadow("b") };
    shadow_errors(istio, &[]);
}

#[test]
fn header_names_are_kept_in_lower_case() {
    let mut spec = shadow("a");
    spec.sample.by = SampleBy::Header("X-Key".into());
    spec.request.remove_headers = vec!["Authorization".into()];
    spec.request.set_headers = vec![("X-Env".into(), "Shadow".into())];
    let policy = Policy::build(PolicySpec {
        stamps: vec![stamp_for_all("s")],
        shadows: vec![spec],
        ..PolicySpec::default()
    })
    .unwrap();
    let shadow = &policy.shadows()[0];
    assert_eq!(shadow.sample().by, SampleBy::Header("x-key".into()));
    assert_eq!(shadow.copy().remove_headers, ["authorization"]);
    assert_eq!(shadow.copy().set_headers, [("x-env".to_owned(), "Shadow".to_owned())]);
}

#[test]
fn what_is_compared() {
    let compared = |compare| ShadowSpec { compare: Some(compare), ..shadow("b") };
    shadow_errors(
        compared(CompareSpec {
            share_ppm: 1_000_000,
            body: BodySpec::Full,
            max_body_bytes: 16 << 20,
            headers: vec!["Content-Type".into()],
            endpoints: vec!["/users/{id}".into()],
        }),
        &[],
    );
    shadow_errors(
        compared(CompareSpec {
            share_ppm: 1_000_001,
            max_body_bytes: (16 << 20) + 1,
            headers: vec!["a b".into(), "x-umbra-pair".into()],
            endpoints: vec!["users".into()],
            ..CompareSpec::default()
        }),
        &[
            ("compare.share_ppm", "out of range"),
            ("compare.max_body_bytes", "is over"),
            ("compare.headers[0]", "not a header name"),
            ("compare.headers[1]", "own headers"),
            ("compare.endpoints[0]", "not a path"),
        ],
    );
    let shares = [None, Some(0), Some(500_000), Some(1_000_000)].map(|ppm| {
        let compare = ppm.map(|share_ppm| CompareSpec { share_ppm, ..CompareSpec::default() });
        let policy = shadowed(vec![ShadowSpec { compare, ..shadow("a") }]);
        let shadow = &policy.shadows()[0];
        [0, 1 << 63, u64::MAX].map(|random| shadow.compares(random))
    });
    assert_eq!(shares, [[false; 3], [false; 3], [true, false, false], [true; 3]]);
}
