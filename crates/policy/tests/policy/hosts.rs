//! Hosts: ports, case, dots, addresses, wildcards.

use umbra_policy::host::Host;
use umbra_policy::spec::ClauseSpec;

use crate::support::{TestRequest, check};

fn hosts(patterns: &[&str], fit: &[&str], miss: &[&str]) {
    let clause = ClauseSpec {
        hosts: patterns.iter().map(|pattern| (*pattern).to_owned()).collect(),
        ..ClauseSpec::default()
    };
    let cases = |list: &[&str], expected| {
        list.iter().map(|host| (TestRequest::host(host), expected)).collect::<Vec<_>>()
    };
    check(clause, &[cases(fit, true), cases(miss, false)].concat());
}

#[test]
fn normalises_the_authority() {
    let cases: &[(&[u8], &[u8])] = &[
        (b"Shop.Example.COM", b"shop.example.com"),
        (b"shop.example.com:8080", b"shop.example.com"),
        (b"shop.example.com:", b"shop.example.com"),
        (b"shop.example.com.", b"shop.example.com"),
        (b"shop.example.com.:443", b"shop.example.com"),
        (b"shop.example.com..", b"shop.example.com."),
        (b"shop.example.com:http", b"shop.example.com:http"),
        (b"192.0.2.1:80", b"192.0.2.1"),
        (b"[2001:DB8::1]:8080", b"2001:db8::1"),
        (b"[2001:db8:0:0::1]", b"2001:db8::1"),
        (b"[::1]:", b"::1"),
        (b"::1", b"::1"),
        (b"[::1]x", b"[::1]x"),
        (b"[::1", b"[::1"),
        (b"[]", b"[]"),
        (b"[zz]:80", b"[zz]"),
        (b"", b""),
        (b".", b""),
        (b":80", b""),
        (b":", b""),
        (b"caf\xe9.example:80", b"caf\xe9.example"),
    ];
    for (authority, expected) in cases {
        let host = Host::parse(authority);
        assert_eq!(
            host.as_bytes().escape_ascii().to_string(),
            expected.escape_ascii().to_string(),
            "of {}",
            authority.escape_ascii()
        );
    }
}

#[test]
fn a_host_too_long_to_exist_is_no_host() {
    let longest = [b'a'; 255];
    assert_eq!(Host::parse(&longest).as_bytes(), longest);
    assert_eq!(Host::parse(&[b'a'; 256]).as_bytes(), b"");
    let long = format!("{}.example.com", "a.".repeat(200));
    hosts(&["*.example.com"], &[], &[&long]);
    hosts(&["*"], &[&long], &[]);
}

#[test]
fn exact() {
    hosts(
        &["shop.example.com"],
        &["shop.example.com", "SHOP.example.com:443", "shop.example.com."],
        &["example.com", "a.shop.example.com", "shop.example.com.evil", "shopXexample.com", ""],
    );
    hosts(&["Shop.Example.com."], &["shop.example.com"], &["shop.example"]);
    hosts(&["localhost"], &["localhost:3000"], &["localhos", "localhostx"]);
}

#[test]
fn wildcard_is_one_label_or_more() {
    hosts(
        &["*.example.com"],
        &["a.example.com", "a.b.example.com:8080", "A.EXAMPLE.COM"],
        &["example.com", ".example.com", "aexample.com", "a.example.com.evil", "a.example.org", ""],
    );
    hosts(&["*.com"], &["x.com", "y.x.com"], &["com", "x.org"]);
}

#[test]
fn any_of_several() {
    hosts(&["a.test", "*.b.test"], &["a.test", "x.b.test"], &["b.test", "x.a.test"]);
    hosts(&["a.test", "*.test", "a.test"], &["a.test", "b.test"], &["test"]);
    hosts(&["*"], &["a.test", "", "[::1]:80"], &[]);
    hosts(&[], &["a.test", ""], &[]);
}

#[test]
fn addresses() {
    hosts(&["[2001:db8::1]"], &["[2001:DB8::1]:80", "[2001:db8:0::1]"], &["[2001:db8::2]", "2001"]);
    hosts(&["::1"], &["[::1]", "[::1]:8080", "[0:0:0:0:0:0:0:1]"], &["[::2]"]);
    hosts(&["192.0.2.1"], &["192.0.2.1", "192.0.2.1:8080"], &["192.0.2.10"]);
    // An address has no labels that a wildcard could stand for, but names that look alike do.
    hosts(&["*.0.2.1"], &["192.0.2.1"], &["0.2.1"]);
}
