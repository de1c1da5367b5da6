//! The commands that need no control plane: check, explain, completion, help.

use std::{fs, path::Path};

use serde_json::json;
use tempfile::TempDir;

use crate::{
    fake::MANIFESTS,
    run::{Run, binary, finish, offline},
};

/// A directory with these files.
fn directory(files: &[(&str, &str)]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    directory
}

fn check(directory: &Path, code: i32) -> String {
    offline(directory, &["check", "-f", "."]).exits(code).stdout
}

#[test]
fn check_of_what_is_valid_says_how_much_that_is() {
    let directory = directory(&[("shadow.yaml", MANIFESTS)]);
    assert_eq!(check(directory.path(), 0), "2 resources: no problem found\n");
    assert_eq!(
        offline(directory.path(), &["check", "-f", "shadow.yaml", "-o", "json"]).exits(0).json(),
        json!({"valid": true, "resources": 2, "problems": []})
    );
}

const INVALID: &str = "\
# The documents that are empty do not count.
---
apiVersion: umbra/v1
kind: Stamp
metadata:
  name: checkout
spec:
  match:
  - path:
      regex: '('
    hostz: [x]
---
apiVersion: umbra/v1
kind: Shadow
metadata: {name: checkout-v2}
spec:
  stamps: [checkout]
  target: {cluster: checkout-v2}
  percent: 101
---
kind: Shadows
";

#[test]
fn check_lists_every_problem_with_file_line_document_and_field() {
    let directory = directory(&[
        ("a.yaml", INVALID),
        (
            "b.json",
            r#"{"apiVersion": "umbra/v1", "kind": "Stamp", "metadata": {"name": "B"}, "spec": {"match": []}}"#,
        ),
        ("c.yml", "a: [\n"),
    ]);
    insta::assert_snapshot!("check", check(directory.path(), 1));
    let report = offline(directory.path(), &["check", "-f", "a.yaml", "-o", "json"]).exits(1).json();
    assert_eq!(report["valid"], false);
    let percent = report["problems"]
        .as_array()
        .unwrap()
        .iter()
        .find(|problem| problem["field"] == "spec.percent")
        .unwrap();
    assert_eq!(
        (&percent["file"], &percent["line"], &percent["document"], &percent["resource"]),
        (&json!("a.yaml"), &json!(19), &json!(2), &json!("Shadow/checkout-v2"))
    );
}

#[test]
fn check_looks_at_all_files_together() {
    let (stamp, shadow) = MANIFESTS.split_once("---\n").unwrap();
    let directory = directory(&[("1.yaml", shadow), ("2.yaml", stamp)]);
    check(directory.path(), 0);
    let alone = offline(directory.path(), &["check", "-f", "1.yaml"]).exits(1).stdout;
    assert!(alone.starts_with("1.yaml:5: document 1: Shadow/checkout-v2: spec.stamps[0]: "), "{alone}");
    fs::write(directory.path().join("3.yaml"), stamp).unwrap();
    let twice = check(directory.path(), 1);
    assert!(twice.starts_with("./3.yaml:3: document 1: Stamp/checkout: metadata.name: "), "{twice}");
}

#[test]
fn what_cannot_be_read_is_an_error() {
    let directory =
        directory(&[("empty/readme.txt", ""), ("deep/er/a.yaml", MANIFESTS), ("latin1.yaml", "")]);
    fs::write(directory.path().join("latin1.yaml"), b"a: \xe9\n").unwrap();
    for (arguments, said) in [
        (["check", "-f", "missing.yaml"].as_slice(), "error: missing.yaml: No such file or directory"),
        (&["check", "-f", "empty"], "error: empty: no *.yaml, *.yml or *.json in it; -R looks into"),
        (&["check", "-f", "deep"], "error: deep: no *.yaml"),
        (&["check", "-f", "latin1.yaml"], "error: latin1.yaml: stream did not contain valid UTF-8"),
        (&["check", "-f", "-", "-f", "-"], "error: standard input can be read only once"),
        (&["apply", "-f", "missing.yaml"], "error: missing.yaml: "),
        (&["explain", "-f", "missing.yaml", "--host", "a", "--path", "/"], "error: missing.yaml: "),
    ] {
        let run = offline(directory.path(), arguments).exits(2);
        assert!(run.stderr.starts_with(said), "{}", run.seen());
    }
    offline(directory.path(), &["check", "-R", "-f", "deep"]).exits(0);
}

#[test]
fn check_reads_standard_input() {
    let mut command = binary();
    command.args(["check", "-f", "-"]);
    let run = finish(command, INVALID).exits(1);
    assert!(run.stdout.starts_with("stdin:"), "{}", run.stdout);
}

#[test]
fn a_link_in_a_circle_ends() {
    let directory = directory(&[("a/b.yaml", MANIFESTS)]);
    std::os::unix::fs::symlink("..", directory.path().join("a/up")).unwrap();
    let run = offline(directory.path(), &["check", "-R", "-f", "."]).exits(0);
    assert_eq!(run.stdout, "2 resources: no problem found\n");
}

fn explain(directory: &Path, options: &[&str]) -> Run {
    let base =
        ["explain", "-f", "shadow.yaml", "--host", "SHOP.example.com:443", "--path", "/api/cart?page=2"];
    offline(directory, &[base.as_slice(), options].concat())
}

/// What the first clause of the stamp asks for.
const FITS: [&str; 4] = ["--header", "X-Tenant=acme", "--cookie", "session=abc"];

#[test]
fn explain_says_what_a_node_would_do_and_why() {
    let directory = directory(&[("shadow.yaml", MANIFESTS)]);
    let seen = |options: &[&str]| explain(directory.path(), options).exits(0).seen();
    insta::assert_snapshot!("explain_not_stamped", seen(&["--cookie", "session=abc"]));
    insta::assert_snapshot!("explain_not_sampled", seen(&FITS));
    let everywhere =
        [FITS.as_slice(), &["--node", "id=sidecar-7,zone=us-east-1a", "--node", "metadata.a=1"]].concat();
    insta::assert_snapshot!("explain_override", seen(&everywhere));
    fs::write(directory.path().join("shadow.yaml"), MANIFESTS.replace("percent: 5\n", "percent: 100\n"))
        .unwrap();
    insta::assert_snapshot!("explain_mirrored", seen(&FITS));
    fs::write(directory.path().join("shadow.yaml"), "# Nothing.\n").unwrap();
    insta::assert_snapshot!("explain_nothing", seen(&FITS));
}

#[test]
fn explain_json_has_the_decision_and_the_headers() {
    let all = MANIFESTS.replace("percent: 5\n", "percent: 100\n").replace("[GET, HEAD]", "[GET, POST]");
    let directory = directory(&[("shadow.yaml", &all.replace("methods: [GET]", "methods: [GET, POST]"))]);
    let decided = |options: &[&str]| {
        explain(directory.path(), &[FITS.as_slice(), options, &["-o", "json"]].concat()).exits(0).json()
    };
    let mirrored = decided(&[]);
    assert_eq!(mirrored["shadows"][0]["decision"], "mirrored");
    assert_eq!(mirrored["headers"][0], json!({"name": "x-umbra-stamp", "value": "checkout"}));
    assert_eq!(mirrored["headers"][1], json!({"name": "x-umbra-mirror-1", "value": "checkout-v2"}));
    assert_eq!(mirrored["headers"][2], json!({"name": "x-umbra-mirror-2", "value": "checkout-v1-b"}));
    for (options, reason) in [
        (["--method", "POST", "--body-bytes", "1000"].as_slice(), None),
        (&["--method", "POST", "--body-bytes", "1001"], Some("body_too_large")),
        (&["--method", "POST", "--body-bytes", "unknown"], Some("unknown_length")),
        (&["--header", "upgrade=websocket", "--header", "connection=Upgrade"], Some("upgrade")),
    ] {
        assert_eq!(
            decided(options)["shadows"][0].get("reason"),
            reason.map(|reason| json!(reason)).as_ref(),
            "{options:?}"
        );
    }
}

#[test]
fn explain_asks_the_cookie_the_header_or_the_address() {
    let directory = directory(&[]);
    for (sample, options, key) in [
        ("{by: cookie, name: session}", [].as_slice(), "abc"),
        ("{by: header, name: x-tenant}", &[], "acme"),
        ("{by: source-ip}", &["--source-ip", "2001:DB8::1"], "2001:db8::1"),
    ] {
        let text = MANIFESTS.replace("{by: cookie, name: session}", sample);
        fs::write(directory.path().join("shadow.yaml"), text).unwrap();
        let options = [FITS.as_slice(), options, &["-o", "json"]].concat();
        let sampling = &explain(directory.path(), &options).exits(0).json()["shadows"][0]["sampling"];
        assert_eq!(sampling["key"], key);
        assert!(sampling["bucket_percent"].is_number(), "{sampling}");
    }
}

#[test]
fn explain_refuses_what_it_would_not_look_at() {
    let directory = directory(&[("shadow.yaml", MANIFESTS)]);
    for (header, option) in [("Host=x", "--host"), ("content-length=3", "--body-bytes N")] {
        let run = explain(directory.path(), &["--header", header]).exits(2);
        assert!(run.stderr.contains(option), "{}", run.stderr);
    }
    fs::write(
        directory.path().join("shadow.yaml"),
        MANIFESTS.replace("stamps: [checkout]", "stamps: [nope]"),
    )
    .unwrap();
    let run = explain(directory.path(), &[]).exits(1);
    assert!(
        run.stderr.starts_with("shadow.yaml:17: document 2: Shadow/checkout-v2: spec.stamps[0]: "),
        "{}",
        run.stderr
    );
}

#[test]
fn completion_knows_the_commands() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let run = offline(Path::new("."), &["completion", shell]).exits(0);
        assert!(run.stdout.contains("valve"), "{shell}");
        assert_eq!(run.stdout, offline(Path::new("."), &["completions", shell]).exits(0).stdout);
    }
}

#[test]
fn help_tells_the_exit_codes() {
    let help = offline(Path::new("."), &["--help"]).exits(0).stdout;
    for code in ["  0  ", "  1  ", "  2  "] {
        assert!(help.contains(code), "{help}");
    }
    assert!(offline(Path::new("."), &["--version"]).exits(0).stdout.starts_with("umbractl "));
}
