//! `umbractl edit` and `status --watch`: what goes on for longer than one answer.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::fake::{Answer, Fake, mesh, nodes, shadow};
use crate::run::{Run, binary, finish};

/// Answers reads as a mesh does, and a write with this.
fn server(write: fn(&Value) -> Answer) -> Fake {
    Fake::new(move |asked| match asked.line.as_str() {
        line if line.starts_with("PUT /api/v1/shadows/checkout-v2") => {
            assert!(asked.headers.contains(&"if-match: \"7\"".to_owned()), "{asked:?}");
            write(&serde_json::from_str(&asked.body).unwrap())
        }
        _ => mesh(asked),
    })
}

fn edit(fake: &Fake, editor: &str) -> Run {
    let mut command = binary();
    command.args(["edit", "shadow", "checkout-v2", "--reason", "why"]);
    command.env("UMBRA_SERVER", fake.url()).env("EDITOR", editor).env_remove("VISUAL");
    finish(command, "")
}

#[test]
fn what_was_edited_is_written_if_nobody_else_wrote() {
    let fake = server(|sent| {
        assert_eq!((&sent["spec"]["percent"], &sent["metadata"].get("revision")), (&json!(7), &None));
        Answer::json(&shadow(7.0, true, 8))
    });
    let run = edit(&fake, "sed -i 's/percent: 5$/percent: 7/'").exits(0);
    assert_eq!(run.stdout, "Shadow/checkout-v2 updated (revision 8)\n");
    assert!(
        fake.lines().contains(&"PUT /api/v1/shadows/checkout-v2?reason=why".to_owned()),
        "{:?}",
        fake.lines()
    );
}

#[test]
fn nothing_is_written_where_nothing_was_changed() {
    let fake = server(|_| unreachable!());
    let run = edit(&fake, "true").exits(0);
    assert!(run.stderr.contains("nothing was changed"), "{}", run.seen());
}

#[test]
fn what_was_typed_is_not_lost() {
    let refused = server(|_| Answer::problem(412, "stale", "it is at revision 8", &json!([])));
    let cases = [
        (edit(&refused, "sed -i 's/percent: 5$/percent: 7/'"), 1, "somebody else changed Shadow/checkout-v2"),
        (edit(&refused, "sed -i 's/percent: 5$/percent: 700/'"), 1, "percent"),
        (edit(&refused, "sed -i 's/name: checkout-v2/name: other/'"), 1, "and nothing else"),
        (edit(&refused, "false"), 2, "ended with"),
    ];
    for (run, code, words) in cases {
        let run = run.exits(code);
        assert!(run.stderr.contains(words), "{}", run.seen());
        let kept = run.stderr.split("what you wrote is in ").nth(1).unwrap().trim();
        assert!(std::fs::read_to_string(kept).unwrap().contains("kind: Shadow"), "{kept}");
        std::fs::remove_file(kept).unwrap();
    }
}

#[test]
fn a_status_that_is_watched_is_shown_again_when_it_changes() {
    let looks = AtomicU64::new(0);
    let fake = Fake::new(move |asked| match asked.line.as_str() {
        "GET /api/v1/nodes" => {
            // It changes with every third look.
            let mut nodes = nodes();
            nodes["revision"] = json!(looks.fetch_add(1, Ordering::SeqCst) / 3);
            Answer::json(&nodes)
        }
        _ => mesh(asked),
    });
    let mut command = binary();
    command.args(["status", "--watch", "10ms"]).env("UMBRA_SERVER", fake.url()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let seen: Vec<String> = lines.filter(|line| line.starts_with("umbra ")).take(3).collect();
    child.kill().unwrap();
    child.wait().unwrap();
    for (revision, line) in seen.iter().enumerate() {
        assert!(line.contains(&format!(", revision {revision}: ")), "{line}");
    }
}

/// Once, each report of a worker was a change.
#[test]
fn a_watched_status_is_not_shown_again_for_reports_alone() {
    let looks = Arc::new(AtomicU64::new(0));
    let looked = Arc::clone(&looks);
    let fake = Fake::new(move |asked| match asked.line.as_str() {
        "GET /api/v1/nodes" => {
            let look = looked.fetch_add(1, Ordering::SeqCst);
            let mut nodes = nodes();
            let at = format!("2030-01-01T00:00:{:02}Z", look % 60);
            let node = &mut nodes["items"][0];
            node["last_seen"] = json!(at);
            node["workers"][0]["reported_at"] = json!(at);
            node["workers"][0]["requests"] = json!(look);
            // It changes once, long after.
            node["workers"][0]["state"] = json!(if look < 20 { "SYNCED" } else { "SILENT" });
            Answer::json(&nodes)
        }
        _ => mesh(asked),
    });
    for format in ["table", "json"] {
        looks.store(0, Ordering::SeqCst);
        let mut command = binary();
        command.args(["status", "--watch", "10ms", "-o", format]).env("UMBRA_SERVER", fake.url());
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let begins = |line: &String| line.starts_with("umbra ") || line == "{";
        let begun = lines.filter(begins).take(2).count();
        assert_eq!((begun, looks.load(Ordering::SeqCst) > 20), (2, true), "{format}");
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

/// Once, it went on for as long as nobody killed it.
#[test]
fn a_watched_status_ends_when_nobody_reads_it() {
    let fake = Fake::new(mesh);
    let mut command = binary();
    command.args(["status", "--watch", "10ms"]).env("UMBRA_SERVER", fake.url()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    assert!(first.starts_with("umbra "), "{first}");
    let began = Instant::now();
    // What is shown never changes: nothing more is printed that could fail.
    let ended = loop {
        match child.try_wait().unwrap() {
            None if began.elapsed() < Duration::from_secs(10) => std::thread::sleep(Duration::from_millis(5)),
            ended => break ended,
        }
    };
    child.kill().unwrap();
    assert_eq!(ended.and_then(|status| status.code()), Some(0));
}

#[test]
fn a_config_dump_is_printed_as_it_is() {
    let fake = Fake::new(|asked| {
        assert_eq!(asked.line, "GET /api/v1/config-dump");
        Answer::json(&json!({"version": "0.1.0", "policies": []}))
    });
    let run = crate::run::against(&fake, &["config-dump"]).exits(0);
    assert_eq!(run.json()["version"], "0.1.0");
}
