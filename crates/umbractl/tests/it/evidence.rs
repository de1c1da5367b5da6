//! `report` and `pairs`: what is asked for, and what is shown.

use serde_json::{Value, json};

use crate::{
    fake::{Answer, Fake},
    run::against,
};

fn numbers() -> Value {
    json!({
        "error_rates": {"primary": 0.0, "shadow": 0.0125, "control": null},
        "statuses": [],
        "status_mismatch": {"compared": 8000, "raw": 0.0, "noise": 0.0, "over_noise": 0.0},
        "body_mismatch": {"compared": 8000, "raw": 0.05, "noise": 0.0, "over_noise": 0.05},
        "latency_ms": {
            "pairs": 8000,
            "primary": {"p50": 1.0, "p90": 2.0, "p95": 3.0, "p99": null},
            "shadow": {"p50": 1.5, "p90": 2.0, "p95": 3.25, "p99": null},
            "ratio": {"p50": 1.0, "mean": 1.0, "interval": [1.0, 1.0]},
        },
    })
}

fn with(mut object: Value, more: Value) -> Value {
    let (Value::Object(fields), Value::Object(more)) = (&mut object, more) else { panic!("objects") };
    fields.extend(more);
    object
}

fn report() -> Value {
    let field = |path: &str, kind: &str, excess: u32, shadow: Value| {
        let example = json!({"pair": "083b", "at": path, "primary": 1, "shadow": shadow});
        json!({"path": path, "kind": kind, "raw": 400, "noise": 400 - excess, "excess": excess, "is_noise": excess < 10, "examples": [example]})
    };
    let endpoint = with(
        numbers(),
        json!({
            "endpoint": "GET /cart/{id}", "pairs": 8000, "truncated_bodies": 0,
            "fields": [
                field("$.at", "type", 3, Value::Null),
                field("$.price", "type", 400, json!("a text that is too long for a table")),
                field("$.rate", "missing", 100, Value::Null),
                with(field("$.stock", "type", 40, Value::Null), json!({"examples": []})),
            ],
        }),
    );
    with(
        numbers(),
        json!({
            "shadow": "checkout-v2", "evidence_since": "2030-01-31T12:00:00.000Z", "since": null, "until": null,
            "sent": 8003, "shed": 41, "answers": {"compared": 8000, "unequal": 400, "examined": 120}, "mirrored": 8000,
            "outcomes": {"shadow": [{"outcome": "answered", "count": 7990}, {"outcome": "reset", "count": 10}], "control": []},
            "endpoints": [endpoint],
        }),
    )
}

#[test]
fn report_shows_what_pairs_add_up_to() {
    let fake = Fake::new(|_| Answer::json(&report()));
    insta::assert_snapshot!("report", against(&fake, &["report", "checkout-v2"]).exits(0).seen());
    let run = against(&fake, &["report", "checkout-v2", "--since", "30m", "-o", "json"]).exits(0);
    assert_eq!(run.json(), report());
    let asked =
        ["GET /api/v1/shadows/checkout-v2/report", "GET /api/v1/shadows/checkout-v2/report?since=30m"];
    assert_eq!(fake.lines(), asked);
}

#[test]
fn pairs_shows_what_differs() {
    let page = json!({
        "items": [{
            "id": 417, "pair": "083b", "at": "2030-01-31T12:00:00.000Z", "endpoint": "GET /cart/{id}",
            "method": "GET", "path": "/cart/17", "outcome": "different", "weight": 1.0,
            "primary": {"outcome": "answered", "status": 200}, "shadow": {"outcome": "reset"}, "control": null,
            "differences": [{"path": "$.price", "at": "$.price", "kind": "type", "primary": "1", "shadow": null}],
        }],
        "next": 398,
    });
    let answer = page.clone();
    let fake = Fake::new(move |_| Answer::json(&answer));
    insta::assert_snapshot!("pairs", against(&fake, &["pairs", "checkout-v2"]).exits(0).seen());
    let arguments =
        ["pairs", "checkout-v2", "--field", "$.price", "--limit", "5", "--before", "398", "-o", "json"];
    assert_eq!(against(&fake, &arguments).exits(0).json(), page);
    let asked = [
        "GET /api/v1/shadows/checkout-v2/pairs?limit=20",
        "GET /api/v1/shadows/checkout-v2/pairs?field=%24.price&limit=5&before=398",
    ];
    assert_eq!(fake.lines(), asked);
}

#[test]
fn no_pairs_are_said_to_be_none() {
    let fake = Fake::new(|_| Answer::json(&json!({"items": [], "next": null})));
    let run = against(&fake, &["pairs", "checkout-v2"]).exits(0);
    assert!(run.seen().contains("no pairs are kept that fit"), "{}", run.seen());
}
