//! Tokens: what is asked of the control plane, and what is shown of its answer.

use serde_json::{Value, json};

use crate::{
    fake::{Answer, Asked, Fake, mesh},
    run::{against, binary, finish},
};

fn tokens(asked: &Asked) -> Answer {
    let shown = |id: &str, role: &str, scope: Value| {
        json!({
            "id": id, "name": "bot", "role": role, "scope": scope, "created_at": "2030-01-01T00:00:00.000Z",
            "created_by": "token:ann", "expires_at": null, "last_used_at": null, "revoked_at": null,
        })
    };
    match asked.line.as_str() {
        "POST /api/v1/tokens" => {
            let mut made = shown("a1", "operator", json!({"all": true}));
            made["token"] = "umbra_a1_s3cret".into();
            Answer { status: 201, ..Answer::json(&made) }
        }
        "GET /api/v1/tokens?limit=500" => Answer::json(&json!({
            "items": [shown("a1", "operator", json!({"selector": "team=cart"}))], "next": "7-a1",
        })),
        "GET /api/v1/tokens?limit=500&cursor=7-a1" => Answer::json(&json!({
            "items": [shown("a0", "node", json!({"nodes": ["a", "b-*"]}))], "next": null,
        })),
        "DELETE /api/v1/tokens/a1?reason=lost" => Answer { status: 204, ..Answer::json(&json!({})) },
        _ => mesh(asked),
    }
}

#[test]
fn a_token_is_made_and_shown_alone() {
    let fake = Fake::new(tokens);
    let run = against(
        &fake,
        &["token", "create", "--role", "operator", "--name=bot", "--shadows=team=cart", "--expires=30d"],
    );
    assert_eq!(run.exits(0).stdout, "umbra_a1_s3cret\n");
    let wanted =
        json!({"name": "bot", "role": "operator", "scope": {"selector": "team=cart"}, "expires_in": "30d"});
    assert_eq!(serde_json::from_str::<Value>(&fake.asked()[0].body).unwrap(), wanted);
    against(&fake, &["token", "create", "--role", "node", "--nodes", "a,b-*", "--reason", "new mesh"])
        .exits(0);
    let wanted =
        json!({"name": "node", "role": "node", "scope": {"nodes": ["a", "b-*"]}, "reason": "new mesh"});
    assert_eq!(serde_json::from_str::<Value>(&fake.asked()[1].body).unwrap(), wanted);
}

#[test]
fn tokens_are_listed_page_by_page_and_revoked() {
    let fake = Fake::new(tokens);
    let listed = against(&fake, &["token", "list"]).exits(0).stdout;
    let rows: Vec<Vec<&str>> = listed.lines().map(|line| line.split_whitespace().take(4).collect()).collect();
    assert_eq!(
        rows,
        [
            ["ID", "NAME", "ROLE", "SCOPE"],
            ["a1", "bot", "operator", "team=cart"],
            ["a0", "bot", "node", "a,b-*"],
        ]
    );
    let json = against(&fake, &["token", "list", "-o", "json"]).exits(0).json();
    assert_eq!(json["items"][1]["id"], "a0");
    against(&fake, &["token", "revoke", "a1", "--reason", "lost"]).exits(0);
    against(&fake, &["token", "revoke", "none"]).exits(1);
}

#[test]
fn a_token_may_come_from_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "s3cret\n").unwrap();
    let fake = Fake::new(mesh);
    let mut command = binary();
    command.args(["status", "--token-file"]).arg(&file).env("UMBRA_SERVER", fake.url());
    finish(command, "").exits(0);
    assert!(
        fake.asked().iter().all(|asked| asked.headers.contains(&"authorization: Bearer s3cret".to_owned()))
    );
    let mut command = binary();
    command.args(["status", "--token-file", "/nonexistent"]).env("UMBRA_SERVER", fake.url());
    let said = finish(command, "").exits(2).stderr;
    assert!(said.contains("/nonexistent"), "{said}");
}
