//! What the comparison of whole bodies says.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use umbra_compare::body::{Body, ComparedAs, Comparison, Limits, compare};
use umbra_compare::difference::Kind;
use umbra_compare::json::rules::Rules;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn brotli(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    brotli::CompressorWriter::new(&mut out, 4096, 5, 20).write_all(bytes).unwrap();
    out
}

fn body<'a>(content_type: &'a str, encoding: Option<&'a str>, bytes: &'a [u8]) -> Body<'a> {
    Body {
        content_type: Some(content_type.as_bytes()),
        content_encoding: encoding.map(str::as_bytes),
        bytes,
        truncated: false,
    }
}

fn compared(primary: &Body<'_>, shadow: &Body<'_>) -> Comparison {
    compare(primary, shadow, &Rules::default(), &Limits::default())
}

#[test]
fn the_encoding_does_not_matter() {
    let (gzip, brotli) = (gzip(br#"{"a":1, "b":[2]}"#), brotli(br#"{"b":[2],"a":1.0}"#));
    let found = compared(
        &body("application/json", Some("gzip"), &gzip),
        &body("application/problem+json; charset=utf-8", Some("br"), &brotli),
    );
    assert_eq!(found.compared_as, ComparedAs::Json);
    assert!(found.differences.is_empty() && !found.truncated, "{found:?}");
}

#[test]
fn a_bomb_is_reported_as_truncated() {
    let (bomb, small) = (gzip(&vec![b'a'; 100 << 20]), gzip(b"aaa"));
    let found = compared(&body("text/plain", Some("gzip"), &bomb), &body("text/plain", Some("gzip"), &small));
    assert!(found.truncated);
    let length = found.differences.first.first().unwrap();
    assert_eq!((length.kind, length.primary.as_deref()), (Kind::Length, Some("8388608+")));
}

#[test]
fn where_a_body_was_cut_off_says_nothing_of_its_length() {
    let whole = Body { bytes: b"the same text", ..Body::default() };
    let cut = |bytes| Body { bytes, truncated: true, ..Body::default() };
    for (left, right) in
        [(whole, cut(b"the same")), (cut(b"the same"), whole), (cut(b"the"), cut(b"the same"))]
    {
        let found = compared(&left, &right);
        assert!(found.truncated && found.differences.is_empty(), "{found:?}");
    }
    let shorter = Body { bytes: b"the same", ..Body::default() };
    let found = compared(&shorter, &cut(b"the same text"));
    let length = found.differences.first.first().unwrap();
    assert_eq!((length.primary.as_deref(), length.shadow.as_deref()), (Some("8"), Some("13+")));
    assert_eq!(compared(&cut(b"the same"), &cut(b"the sane text")).differences.total, 1);
}

#[test]
fn what_is_too_deep_is_compared_as_text_and_said_to_be() {
    let deep = |inner: &str| format!("{}{inner}{}", "[".repeat(10_000), "]".repeat(10_000));
    let (left, right) = (deep("1"), deep("2"));
    let found = compared(
        &body("application/json", None, left.as_bytes()),
        &body("application/json", None, right.as_bytes()),
    );
    assert_eq!(found.compared_as, ComparedAs::Text);
    assert_eq!(found.remark.as_deref(), Some("the primary's body is nested deeper than 128 levels"));
    assert!(!found.differences.is_empty());
}

#[test]
fn what_is_not_utf8_is_compared_by_bytes() {
    let found = compared(&body("text/plain", None, b"ab\xffd"), &body("text/plain", None, b"ab\xfed"));
    assert_eq!(found.compared_as, ComparedAs::Bytes);
    assert_eq!(found.differences.first.first().unwrap().at, "byte 2");
}

#[test]
fn an_error_page_in_place_of_json_is_said_to_be_one() {
    let found =
        compared(&body("application/json", None, b"{}"), &Body { bytes: b"<html>", ..Body::default() });
    assert_eq!(found.compared_as, ComparedAs::Text);
    assert!(found.remark.unwrap().starts_with("the shadow's body is not JSON"));
}

#[test]
fn text_is_text_even_if_it_reads_as_json() {
    let found = compared(&body("text/plain", None, b"1.0\n"), &body("text/plain", None, b"1\n"));
    assert_eq!(found.compared_as, ComparedAs::Text);
    let kinds: Vec<_> = found.differences.first.iter().map(|d| (d.at.as_str(), d.kind)).collect();
    assert_eq!(kinds, [("line 1", Kind::Missing), ("line 1", Kind::Extra)]);
}

#[test]
fn long_texts_are_compared_in_bounded_time() {
    let lines = |n: usize| (0..6_000).map(|i| format!("{}\n", i * n)).collect::<String>();
    let found =
        compared(&body("text/csv", None, lines(1).as_bytes()), &body("text/csv", None, lines(3).as_bytes()));
    assert_eq!((found.differences.total, found.differences.first.len()), (5_999, 100));
}

#[test]
fn a_sample_that_was_cut_off_is_compared_as_far_as_it_goes() {
    let whole = gzip(&b"{\"a\":1}".repeat(1_000));
    let half = Body { truncated: true, ..body("application/json", Some("gzip"), &whole[..whole.len() / 2]) };
    let found = compared(&half, &half);
    assert!(found.truncated && found.differences.is_empty() && found.remark.is_none(), "{found:?}");
}
