//! `umbractl pairs`: sampled pairs of a shadow, newest first.

use std::fmt::Write as _;

use serde_json::Value;
use umbra_resource::Kind;

use super::suggest;
use crate::{
    cli::PairsArgs,
    client::Client,
    failure::{Failure, Outcome},
    output::Output,
};

/// Asks for a page of pairs and shows it.
///
/// # Errors
/// Where there is no such shadow, or the control plane cannot be asked.
pub(super) async fn run(client: &Client, args: &PairsArgs, output: &Output) -> Result<Outcome, Failure> {
    let (limit, before) = (args.limit.to_string(), args.before.map(|before| before.to_string()));
    let query = [
        ("outcome", args.outcome.as_deref()),
        ("endpoint", args.endpoint.as_deref()),
        ("field", args.field.as_deref()),
        ("pair", args.pair.as_deref()),
        ("limit", Some(limit.as_str())),
        ("before", before.as_deref()),
    ];
    let page = match client.pairs(&args.shadow, &query).await {
        Ok(page) => page,
        Err(error) => return Err(suggest(client, Kind::Shadow, &args.shadow, error).await),
    };
    output.show(&page, || text(&page))?;
    Ok(Outcome::Yes)
}

fn text(page: &Value) -> String {
    let items = page.get("items").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if items.is_empty() {
        return "no pairs are kept that fit".to_owned();
    }
    let mut text = String::new();
    for item in items {
        let of = |name: &str| item.get(name).and_then(Value::as_str).unwrap_or("?");
        let status = |party: &str| {
            let answer = item.get(party).filter(|answer| !answer.is_null());
            answer.map(|answer| match answer.get("status").and_then(Value::as_u64) {
                Some(status) => status.to_string(),
                None => answer.get("outcome").and_then(Value::as_str).unwrap_or("?").to_owned(),
            })
        };
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "{}  {}  {} {}  {}: primary {}, shadow {}",
            of("at"),
            of("pair"),
            of("method"),
            of("path"),
            of("outcome"),
            status("primary").unwrap_or_else(|| "?".to_owned()),
            status("shadow").unwrap_or_else(|| "?".to_owned()),
        );
        for difference in item.get("differences").and_then(Value::as_array).into_iter().flatten() {
            let of = |name: &str| difference.get(name).and_then(Value::as_str).unwrap_or("nothing");
            let _ = writeln!(text, "  {} at {}: {} -> {}", of("kind"), of("at"), of("primary"), of("shadow"));
        }
    }
    if let Some(next) = page.get("next").filter(|next| !next.is_null()) {
        let _ = writeln!(text, "more with --before {next}");
    }
    text
}
