//! Methods, headers, cookies and query parameters.

use umbra_policy::explain::{FieldMismatch, Mismatch, explain};
use umbra_policy::spec::{ClauseSpec, PathSpec, ValueSpec};

use crate::support::{TestRequest, check, field, policy_of};

/// Each case is a request's lines of the header `x-a`.
fn headers(value: ValueSpec, fit: &[&[&[u8]]], miss: &[&[&[u8]]]) {
    let clause = ClauseSpec { headers: vec![field("X-A", value)], ..ClauseSpec::default() };
    check(clause, &[lines("x-a", fit, true), lines("x-a", miss, false)].concat());
}

/// Each case is a request's `cookie` lines.
fn cookies(value: ValueSpec, fit: &[&[&[u8]]], miss: &[&[&[u8]]]) {
    let clause = ClauseSpec { cookies: vec![field("session", value)], ..ClauseSpec::default() };
    check(clause, &[lines("cookie", fit, true), lines("cookie", miss, false)].concat());
}

fn lines(name: &str, cases: &[&[&[u8]]], expected: bool) -> Vec<(TestRequest, bool)> {
    let request =
        |lines: &&[&[u8]]| lines.iter().fold(TestRequest::get("/"), |request, line| request.with(name, line));
    cases.iter().map(|lines| (request(lines), expected)).collect()
}

/// Each case is a request target; the condition is on the parameter `page`.
fn query(value: ValueSpec, fit: &[&[u8]], miss: &[&[u8]]) {
    let clause = ClauseSpec { query: vec![field("page", value)], ..ClauseSpec::default() };
    let cases = |list: &[&[u8]], expected| {
        list.iter().map(|path| (TestRequest::get(path), expected)).collect::<Vec<_>>()
    };
    check(clause, &[cases(fit, true), cases(miss, false)].concat());
}

#[test]
fn methods_are_compared_with_case() {
    let clause = ClauseSpec { methods: vec!["GET".into(), "PURGE".into()], ..ClauseSpec::default() };
    let method = |method: &[u8]| TestRequest { method: method.to_vec(), ..TestRequest::get("/") };
    check(
        clause,
        &[
            (method(b"GET"), true),
            (method(b"PURGE"), true),
            (method(b"get"), false),
            (method(b"POST"), false),
            (method(b""), false),
            (method(b"GET\xff"), false),
        ],
    );
}

#[test]
fn header_values() {
    headers(
        ValueSpec::Exact("acme".into()),
        &[&[b"acme"], &[b"other", b"acme"], &[b"acme", b"\xff"]],
        &[&[], &[b"Acme"], &[b"acme "], &[b"acme, other"], &[b""]],
    );
    headers(ValueSpec::Exact("".into()), &[&[b""], &[b"x", b""]], &[&[], &[b" "]]);
    headers(ValueSpec::Prefix("ac".into()), &[&[b"ac"], &[b"acme\xff"]], &[&[b"a"], &[b"xac"], &[]]);
    headers(ValueSpec::Suffix("me".into()), &[&[b"me"], &[b"\xffme"]], &[&[b"e"], &[b"mex"], &[]]);
    headers(
        ValueSpec::Contains("cm".into()),
        &[&[b"acme"], &[b"cm"], &[b"\xffcm\xff"], &[b"\xe2\x82cm"], &[b"c", b"cm"]],
        &[&[b"c", b"m"], &[b"c\xffm"], &[]],
    );
    headers(
        ValueSpec::Contains("\u{20ac}".into()),
        &[&[b"\xe2\x82\xac"], &[b"\xe2\x82\xe2\x82\xac"], &[b"\xff\xe2\x82\xac\xac"]],
        &[&[b"\xe2\x82"], &[b"\x82\xac"]],
    );
}

#[test]
fn header_regex_matches_whole_utf8_values() {
    headers(
        ValueSpec::Regex("[0-9]+".into()),
        &[&[b"12"], &[b"\xff", b"12"]],
        &[&[b"12a"], &[b"a12"], &[b"1\n"], &[b"1\xff"], &[b""], &[]],
    );
    // A value that is not UTF-8 does not fit even what fits everything.
    headers(ValueSpec::Regex("(?s).*".into()), &[&[b""], &[b"x\ny"]], &[&[b"\xff"], &[]]);
    headers(ValueSpec::Regex("^a$|b".into()), &[&[b"a"], &[b"b"]], &[&[b"ab"]]);
    // An expression in verbose mode may end in a comment only if it ends the line.
    headers(ValueSpec::Regex("(?x) a # one letter\n".into()), &[&[b"a"]], &[&[b"aa"]]);
}

/// A client chooses the length of a value, and so what an expression costs.
#[test]
fn a_regex_is_not_asked_about_long_values() {
    headers(ValueSpec::Regex("a*".into()), &[&[&[b'a'; 8_192]]], &[&[&[b'a'; 8_193]]]);
    headers(ValueSpec::Contains("aa".into()), &[&[&[b'a'; 60_000]]], &[&[&[b'b'; 60_000]]]);
}

#[test]
fn header_presence() {
    headers(ValueSpec::Present, &[&[b"x"], &[b""], &[b"\xff"]], &[&[]]);
    headers(ValueSpec::Absent, &[&[]], &[&[b"x"], &[b""], &[b"\xff"]]);
}

#[test]
fn conditions_must_all_hold() {
    let clause = ClauseSpec {
        headers: vec![
            field("x-a", ValueSpec::Exact("1".into())),
            field("x-b", ValueSpec::Absent),
            // Different lines may satisfy two conditions on one name.
            field("x-a", ValueSpec::Exact("2".into())),
        ],
        ..ClauseSpec::default()
    };
    let both = TestRequest::get("/").with("x-a", "1").with("x-a", "2");
    check(
        clause,
        &[
            (both.clone(), true),
            (both.with("x-b", ""), false),
            (TestRequest::get("/").with("x-a", "1"), false),
        ],
    );
}

#[test]
fn cookie_values() {
    cookies(
        ValueSpec::Exact("abc".into()),
        &[
            &[b"session=abc"],
            &[b"a=1; session=abc; b=2"],
            &[b"a=1;session=abc"],
            &[b"  session = abc  ;"],
            &[b"a=1", b"session=abc"],
            &[b"session=x; session=abc"],
            &[b";;; session=abc;"],
            &[b"\xff=\xff; session=abc"],
            &[b"nonsense; session=abc"],
        ],
        &[
            &[],
            &[b""],
            &[b"session"],
            &[b"Session=abc"],
            &[b"xsession=abc"],
            &[b"session=\"abc\""],
            &[b"session=abcd"],
            &[b"session=abc=d"],
            &[b"session=a%62c"],
            &[b"a=1, session=abc"],
            &[b"=abc"],
        ],
    );
    cookies(ValueSpec::Exact("\"a b\"".into()), &[&[b"session=\"a b\""]], &[&[b"session=a b"]]);
    cookies(ValueSpec::Exact("a=b".into()), &[&[b"session=a=b"]], &[&[b"session=a"]]);
    cookies(ValueSpec::Present, &[&[b"session="], &[b"session=\xff"]], &[&[b"session"], &[b"=session"]]);
    cookies(
        ValueSpec::Absent,
        &[&[], &[b"session"], &[b"sessions=1"]],
        &[&[b"session="], &[b"a=1", b"session=1"]],
    );
    cookies(
        ValueSpec::Regex("[a-z]+".into()),
        &[&[b"session=ab"]],
        &[&[b"session=ab1"], &[b"session=a\xff"]],
    );
}

#[test]
fn query_parameters() {
    query(
        ValueSpec::Exact("a b".into()),
        &[
            b"/?page=a+b",
            b"/?page=a%20b",
            b"/?p%61ge=a b",
            b"/?x&page=a+b#f",
            b"/?page=1&page=a+b",
            b"?page=a+b",
        ],
        &[b"/", b"/?page=a%2Bb", b"/?Page=a+b", b"/?page=a+b;x", b"/#?page=a+b", b"/?page", b"/?xpage=a+b"],
    );
    query(ValueSpec::Exact("".into()), &[b"/?page", b"/?page=", b"/?&page&"], &[b"/?", b"/?=", b"/?page=1"]);
    query(ValueSpec::Exact("a=b".into()), &[b"/?page=a=b", b"/?page=a%3Db"], &[b"/?page=a"]);
    // A % without two hexadecimal digits is itself.
    query(ValueSpec::Exact("%".into()), &[b"/?page=%", b"/?page=%25"], &[b"/?page=%%"]);
    query(ValueSpec::Exact("%4".into()), &[b"/?page=%4"], &[b"/?page=@"]);
    query(ValueSpec::Exact("%zz".into()), &[b"/?page=%zz"], &[]);
    query(ValueSpec::Exact("%A".into()), &[b"/?page=%%41"], &[b"/?page=A"]);
    query(ValueSpec::Exact("?".into()), &[b"/?page=?", b"/?page=%3f", b"/?page=%3F"], &[]);
    query(ValueSpec::Regex("[0-9]+".into()), &[b"/?page=12"], &[b"/?page=1%FF", b"/?page=", b"/?page"]);
    query(ValueSpec::Absent, &[b"/", b"/?", b"/?pag=e", b"/?&&"], &[b"/?page", b"/?pag%65=1"]);
    query(ValueSpec::Contains("&".into()), &[b"/?page=a%26b"], &[b"/?page=a&b"]);
}

#[test]
fn explains_the_first_condition_that_failed() {
    let everything = ClauseSpec {
        hosts: vec!["shop.example.com".into()],
        path: Some(PathSpec::Prefix("/api".into())),
        methods: vec!["GET".into()],
        headers: vec![field("x-a", ValueSpec::Present), field("X-Tenant", ValueSpec::Exact("acme".into()))],
        cookies: vec![field("session", ValueSpec::Present)],
        query: vec![field("page", ValueSpec::Exact("1".into()))],
    };
    let policy = policy_of(vec![everything]);
    let mismatch = |request: &TestRequest| explain(&policy, request, 0).stamps[0].clauses[0].clone();

    let mut request = TestRequest {
        method: b"POST".to_vec(),
        authority: b"Other.example.com:80".to_vec(),
        ..TestRequest::get("/x?page=%32&page")
    };
    assert_eq!(mismatch(&request), Some(Mismatch::Host(b"other.example.com".to_vec())));
    request.authority = b"shop.example.com".to_vec();
    assert_eq!(mismatch(&request), Some(Mismatch::Path(b"/x".to_vec())));
    request.path = b"/api?page=%32&page".to_vec();
    assert_eq!(mismatch(&request), Some(Mismatch::Method(b"POST".to_vec())));
    request.method = b"GET".to_vec();
    request = request.with("x-a", "").with("x-tenant", "a").with("x-tenant", "b");
    let tenant =
        FieldMismatch { position: 1, name: "x-tenant".into(), values: vec![b"a".to_vec(), b"b".to_vec()] };
    assert_eq!(mismatch(&request), Some(Mismatch::Header(tenant)));
    request = request.with("x-tenant", "acme");
    let session = FieldMismatch { position: 0, name: "session".into(), values: vec![] };
    assert_eq!(mismatch(&request), Some(Mismatch::Cookie(session)));
    request = request.with("cookie", "session=");
    let page = FieldMismatch { position: 0, name: "page".into(), values: vec![b"2".to_vec(), b"".to_vec()] };
    assert_eq!(mismatch(&request), Some(Mismatch::Query(page)));
    request.path = b"/api?page=1".to_vec();
    assert_eq!(mismatch(&request), None);
}
