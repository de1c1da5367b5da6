//! What a comparison of JSON bodies costs, beside parsing both with serde_json. `cargo bench -p umbra-compare` prints it;
//! with `UMBRA_BENCH_JSON=FILE` it is kept as JSON as well.
//!
//! The documents are lists of orders. The shadow's have their members in another order, so they are equal but not the
//! same bytes; in the differing ones, every tenth element has another price as well.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs, reason = "printing is what it is for")]

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::{Duration, Instant};

use serde_json::json;
use umbra_compare::body::{Body, Limits, compare};
use umbra_compare::json::rules::Rules;

const SIZES: [usize; 3] = [2_000, 20_000, 200_000];
/// Everything in turn, so often: what else the machine does falls on all of it.
const ROUNDS: usize = 51;
/// How long one thing is repeated in a round: far longer than reading the clock takes.
const ROUND: Duration = Duration::from_millis(5);

fn main() {
    println!("{:>12}{:>22}{:>22}{:>22}", "bytes, each", "parsing both", "comparing equal", "differing");
    let rows = SIZES.map(|bytes| {
        let primary = document(bytes, false, false);
        let (equal, differing) = (document(bytes, true, false), document(bytes, true, true));
        for (other, differ) in [(&equal, false), (&differing, true)] {
            let found = compared(&primary, other);
            assert_eq!(found > 0, differ, "the bench measures what its name says");
        }
        let [parsing, equal, differing] =
            medians([&|| parsed(&primary) + parsed(&equal), &|| compared(&primary, &equal), &|| {
                compared(&primary, &differing)
            }]);
        let beside = |us: f64| format!("{us:.1} µs ({:.0} %)", 100.0 * parsing / us);
        println!(
            "{bytes:>12}{:>22}{:>22}{:>22}",
            format!("{parsing:.1} µs"),
            beside(equal),
            beside(differing)
        );
        json!({"bytes": bytes, "parsing_us": parsing, "equal_us": equal, "differing_us": differing})
    });
    println!("(%: of the speed of parsing alone)");
    if let Some(file) = std::env::var_os("UMBRA_BENCH_JSON") {
        std::fs::write(file, json!(rows).to_string()).unwrap();
    }
}

/// What each of them takes, in microseconds.
fn medians<const N: usize>(things: [&dyn Fn() -> usize; N]) -> [f64; N] {
    let timed = |thing: &dyn Fn() -> usize, times: u32| {
        let started = Instant::now();
        for _ in 0..times {
            black_box(thing());
        }
        started.elapsed() / times
    };
    let repeated = things.map(|thing| {
        let once = timed(thing, 3).max(Duration::from_nanos(100));
        (thing, u32::try_from(ROUND.as_nanos() / once.as_nanos()).unwrap().max(1))
    });
    let mut rounds: Vec<[Duration; N]> =
        (0..ROUNDS).map(|_| repeated.map(|(thing, times)| timed(thing, times))).collect();
    std::array::from_fn(|index| {
        rounds.sort_by_key(|round| round.get(index).copied());
        let median = rounds.get(ROUNDS / 2).and_then(|round| round.get(index)).unwrap();
        median.as_secs_f64() * 1e6
    })
}

fn parsed(text: &str) -> usize {
    usize::from(serde_json::from_str::<serde_json::Value>(black_box(text)).is_ok())
}

/// How many differences there are.
fn compared(left: &str, right: &str) -> usize {
    let body = |text| Body { bytes: str::as_bytes(black_box(text)), ..Body::default() };
    compare(&body(left), &body(right), &Rules::default(), &Limits::default()).differences.total
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
