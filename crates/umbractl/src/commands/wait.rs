//! Waiting until nodes have a change in effect.

use std::{
    collections::BTreeSet,
    fmt,
    time::{Duration, Instant},
};

use serde::Serialize;

use super::patience::Patience;
use crate::{
    client::{
        Client,
        answer::{Node, Nodes},
    },
    failure::Failure,
    output::Output,
    words::count,
};

/// How often the nodes are asked after: often enough to measure a change that takes tens of milliseconds,
/// seldom enough to be nothing to a control plane.
const POLL_EVERY: Duration = Duration::from_millis(50);

/// How a wait ended.
#[derive(Debug, Serialize)]
pub(super) struct Waited {
    /// Whether every connected node has the change in effect, and there is one.
    pub(super) in_effect: bool,
    /// From the control plane's answer on, in milliseconds.
    after_ms: u64,
    /// How many connected nodes have the change in effect.
    synced: usize,
    /// How many nodes are connected.
    connected: usize,
    /// Connected nodes that have not got it, and nodes that were lost while the control plane was away, with why.
    pending: Vec<Pending>,
    /// Nodes that are not connected: they may go on with an older policy.
    disconnected: Vec<String>,
}

/// A node without the change.
#[derive(Debug, Serialize)]
struct Pending {
    node: String,
    /// `STALE`, or `NACKED` with the reason.
    why: String,
    #[serde(skip)]
    refused: bool,
}

/// Asks after the nodes until all that are connected have applied a policy of `revision` or later, one of them
/// has refused it, or `limit` has passed since `answered`. A control plane that is away meanwhile, as during a restart, knows
/// of those nodes alone that have come back to it: the others that it had are waited for too.
///
/// # Errors
/// Where the control plane cannot be asked any more: the change is made all the same.
pub(super) async fn until_in_effect(
    client: &Client,
    revision: u64,
    answered: Instant,
    limit: Duration,
    output: &Output,
) -> Result<Waited, Failure> {
    let mut patience = Patience::new(output, POLL_EVERY, limit).since(answered);
    let (mut has_looked, mut seen) = (false, BTreeSet::new());
    loop {
        let nodes = patience.ask(|| client.nodes()).await.map_err(|error| {
            Failure::error(format!(
                "the change is written, at revision {revision}; whether it is in effect is not known: {error}"
            ))
        })?;
        if !patience.was_away() {
            seen.clear();
        } else if !has_looked {
            output.note(
                "the control plane was away before it said which nodes are connected: \
                 those that have not come back to it are not counted",
            );
        }
        has_looked = true;
        let waited = look(&nodes, &seen, revision, answered.elapsed());
        let refused = waited.pending.iter().any(|pending| pending.refused);
        if waited.in_effect || refused || patience.left().is_zero() {
            return Ok(waited);
        }
        seen.extend(nodes.items.into_iter().filter(|node| node.connected).map(|node| node.id));
        patience.pause().await;
    }
}

/// Those that were `seen` to be connected are lost where they are not so any more.
fn look(nodes: &Nodes, seen: &BTreeSet<String>, revision: u64, elapsed: Duration) -> Waited {
    let (connected, disconnected): (Vec<&Node>, Vec<&Node>) =
        nodes.items.iter().partition(|node| node.connected);
    let mut pending: Vec<_> = connected.iter().filter_map(|node| pending(node, revision)).collect();
    let synced = connected.len() - pending.len();
    let back: BTreeSet<_> = connected.iter().map(|node| node.id.as_str()).collect();
    pending.extend(seen.iter().filter(|id| !back.contains(id.as_str())).map(|id| Pending {
        node: id.clone(),
        why: "has not come back since the control plane was away".to_owned(),
        refused: false,
    }));
    let others = disconnected.into_iter().filter(|node| !seen.contains(&node.id));
    Waited {
        in_effect: pending.is_empty() && !connected.is_empty(),
        after_ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
        synced,
        connected: connected.len(),
        pending,
        disconnected: others.map(|node| node.id.clone()).collect(),
    }
}

fn pending(node: &Node, revision: u64) -> Option<Pending> {
    let in_effect = node.revision_in_effect();
    if node.state == "SYNCED" && in_effect.is_some_and(|in_effect| in_effect >= revision) {
        return None;
    }
    let nack = node
        .nack
        .as_ref()
        .filter(|nack| node.state == "NACKED" && nack.revision.is_none_or(|at| at >= revision));
    let why = match (nack, in_effect) {
        (Some(nack), _) => format!("refused it: {}", nack.reason),
        (None, Some(older)) => format!("is at revision {older}"),
        (None, None) if node.applied.is_some() => "is at a revision from long ago".to_owned(),
        (None, None) => "has no policy yet".to_owned(),
    };
    Some(Pending { node: node.id.clone(), why, refused: nack.is_some() })
}

impl fmt::Display for Waited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let after = self.after_ms;
        if self.in_effect {
            writeln!(f, "in effect on {} after {after} ms", count(self.synced as u64, "node"))?;
        } else if self.connected == 0 {
            writeln!(f, "not in effect: no node is connected after {after} ms")?;
        } else {
            writeln!(
                f,
                "not in effect on {} of {} after {after} ms",
                self.pending.len(),
                count((self.synced + self.pending.len()) as u64, "node")
            )?;
        }
        for pending in &self.pending {
            writeln!(f, "  {} {}", pending.node, pending.why)?;
        }
        for node in &self.disconnected {
            writeln!(f, "  {node} is not connected: it goes on with the policy it has, if it runs")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn nodes(items: Value) -> Nodes {
        serde_json::from_value(json!({"revision": 7, "items": items})).unwrap()
    }

    fn node(id: &str, state: &str, connected: bool, applied: Option<u64>, nack: Option<u64>) -> Value {
        json!({
            "id": id, "state": state, "connected": connected,
            "applied": applied.map(|revision| json!({"version": "v", "revision": revision})),
            "nack": nack.map(|revision| json!({"version": "v", "revision": revision, "reason": "bad regex"})),
        })
    }

    #[test]
    fn a_change_is_in_effect_when_every_connected_node_has_it() {
        #[track_caller]
        fn check(items: Value, in_effect: bool, text: &str) {
            let waited = look(&nodes(items), &BTreeSet::new(), 7, Duration::from_millis(80));
            assert_eq!(waited.in_effect, in_effect, "{waited:?}");
            assert_eq!(waited.to_string(), text);
        }
        check(json!([node("a", "SYNCED", true, Some(7), None)]), true, "in effect on 1 node after 80 ms\n");
        check(
            json!([node("a", "SYNCED", true, Some(8), None), node("b", "STALE", false, Some(3), None)]),
            true,
            "in effect on 1 node after 80 ms\n  b is not connected: it goes on with the policy it has, if it runs\n",
        );
        // The state of a moment before the change reached the node's stream.
        check(
            json!([node("a", "SYNCED", true, Some(6), None), node("b", "STALE", true, None, None)]),
            false,
            "not in effect on 2 of 2 nodes after 80 ms\n  a is at revision 6\n  b has no policy yet\n",
        );
        check(
            json!([node("a", "NACKED", true, Some(6), Some(7)), node("b", "NACKED", true, Some(6), Some(6))]),
            false,
            "not in effect on 2 of 2 nodes after 80 ms\n  a refused it: bad regex\n  b is at revision 6\n",
        );
        // The control plane was restarted and does not remember what the node runs, until it is the same.
        check(
            json!([{"id": "a", "state": "STALE", "connected": true, "applied": {"version": "v", "revision": null}}]),
            false,
            "not in effect on 1 of 1 node after 80 ms\n  a is at a revision from long ago\n",
        );
        check(
            json!([{
                "id": "a", "state": "SYNCED", "connected": true,
                "desired": {"version": "v", "revision": 7}, "applied": {"version": "v", "revision": null},
            }]),
            true,
            "in effect on 1 node after 80 ms\n",
        );
        check(json!([]), false, "not in effect: no node is connected after 80 ms\n");
    }

    #[test]
    fn nodes_that_a_restarted_control_plane_has_not_heard_of_are_waited_for() {
        let seen = ["a", "b", "c"].map(str::to_owned).into();
        let back =
            json!([node("a", "SYNCED", true, Some(7), None), node("c", "STALE", false, Some(3), None)]);
        let waited = look(&nodes(back), &seen, 7, Duration::from_millis(80));
        assert!(!waited.in_effect);
        assert_eq!(
            waited.to_string(),
            "not in effect on 2 of 3 nodes after 80 ms\n  \
             b has not come back since the control plane was away\n  \
             c has not come back since the control plane was away\n"
        );
    }
}
