//! The commands that change something: apply, delete, valve, switch.

use std::{
    fs,
    sync::atomic::{AtomicUsize, Ordering},
};

use serde_json::{Value, json};

use crate::{
    fake::{Answer, Asked, Fake, MANIFESTS, mesh, node, shadow},
    run::{against, with_stdin},
};

/// Answers an apply like a control plane that had none of it before.
fn applies(asked: &Asked) -> Answer {
    let resources: Value = serde_json::from_str(&asked.body).unwrap();
    let dry_run = asked.line.contains("dry_run=true");
    let results: Vec<_> = resources
        .as_array()
        .unwrap()
        .iter()
        .map(|resource| {
            json!({"kind": resource["kind"], "name": resource["metadata"]["name"], "action": "created", "revision": 8})
        })
        .collect();
    Answer::json(&json!({"revision": 8, "dry_run": dry_run, "results": results}))
}

fn sent(fake: &Fake) -> Value {
    serde_json::from_str(&fake.asked().last().unwrap().body).unwrap()
}

#[test]
fn apply_sends_all_documents_of_all_files_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let (stamp, shadow) = MANIFESTS.split_once("---\n").unwrap();
    fs::write(directory.path().join("b.yaml"), stamp).unwrap();
    fs::write(directory.path().join("a.yml"), shadow).unwrap();
    fs::write(directory.path().join("notes.txt"), "not a manifest").unwrap();
    fs::create_dir(directory.path().join("c")).unwrap();
    let nested = r#"{"apiVersion": "umbra/v1", "kind": "Stamp", "metadata": {"name": "all"}, "spec": {"match": [{"hosts": ["*"]}]}}"#;
    fs::write(directory.path().join("c/d.json"), nested).unwrap();
    let path = directory.path().to_str().unwrap();
    let names = |fake: &Fake| -> Vec<_> {
        sent(fake).as_array().unwrap().iter().map(|resource| resource["metadata"]["name"].clone()).collect()
    };

    let fake = Fake::new(applies);
    let run = against(&fake, &["apply", "-f", path]).exits(0);
    assert_eq!(names(&fake), ["checkout-v2", "checkout"]);
    assert_eq!(fake.lines(), ["POST /api/v1/apply"]);
    insta::assert_snapshot!("apply", run.seen());

    let run =
        against(&fake, &["apply", "-R", "-f", path, "--dry-run", "--reason", "why & how", "-o", "json"])
            .exits(0);
    assert_eq!(names(&fake), ["checkout-v2", "checkout", "all"]);
    assert_eq!(fake.lines()[1], "POST /api/v1/apply?dry_run=true&reason=why+%26+how");
    assert_eq!(
        run.json()["results"][2],
        json!({"kind": "Stamp", "name": "all", "action": "created", "revision": 8})
    );

    with_stdin(&fake, &["apply", "-f", "-"], MANIFESTS).exits(0);
    assert_eq!(names(&fake), ["checkout", "checkout-v2"]);
    assert_eq!(sent(&fake)[1]["spec"]["gates"]["max_latency_ratio"]["p50"], 1.1);
    assert_eq!(sent(&fake)[1]["spec"].get("enabled"), None, "what was left out stays left out");
}

#[test]
fn apply_sends_nothing_when_a_file_is_invalid() {
    let fake = Fake::new(applies);
    let text = MANIFESTS.replace("percent: 5\n", "percent: 500\n");
    let run = with_stdin(&fake, &["apply", "-f", "-"], &text).exits(1);
    assert!(
        run.stderr.starts_with("stdin:20: document 2: Shadow/checkout-v2: spec.percent: 500"),
        "{}",
        run.stderr
    );
    assert!(fake.lines().is_empty());
    with_stdin(&fake, &["apply", "-f", "-"], "\n---\n# nothing\n").exits(2);
    assert!(fake.lines().is_empty());
}

#[test]
fn a_refused_apply_is_shown_with_the_files_that_the_fields_came_from() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("shadow.yaml"), MANIFESTS).unwrap();
    let file = directory.path().join("shadow.yaml");
    let fake = Fake::new(|_| {
        Answer::problem(
            422,
            "a resource is invalid",
            "Shadow/checkout-v2: spec.stamps[0]: unknown stamp `checkout`, and 1 more",
            &json!([
                {"resource": "Shadow/checkout-v2", "field": "spec.stamps[0]", "message": "unknown stamp `checkout`"},
                {"resource": "Shadow/search", "field": "spec.stamps[0]", "message": "unknown stamp `checkout`"},
            ]),
        )
    });
    let run = against(&fake, &["apply", "-f", file.to_str().unwrap()]).exits(1);
    assert_eq!(
        run.stderr.replace(directory.path().to_str().unwrap(), "DIR"),
        "the control plane refused: a resource is invalid (422 Unprocessable Entity)\n  \
         DIR/shadow.yaml:17: document 2: Shadow/checkout-v2: spec.stamps[0]: unknown stamp `checkout`\n  \
         Shadow/search: spec.stamps[0]: unknown stamp `checkout`\n"
    );
}

#[test]
fn delete_takes_names_and_files() {
    let fake = Fake::new(|asked| match asked.line.split('?').next().unwrap() {
        "DELETE /api/v1/shadows/gone" => mesh(asked),
        line if line.starts_with("DELETE ") => {
            Answer { status: 204, content_type: "text/plain", body: String::new() }
        }
        _ => mesh(asked),
    });
    let run = against(&fake, &["delete", "shadows", "checkout-v2", "search", "--reason", "done"]).exits(0);
    assert_eq!(run.stdout, "Shadow/checkout-v2 deleted\nShadow/search deleted\n");
    assert_eq!(
        fake.lines(),
        ["DELETE /api/v1/shadows/checkout-v2?reason=done", "DELETE /api/v1/shadows/search?reason=done"]
    );

    let fake = Fake::new(|_| Answer { status: 204, content_type: "text/plain", body: String::new() });
    with_stdin(&fake, &["delete", "-f", "-"], MANIFESTS).exits(0);
    // The shadow uses the stamp, which therefore goes last.
    assert_eq!(fake.lines(), ["DELETE /api/v1/shadows/checkout-v2", "DELETE /api/v1/stamps/checkout"]);
}

#[test]
fn delete_of_what_is_not_there_is_a_no_unless_told_otherwise() {
    let fake = Fake::new(mesh);
    let run = against(&fake, &["delete", "shadow", "checkout-v3"]).exits(1);
    assert!(run.stderr.ends_with("did you mean checkout-v2?\n"), "{}", run.stderr);
    assert_eq!(run.stdout, "");
    let run = against(&fake, &["delete", "shadow", "checkout-v3", "--ignore-not-found"]).exits(0);
    assert_eq!(run.stdout, "Shadow/checkout-v3 not found\n");
}

#[test]
fn delete_of_a_stamp_in_use_names_who_uses_it() {
    let fake = Fake::new(|_| {
        Answer::problem(409, "in use", "Stamp/checkout is used by Shadow/checkout-v2", &json!([]))
    });
    let run = against(&fake, &["delete", "stamp", "checkout"]).exits(1);
    assert_eq!(
        run.stderr,
        "the control plane refused: Stamp/checkout is used by Shadow/checkout-v2 (409 Conflict)\n"
    );
}

#[test]
fn a_name_cannot_leave_its_place_in_the_path() {
    let fake = Fake::new(mesh);
    against(&fake, &["delete", "shadow", "../stamps/checkout?x#y"]).exits(1);
    assert_eq!(fake.lines()[0], "DELETE /api/v1/shadows/..%2Fstamps%2Fcheckout%3Fx%23y");
}

/// Moves what was asked, and reports `percent` on the nodes from the `polls`th look on.
fn moves(polls: usize) -> Fake {
    let looked = AtomicUsize::new(0);
    Fake::new(move |asked| match asked.line.as_str() {
        "PATCH /api/v1/shadows/checkout-v2/valve" => {
            let change: Value = serde_json::from_str(&asked.body).unwrap();
            let percent = change["percent"].as_f64().unwrap_or(5.0);
            Answer::json(&shadow(percent, change["enabled"].as_bool().unwrap_or(true), 9))
        }
        "GET /api/v1/nodes" => {
            let applied = if looked.fetch_add(1, Ordering::SeqCst) >= polls { 9 } else { 7 };
            Answer::json(&json!({"revision": 9, "items": [
                node("sidecar-1", "a", "SYNCED", true, applied, 25.0),
                node("sidecar-2", "b", "SYNCED", true, 9, 25.0),
            ]}))
        }
        _ => mesh(asked),
    })
}

#[test]
fn valve_takes_percentages_and_says_what_is_in_its_way() {
    for (typed, percent) in [("25", 25.0), ("25%", 25.0), ("0.5", 0.5), ("0", 0.0)] {
        let fake = moves(0);
        let run = against(&fake, &["valve", "checkout-v2", typed, "--reason", "try"]).exits(0);
        assert_eq!(sent(&fake), json!({"percent": percent, "reason": "try"}));
        assert_eq!(run.stdout, format!("Shadow/checkout-v2: switch on, valve {percent}% (revision 9)\n"));
        assert_eq!(run.stderr, "overrides stay as they are: zone=us-east-1a: 50%\n");
    }
    for typed in ["101", "-1", "x", "0.00001"] {
        let fake = moves(0);
        let run = against(&fake, &["valve", "checkout-v2", typed]).exits(2);
        assert!(run.stderr.contains(typed), "{}", run.stderr);
        assert!(fake.lines().is_empty());
    }
}

#[test]
fn valve_of_a_shadow_that_is_off_says_so() {
    let fake = Fake::new(|_| Answer::json(&shadow(25.0, false, 9)));
    let run = against(&fake, &["valve", "checkout-v2", "25"]).exits(0);
    assert!(
        run.stderr.contains("the switch is off: nothing is mirrored until `umbractl switch checkout-v2 on`"),
        "{}",
        run.stderr
    );
}

#[test]
fn switch_leaves_the_valve_alone() {
    for (position, enabled) in [("on", true), ("off", false)] {
        let fake = moves(0);
        let run = against(&fake, &["switch", "checkout-v2", position]).exits(0);
        assert_eq!(sent(&fake), json!({"enabled": enabled}));
        assert_eq!(run.stdout, format!("Shadow/checkout-v2: switch {position}, valve 5% (revision 9)\n"));
    }
    against(&moves(0), &["switch", "checkout-v2", "up"]).exits(2);
}

#[test]
fn valve_waits_until_every_connected_node_has_it() {
    let fake = moves(3);
    let run = against(&fake, &["valve", "checkout-v2", "25", "--wait", "-o", "json"]).exits(0);
    let wait = &run.json()["wait"];
    assert_eq!(wait["in_effect"], true);
    assert_eq!(wait["synced"], 2);
    assert!(wait["after_ms"].as_u64().is_some());
    assert_eq!(fake.lines().iter().filter(|line| *line == "GET /api/v1/nodes").count(), 4);

    let run = against(&moves(0), &["switch", "checkout-v2", "off", "--wait=5s"]).exits(0);
    assert!(run.stdout.contains("\nin effect on 2 nodes after "), "{}", run.stdout);
}

#[test]
fn a_wait_that_runs_out_is_a_no() {
    let run = against(&moves(usize::MAX), &["valve", "checkout-v2", "25", "--wait", "120ms"]).exits(1);
    assert!(run.stdout.contains("not in effect on 1 of 2 nodes after "), "{}", run.stdout);
    assert!(run.stdout.contains("  sidecar-1 is at revision 7\n"), "{}", run.stdout);
}

#[test]
fn a_wait_ends_at_once_when_a_node_refuses() {
    let fake = Fake::new(|asked| match asked.line.as_str() {
        "GET /api/v1/nodes" => mesh(asked),
        _ => Answer::json(&shadow(25.0, true, 7)),
    });
    let run = against(&fake, &["valve", "checkout-v2", "25", "--wait", "1h"]).exits(1);
    assert!(run.stdout.contains("  sidecar-2 refused it: stamps[0].clauses[1].path.regex"), "{}", run.stdout);
    assert!(run.stdout.contains("  sidecar-3 is not connected"), "{}", run.stdout);
}

#[test]
fn a_change_for_a_time_says_what_it_goes_back_to() {
    let fake = Fake::new(|asked| {
        assert_eq!(asked.body, r#"{"percent":50.0,"for":"2h","reason":"peak"}"#);
        let mut shadow = shadow(50.0, true, 8);
        let expiry = json!({"at": "2030-01-31T12:00:00.000Z", "percent": 5, "enabled": null, "revision": 8});
        shadow["status"] = json!({"expiry": expiry});
        Answer::json(&shadow)
    });
    let change = ["valve", "checkout-v2", "50", "--for", "2h", "--reason", "peak"];
    let run = against(&fake, &change).exits(0);
    assert!(
        run.stdout.ends_with("(revision 8)\ngoes back to 5% at 2030-01-31T12:00:00.000Z\n"),
        "{}",
        run.seen()
    );
    let run = against(&fake, &[&change[..], &["-o", "json"]].concat()).exits(0);
    assert_eq!(run.json()["expiries"][0]["percent"], 5);
    against(&fake, &["valve", "checkout-v2", "50", "--for", "later"]).exits(2);
}
