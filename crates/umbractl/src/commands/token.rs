//! `umbractl token`: who may do what.

use serde_json::{Map, Value, json};

use crate::{
    cli::token::{CreateArgs, TokenCommand},
    client::Client,
    failure::{Failure, Outcome},
    output::{Output, table},
};

/// Makes, lists or revokes.
pub(super) async fn run(
    client: &Client,
    command: &TokenCommand,
    output: &Output,
) -> Result<Outcome, Failure> {
    match command {
        TokenCommand::Create(args) => {
            let made = client.create_token(&wanted(args)).await?;
            // The token alone, so that a script can take it as it is.
            output.show(&made, || field(&made, "token"))?;
            output.note("it is shown this once: keep it where secrets are kept");
        }
        TokenCommand::List => {
            let tokens = client.tokens().await?;
            output.show(&json!({ "items": &tokens }), || tokens_table(&tokens))?;
        }
        TokenCommand::Revoke { id, reason } => {
            client.revoke_token(id, reason.reason.as_deref()).await?;
            output.show(&json!({"id": id, "action": "revoked"}), || format!("{id} revoked"))?;
        }
    }
    Ok(Outcome::Yes)
}

fn wanted(args: &CreateArgs) -> Value {
    let list = |text: &str| text.split(',').map(|item| item.trim().to_owned()).collect::<Vec<_>>();
    let scope = match (&args.shadows, &args.nodes) {
        (Some(selector), _) if selector.contains('=') => json!({ "selector": selector }),
        (Some(names), _) => json!({ "shadows": list(names) }),
        (None, Some(nodes)) => json!({ "nodes": list(nodes) }),
        (None, None) => Value::Null,
    };
    let mut wanted = Map::new();
    wanted.insert("name".to_owned(), json!(args.name.as_ref().unwrap_or(&args.role)));
    wanted.insert("role".to_owned(), json!(args.role));
    for (field, value) in
        [("scope", scope), ("expires_in", json!(args.expires)), ("reason", json!(args.reason.reason))]
    {
        if !value.is_null() {
            wanted.insert(field.to_owned(), value);
        }
    }
    wanted.into()
}

fn tokens_table(tokens: &[Value]) -> String {
    table(
        &["ID", "NAME", "ROLE", "SCOPE", "CREATED", "BY", "EXPIRES", "LAST USED", "REVOKED"],
        tokens.iter().map(|token| {
            let mut cells: Vec<String> =
                ["id", "name", "role"].iter().map(|name| field(token, name)).collect();
            cells.push(token.get("scope").map(scope).unwrap_or_default());
            let rest = ["created_at", "created_by", "expires_at", "last_used_at", "revoked_at"];
            cells.extend(rest.iter().map(|name| field(token, name)));
            cells
        }),
    )
}

fn scope(scope: &Value) -> String {
    let names = |name: &str| {
        let names = scope.get(name)?.as_array()?;
        Some(names.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(","))
    };
    let selector = || scope.get("selector")?.as_str().map(str::to_owned);
    names("shadows").or_else(|| names("nodes")).or_else(selector).unwrap_or_else(|| "all".to_owned())
}

fn field(of: &Value, name: &str) -> String {
    of.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}
