//! `umbractl status`: what is in effect, at one look.

use std::time::{Duration, SystemTime};

use serde::Serialize;
use serde_json::{Map, Value};
use umbra_resource::{Kind, Resource};

use super::get::node_table;
use crate::{
    client::{
        Client,
        answer::{Board, Nodes, Version},
    },
    failure::{Failure, Outcome},
    output::{Output, table},
    words::{self, count},
};

#[derive(Serialize)]
struct Status {
    server: String,
    version: Version,
    summary: Summary,
    shadows: Vec<ShadowStatus>,
    nodes: Nodes,
}

#[derive(Serialize)]
struct Summary {
    revision: u64,
    shadows: usize,
    shadows_on: usize,
    nodes: usize,
    /// Connected nodes by what they have applied.
    synced: usize,
    stale: usize,
    nacked: usize,
    disconnected: usize,
}

#[derive(Serialize)]
struct ShadowStatus {
    name: String,
    enabled: bool,
    percent: f64,
    /// The smallest and the largest share that connected nodes have in effect; `None` without one.
    in_effect: Option<Range>,
    stamps: Vec<String>,
    target: String,
    /// Requests that nodes did not mirror over the last seconds because the shadow fails or hangs.
    shed_per_second: f64,
}

#[derive(Clone, Copy, Serialize)]
struct Range {
    min: f64,
    max: f64,
}

/// Asks for shadows and nodes, and shows them together.
pub(super) async fn run(client: &Client, output: &Output) -> Result<Outcome, Failure> {
    let status = look(client).await?;
    output.show(&status, || text(&status, SystemTime::now()))?;
    Ok(Outcome::Yes)
}

/// Shows them again whenever they changed, until somebody interrupts it or nobody reads it any more. A control plane that is
/// away for a while is waited for.
pub(super) async fn watch(client: &Client, every: Duration, output: &Output) -> Result<Outcome, Failure> {
    let mut shown = None;
    let mut was_away = false;
    let unread = output.unread();
    tokio::pin!(unread);
    loop {
        match look(client).await {
            Ok(status) => {
                let now = settled(&status)?;
                if was_away || shown.as_ref() != Some(&now) {
                    output.afresh()?;
                    output.show(&status, || text(&status, SystemTime::now()))?;
                    shown = Some(now);
                }
                was_away = false;
            }
            // From the start it may be the wrong address; later it is a control plane that is away.
            Err(failure) if shown.is_none() => return Err(failure),
            Err(failure) => {
                if !was_away {
                    output.note(&format!(
                        "{}\nwhat is above may be out of date; trying again",
                        failure.message()
                    ));
                }
                was_away = true;
            }
        }
        if output.is_unread() {
            return Ok(Outcome::Yes);
        }
        tokio::select! {
            () = &mut unread => return Ok(Outcome::Yes),
            () = tokio::time::sleep(every) => {}
        }
    }
}

/// A status without what goes on by itself, and is no change: times of reports, and the requests that they count.
fn settled(status: &Status) -> Result<Value, Failure> {
    let written = serde_json::to_value(status);
    let mut settled = written.map_err(|error| Failure::error(format!("cannot write JSON: {error}")))?;
    for node in objects(settled.pointer_mut("/nodes/items")) {
        node.remove("last_seen");
        for worker in objects(node.get_mut("workers")) {
            worker.remove("reported_at");
            worker.remove("requests");
        }
    }
    Ok(settled)
}

fn objects(list: Option<&mut Value>) -> impl Iterator<Item = &mut Map<String, Value>> {
    list.and_then(Value::as_array_mut).into_iter().flatten().filter_map(Value::as_object_mut)
}

async fn look(client: &Client) -> Result<Status, Failure> {
    let version = client.version().await?;
    let shadows = client.list(Kind::Shadow).await?.items;
    let nodes = client.nodes().await?;
    let board = client.board().await?;
    Ok(Status {
        server: client.server().to_owned(),
        version,
        summary: summarise(&shadows, &nodes),
        shadows: shadows.iter().filter_map(|resource| shadow_status(resource, &nodes, &board)).collect(),
        nodes,
    })
}

fn summarise(shadows: &[Resource], nodes: &Nodes) -> Summary {
    let connected =
        |state: &str| nodes.items.iter().filter(|node| node.connected && node.state == state).count();
    Summary {
        revision: nodes.revision,
        shadows: shadows.len(),
        shadows_on: shadows
            .iter()
            .filter(|resource| matches!(resource, Resource::Shadow(shadow) if shadow.spec.is_enabled()))
            .count(),
        nodes: nodes.items.len(),
        synced: connected("SYNCED"),
        stale: connected("STALE"),
        nacked: connected("NACKED"),
        disconnected: nodes.items.iter().filter(|node| !node.connected).count(),
    }
}

fn shadow_status(resource: &Resource, nodes: &Nodes, board: &Board) -> Option<ShadowStatus> {
    let Resource::Shadow(shadow) = resource else { return None };
    let name = &shadow.metadata.name;
    let in_effect = nodes
        .items
        .iter()
        .filter(|node| node.connected)
        .map(|node| node.share_in_effect(name))
        .map(|share| Range { min: share, max: share })
        .reduce(|a, b| Range { min: a.min.min(b.min), max: a.max.max(b.max) });
    Some(ShadowStatus {
        name: name.clone(),
        enabled: shadow.spec.is_enabled(),
        percent: shadow.spec.share().value(),
        in_effect,
        stamps: shadow.spec.stamps.clone(),
        target: shadow.spec.target.cluster.clone(),
        shed_per_second: board
            .shadows
            .iter()
            .find(|row| &row.name == name)
            .and_then(|row| row.rates)
            .map_or(0.0, |rates| rates.shed_per_second),
    })
}

fn text(status: &Status, now: SystemTime) -> String {
    let Summary { revision, shadows, shadows_on, nodes, synced, stale, nacked, disconnected } =
        &status.summary;
    let mut text = format!(
        "{} {} at {}, revision {revision}: {} ({shadows_on} on), {} ({synced} synced, {stale} stale, \
         {nacked} nacked, {disconnected} disconnected)\n",
        status.version.name,
        status.version.version,
        status.server,
        count(*shadows as u64, "shadow"),
        count(*nodes as u64, "node"),
    );
    if !status.shadows.is_empty() {
        text.push('\n');
        let header = ["SHADOW", "SWITCH", "VALVE", "IN EFFECT", "STAMPS", "TARGET"];
        text.push_str(&table(
            &header,
            status.shadows.iter().map(|shadow| {
                vec![
                    shadow.name.clone(),
                    words::switch(shadow.enabled).to_owned(),
                    format!("{}%", shadow.percent),
                    shadow.in_effect.map(range).unwrap_or_default(),
                    shadow.stamps.join(","),
                    shadow.target.clone(),
                ]
            }),
        ));
    }
    for shadow in status.shadows.iter().filter(|shadow| shadow.shed_per_second > 0.0) {
        text.push_str(&format!(
            "{} fails or hangs: {:.1} requests a second are not mirrored, to spare it\n",
            shadow.name, shadow.shed_per_second
        ));
    }
    if !status.nodes.items.is_empty() {
        text.push('\n');
        text.push_str(&node_table(&status.nodes.items, now));
    }
    let nacks: Vec<_> = status
        .nodes
        .items
        .iter()
        .filter_map(|node| Some((node, node.nack.as_ref()?)))
        .map(|(node, nack)| {
            let revision = nack.revision.map(|revision| format!(" revision {revision}")).unwrap_or_default();
            let when = nack
                .at
                .as_deref()
                .map(|at| format!(" {} ago", words::age(now, Some(at))))
                .unwrap_or_default();
            format!("{} refused{revision}{when}: {}\n", node.id, nack.reason.replace(char::is_control, " "))
        })
        .collect();
    if !nacks.is_empty() {
        text.push('\n');
        text.push_str(&nacks.concat());
    }
    text
}

fn range(range: Range) -> String {
    if range.min == range.max { format!("{}%", range.min) } else { format!("{}-{}%", range.min, range.max) }
}
