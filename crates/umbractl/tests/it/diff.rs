//! `umbractl diff -f`: what an apply would change.

use serde_json::json;

use crate::fake::{Answer, Fake, MANIFESTS, mesh, shadow};
use crate::run::{against, with_stdin};

const NEW: &str = "
---
apiVersion: umbra/v1
kind: Stamp
metadata: {name: beta}
spec: {match: [{path: {prefix: /beta}}]}
";

/// The mesh, whose shadow was written as the manifest has it, but for the valve.
fn with_valve(percent: f64) -> Fake {
    Fake::new(move |asked| match asked.line.as_str() {
        "GET /api/v1/shadows/checkout-v2" => {
            let mut shadow = shadow(percent, true, 7);
            shadow["spec"].as_object_mut().unwrap().remove("enabled");
            Answer::json(&shadow)
        }
        _ => mesh(asked),
    })
}

#[test]
fn what_an_apply_would_change_is_shown_and_not_done() {
    let fake = with_valve(12.5);
    let manifests = MANIFESTS.to_owned() + NEW;
    let run = with_stdin(&fake, &["diff", "-f", "-"], &manifests).exits(1);
    assert_eq!(
        run.stdout,
        "Stamp/checkout: the same\n\
         Shadow/checkout-v2: changed\n  $.spec.percent: 12.5 -> 5\n\
         Stamp/beta: new\n\
         an apply would create 1 resource and change 1 resource\n"
    );
    let run = with_stdin(&fake, &["diff", "-f", "-", "-o", "json"], &manifests).exits(1);
    assert_eq!(
        run.json()["resources"][1],
        json!({
            "kind": "Shadow", "name": "checkout-v2", "state": "changed",
            "changes": [{"path": "$.spec.percent", "before": 12.5, "after": 5}],
        })
    );
    assert!(fake.lines().iter().all(|line| line.starts_with("GET ")), "{:?}", fake.lines());
}

#[test]
fn what_is_there_already_is_no_change() {
    let run = with_stdin(&with_valve(5.0), &["diff", "-f", "-"], MANIFESTS).exits(0);
    assert!(run.stdout.ends_with("the control plane has all of this already\n"), "{}", run.stdout);
}

#[test]
fn it_is_two_bodies_or_manifests() {
    let fake = Fake::new(mesh);
    for wrong in [
        &["diff"][..],
        &["diff", "a"],
        &["diff", "a", "b", "-f", "c"],
        &["diff", "-f", "c", "--ignore", "$.a"],
    ] {
        against(&fake, wrong).exits(2);
    }
    with_stdin(&fake, &["diff", "-f", "-"], &MANIFESTS.replace("percent: 5\n", "percent: 500\n")).exits(1);
    // Whatever the refusal is: nothing was compared.
    for status in [400, 409, 421, 429, 503] {
        let refuses =
            Fake::new(move |_| Answer::problem(status, "title", "the database is locked", &json!([])));
        let run = with_stdin(&refuses, &["diff", "-f", "-"], MANIFESTS).exits(2);
        assert!(run.stderr.contains("the database is locked"), "{}", run.stderr);
    }
}
