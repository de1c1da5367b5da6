//! `umbractl get`: lists.

use std::time::SystemTime;

use serde::Serialize;
use umbra_resource::{Kind, Resource};

use super::suggest;
use crate::{
    cli::{Format, View},
    client::{
        Client,
        answer::{AuditEntry, Node},
    },
    failure::{Failure, Outcome},
    near,
    output::{self, Output, table},
    words,
};

/// So many audit entries are asked for at once.
pub(super) const AUDIT_PAGE: u32 = 200;

#[derive(Serialize)]
struct Items<T> {
    items: T,
}

/// Shows all of a kind, or those with these names.
pub(super) async fn run(
    client: &Client,
    view: View,
    names: &[String],
    limit: u32,
    output: &Output,
) -> Result<Outcome, Failure> {
    match view {
        View::Stamps => resources(client, Kind::Stamp, names, output).await,
        View::Shadows => resources(client, Kind::Shadow, names, output).await,
        View::Nodes => nodes(client, names, output).await,
        View::Audit => {
            let wanted = |entry: &AuditEntry| names.is_empty() || names.contains(&entry.name);
            let entries = audit(client, wanted, limit, usize::MAX).await?;
            if entries.is_empty() {
                output.note("no audit entries");
            }
            output.show(&Items { items: &entries }, || audit_table(&entries))?;
            Ok(Outcome::Yes)
        }
    }
}

async fn resources(
    client: &Client,
    kind: Kind,
    names: &[String],
    output: &Output,
) -> Result<Outcome, Failure> {
    let found = if names.is_empty() {
        client.list(kind).await?.items
    } else {
        let mut found = Vec::new();
        for name in names {
            match client.get(kind, name).await {
                Ok(resource) => found.push(resource),
                Err(error) => return Err(suggest(client, kind, name, error).await),
            }
        }
        found
    };
    match (output.format(), found.as_slice()) {
        (_, []) if output.format() == Format::Table => {
            output.note(&format!("no {}s", kind.as_str().to_lowercase()))
        }
        (Format::Table, found) => output.text(&resource_table(kind, found, SystemTime::now()))?,
        (Format::Yaml, found) => output.raw(&output::yaml(found)?)?,
        // One that was asked for by name is that one; anything else is a list.
        (Format::Json, [one]) if names.len() == 1 => output.raw(&output::json(one)?)?,
        (Format::Json, found) => output.raw(&output::json(&Items { items: found })?)?,
    }
    Ok(Outcome::Yes)
}

fn resource_table(kind: Kind, resources: &[Resource], now: SystemTime) -> String {
    let header: &[&str] = match kind {
        Kind::Stamp => &["NAME", "REVISION", "AGE", "MATCH"],
        Kind::Shadow => &[
            "NAME",
            "SWITCH",
            "VALVE",
            "OVERRIDES",
            "STAMPS",
            "TARGET",
            "CONTROL",
            "SAMPLE",
            "REVISION",
            "AGE",
        ],
    };
    table(
        header,
        resources.iter().map(|resource| {
            let metadata = resource.metadata();
            let revision = metadata.revision.map(|revision| revision.to_string()).unwrap_or_default();
            let age = words::age(now, metadata.updated_at.as_deref());
            match resource {
                Resource::Stamp(stamp) => {
                    let clauses: Vec<_> = stamp.spec.clauses.iter().map(words::clause).collect();
                    vec![metadata.name.clone(), revision, age, clauses.join(" OR ")]
                }
                Resource::Shadow(shadow) => vec![
                    metadata.name.clone(),
                    words::switch(shadow.spec.is_enabled()).to_owned(),
                    format!("{}%", shadow.spec.share()),
                    shadow.spec.overrides.len().to_string(),
                    shadow.spec.stamps.join(","),
                    shadow.spec.target.cluster.clone(),
                    shadow.spec.control.as_ref().map(|control| control.cluster.clone()).unwrap_or_default(),
                    words::sample(shadow.spec.sample.as_ref()),
                    revision,
                    age,
                ],
            }
        }),
    )
}

async fn nodes(client: &Client, names: &[String], output: &Output) -> Result<Outcome, Failure> {
    let mut nodes = client.nodes().await?;
    if let Some(unknown) = names.iter().find(|name| nodes.items.iter().all(|node| node.id != **name)) {
        return Err(unknown_node(unknown, &nodes.items));
    }
    nodes.items.retain(|node| names.is_empty() || names.contains(&node.id));
    if nodes.items.is_empty() && output.format() == Format::Table {
        output.note("no nodes");
        return Ok(Outcome::Yes);
    }
    output.show(&nodes, || node_table(&nodes.items, SystemTime::now()))?;
    Ok(Outcome::Yes)
}

/// Refuses a node that is not there, with names that are.
pub(super) fn unknown_node(name: &str, nodes: &[Node]) -> Failure {
    let known: Vec<_> = nodes.iter().map(|node| node.id.as_str()).collect();
    Failure::no(format!("there is no node {name}")).hint(near::hint(name, &known, "umbractl get nodes"))
}

/// One line for each node.
pub(super) fn node_table(nodes: &[Node], now: SystemTime) -> String {
    let header = ["NODE", "STATE", "CONNECTED", "DESIRED", "APPLIED", "SEEN", "CLUSTER", "ZONE", "REGION"];
    table(
        &header,
        nodes.iter().map(|node| {
            let revision =
                |policy: Option<u64>| policy.map(|revision| revision.to_string()).unwrap_or_default();
            vec![
                node.id.clone(),
                node.state.clone(),
                if node.connected { "yes" } else { "no" }.to_owned(),
                revision(node.desired.as_ref().and_then(|desired| desired.revision)),
                revision(node.revision_in_effect()),
                words::age(now, node.last_seen.as_deref()),
                node.cluster.clone(),
                node.zone.clone(),
                node.region.clone(),
            ]
        }),
    )
}

/// The newest entries of the audit trail that are `wanted`, at most `limit`, from so many pages at most.
pub(super) async fn audit(
    client: &Client,
    wanted: impl Fn(&AuditEntry) -> bool,
    limit: u32,
    max_pages: usize,
) -> Result<Vec<AuditEntry>, Failure> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut entries = Vec::new();
    let mut before = None;
    for _ in 0..max_pages {
        let page = client.audit(AUDIT_PAGE, before, &[]).await?;
        entries.extend(page.items.into_iter().filter(&wanted));
        // A page that does not go on from the one before would be asked for again and again.
        let goes_on = page.next.is_some_and(|next| before.is_none_or(|before| next < before));
        if entries.len() >= limit || !goes_on {
            break;
        }
        before = page.next;
    }
    entries.truncate(limit);
    Ok(entries)
}

/// One line for each entry.
pub(super) fn audit_table(entries: &[AuditEntry]) -> String {
    if entries.is_empty() {
        return String::new();
    }
    table(
        &["AT", "REVISION", "ACTOR", "ACTION", "RESOURCE", "CHANGE", "REASON"],
        entries.iter().map(|entry| {
            vec![
                entry.at.clone(),
                entry.revision.to_string(),
                entry.actor.clone(),
                entry.action.clone(),
                format!("{}/{}", entry.kind, entry.name),
                words::change(entry.before.as_ref(), entry.after.as_ref()),
                entry.reason.clone().unwrap_or_default(),
            ]
        }),
    )
}
