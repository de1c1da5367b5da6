//! `umbractl audit`: rows, exports, and the chain.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use umbra_audit::{Chain, Line};

use crate::fake::{Answer, Fake};
use crate::run::{against, binary, offline};

/// An export of four changes, as a control plane writes it.
fn export() -> Vec<String> {
    let mut chain = Chain::default();
    (1..=4)
        .map(|id: u64| {
            let mut row = json!({
                "id": id, "revision": id, "at": format!("2030-01-01T00:00:0{id}.000Z"), "actor": "alice",
                "source": "127.0.0.1:5000", "action": "valve", "kind": "Shadow", "name": "checkout-v2",
                "before": {"b": 1, "a": id}, "after": null, "reason": "first step", "hash": "",
            });
            let hash = chain.add(&Line::read(&row.to_string()).unwrap().entry());
            row["hash"] = Value::String(hash.to_string());
            row.to_string()
        })
        .collect()
}

fn head(row: &str) -> String {
    serde_json::from_str::<Value>(row).unwrap()["hash"].as_str().unwrap().to_owned()
}

fn server(rows: Vec<String>) -> Fake {
    Fake::new(move |asked| {
        assert_eq!(asked.line, "GET /api/v1/audit?format=ndjson");
        let body = rows.iter().map(|row| format!("{row}\n")).collect();
        Answer { status: 200, content_type: "application/x-ndjson", body }
    })
}

#[test]
fn a_whole_trail_is_whole() {
    let rows = export();
    let run = against(&server(rows.clone()), &["audit", "verify"]).exits(0);
    let last = head(&rows[3]);
    assert_eq!(run.stdout, format!("4 rows, each goes on from the one before; head: {last}\n"));
    let run = against(&server(Vec::new()), &["audit", "verify", "-o", "json"]).exits(0);
    assert_eq!(run.json()["head"], "0".repeat(64));
    // A head of an earlier day is still in there.
    against(&server(rows.clone()), &["audit", "verify", "--head", &head(&rows[1])]).exits(0);
}

#[test]
fn tampering_is_found() {
    let rows = export();
    let verify =
        |rows: Vec<String>| against(&server(rows), &["audit", "verify", "-o", "json"]).exits(1).json();
    let mut changed = rows.clone();
    changed[1] = changed[1].replace("alice", "mallory");
    let found = verify(changed);
    assert_eq!((&found["first_bad"], &found["head"]), (&json!(2), &json!(head(&rows[0]))));
    let mut gone = rows.clone();
    gone.remove(0);
    assert_eq!(verify(gone)["first_bad"], 2);
    let mut swapped = rows.clone();
    swapped.swap(1, 2);
    assert_eq!(verify(swapped)["first_bad"], 3);
}

#[test]
fn an_end_that_was_cut_off_is_found_by_its_head() {
    let rows = export();
    let cut = rows[..2].to_vec();
    against(&server(cut.clone()), &["audit", "verify"]).exits(0);
    let run = against(&server(cut), &["audit", "verify", "--head", &head(&rows[3])]).exits(1);
    assert!(run.stdout.contains("the end was cut off"), "{}", run.seen());
}

#[test]
fn an_export_is_checked_without_a_control_plane() {
    let folder = tempfile::tempdir().unwrap();
    let rows = export();
    let exported = against(&server(rows.clone()), &["audit", "--export"]).exits(0).stdout;
    assert_eq!(exported, rows.join("\n") + "\n");
    std::fs::write(folder.path().join("audit.ndjson"), exported).unwrap();
    offline(folder.path(), &["audit", "verify", "--file", "audit.ndjson"]).exits(0);
    std::fs::write(folder.path().join("audit.ndjson"), "{}\n").unwrap();
    offline(folder.path(), &["audit", "verify", "--file", "audit.ndjson"]).exits(2);
    offline(folder.path(), &["audit", "verify", "--file", "none.ndjson"]).exits(2);
    offline(folder.path(), &["audit", "verify"]).exits(2);
}

/// Once, 1: the trail was tampered with.
#[test]
fn a_refusal_says_nothing_about_the_trail() {
    for status in [400, 404, 410, 421, 429, 503] {
        let fake = Fake::new(move |_| Answer::problem(status, "title", "not now", &json!([])));
        let run = against(&fake, &["audit", "verify"]).exits(2);
        assert!(run.stderr.contains("not now") && run.stdout.is_empty(), "{}", run.seen());
    }
}

/// Once, all of it was fetched for nobody.
#[test]
fn an_export_ends_when_nobody_reads_it() {
    const MANY: usize = 2_000;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = listener.local_addr().unwrap().to_string();
    let serving = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 4096]).unwrap();
        let head = "HTTP/1.1 200 x\r\ncontent-type: application/x-ndjson\r\nconnection: close\r\n\r\n";
        stream.write_all(head.as_bytes()).unwrap();
        let taken = (0..MANY).take_while(|_| {
            std::thread::sleep(Duration::from_millis(5));
            stream.write_all(b"{}\n").is_ok()
        });
        taken.count()
    });
    let mut command = binary();
    let mut child =
        command.args(["audit", "--export", "--server", &server]).stdout(Stdio::piped()).spawn().unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    assert_eq!((first.as_str(), child.wait().unwrap().code()), ("{}\n", Some(0)));
    let taken = serving.join().unwrap();
    assert!(taken < MANY, "{taken}");
}

#[test]
fn rows_are_filtered_by_the_control_plane() {
    let fake = Fake::new(|_| {
        let items: Vec<Value> = export().iter().map(|row| serde_json::from_str(row).unwrap()).collect();
        Answer::json(&json!({"items": items, "next": null}))
    });
    let run = against(&fake, &["audit", "--actor", "alice", "--since", "2d", "--limit", "3", "-o", "json"]);
    assert_eq!(run.exits(0).json()["items"].as_array().unwrap().len(), 3);
    assert_eq!(fake.lines(), ["GET /api/v1/audit?limit=3&actor=alice&since=2d"]);
    let run = against(&fake, &["audit", "--name", "checkout-v2"]).exits(0);
    assert!(run.stdout.contains("first step"), "{}", run.seen());
}
