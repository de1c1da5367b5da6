//! What a comparison of JSON bodies costs, beside parsing both with serde_json. `cargo bench -p umbra-compare` runs this.
//!
//! The documents are lists of orders. The shadow's have their members in another order, so they are equal but not the
//! same bytes; in the differing ones, every tenth element has another price as well.

use std::fmt::Write as _;

use umbra_compare::body::{Body, Limits, compare};
use umbra_compare::json::rules::Rules;

const SIZES: [usize; 3] = [2_000, 20_000, 200_000];

fn main() {
    divan::main();
}

fn document(bytes: usize, reversed: bool, changed: bool) -> String {
    let mut text = String::from("[");
    for index in 0.. {
        let price = if changed && index % 10 == 0 { index + 1 } else { index };
        let mut members = [
            format!(r#""id":{}"#, 1_000_000 + index),
            format!(r#""name":"order number {index}""#),
            format!(r#""price":{price}.25"#),
            r#""tags":["new","paid","shipped"]"#.to_owned(),
            r#""customer":{"name":"Ada \"the\" Lovelace","vip":true,"since":null}"#.to_owned(),
        ];
        if reversed {
            members.reverse();
        }
        let _ = write!(text, "{{{}}}", members.join(","));
        if text.len() >= bytes {
            break;
        }
        text.push(',');
    }
    text + "]"
}

#[divan::bench(args = SIZES)]
fn parsing_both_with_serde_json(bencher: divan::Bencher<'_, '_>, bytes: usize) {
    let (left, right) = (document(bytes, false, false), document(bytes, true, false));
    bencher.bench(|| {
        let parse = |text: &str| serde_json::from_str::<serde_json::Value>(divan::black_box(text));
        (parse(&left).is_ok(), parse(&right).is_ok())
    });
}

#[divan::bench(args = SIZES)]
fn comparing_equal(bencher: divan::Bencher<'_, '_>, bytes: usize) {
    run(bencher, &document(bytes, false, false), &document(bytes, true, false), false);
}

#[divan::bench(args = SIZES)]
fn comparing_differing(bencher: divan::Bencher<'_, '_>, bytes: usize) {
    run(bencher, &document(bytes, false, false), &document(bytes, true, true), true);
}

fn run(bencher: divan::Bencher<'_, '_>, left: &str, right: &str, differ: bool) {
    let body = |text| Body { bytes: str::as_bytes(text), ..Body::default() };
    let (rules, limits) = (Rules::default(), Limits::default());
    let found = compare(&body(left), &body(right), &rules, &limits);
    assert_eq!(!found.differences.is_empty(), differ, "the bench measures what its name says");
    bencher.bench(|| compare(&body(divan::black_box(left)), &body(divan::black_box(right)), &rules, &limits));
}
