//! What a shadow redacts is nowhere: not in the database's files, not in the API, not in the log.

use std::path::Path;

use super::{Worker, differs, report};
use crate::process::Umbra;
use crate::support::{CHECKOUT, folder};

const REDACTING: &str = r#"
  compare:
    body: full
    headers: [x-key]
    redact: {fields: ["$.user.ssn", "$..token"], headers: [X-Key]}
"#;

/// Every byte below a folder.
fn bytes(folder: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        all.extend(std::fs::read(entry.unwrap().path()).unwrap());
    }
    all
}

#[tokio::test]
async fn what_is_redacted_is_nowhere() {
    let folder = folder();
    let umbra = Umbra::start_with(folder.path(), &["--dev", "--log-filter=umbra_control_plane=trace,debug"]);
    let api = umbra.api();
    api.apply(&format!("{CHECKOUT}{REDACTING}")).await;
    let mut sent = report(1, 1, 20);
    let bodies = [
        r#"{"user":{"ssn":"body-s3cret-1","name":"kept"},"a":1}"#,
        r#"{"user":{"name":"kept"},"a":2}"#,
        r#"{"user":"body-s3cret-2 in the wrong place? no: kept-string","a":2}"#,
        r#"{"user":{"ssn":["body-s3cret-3"]},"token":{"x":"body-s3cret-4"}}"#,
        r#"[{"token":"body-s3cret-5"},{"token":"body-s3cret-6"}]"#,
        r#"{"user":{"ssn":"body-s3cret-7"},"user":{"name":"twice"}}"#,
        "not JSON: body-s3cret-8",
        r#"{"user":{"ssn":"body-s3cret-9"#,
    ];
    for (number, body) in bodies.iter().enumerate() {
        differs(&mut sent, number as u128, bodies[0], body);
    }
    for pair in &mut sent.pairs {
        pair.candidate.headers[1].1 = b"header-s3cret-2".to_vec();
    }
    let mut worker = Worker::at(umbra.xds.parse().unwrap());
    assert_eq!(worker.send(&sent).await.unwrap(), 1);
    // What is refused is named in the log, and not shown.
    sent.sequence = 2;
    sent.pairs[0].weight = 0.0;
    assert_eq!(worker.send(&sent).await.unwrap_err().code(), tonic::Code::InvalidArgument);

    let report = api.get("/api/v1/shadows/checkout-v2/report").await.to_string();
    let pairs = api.get("/api/v1/shadows/checkout-v2/pairs?limit=100").await;
    assert_eq!(pairs["items"].as_array().unwrap().len(), bodies.len());
    let verdict = api.get("/api/v1/shadows/checkout-v2/verdict").await.to_string();
    let pairs = pairs.to_string();
    assert!(
        report.contains("$.user.ssn") && report.contains("header:x-key"),
        "the fields are counted: {report}"
    );
    assert!(pairs.contains("(redacted)") && pairs.contains("kept"), "{pairs}");
    let on_disk = bytes(folder.path());
    umbra.signal("-TERM");
    let (_, log) = umbra.ended();
    let after = bytes(folder.path());
    let places = [
        ("the report", report.into_bytes()),
        ("the pairs", pairs.into_bytes()),
        ("the verdict", verdict.into_bytes()),
        ("the database and its log", on_disk),
        ("the database after the end", after),
        ("the log", log.into_bytes()),
    ];
    for (place, bytes) in places {
        // The second is no secret: nothing says that a user may be one.
        for secret in [
            "header-s3cret",
            "s3cret-1",
            "s3cret-3",
            "s3cret-4",
            "s3cret-5",
            "s3cret-6",
            "s3cret-7",
            "s3cret-8",
            "s3cret-9",
        ] {
            let is_there = String::from_utf8_lossy(&bytes).contains(secret);
            assert!(!is_there, "{secret} is in {place}");
        }
    }
}
