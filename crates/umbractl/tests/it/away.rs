//! A control plane that goes away between a write and the end of the wait for it.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Duration,
};

use serde_json::{Value, json};

use crate::{
    fake::{Answer, Asked, Fake, node, shadow},
    run::against,
};

const WRITTEN: &str = "the change is written, at revision 9; whether it is in effect is not known: ";

/// Does the change, and answers each look at the nodes with the next of these; the last one stays.
fn looks(looks: impl IntoIterator<Item = Answer>) -> impl Fn(&Asked) -> Answer + Send + Sync + 'static {
    let looks: Vec<_> = looks.into_iter().collect();
    let looked = AtomicUsize::new(0);
    move |asked| match asked.line.as_str() {
        "GET /api/v1/nodes" => {
            let at = looked.fetch_add(1, Ordering::SeqCst).min(looks.len() - 1);
            let Answer { status, content_type, body } = &looks[at];
            Answer { status: *status, content_type, body: body.clone() }
        }
        _ => Answer::json(&shadow(25.0, true, 9)),
    }
}

/// These nodes are connected, each at its revision.
fn connected(nodes: &[(&str, u64)]) -> Answer {
    let items: Vec<Value> =
        nodes.iter().map(|(id, applied)| node(id, "a", "SYNCED", true, *applied, 25.0)).collect();
    Answer::json(&json!({"revision": 9, "items": items}))
}

fn problem(status: u16) -> Answer {
    Answer::problem(status, "title", "not now", &json!([]))
}

/// Once, the first look that failed ended the wait with an error.
#[test]
fn a_wait_outlasts_a_restart() {
    let away = Duration::from_millis(300);
    let fake = Fake::restarting(
        2,
        away,
        looks([
            connected(&[("sidecar-1", 7), ("sidecar-2", 9)]),
            // It has forgotten the nodes, which come back one by one.
            connected(&[]),
            connected(&[("sidecar-2", 9)]),
            connected(&[("sidecar-1", 9), ("sidecar-2", 9)]),
        ]),
    );
    let run = against(&fake, &["valve", "checkout-v2", "25", "--wait", "-o", "json"]).exits(0);
    let wait = &run.json()["wait"];
    assert_eq!((&wait["in_effect"], &wait["synced"]), (&json!(true), &json!(2)), "{}", run.seen());
    assert!(wait["after_ms"].as_u64().unwrap() >= 300, "{}", run.seen());
    assert_eq!(fake.lines().len(), 5, "the change is sent once");
    assert!(
        run.stderr.starts_with("cannot reach the control plane at http://control-plane: "),
        "{}",
        run.stderr
    );
    assert_eq!(run.stderr.matches("there is no answer yet; trying again\n").count(), 1, "{}", run.stderr);
}

#[test]
fn nodes_that_do_not_come_back_to_it_do_not_follow() {
    let both = connected(&[("sidecar-1", 7), ("sidecar-2", 9)]);
    let fake = Fake::new(looks([both, problem(503), connected(&[("sidecar-2", 9)])]));
    let run = against(&fake, &["switch", "checkout-v2", "off", "--wait", "400ms"]).exits(1);
    assert!(run.stdout.contains("not in effect on 1 of 2 nodes after "), "{}", run.stdout);
    assert!(
        run.stdout.ends_with("  sidecar-1 has not come back since the control plane was away\n"),
        "{}",
        run.stdout
    );
    // Who was connected before is not known where nobody had asked.
    let fake = Fake::new(looks([problem(503), connected(&[("sidecar-2", 9)])]));
    let run = against(&fake, &["switch", "checkout-v2", "off", "--wait"]).exits(0);
    assert!(run.stderr.contains("those that have not come back to it are not counted\n"), "{}", run.stderr);
}

#[test]
fn a_control_plane_that_stays_away_leaves_it_unknown() {
    let fake = Fake::restarting(1, Duration::MAX, looks([problem(500)]));
    let run = against(&fake, &["valve", "checkout-v2", "25", "--wait", "300ms"]).exits(2);
    assert_eq!(run.stdout, "");
    assert!(run.stderr.contains("there is no answer yet; trying again\n"), "{}", run.stderr);
    let said = format!("error: {WRITTEN}cannot reach the control plane at http://control-plane: ");
    assert!(run.stderr.contains(&said), "{}", run.stderr);
    assert!(run.stderr.contains("refused"), "{}", run.stderr);
}

#[test]
fn what_passes_is_waited_for_and_what_does_not_ends_the_wait() {
    let strange = |status| Answer { status, content_type: "text/html", body: "<html>".to_owned() };
    for passing in [problem(503), problem(429), strange(502), strange(504)] {
        let fake = Fake::new(looks([passing, connected(&[("sidecar-1", 9)])]));
        against(&fake, &["valve", "checkout-v2", "25", "--wait"]).exits(0);
    }
    for lasting in [problem(401), problem(403), problem(404), strange(404), strange(200)] {
        let fake = Fake::new(looks([lasting]));
        let run = against(&fake, &["valve", "checkout-v2", "25", "--wait", "1h"]).exits(2);
        assert!(run.stderr.starts_with(&format!("error: {WRITTEN}")), "{}", run.stderr);
        assert_eq!(fake.lines().len(), 2, "{}", run.seen());
    }
}

#[test]
fn a_look_that_is_not_answered_does_not_bring_the_change_into_doubt() {
    let fake = Fake::new(|asked| {
        if asked.line == "GET /api/v1/nodes" {
            thread::sleep(Duration::MAX);
        }
        Answer::json(&shadow(25.0, true, 9))
    });
    let run = against(&fake, &["valve", "checkout-v2", "25", "--wait", "1ms", "--timeout", "500ms"]).exits(2);
    assert!(run.stderr.contains(WRITTEN) && run.stderr.contains("within 500ms\n"), "{}", run.stderr);
    assert!(!run.stderr.contains("whether a change was made"), "{}", run.stderr);
}
