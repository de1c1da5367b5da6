//! What is said when it does not work, and the exit codes.

use std::{
    io::Read,
    net::TcpListener,
    process::{Command, Stdio},
};

use serde_json::json;

use crate::{
    fake::{Answer, Fake, mesh},
    run::{against, binary, finish},
};

fn said(fake: &Fake, arguments: &[&str], code: i32) -> String {
    against(fake, arguments).exits(code).stderr
}

#[test]
fn a_refused_connection_names_the_server_and_what_to_try() {
    // A port that was free a moment ago, and that nobody else listens on.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut command = binary();
    command.args(["status", "--server", &address.to_string()]);
    let run = finish(command, "").exits(2);
    assert!(
        run.stderr.starts_with(&format!("error: cannot reach the control plane at http://{address}: ")),
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("refused"), "{}", run.stderr);
    assert!(run.stderr.contains("is `umbra serve` running there?"), "{}", run.stderr);
}

#[test]
fn a_server_that_does_not_answer_is_given_up() {
    // Connections are made by the system; nobody ever accepts them.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = listener.local_addr().unwrap().to_string();
    let unknown = "whether a change was made is unknown: see `umbractl status`; ";
    for (arguments, hint) in [(["get", "nodes", "x"], ""), (["delete", "shadow", "x"], unknown)] {
        let mut command = binary();
        command.args(arguments).args(["--server", &server, "--timeout", "100ms"]);
        let run = finish(command, "").exits(2);
        let said = format!("within 100ms\n{hint}--timeout waits longer\n");
        assert!(run.stderr.ends_with(&said), "{}", run.stderr);
    }
}

#[test]
fn an_unknown_name_suggests_near_ones() {
    let fake = Fake::new(mesh);
    for arguments in [
        ["get", "shadow", "chekout-v2"].as_slice(),
        &["describe", "shadow", "chekout-v2"],
        &["delete", "shadow", "chekout-v2"],
        &["valve", "chekout-v2", "5"],
        &["switch", "chekout-v2", "off"],
    ] {
        assert_eq!(
            said(&fake, arguments, 1),
            "the control plane refused: there is no such resource (404 Not Found)\ndid you mean checkout-v2?\n"
        );
    }
    assert!(
        said(&fake, &["get", "stamp", "zzz"], 1).ends_with("`umbractl get stamps` lists what there is\n")
    );
    for arguments in [["get", "node", "sidecar-9"], ["describe", "node", "sidecar-9"]] {
        assert_eq!(
            said(&fake, &arguments, 1),
            "there is no node sidecar-9\ndid you mean sidecar-1 or sidecar-2 or sidecar-3?\n"
        );
    }
}

#[test]
fn exit_codes_tell_a_no_from_a_failure() {
    let no = [400, 404, 409, 412, 422].map(|status| (status, 1));
    let failures = [401, 403, 408, 421, 429, 500, 503].map(|status| (status, 2));
    for (status, code) in no.into_iter().chain(failures) {
        let fake = Fake::new(move |_| Answer::problem(status, "title", "detail", &json!([])));
        let stderr = said(&fake, &["valve", "x", "5"], code);
        assert!(stderr.contains("refused: detail"), "{stderr}");
        assert_eq!(stderr.contains("UMBRA_TOKEN"), status == 401, "{stderr}");
    }
}

#[test]
fn something_that_is_not_a_control_plane_is_told_apart() {
    let page = |status| {
        Fake::new(move |_| Answer {
            status,
            content_type: "text/html",
            body: "<html>\n hello</html>".to_owned(),
        })
    };
    for status in [200, 404] {
        let stderr = said(&page(status), &["status"], 2);
        assert!(stderr.contains("http://control-plane"), "{stderr}");
        assert!(stderr.contains("<html> hello</html>"), "{stderr}");
        assert!(stderr.contains("is this the control plane's REST address"), "{stderr}");
    }
}

#[test]
fn fields_that_a_newer_control_plane_adds_are_no_trouble_outside_of_resources() {
    let fake = Fake::new(|asked| match asked.line.as_str() {
        "GET /api/v1/nodes" => Answer::json(&json!({"revision": 1, "new": 1, "items": [
            {"id": "a", "state": "SYNCED", "connected": true, "new": {}, "desired": null, "applied": null, "nack": null},
        ]})),
        _ => mesh(asked),
    });
    against(&fake, &["get", "nodes"]).exits(0);
    let fake = Fake::new(|asked| match asked.line.as_str() {
        "GET /api/v1/shadows" => {
            let mut shadow = crate::fake::shadow(5.0, true, 7);
            shadow["spec"]["ramp"] = json!({});
            Answer::json(&json!({"items": [shadow], "revision": 1}))
        }
        _ => mesh(asked),
    });
    let stderr = said(&fake, &["get", "shadows", "-o", "yaml"], 2);
    assert!(stderr.contains("ramp"), "{stderr}");
    assert!(stderr.contains("umbractl as new as the control plane"), "{stderr}");
}

#[test]
fn the_token_is_sent_and_never_shown() {
    let fake = Fake::new(mesh);
    let mut command = binary();
    command.args(["status"]).env("UMBRA_SERVER", fake.url()).env("UMBRA_TOKEN", "s3cret");
    finish(command, "").exits(0);
    assert!(
        fake.asked().iter().all(|asked| asked.headers.contains(&"authorization: Bearer s3cret".to_owned()))
    );

    let mut command = binary();
    command.args(["status", "--help"]).env("UMBRA_TOKEN", "s3cret");
    let help = finish(command, "").exits(0).stdout;
    assert!(help.contains("UMBRA_TOKEN") && !help.contains("s3cret"), "{help}");

    let mut command = binary();
    command.args(["status", "--token", "s3cret\n"]).env("UMBRA_SERVER", fake.url());
    let run = finish(command, "").exits(2);
    assert!(!run.stderr.contains("s3cret"), "{}", run.stderr);
}

#[test]
fn a_flag_goes_before_the_environment() {
    let fake = Fake::new(mesh);
    let mut command = binary();
    command.args(["status", "--server", &fake.url()]).env("UMBRA_SERVER", "http://127.0.0.1:9");
    finish(command, "").exits(0);
}

#[test]
fn a_redirect_is_not_followed() {
    let fake = Fake::new(|_| Answer { status: 307, content_type: "text/plain", body: String::new() });
    let stderr = said(&fake, &["valve", "x", "5"], 2);
    assert!(stderr.contains("307"), "{stderr}");
    assert_eq!(fake.lines().len(), 1);
}

#[test]
fn wrong_usage_is_an_error() {
    for arguments in [
        vec![],
        vec!["get"],
        vec!["get", "pods"],
        vec!["apply"],
        vec!["delete", "shadow"],
        vec!["delete", "shadow", "x", "-f", "y"],
        vec!["valve", "x"],
        vec!["status", "-o", "xml"],
        vec!["status", "--server", "ftp://x"],
        vec!["status", "--ca-cert", "/nonexistent"],
        vec!["status", "--client-cert", "/nonexistent"],
        vec!["status", "--timeout", "soon"],
    ] {
        let mut command = binary();
        command.args(&arguments);
        let run = finish(command, "").exits(2);
        assert!(run.stdout.is_empty() && !run.stderr.is_empty(), "{arguments:?}\n{}", run.seen());
    }
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let many: Vec<_> = (0..5_000)
        .map(|index| crate::fake::node(&format!("n{index}"), "z", "SYNCED", true, 1, 1.0))
        .collect();
    let fake = Fake::new(move |_| Answer::json(&json!({"revision": 1, "items": many})));
    let server = fake.url();
    for arguments in [
        vec!["get", "nodes", "--server", &server],
        vec!["get", "nodes", "--server", &server, "-o", "json"],
        vec!["completion", "bash"],
        vec!["--help"],
    ] {
        let mut command: Command = binary();
        let mut child =
            command.args(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let status = child.wait().unwrap();
        let mut stderr = String::new();
        child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        assert_eq!((status.code(), stderr.as_str()), (Some(0), ""), "{arguments:?}");
    }
}
