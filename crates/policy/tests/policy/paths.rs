//! Paths: exact, prefix, template and regular expression, and where a path ends.

use umbra_policy::path::split;
use umbra_policy::spec::{ClauseSpec, PathSpec};

use crate::support::{TestRequest, check};

fn paths(spec: PathSpec, fit: &[&[u8]], miss: &[&[u8]]) {
    let clause = ClauseSpec { path: Some(spec), ..ClauseSpec::default() };
    let cases = |list: &[&[u8]], expected| {
        list.iter().map(|path| (TestRequest::get(path), expected)).collect::<Vec<_>>()
    };
    check(clause, &[cases(fit, true), cases(miss, false)].concat());
}

#[test]
fn splits_target() {
    let cases: &[(&[u8], &[u8], &[u8])] = &[
        (b"/a?b=1", b"/a", b"b=1"),
        (b"/a?b=1?c", b"/a", b"b=1?c"),
        (b"/a#f", b"/a", b""),
        (b"/a?b#f", b"/a", b"b"),
        (b"/a#f?b", b"/a", b""),
        (b"/a?", b"/a", b""),
        (b"?", b"", b""),
        (b"?a", b"", b"a"),
        (b"#", b"", b""),
        (b"", b"", b""),
    ];
    for (target, path, query) in cases {
        assert_eq!(split(target), (*path, *query), "of {}", target.escape_ascii());
    }
}

#[test]
fn exact() {
    paths(
        PathSpec::Exact("/api/cart".into()),
        &[b"/api/cart", b"/api/cart?x=1", b"/api/cart#f", b"/api/cart?"],
        &[
            b"/api/cart/",
            b"/api/Cart",
            b"/api//cart",
            b"/api/cart/x",
            b"/api",
            b"api/cart",
            b"",
            b"/api/c%61rt",
        ],
    );
    paths(PathSpec::Exact("/".into()), &[b"/", b"/?"], &[b"", b"?", b"//", b"/a", b"*"]);
    paths(PathSpec::Exact("/a//b".into()), &[b"/a//b"], &[b"/a/b", b"/a///b", b"/a//"]);
    paths(PathSpec::Exact("/a/".into()), &[b"/a/"], &[b"/a", b"/a//"]);
    paths(PathSpec::Exact("/caf\u{e9}".into()), &[b"/caf\xc3\xa9"], &[b"/caf%C3%A9", b"/caf\xe9"]);
    // In an exact path braces are braces.
    paths(PathSpec::Exact("/{id}".into()), &[b"/{id}"], &[b"/1"]);
}

#[test]
fn prefix_ends_on_segment_borders() {
    for prefix in ["/api", "/api/"] {
        paths(
            PathSpec::Prefix(prefix.into()),
            &[b"/api", b"/api/", b"/api/x", b"/api//", b"/api?x", b"/api/x/y?z"],
            &[b"/apix", b"/ap", b"/", b"", b"/x/api", b"//api", b"/API", b"/api%2Fx", b"api"],
        );
    }
    paths(PathSpec::Prefix("/".into()), &[b"/", b"/a", b"//", b"", b"?x", b"/\xff"], &[b"*", b"a", b"\xff"]);
    paths(PathSpec::Prefix("//".into()), &[b"/", b"//", b"//a"], &[b"/a", b""]);
    paths(PathSpec::Prefix("/a//".into()), &[b"/a/", b"/a//", b"/a//b"], &[b"/a", b"/a/b"]);
}

#[test]
fn template_segments_are_whole_and_not_empty() {
    paths(
        PathSpec::Template("/users/{id}".into()),
        &[b"/users/1", b"/users/a%20b?x", b"/users/\xff", b"/users/{id}"],
        &[b"/users", b"/users/", b"/users//", b"/users/1/", b"/users/1/x", b"/user/1", b"users/1", b""],
    );
    paths(
        PathSpec::Template("/{a}/x/{b}".into()),
        &[b"/1/x/2", b"/x/x/x"],
        &[b"//x/2", b"/1/x/", b"/1/y/2", b"/1/x"],
    );
    paths(PathSpec::Template("/{a}/".into()), &[b"/1/"], &[b"/1", b"//", b"/1//"]);
    paths(PathSpec::Template("/plain".into()), &[b"/plain"], &[b"/plain/", b"/other"]);
    paths(PathSpec::Template("/".into()), &[b"/"], &[b"", b"//", b"/a"]);
}

#[test]
fn regex_matches_the_whole_path() {
    paths(
        PathSpec::Regex("/users/[0-9]+".into()),
        &[b"/users/1", b"/users/123?x"],
        &[b"/users/", b"/users/1/", b"x/users/1", b"/users/1\n", b"/users/1\xff"],
    );
    paths(PathSpec::Regex("/a|/ab".into()), &[b"/a", b"/ab"], &[b"/abc", b"/b", b"x/a"]);
    paths(PathSpec::Regex("(?i)/API/.*".into()), &[b"/api/x"], &[b"/apix"]);
    paths(PathSpec::Regex(".*".into()), &[b"", b"?", b"/x"], &[b"/\xff"]);
    // Multi-line anchors do not open the ends.
    paths(PathSpec::Regex("(?m)^a$".into()), &[b"a"], &[b"a\nb", b"b\na"]);
}

#[test]
fn rules_of_all_kinds_share_the_trie() {
    let kinds = [
        PathSpec::Exact("/a/b".into()),
        PathSpec::Template("/a/{x}".into()),
        PathSpec::Template("/{x}/b".into()),
        PathSpec::Prefix("/a".into()),
    ];
    let stamps = ["exact", "template", "template-first", "zprefix"]
        .iter()
        .zip(kinds)
        .map(|(name, path)| umbra_policy::spec::StampSpec {
            name: (*name).into(),
            clauses: vec![ClauseSpec { path: Some(path), ..ClauseSpec::default() }],
        })
        .collect();
    let spec = umbra_policy::spec::PolicySpec { stamps, ..Default::default() };
    let policy = umbra_policy::Policy::build(spec).unwrap();
    let cases: &[(&str, &[u16])] = &[
        ("/a/b", &[0, 1, 2, 3]),
        ("/a/c", &[1, 3]),
        ("/c/b", &[2]),
        ("/a", &[3]),
        ("/a/b/c", &[3]),
        ("/", &[]),
    ];
    for (path, expected) in cases {
        let stamps = umbra_policy::decide(&policy, &TestRequest::get(path), 0).stamps;
        assert_eq!(stamps.iter().map(|stamp| stamp.0).collect::<Vec<_>>(), *expected, "for {path}");
    }
}
