//! The registry of nodes: what it remembers, and for how many.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use umbra_control_plane::model::nodes::{NoRoom, Nodes, PolicyInfo, SyncState, WorkerState};
use umbra_resource::NodeAttributes;

fn node(id: &str) -> Arc<NodeAttributes> {
    Arc::new(NodeAttributes { id: id.to_owned(), ..NodeAttributes::default() })
}

fn policy(revision: u64) -> Arc<PolicyInfo> {
    Arc::new(PolicyInfo { version: format!("v{revision}"), revision, ..PolicyInfo::default() })
}

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

#[test]
fn a_node_is_synced_stale_or_nacked() {
    let mut nodes = Nodes::new(10, 8);
    nodes.opened(node("a"), "1.40.0", policy(1), None, at(1)).unwrap();
    let state = |nodes: &Nodes| nodes.list()[0].state();
    assert_eq!(state(&nodes), SyncState::Stale);
    nodes.acknowledged("a", "v1", at(2));
    assert_eq!((state(&nodes), nodes.list()[0].synced_at), (SyncState::Synced, Some(at(2))));
    nodes.desired("a", policy(2));
    assert_eq!(state(&nodes), SyncState::Stale);
    nodes.acknowledged("a", "v1", at(3));
    assert_eq!(state(&nodes), SyncState::Stale, "an answer about the one before");
    nodes.refused("a", "v2", "why", at(4));
    assert_eq!(state(&nodes), SyncState::Nacked);
    nodes.desired("a", policy(3));
    assert_eq!(state(&nodes), SyncState::Stale);
    nodes.acknowledged("a", "v3", at(5));
    assert_eq!((state(&nodes), nodes.list()[0].nack.clone()), (SyncState::Synced, None));
    assert_eq!(nodes.counts(3).connected.by_state().map(|(_, count)| count), [1, 0, 0]);
    // Revision 4 is written, and its policies are not compiled yet.
    assert_eq!(nodes.list()[0].state_at(4), SyncState::Stale);
    assert_eq!(nodes.counts(4).connected.by_state().map(|(_, count)| count), [0, 1, 0]);
    nodes.closed("a", at(6));
    let counts = nodes.counts(3);
    assert_eq!((counts.connected.total(), counts.away.by_state().map(|(_, count)| count)), (0, [1, 0, 0]));
}

#[test]
fn one_that_starts_runs_nothing_until_it_says_so() {
    let mut nodes = Nodes::new(10, 8);
    let open = |nodes: &mut Nodes, has, second| {
        nodes.opened(node("a"), "1.40.0", policy(1), has, at(second)).unwrap();
    };
    let state = |nodes: &Nodes| nodes.list()[0].state();
    open(&mut nodes, None, 1);
    nodes.acknowledged("a", "v1", at(2));
    nodes.closed("a", at(3));
    assert_eq!(state(&nodes), SyncState::Synced, "it runs what it ran");

    open(&mut nodes, None, 4);
    let started = nodes.list()[0].clone();
    assert_eq!((started.state(), started.applied, started.synced_at), (SyncState::Stale, None, None));
    assert_eq!(nodes.in_effect().range("any"), None, "it is not known what it runs");
    nodes.acknowledged("a", "v1", at(5));
    assert_eq!(state(&nodes), SyncState::Synced);

    // It lost its stream, or another of its workers leads: it says what it has.
    open(&mut nodes, Some("v1"), 6);
    nodes.closed("a", at(7));
    assert_eq!((state(&nodes), nodes.list()[0].synced_at), (SyncState::Synced, Some(at(6))));
    nodes.closed("a", at(8));
    open(&mut nodes, Some("v1"), 9);
    assert_eq!(state(&nodes), SyncState::Synced);
    open(&mut nodes, Some("v0"), 10);
    assert_eq!(state(&nodes), SyncState::Stale);

    // Nobody noticed yet that the one before is gone.
    nodes.acknowledged("a", "v1", at(11));
    open(&mut nodes, None, 12);
    assert_eq!(state(&nodes), SyncState::Stale);
    nodes.refused("a", "v1", "why", at(13));
    assert_eq!(state(&nodes), SyncState::Nacked);
    open(&mut nodes, None, 14);
    assert_eq!((state(&nodes), nodes.list()[0].nack.clone()), (SyncState::Stale, None));
}

#[test]
fn the_one_that_has_been_gone_longest_is_forgotten() {
    let mut nodes = Nodes::new(3, 8);
    for (second, id) in [(1, "a"), (2, "b"), (3, "c")] {
        nodes.opened(node(id), "1.40.0", policy(1), None, at(second)).unwrap();
    }
    assert_eq!(
        nodes.opened(node("d"), "1.40.0", policy(1), None, at(4)),
        Err(NoRoom::Nodes),
        "all are connected"
    );
    nodes.opened(node("a"), "1.40.0", policy(1), None, at(5)).unwrap();
    nodes.closed("a", at(6));
    assert_eq!(
        nodes.opened(node("d"), "1.40.0", policy(1), None, at(7)),
        Err(NoRoom::Nodes),
        "it has another stream"
    );
    nodes.closed("c", at(8));
    nodes.closed("b", at(9));
    nodes.opened(node("d"), "1.40.0", policy(1), None, at(10)).unwrap();
    let ids: Vec<String> = nodes.list().iter().map(|node| node.attributes.id.clone()).collect();
    assert_eq!(ids, ["a", "b", "d"]);
    assert_eq!(nodes.disconnected(), [node("b")]);
}

#[test]
fn one_that_was_away_for_a_day_is_forgotten() {
    const DAY: u64 = 24 * 3600;
    let mut nodes = Nodes::new(10, 8);
    for id in ["stays", "goes", "comes back"] {
        nodes.opened(node(id), "1.40.0", policy(1), None, at(1)).unwrap();
    }
    nodes.closed("goes", at(10));
    nodes.closed("comes back", at(10));
    nodes.opened(node("comes back"), "1.40.0", policy(1), None, at(20)).unwrap();
    let changes = nodes.changes();
    nodes.forget(at(0));
    nodes.forget(at(9 + DAY));
    assert_eq!((nodes.list().len(), nodes.changes()), (3, changes));
    nodes.forget(at(10 + DAY));
    let ids: Vec<String> = nodes.list().iter().map(|node| node.attributes.id.clone()).collect();
    assert_eq!(ids, ["comes back", "stays"]);
    assert_ne!(nodes.changes(), changes, "whoever looks is told");
    nodes.forget(at(100 * DAY));
    assert_eq!(nodes.list().len(), 2, "they are connected");
}

#[test]
fn a_reason_is_cut_to_what_a_person_reads() {
    let mut nodes = Nodes::new(1, 8);
    nodes.opened(node("a"), "1.40.0", policy(1), None, at(1)).unwrap();
    nodes.refused("a", "v1", &"é".repeat(100_000), at(2));
    assert_eq!(nodes.list()[0].nack.as_ref().unwrap().reason.chars().count(), 1024);
}

#[test]
fn what_is_said_of_a_node_that_is_not_there_is_nothing() {
    let mut nodes = Nodes::new(1, 8);
    nodes.seen("x", at(1));
    nodes.desired("x", policy(1));
    nodes.acknowledged("x", "v1", at(1));
    nodes.refused("x", "v1", "why", at(1));
    nodes.closed("x", at(1));
    assert!(nodes.list().is_empty());
}

#[test]
fn workers_are_known_by_their_reports() {
    let mut nodes = Nodes::new(10, 8);
    nodes.reported("nobody", 1, "v1", 5, at(1));
    assert!(nodes.list().is_empty());
    nodes.opened(node("a"), "1.40.0", policy(1), None, at(1)).unwrap();
    let seen = nodes.changes();
    nodes.reported("a", 1, "v1", 5, at(2));
    nodes.reported("a", 2, "", 0, at(2));
    assert_eq!(nodes.changed_since(seen).len(), 1);
    let told = nodes.changes();
    nodes.reported("a", 1, "v1", 7, at(3));
    assert_eq!(nodes.changes(), told, "nobody is told of every report");
    nodes.reported("a", 1, "v2", 1, at(4));
    assert_eq!(nodes.changes(), told + 1, "but of another policy at once");
    nodes.reported("a", 1, "v2", 0, at(64));
    assert_eq!(nodes.changes(), told + 2, "and after a minute");
    let workers = nodes.list()[0].workers.clone();
    let shown: Vec<_> =
        workers.iter().map(|(id, worker)| (*id, worker.version.as_str(), worker.requests)).collect();
    assert_eq!(shown, [(1, "v2", 13), (2, "", 0)]);

    nodes.reported("a", 3, "v2", 0, at(604));
    assert_eq!(nodes.list()[0].workers.keys().collect::<Vec<_>>(), [&1, &3], "the second was long gone");
    for instance in 10..2_000 {
        nodes.reported("a", instance, "v2", 0, at(605));
    }
    assert_eq!(nodes.list()[0].workers.len(), 256);
}

#[test]
fn a_worker_is_synced_stale_or_silent() {
    let mut nodes = Nodes::new(1, 8);
    nodes.opened(node("a"), "1.40.0", policy(1), None, at(1)).unwrap();
    nodes.reported("a", 7, "v1", 1, at(100));
    let state = |nodes: &Nodes, second| {
        let node = &nodes.list()[0];
        node.worker_state(&node.workers[&7], at(second))
    };
    assert_eq!(state(&nodes, 190), WorkerState::Synced);
    assert_eq!(
        state(&nodes, 191),
        WorkerState::Silent,
        "three reports that it has nothing to report did not come"
    );
    assert_eq!(state(&nodes, 50), WorkerState::Synced, "the clock was set back");
    nodes.desired("a", policy(2));
    assert_eq!(state(&nodes, 101), WorkerState::Stale);
    nodes.reported("a", 7, "v2", 1, at(300));
    assert_eq!(state(&nodes, 301), WorkerState::Synced);
}
