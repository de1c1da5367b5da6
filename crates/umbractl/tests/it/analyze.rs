//! `umbractl diff` and `umbractl analyze`, on services whose truth is known.

use std::{fmt::Write as _, fs, path::Path};

use fastrand::Rng;
use serde_json::{Value, json};
use tempfile::tempdir;

use crate::run::{Run, binary, finish, offline};

/// What is wrong with the shadow.
#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    /// One field of one endpoint differs in 2 % of its answers.
    Field,
    /// Everything takes 30 % longer.
    Slow,
    /// One answer in a hundred more is a 500.
    Errors,
}

/// An answer of a service with a timestamp, a request id, a shuffled array and a random latency.
fn answer(endpoint: u32, fault: Fault, rng: &mut Rng) -> Value {
    let mut tags = ["a", "b", "c", "d"];
    rng.shuffle(&mut tags);
    let latency = 5.0 - 10.0 * (1.0 - rng.f64()).ln();
    let latency = if fault == Fault::Slow { latency * 1.3 } else { latency };
    if fault == Fault::Errors && rng.f64() < 0.01 {
        return json!({"status": 500, "latency_ms": latency, "body": "sorry"});
    }
    let is_changed = fault == Fault::Field && endpoint == 2 && rng.f64() < 0.02;
    let body = json!({
        "at": rng.u64(..),
        "requestId": format!("{:016x}", rng.u64(..)),
        "tags": tags,
        "items": [{"price": 1.5}, {"price": if is_changed { 2.0 } else { 2.5 }}],
    });
    json!({"status": 200, "latency_ms": latency, "headers": {"Content-Type": "application/json"}, "body": body})
}

fn pairs(fault: Fault, count: usize) -> String {
    let mut rng = Rng::with_seed(5);
    let mut text = String::new();
    for _ in 0..count {
        let endpoint = rng.u32(..4);
        let line = json!({
            "endpoint": format!("GET /e{endpoint}/{{id}}"),
            "primary": answer(endpoint, Fault::None, &mut rng),
            "shadow": answer(endpoint, fault, &mut rng),
            "control": answer(endpoint, Fault::None, &mut rng),
        });
        writeln!(text, "{line}").unwrap();
    }
    text
}

fn analyze(text: &str, code: i32) -> Value {
    let directory = tempdir().unwrap();
    fs::write(directory.path().join("pairs.ndjson"), text).unwrap();
    offline(directory.path(), &["analyze", "pairs.ndjson", "-o", "json"]).exits(code).json()
}

fn reason<'a>(analysis: &'a Value, gate: &str) -> &'a Value {
    analysis["reasons"].as_array().unwrap().iter().find(|reason| reason["gate"] == gate).unwrap()
}

#[test]
fn noisy_twins_may_go_live_within_20000_pairs() {
    let text = pairs(Fault::None, 20_000);
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let analysis = analyze(&text, 0);
    assert_eq!((&analysis["verdict"], &analysis["pairs"]), (&json!("go"), &json!(20_000)));
    let fewest = (1_000..=20_000)
        .step_by(1_000)
        .find(|count| {
            let directory = tempdir().unwrap();
            fs::write(directory.path().join("pairs.ndjson"), lines[..*count].concat()).unwrap();
            let run = offline(directory.path(), &["analyze", "pairs.ndjson", "-o", "json"]);
            assert_ne!(run.code, 1, "{}", run.seen());
            run.code == 0
        })
        .unwrap();
    println!("noisy twins with a control: go after {fewest} pairs");
}

#[test]
fn a_changed_field_is_named() {
    let analysis = analyze(&pairs(Fault::Field, 15_000), 1);
    let body = reason(&analysis, "max_body_mismatch");
    assert_eq!(body["state"], "fail");
    let carrier = &body["carriers"][0];
    assert_eq!(
        (&carrier["endpoint"], &carrier["field"], &carrier["kind"]),
        (&json!("GET /e2/{id}"), &json!("$.items[*].price"), &json!("value"))
    );
    let words = body["words"].as_str().unwrap();
    assert!(words.contains("GET /e2/{id} $.items[*].price (value)"), "{words}");
    assert_eq!(body["examples"].as_array().unwrap().len(), 5);
    let fields = analysis["endpoints"].as_array().unwrap().iter().find(|e| e["endpoint"] == "GET /e2/{id}");
    let field = &fields.unwrap()["fields"][0];
    assert_eq!((&field["path"], &field["noise"]), (&json!("$.items[*].price"), &json!(0)));
    assert_eq!(
        (&field["examples"][0]["primary"], &field["examples"][0]["shadow"]),
        (&json!(2.5), &json!(2.0))
    );
}

#[test]
fn a_slow_shadow_fails_on_latency() {
    let analysis = analyze(&pairs(Fault::Slow, 30_000), 1);
    let p95 = reason(&analysis, "max_latency_ratio.p95");
    assert_eq!(p95["state"], "fail", "{p95}");
    assert!(p95["interval"][0].as_f64().unwrap() > 1.2);
    assert_eq!(reason(&analysis, "max_body_mismatch")["state"], "pass");
}

#[test]
fn more_errors_fail_on_errors() {
    let analysis = analyze(&pairs(Fault::Errors, 10_000), 1);
    let errors = reason(&analysis, "max_error_excess");
    assert_eq!(errors["state"], "fail", "{errors}");
    assert_eq!(analysis["error_rates"]["primary"], 0.0);
    assert!(errors["words"].as_str().unwrap().contains("the limit is 0.1 %"));
}

#[test]
fn fifty_pairs_are_not_enough() {
    let analysis = analyze(&pairs(Fault::None, 50), 3);
    assert_eq!(analysis["verdict"], "not-enough-evidence");
    let p50 = reason(&analysis, "max_latency_ratio.p50");
    assert_eq!((&p50["state"], &p50["interval"][1]), (&json!("open"), &Value::Null));
    assert_eq!(
        reason(&analysis, "min_duration")["words"],
        "the pairs carry no times, so min_duration counts as met"
    );
}

#[test]
fn copies_without_answers_are_said_to_be_that() {
    let line = |outcome: &str| {
        format!(r#"{{"method":"GET","path":"/users/42?x","primary":{{"status":200}},"shadow":{outcome}}}"#)
            + "\n"
    };
    let failed = analyze(&line(r#"{"outcome":"connect_failure"}"#).repeat(500), 1);
    assert_eq!(failed["summary"], "none of 500 copies was answered: 500 could not connect");
    assert_eq!(failed["endpoints"][0]["endpoint"], "GET /users/{id}");
    let unseen = analyze(&line(r#"{"outcome":"never_seen"}"#).repeat(500), 3);
    assert_eq!((&unseen["pairs"], &unseen["mirrored"]), (&json!(0), &json!(500)));
    assert_eq!(analyze(&line("null").repeat(500), 1)["outcomes"]["shadow"][0]["outcome"], "no_answer");
    assert_eq!(analyze("", 3)["summary"], "there is no pair at all, so nothing can be said");
}

#[test]
fn a_bad_line_is_named() {
    let good = r#"{"endpoint":"e","primary":{"status":200},"shadow":null}"#;
    for (bad, said) in [
        ("{", "line 3: EOF while parsing"),
        (r#"{"endpoint":"e","shadow":null}"#, "line 3: missing field `primary`"),
        (r#"{"endpoint":"e","primary":{"status":200}}"#, "line 3: `shadow` is missing"),
        (r#"{"primary":{"status":200},"shadow":null}"#, "line 3: `endpoint` is missing"),
        (r#"{"endpoint":"e","primary":{"status":200},"shadow":{"status":9}}"#, "line 3: shadow.status: 9"),
        (
            r#"{"endpoint":"e","primary":{"status":200},"shadow":{"outcome":"x"}}"#,
            "line 3: shadow.outcome: `x`",
        ),
        (
            r#"{"endpoint":"e","primary":{"status":200,"latency_ms":-1},"shadow":null}"#,
            "line 3: primary.latency_ms",
        ),
    ] {
        let mut command = binary();
        command.args(["analyze", "-"]);
        let run = finish(command, &format!("{good}\n\n{bad}\n")).exits(2);
        assert!(run.stderr.starts_with(&format!("error: stdin: {said}")), "{}", run.seen());
    }
}

const SHADOW: &str = "
apiVersion: umbra/v1
kind: Shadow
metadata: {name: v2}
spec:
  stamps: [a]
  target: {cluster: v2}
  compare: {ignore: ['$.at'], noise: diffy, headers: [Location]}
  gates: {min_pairs: 20, min_duration: 1h, max_latency_ratio: {p50: 2}}
";

#[test]
fn a_manifest_says_what_is_compared_and_asked() {
    let directory = tempdir().unwrap();
    let line = |at: u64| {
        let answer = |at: u64| json!({"status": 200, "body": {"at": at}, "headers": {"location": "/"}});
        format!("{}\n", json!({"endpoint": "e", "at_ms": at, "primary": answer(1), "shadow": answer(2)}))
    };
    fs::write(directory.path().join("shadow.yaml"), SHADOW).unwrap();
    let text: String = (0..30).map(|i| line(i * 60_000)).collect();
    fs::write(directory.path().join("pairs.ndjson"), text).unwrap();
    let run = |arguments: &[&str]| offline(directory.path(), arguments);
    let analysis = run(&["analyze", "pairs.ndjson", "-f", "shadow.yaml", "-o", "json"]).exits(3).json();
    assert_eq!(reason(&analysis, "min_pairs")["state"], "pass");
    assert_eq!(reason(&analysis, "min_duration")["words"], "the pairs span 29m; at least 1h are asked for");
    assert_eq!(reason(&analysis, "max_body_mismatch")["state"], "pass");
    assert_eq!(reason(&analysis, "max_latency_ratio.p50")["observed"], Value::Null);
    let gates = analysis["reasons"].as_array().unwrap();
    assert!(gates.iter().all(|reason| reason["gate"] != "max_latency_ratio.p99"));
    let text = run(&["analyze", "pairs.ndjson", "-f", "shadow.yaml"]).exits(3).stdout;
    assert!(text.starts_with("not-enough-evidence: after 30 pairs"), "{text}");
    run(&["analyze", "pairs.ndjson", "-f", "shadow.yaml", "--shadow", "v3"]).exits(2);
    fs::write(directory.path().join("shadow.yaml"), SHADOW.replace("$.at", "$.a[")).unwrap();
    let wrong = run(&["analyze", "pairs.ndjson", "-f", "shadow.yaml"]).exits(2);
    assert!(wrong.stderr.contains("spec.compare.ignore[0]"), "{}", wrong.seen());
}

fn diff(directory: &Path, primary: &[u8], shadow: &[u8], options: &[&str]) -> Run {
    fs::write(directory.join("a"), primary).unwrap();
    fs::write(directory.join("b"), shadow).unwrap();
    offline(directory, &[["diff", "a", "b"].as_slice(), options].concat())
}

#[test]
fn diff_says_what_differs() {
    let directory = tempdir().unwrap();
    let directory = directory.path();
    let (left, right) =
        (r#"{"id":9007199254740993123,"x":[1,2]}"#, r#"{"x":[2,1],"id":9007199254740993124}"#);
    let run = diff(directory, left.as_bytes(), right.as_bytes(), &["-o", "json"]).exits(1);
    assert!(run.stdout.contains(r#""primary": 9007199254740993123,"#), "{}", run.stdout);
    let found = run.json();
    assert_eq!(found["equal"], false);
    assert_eq!(
        (&found["differences"][1]["path"], &found["differences"][1]["kind"]),
        (&json!("$.x"), &json!("order"))
    );
    let rules = ["--ignore", "$.id", "--unordered", "$.x", "-o", "json"];
    assert_eq!(diff(directory, left.as_bytes(), right.as_bytes(), &rules).exits(0).json()["equal"], true);
    diff(directory, b"{\"p\":1.0}", b"{\"p\":1.01}", &["--tolerance", "$.p=0.01"]).exits(0);
    diff(directory, b"{\"p\":1.0}", b"{\"p\":1.02}", &["--tolerance", "$.p=0.01"]).exits(1);
    assert_eq!(diff(directory, b"a\nb\n", b"a\nc\n", &["-o", "json"]).exits(1).json()["compared_as"], "text");
    assert_eq!(
        diff(directory, b"\xff\x00", b"\xff\x01", &["-o", "json"]).exits(1).json()["compared_as"],
        "bytes"
    );
    let text = diff(directory, b"[1,{\"a\":null}]", b"[1,{}]", &[]).exits(1).stdout;
    assert_eq!(text, "$[1].a: missing: null -> nothing\n1 difference, compared as json\n");
    diff(directory, b"1", b"1", &["--ignore", "a.b"]).exits(2);
    offline(directory, &["diff", "a", "gone"]).exits(2);
}
