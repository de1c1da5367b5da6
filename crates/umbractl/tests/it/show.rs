//! The commands that only look: get, describe, status.

use serde_json::json;

use crate::{
    fake::{Answer, Fake, THEN, board, mesh, nodes, shadow, stamp},
    run::{against, with_stdin},
};

/// What a user sees, with the one time that differs from run to run made equal.
fn shown(arguments: &[&str]) -> String {
    against(&Fake::new(mesh), arguments).exits(0).seen().replace(THEN.as_str(), "2026-01-01T00:00:00Z")
}

#[test]
fn get_shows_tables() {
    insta::assert_snapshot!("get_stamps", shown(&["get", "stamps"]));
    insta::assert_snapshot!("get_shadows", shown(&["get", "shadows"]));
    insta::assert_snapshot!("get_nodes", shown(&["get", "nodes"]));
    insta::assert_snapshot!("get_audit", shown(&["get", "audit"]));
    assert_eq!(shown(&["get", "Shadow", "checkout-v2"]), shown(&["get", "shadows"]));
}

#[test]
fn get_audit_with_a_name_leaves_out_the_rest() {
    let run = against(&Fake::new(mesh), &["get", "audit", "checkout", "-o", "json"]).exits(0);
    assert_eq!(run.json()["items"].as_array().unwrap().len(), 1);
    assert_eq!(run.json()["items"][0]["id"], 11);
}

#[test]
fn get_audit_reads_page_after_page_until_it_has_enough() {
    // Entries 500 down to 1, page by page as the control plane hands them out.
    let fake = Fake::new(|asked| {
        let parameter = |name: &str| -> Option<u64> {
            let query = asked.line.split_once('?')?.1;
            query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))?.parse().ok()
        };
        let first = parameter("before").map_or(500, |before| before - 1);
        let limit = parameter("limit").unwrap();
        let ids: Vec<_> = (1..=first).rev().take(limit.try_into().unwrap()).collect();
        let next = ids.last().filter(|last| **last > 1);
        let items: Vec<_> = ids
            .iter()
            .map(|id| {
                json!({
                    "id": id, "revision": id, "at": "2020-01-01T00:00:00Z", "actor": "a", "source": null,
                    "action": "valve", "kind": "Shadow", "name": format!("shadow-{}", id % 100),
                    "before": null, "after": null, "reason": null,
                })
            })
            .collect();
        Answer::json(&json!({"items": items, "next": next}))
    });
    let ids = |arguments: &[&str]| -> Vec<u64> {
        let run = against(&fake, arguments).exits(0);
        run.json()["items"].as_array().unwrap().iter().map(|item| item["id"].as_u64().unwrap()).collect()
    };
    assert_eq!(ids(&["get", "audit", "--limit", "3", "-o", "json"]), [500, 499, 498]);
    assert_eq!(ids(&["get", "audit", "--limit", "450", "-o", "json"]).len(), 450);
    assert_eq!(ids(&["get", "audit", "shadow-7", "-o", "json"]), [407, 307, 207, 107, 7]);
    assert_eq!(ids(&["get", "audit", "shadow-7", "--limit", "2", "-o", "json"]), [407, 307]);
}

#[test]
fn nothing_to_show_is_said_on_standard_error() {
    let fake = Fake::new(|_| Answer::json(&json!({"items": [], "shadows": [], "revision": 0, "next": null})));
    for (what, said) in [
        ("stamps", "no stamps\n"),
        ("shadows", "no shadows\n"),
        ("nodes", "no nodes\n"),
        ("audit", "no audit entries\n"),
    ] {
        let run = against(&fake, &["get", what]).exits(0);
        assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("", said));
    }
    assert_eq!(against(&fake, &["get", "shadows", "-o", "json"]).exits(0).json(), json!({"items": []}));
    assert_eq!(against(&fake, &["get", "shadows", "-o", "yaml"]).exits(0).stdout, "");
}

#[test]
fn get_json_is_one_object_for_one_name_and_a_list_otherwise() {
    let fake = Fake::new(mesh);
    assert_eq!(against(&fake, &["get", "shadow", "checkout-v2", "-o", "json"]).json(), shadow_as_read());
    assert_eq!(
        against(&fake, &["get", "shadows", "-o", "json"]).json(),
        json!({"items": [shadow_as_read()]})
    );
    assert_eq!(
        against(&fake, &["get", "nodes", "-o", "json"]).exits(0).json()["items"][0]["id"],
        "sidecar-1"
    );
}

/// A percentage that is whole is written without a fraction.
fn shadow_as_read() -> serde_json::Value {
    let mut shadow = shadow(5.0, true, 7);
    shadow["spec"]["percent"] = json!(5);
    shadow
}

#[test]
fn what_get_prints_can_be_applied_as_it_is() {
    for format in ["yaml", "json"] {
        let fake = Fake::new(|asked| match asked.line.as_str() {
            "POST /api/v1/apply" => Answer::json(&json!({"revision": 7, "dry_run": false, "results": []})),
            _ => mesh(asked),
        });
        let stamps = against(&fake, &["get", "stamps", "-o", format]).exits(0).stdout;
        let shadows = against(&fake, &["get", "shadows", "-o", format]).exits(0).stdout;
        for (printed, mut held) in [(stamps, stamp()), (shadows, shadow_as_read())] {
            with_stdin(&fake, &["apply", "-f", "-"], &printed).exits(0);
            let sent: serde_json::Value = serde_json::from_str(&fake.asked().last().unwrap().body).unwrap();
            // What the server adds may be sent back or left out: it ignores it.
            let mut sent = sent[0].clone();
            for resource in [&mut sent, &mut held] {
                let metadata = resource["metadata"].as_object_mut().unwrap();
                metadata.remove("revision");
                metadata.remove("updated_at");
            }
            assert_eq!(sent, held, "{format}");
        }
    }
}

#[test]
fn get_yaml_is_one_document_for_each() {
    insta::assert_snapshot!("get_shadows_yaml", shown(&["get", "shadows", "-o", "yaml"]));
}

#[test]
fn describe_shows_one_thing_in_full() {
    insta::assert_snapshot!("describe_stamp", shown(&["describe", "stamp", "checkout"]));
    insta::assert_snapshot!("describe_shadow", shown(&["describe", "shadow", "checkout-v2"]));
    insta::assert_snapshot!("describe_node", shown(&["describe", "node", "sidecar-2"]));
}

#[test]
fn describe_json_has_what_the_text_has() {
    let fake = Fake::new(mesh);
    let shadow = against(&fake, &["describe", "shadow", "checkout-v2", "-o", "json"]).exits(0).json();
    assert_eq!(
        shadow["nodes"][1],
        json!({"node": "sidecar-2", "connected": true, "state": "NACKED", "percent": 2.5})
    );
    let stamp = against(&fake, &["describe", "stamp", "checkout", "-o", "json"]).exits(0).json();
    assert_eq!(stamp["used_by"], json!(["checkout-v2"]));
    let node = against(&fake, &["describe", "node", "sidecar-1", "-o", "json"]).exits(0).json();
    assert_eq!(node["id"], "sidecar-1");
}

#[test]
fn status_shows_what_is_in_effect() {
    insta::assert_snapshot!("status", shown(&["status"]));
}

#[test]
fn status_json_has_shares_in_effect_of_connected_nodes_alone() {
    let status = against(&Fake::new(mesh), &["status", "-o", "json"]).exits(0).json();
    assert_eq!(status["shadows"][0]["in_effect"], json!({"min": 2.5, "max": 50.0}));
    assert_eq!(status["summary"]["nacked"], 1);
    assert_eq!(status["summary"]["disconnected"], 1);
    assert_eq!(
        status["nodes"]["items"].as_array().unwrap().len(),
        nodes()["items"].as_array().unwrap().len()
    );
}

#[test]
fn status_of_an_empty_mesh_is_one_line() {
    let fake = Fake::new(|asked| match asked.line.as_str() {
        "GET /version" => mesh(asked),
        _ => Answer::json(&json!({"items": [], "shadows": [], "revision": 0})),
    });
    assert_eq!(
        against(&fake, &["status"]).exits(0).stdout,
        "umbra 0.1.0 at http://control-plane, revision 0: 0 shadows (0 on), 0 nodes (0 synced, 0 stale, 0 nacked, \
         0 disconnected)\n"
    );
}

#[test]
fn status_names_a_shadow_that_is_spared() {
    let fake = Fake::new(|asked| match asked.line.as_str() {
        "GET /api/v1/board" => Answer::json(&board(41.25)),
        _ => mesh(asked),
    });
    let stdout = against(&fake, &["status"]).exits(0).stdout;
    let said = "checkout-v2 fails or hangs: 41.2 requests a second are not mirrored, to spare it\n";
    assert!(stdout.contains(said), "{stdout}");
    assert!(!against(&Fake::new(mesh), &["status"]).exits(0).stdout.contains("hangs"));
}

#[test]
fn explain_without_manifests_goes_by_what_the_control_plane_has() {
    let arguments = ["explain", "--host", "shop.example.com", "--path", "/", "-o", "json"];
    let fake = Fake::new(mesh);
    let explained = against(&fake, &arguments).exits(0).json();
    assert_eq!(explained["stamps"][0]["name"], "checkout");
    assert_eq!(explained["shadows"][0]["name"], "checkout-v2");
    assert_eq!(fake.lines(), ["GET /api/v1/stamps", "GET /api/v1/shadows"]);
}

#[test]
fn what_comes_from_elsewhere_cannot_steer_the_terminal() {
    let fake = Fake::new(|asked| match asked.line.as_str() {
        "GET /api/v1/nodes" => {
            let mut nodes = nodes();
            nodes["items"][1]["nack"]["reason"] = json!("bad\u{1b}[2J\nline");
            Answer::json(&nodes)
        }
        _ => mesh(asked),
    });
    for arguments in [vec!["status"], vec!["describe", "node", "sidecar-2"]] {
        let stdout = against(&fake, &arguments).exits(0).stdout;
        assert!(stdout.contains("bad [2J"), "{stdout}");
        assert!(!stdout.contains('\u{1b}'), "{stdout}");
    }
}
