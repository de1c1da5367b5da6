//! `verdict`: what is shown, and how it exits.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::{
    fake::{Answer, Fake, mesh},
    run::against,
};

fn verdict(answer: &str) -> Value {
    json!({
        "shadow": "checkout-v2", "evidence_since": "2030-01-31T12:00:00.000Z", "since": null, "until": null,
        "verdict": answer, "pairs": 8000, "summary": format!("after 8,000 pairs: {answer}"),
        "reasons": [
            {
                "gate": "max_body_mismatch", "state": "fail", "observed": 0.05, "limit": 0.005,
                "interval": [0.041, 0.06], "more_pairs": null, "endpoint": null,
                "words": "the shadow's answer differs on 5 % of the pairs: GET /cart/{id} $.price (type) on 400 of 8,000 pairs",
                "carriers": [{"endpoint": "GET /cart/{id}", "field": "$.price", "kind": "type", "pairs": 400, "of": 8000}],
                "examples": ["0000083b"],
            },
            {
                "gate": "max_latency_ratio.p99", "state": "open", "observed": 1.0, "limit": 1.3,
                "interval": [0.4, null], "more_pairs": 900, "endpoint": null,
                "words": "the p99 is not bounded yet", "carriers": [], "examples": [],
            },
        ],
    })
}

#[test]
fn the_exit_code_is_the_answer() {
    for (answer, code) in [("go", 0), ("no-go", 1), ("not-enough-evidence", 3), ("perhaps", 2)] {
        let fake = Fake::new(move |_| Answer::json(&verdict(answer)));
        against(&fake, &["verdict", "checkout-v2"]).exits(code);
        assert_eq!(fake.lines(), ["GET /api/v1/shadows/checkout-v2/verdict"]);
    }
}

#[test]
fn it_says_why() {
    let fake = Fake::new(|_| Answer::json(&verdict("no-go")));
    insta::assert_snapshot!("verdict", against(&fake, &["verdict", "checkout-v2"]).exits(1).seen());
    let shown = against(&fake, &["verdict", "checkout-v2", "-o", "json"]).exits(1).json();
    for field in ["verdict", "pairs", "reasons"] {
        assert_eq!(shown[field], verdict("no-go")[field], "{field}");
    }
}

#[test]
fn waiting_ends_with_an_answer() {
    let asked = AtomicUsize::new(0);
    let fake = Fake::new(move |_| {
        let is_settled = asked.fetch_add(1, Ordering::Relaxed) > 0;
        Answer::json(&verdict(if is_settled { "go" } else { "not-enough-evidence" }))
    });
    against(&fake, &["verdict", "checkout-v2", "--wait"]).exits(0);
    assert_eq!(fake.lines().len(), 2);
}

#[test]
fn waiting_ends_with_the_time() {
    let fake = Fake::new(|_| Answer::json(&verdict("not-enough-evidence")));
    against(&fake, &["verdict", "checkout-v2", "--wait", "100ms"]).exits(3);
    assert_eq!(fake.lines().len(), 2);
}

/// Once, the first poll that failed ended a wait of ten minutes.
#[test]
fn waiting_goes_on_while_the_control_plane_is_away() {
    let asked = AtomicUsize::new(0);
    let fake = Fake::new(move |_| match asked.fetch_add(1, Ordering::Relaxed) {
        0 => Answer::json(&verdict("not-enough-evidence")),
        1 => Answer::problem(429, "too many requests", "that is too fast", &json!([])),
        2 => Answer { status: 502, content_type: "text/html", body: "bad gateway".to_owned() },
        _ => Answer::json(&verdict("go")),
    });
    let run = against(&fake, &["verdict", "checkout-v2", "--wait"]).exits(0);
    assert_eq!(fake.lines().len(), 4);
    let said = "the control plane refused: that is too fast (429 Too Many Requests)\nthere is no answer yet; trying again\n";
    assert_eq!(run.stderr, said, "once, not each time");
    assert!(run.stdout.starts_with("go: "), "{}", run.seen());
}

#[test]
fn waiting_ends_where_the_control_plane_stays_away_or_says_no() {
    let then = |status: u16| {
        let asked = AtomicUsize::new(0);
        Fake::new(move |_| match asked.fetch_add(1, Ordering::Relaxed) {
            0 => Answer::json(&verdict("not-enough-evidence")),
            _ => Answer::problem(status, "title", "not now", &json!([])),
        })
    };
    let arguments = ["verdict", "checkout-v2", "--wait", "1500ms"];
    let away = then(503);
    let run = against(&away, &arguments).exits(2);
    assert!(away.lines().len() > 1, "{}", run.seen());
    assert!(
        run.stderr.ends_with("error: the control plane refused: not now (503 Service Unavailable)\n"),
        "{}",
        run.seen()
    );
    let revoked = then(401);
    against(&revoked, &arguments).exits(2);
    assert_eq!(revoked.lines().len(), 2);
    // From the start it may be the wrong address.
    let never = Fake::new(|_| Answer::problem(503, "title", "not now", &json!([])));
    against(&never, &arguments).exits(2);
    assert_eq!(never.lines().len(), 1);
}

#[test]
fn an_unknown_shadow_is_an_error_with_a_suggestion() {
    let fake = Fake::new(|asked| match asked.line.ends_with("/verdict") {
        true => Answer::problem(404, "not found", "there is no Shadow \"chekout-v2\"", &json!([])),
        false => mesh(asked),
    });
    let run = against(&fake, &["verdict", "chekout-v2"]).exits(2);
    assert!(run.seen().contains("did you mean checkout-v2?"), "{}", run.seen());
}
