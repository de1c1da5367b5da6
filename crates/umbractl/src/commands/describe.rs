//! `umbractl describe`: one thing in full, with what it means at the moment.

use std::time::SystemTime;

use serde::Serialize;
use umbra_resource::{Kind, Metadata, Resource, Shadow, Stamp, manifest::shadow::ShadowSpec};

use super::{
    get::{audit, audit_table, unknown_node},
    suggest,
};
use crate::{
    cli::Described,
    client::{
        Client,
        answer::{AuditEntry, Node, PolicyVersion},
    },
    failure::{Failure, Outcome},
    output::{Output, table},
    words,
};

/// So many of the last changes are shown.
const SHOWN_CHANGES: u32 = 5;
/// Changes are looked for in so many pages of the audit trail: enough for what is recent, and not the whole
/// history of a mesh for the sake of five lines.
const SEARCHED_PAGES: usize = 3;

#[derive(Serialize)]
struct StampView {
    resource: Resource,
    /// The shadows that take requests with this stamp.
    used_by: Vec<String>,
    changes: Vec<AuditEntry>,
}

#[derive(Serialize)]
struct ShadowView {
    resource: Resource,
    nodes: Vec<NodeShare>,
    changes: Vec<AuditEntry>,
}

/// What a node does for a shadow.
#[derive(Serialize)]
struct NodeShare {
    node: String,
    connected: bool,
    state: String,
    /// In effect by the policy that the node has applied; `None` where that has no such shadow.
    percent: Option<f64>,
}

/// Shows one thing.
pub(super) async fn run(
    client: &Client,
    kind: Described,
    name: &str,
    output: &Output,
) -> Result<Outcome, Failure> {
    match kind {
        Described::Stamp => stamp(client, name, output).await?,
        Described::Shadow => shadow(client, name, output).await?,
        Described::Node => node(client, name, output).await?,
    }
    Ok(Outcome::Yes)
}

async fn changes(client: &Client, kind: Kind, name: &str) -> Result<Vec<AuditEntry>, Failure> {
    let about_it = |entry: &AuditEntry| entry.kind == kind.as_str() && entry.name == name;
    audit(client, about_it, SHOWN_CHANGES, SEARCHED_PAGES).await
}

async fn stamp(client: &Client, name: &str, output: &Output) -> Result<(), Failure> {
    let resource = match client.get(Kind::Stamp, name).await {
        Ok(resource) => resource,
        Err(error) => return Err(suggest(client, Kind::Stamp, name, error).await),
    };
    let mut used_by = Vec::new();
    for shadow in client.list(Kind::Shadow).await?.items {
        if let Resource::Shadow(shadow) = shadow
            && shadow.spec.stamps.iter().any(|stamp| stamp == name)
        {
            used_by.push(shadow.metadata.name);
        }
    }
    let view = StampView { resource, used_by, changes: changes(client, Kind::Stamp, name).await? };
    output.show(&view, || match &view.resource {
        Resource::Stamp(stamp) => stamp_text(stamp, &view),
        Resource::Shadow(_) => String::new(),
    })
}

async fn shadow(client: &Client, name: &str, output: &Output) -> Result<(), Failure> {
    let resource = match client.get(Kind::Shadow, name).await {
        Ok(resource) => resource,
        Err(error) => return Err(suggest(client, Kind::Shadow, name, error).await),
    };
    let nodes = client.nodes().await?.items.into_iter().map(|node| NodeShare {
        percent: node.shares.contains_key(name).then(|| node.share_in_effect(name)),
        node: node.id,
        connected: node.connected,
        state: node.state,
    });
    let view =
        ShadowView { resource, nodes: nodes.collect(), changes: changes(client, Kind::Shadow, name).await? };
    output.show(&view, || match &view.resource {
        Resource::Shadow(shadow) => shadow_text(shadow, &view),
        Resource::Stamp(_) => String::new(),
    })
}

async fn node(client: &Client, name: &str, output: &Output) -> Result<(), Failure> {
    let nodes = client.nodes().await?.items;
    match nodes.iter().position(|node| node.id == name) {
        Some(index) => {
            let node = nodes.into_iter().skip(index).take(1).collect::<Vec<_>>();
            output.show(&node.first(), || node.first().map(node_text).unwrap_or_default())
        }
        None => Err(unknown_node(name, &nodes)),
    }
}

/// Lines of a name and what it is, one under the other.
struct Sheet(String);

impl Sheet {
    fn of(kind: Kind, metadata: &Metadata) -> Sheet {
        let mut sheet = Sheet(format!("{kind}/{}\n", metadata.name));
        let labels: Vec<_> = metadata.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        sheet.line("labels", &labels.join(" "));
        if let Some(revision) = metadata.revision {
            let age = words::age(SystemTime::now(), metadata.updated_at.as_deref());
            let when = if age.is_empty() { String::new() } else { format!(", changed {age} ago") };
            sheet.line("revision", &format!("{revision}{when}"));
        }
        sheet
    }

    /// Adds a line, unless there is nothing to say.
    fn line(&mut self, name: &str, what: &str) {
        if !what.is_empty() {
            self.0.push_str(&format!("  {name:<11}{what}\n"));
        }
    }

    fn section(&mut self, title: &str, text: &str) {
        if !text.is_empty() {
            self.0.push_str(&format!("\n{title}\n"));
            for line in text.lines() {
                self.0.push_str(&format!("  {line}\n"));
            }
        }
    }
}

fn stamp_text(stamp: &Stamp, view: &StampView) -> String {
    let mut sheet = Sheet::of(Kind::Stamp, &stamp.metadata);
    for (index, clause) in stamp.spec.clauses.iter().enumerate() {
        sheet.line(if index == 0 { "match" } else { "or" }, &words::clause(clause));
    }
    let used_by = if view.used_by.is_empty() { "no shadow".to_owned() } else { view.used_by.join(", ") };
    sheet.line("used by", &used_by);
    sheet.section("Last changes", &audit_table(&view.changes));
    sheet.0
}

fn shadow_text(shadow: &Shadow, view: &ShadowView) -> String {
    let ShadowSpec { stamps, target, control, sample, guard, request, overrides, compare, gates, .. } =
        &shadow.spec;
    let mut sheet = Sheet::of(Kind::Shadow, &shadow.metadata);
    sheet.line("switch", words::switch(shadow.spec.is_enabled()));
    let salt = sample.as_ref().and_then(|sample| sample.salt.as_deref()).unwrap_or(&shadow.metadata.name);
    let by = words::sample(sample.as_ref());
    sheet.line("valve", &format!("{}% by {by}, salt {salt}", shadow.spec.share()));
    for expiry in shadow.status.expiry.iter().chain(&shadow.status.then) {
        sheet.line("for a time", &words::expiry(expiry));
    }
    for place in overrides {
        sheet.line("override", &words::place(place));
    }
    sheet.line("stamps", &stamps.join(", "));
    sheet.line("target", &target.cluster);
    sheet.line("control", control.as_ref().map_or("", |control| &control.cluster));
    sheet.line("guard", &words::guard(guard.as_ref()));
    sheet.line("copies", &request.as_ref().map(words::copy).unwrap_or_default());
    sheet.line("compare", &compare.as_ref().map(words::flat).unwrap_or_default());
    sheet.line("gates", &gates.as_ref().map(words::flat).unwrap_or_default());
    let nodes = if view.nodes.is_empty() {
        "none known".to_owned()
    } else {
        table(
            &["NODE", "STATE", "CONNECTED", "IN EFFECT"],
            view.nodes.iter().map(|node| {
                vec![
                    node.node.clone(),
                    node.state.clone(),
                    if node.connected { "yes" } else { "no" }.to_owned(),
                    node.percent.map(|percent| format!("{percent}%")).unwrap_or_default(),
                ]
            }),
        )
    };
    sheet.section("Nodes", &nodes);
    sheet.section("Last changes", &audit_table(&view.changes));
    sheet.0
}

fn node_text(node: &Node) -> String {
    let now = SystemTime::now();
    let mut sheet = Sheet(format!("Node/{}\n", node.id));
    let connection = if node.connected { "connected" } else { "not connected" };
    sheet.line("state", &format!("{}, {connection}", node.state));
    if let Some(nack) = &node.nack {
        let revision = nack.revision.map(|revision| format!("revision {revision}: ")).unwrap_or_default();
        sheet.line("refused", &format!("{revision}{}", nack.reason));
    }
    for (name, policy) in [("desired", &node.desired), ("applied", &node.applied)] {
        let text = match policy {
            Some(PolicyVersion { version, revision: Some(revision) }) => {
                format!("revision {revision}, version {version}")
            }
            Some(PolicyVersion { version, revision: None }) => format!("version {version}"),
            None => "no policy".to_owned(),
        };
        sheet.line(name, &text);
    }
    sheet.line("cluster", &node.cluster);
    sheet.line("zone", &node.zone);
    sheet.line("region", &node.region);
    sheet.line("metadata", &words::flat(&node.metadata));
    sheet.line("envoy", &node.envoy_version);
    sheet.line("streams", &node.streams.to_string());
    for (name, at) in
        [("since", &node.connected_at), ("last seen", &node.last_seen), ("synced", &node.synced_at)]
    {
        if let Some(at) = at {
            sheet.line(name, &format!("{} ago ({at})", words::age(now, Some(at))));
        }
    }
    let shares = table(
        &["SHADOW", "SWITCH", "VALVE", "IN EFFECT"],
        node.shares.iter().map(|(name, share)| {
            vec![
                name.clone(),
                words::switch(share.enabled).to_owned(),
                format!("{}%", share.percent),
                format!("{}%", node.share_in_effect(name)),
            ]
        }),
    );
    sheet.section("Shadows", if node.shares.is_empty() { "none" } else { &shares });
    if !node.workers.is_empty() {
        let workers = table(
            &["WORKER", "STATE", "POLICY", "LAST REPORT", "REQUESTS"],
            node.workers.iter().map(|worker| {
                vec![
                    worker.instance.clone(),
                    worker.state.clone(),
                    worker.version.clone(),
                    format!("{} ago", words::age(now, Some(&worker.reported_at))),
                    worker.requests.to_string(),
                ]
            }),
        );
        sheet.section("Workers", &workers);
    }
    sheet.0
}
