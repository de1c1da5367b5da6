//! The first admin, and `umbra token` on the database of a server that does not run.

use std::path::Path;
use std::process::{Command, Output};

use reqwest::Method;

use crate::process::{Umbra, run};
use crate::support::{Api, folder};

const PORTS: [&str; 2] = ["--listen-api=127.0.0.1:0", "--listen-xds=127.0.0.1:0"];

/// Runs `umbra token` in a folder: its exit code, and what it said to standard output and to standard error.
fn token(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    token_in(folder, arguments, &[])
}

/// With these variables.
fn token_in(folder: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_umbra"));
    let command = command.arg("token").args(arguments).current_dir(folder).env_clear();
    let command = command.envs(variables.iter().copied());
    let Output { status, stdout, stderr } = command.output().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

/// What a first start leaves, also one that says that nobody could come in.
fn made_by_serve(folder: &Path, more: &[&str]) {
    let (code, log) = run(folder, &[&PORTS[..], more].concat());
    assert!(code == Some(1) && log.contains("or make one first with  umbra token create"), "{log}");
}

async fn role(api: &Api, token: &str) -> Option<String> {
    let answer = api.with(Some(token)).request(Method::GET, "/api/v1/me").send().await.unwrap();
    let me: serde_json::Value = answer.json().await.unwrap();
    me["role"].as_str().map(str::to_owned)
}

fn end(umbra: Umbra) -> String {
    umbra.signal("-TERM");
    umbra.ended().1
}

#[tokio::test]
async fn tokens_of_a_server_that_does_not_run() {
    let folder = folder();
    made_by_serve(folder.path(), &[]);
    let (code, text, _) = token(folder.path(), &["create", "--role", "admin"]);
    let admin = text.trim().to_owned();
    assert_eq!((code, admin.starts_with("umbra_"), text.lines().count()), (Some(0), true, 1));
    let arguments = ["create", "--role=operator", "--name=bot", "--shadows=team=cart", "--expires=30d"];
    let (_, bot, _) = token(folder.path(), &arguments);
    let (code, listed, _) = token(folder.path(), &["list"]);
    assert_eq!((code, listed.lines().count()), (Some(0), 2));
    assert!(
        listed.contains("bot") && listed.contains("team=cart") && !listed.contains(bot.trim()),
        "{listed}"
    );

    let umbra = Umbra::start(folder.path());
    let (code, _, said) = token(folder.path(), &["list"]);
    assert_eq!(code, Some(1));
    assert!(said.contains("is in use by a running umbra") && said.contains("umbractl token"), "{said}");
    end(umbra);

    let umbra = Umbra::start_with(folder.path(), &[]);
    assert_eq!(role(&umbra.api(), &admin).await.as_deref(), Some("admin"));
    assert_eq!(role(&umbra.api(), bot.trim()).await.as_deref(), Some("operator"));
    end(umbra);
    let id = bot.split('_').nth(1).unwrap();
    assert_eq!(token(folder.path(), &["revoke", id]).0, Some(0));
    let umbra = Umbra::start_with(folder.path(), &[]);
    assert_eq!(role(&umbra.api(), bot.trim()).await, None);
    end(umbra);

    for (arguments, words) in [
        (&["create", "--role", "root"] as &[&str], "is none: give viewer"),
        (&["create", "--role", "operator", "--shadows", "a="], ""),
        (&["create", "--role", "operator", "--shadows", "a=b=c"], "is not a condition on a label"),
        (&["revoke", "nobody"], "there is no token with the id"),
        (&["list", "--database-url", "umbra.db"], "is not a database"),
    ] {
        let (code, _, said) = token(folder.path(), arguments);
        assert_eq!(code, Some(i32::from(!words.is_empty())), "{arguments:?}: {said}");
        assert!(said.contains(words), "{said}");
    }
    std::fs::remove_file(folder.path().join("umbra.db.key")).unwrap();
    assert_eq!(token(folder.path(), &["list"]).0, Some(1));
    assert_eq!(token(folder.path(), &["revoke", "--all"]).0, Some(0));
    let (code, listed, _) = token(folder.path(), &["list"]);
    assert_eq!((code, listed.trim()), (Some(0), ""));
}

/// Once, the file was not looked at: the token was good for a database that was made for it, and for no server.
#[tokio::test]
async fn a_token_goes_where_the_server_looks() {
    let folder = folder();
    std::fs::create_dir(folder.path().join("state")).unwrap();
    let settings =
        "database-url = \"sqlite://state/own.db\"\ntoken-key-file = \"own.key\"\nlog-format = \"json\"\n";
    std::fs::write(folder.path().join("umbra.toml"), settings).unwrap();
    let by_file = ["create", "--role=admin", "--config=umbra.toml"];
    let (code, text, said) = token(folder.path(), &by_file);
    assert_eq!((code, text.as_str()), (Some(1), ""));
    assert!(said.contains("there is no database") && said.contains("state/own.db"), "{said}");
    let (code, _, said) = token(folder.path(), &["create", "--role=admin"]);
    assert!(code == Some(1) && said.contains("there is no database"), "{said}");
    assert_eq!(std::fs::read_dir(folder.path().join("state")).unwrap().count(), 0);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "nothing was made");

    made_by_serve(folder.path(), &["--config=umbra.toml"]);
    let (code, text, said) = token(folder.path(), &by_file);
    assert_eq!(code, Some(0), "{said}");
    let own = folder.path().join("state/own.db");
    assert_eq!(said, format!("umbra: the database is {}\n", own.display()));
    let variable = [("UMBRA_CONFIG", "umbra.toml")];
    let (_, listed, _) = token_in(folder.path(), &["list"], &variable);
    assert_eq!(listed.lines().count(), 1, "{listed}");
    let umbra = Umbra::start_with(folder.path(), &["--config=umbra.toml"]);
    assert_eq!(role(&umbra.api(), text.trim()).await.as_deref(), Some("admin"));
    end(umbra);

    std::fs::write(folder.path().join("umbra.toml"), "database-url = \"own.db\"\n").unwrap();
    let (code, _, said) = token_in(folder.path(), &["list"], &variable);
    assert!(
        code == Some(1) && said.contains("database-url in umbra.toml: \"own.db\" is not a database"),
        "{said}"
    );
    let (code, _, said) = token(folder.path(), &["list", "--config=none.toml"]);
    assert!(code == Some(1) && said.contains("--config: cannot read none.toml"), "{said}");
}

#[tokio::test]
async fn the_first_admin_comes_from_a_file_or_a_variable_or_not_at_all() {
    let folder = folder();
    let (code, log) = run(folder.path(), &PORTS);
    assert_eq!(code, Some(1));
    assert!(log.contains("--bootstrap-token-file") && log.contains("UMBRA_BOOTSTRAP_TOKEN"), "{log}");

    let own = format!("umbra_bootstrap_{}", "4".repeat(64));
    std::fs::write(folder.path().join("own"), format!("{own}\n")).unwrap();
    let umbra = Umbra::start_with(folder.path(), &["--bootstrap-token-file=own"]);
    assert_eq!(role(&umbra.api(), &own).await.as_deref(), Some("admin"));
    let path = "/api/v1/tokens/bootstrap";
    let revoked = umbra.api().with(Some(&own)).request(Method::DELETE, path).send().await.unwrap();
    assert_eq!(revoked.status(), 204);
    end(umbra);
    // What was revoked does not come back by starting again.
    let (code, log) = run(folder.path(), &[&PORTS[..], &["--bootstrap-token-file=own"]].concat());
    assert_eq!(code, Some(1));
    assert!(log.contains("revoked or expired, and stays so"), "{log}");
    let umbra = Umbra::start_with(folder.path(), &["--bootstrap-token-file=made"]);
    let made = std::fs::read_to_string(folder.path().join("made")).unwrap();
    assert_eq!(role(&umbra.api(), made.trim()).await.as_deref(), Some("admin"));
    end(umbra);
    // While there is an admin nothing else is looked at.
    let umbra = Umbra::start_with(folder.path(), &["--bootstrap-token-file=own"]);
    assert_eq!(role(&umbra.api(), &own).await, None);
    end(umbra);
    std::fs::write(folder.path().join("short"), "umbra_bootstrap_1234").unwrap();
    std::fs::remove_file(folder.path().join("umbra.db")).unwrap();
    let (code, log) = run(folder.path(), &[&PORTS[..], &["--bootstrap-token-file=short"]].concat());
    assert_eq!(code, Some(1));
    assert!(log.contains("it is not a token") && !log.contains("umbra_bootstrap_1234"), "{log}");
}
