//! A valve that is moved while traffic flows: how soon every worker follows.

use serde_json::json;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use umbra_e2e::client::{Connection, Protocol, Request};
use umbra_e2e::envoy::Envoy;
use umbra_e2e::eventually::{SOON, eventually};
use umbra_e2e::mesh::Mesh;
use umbra_e2e::resources::shadow_all;

const WORKERS: u32 = 4;

/// Enough to see each worker every few milliseconds.
const CONNECTIONS_EACH: usize = 3;

/// Between two requests of a connection. Without a pause the clients would take all of the processor.
const PACE: Duration = Duration::from_millis(10);

/// What the change may take.
const LIMIT: Duration = Duration::from_millis(500);

#[derive(Debug)]
struct Sent {
    id: u64,
    worker: u32,
    at: Instant,
}

/// Which connections each worker has accepted, so far.
async fn accepted(envoy: &Envoy) -> BTreeMap<u32, u64> {
    let stats = envoy.stats().await;
    let accepted = stats.iter().filter_map(|(name, value)| {
        let (listener, rest) = name.split_once(".worker_")?;
        let worker = rest.strip_suffix(".downstream_cx_total")?;
        let ours = listener.starts_with("listener.") && !listener.contains("admin");
        ours.then_some((worker.parse().ok()?, *value))
    });
    accepted.collect()
}

/// Connections that are known to be at each of the workers.
async fn connections(envoy: &Envoy) -> Vec<(u32, Connection)> {
    let mut open: Vec<(u32, Connection)> = Vec::new();
    // The kernel spreads connections by a hash of their ports.
    for _ in 0..500 {
        let before = accepted(envoy).await;
        let mut connection = Connection::open(envoy.port(), Protocol::Http1).await.unwrap();
        let answer = connection.send(&Request::get("/whose")).await.unwrap();
        assert_eq!(answer.status, 200);
        let after = accepted(envoy).await;
        let more = |worker: &u32| after.get(worker) != before.get(worker);
        let workers: Vec<u32> = after.keys().copied().filter(more).collect();
        assert_eq!(workers.len(), 1, "{before:?} {after:?}");
        let of = |worker: u32| open.iter().filter(|(w, _)| *w == worker).count();
        if of(workers[0]) < CONNECTIONS_EACH {
            open.push((workers[0], connection));
        }
        let full = |worker| open.iter().filter(|(w, _)| *w == worker).count() == CONNECTIONS_EACH;
        if (0..WORKERS).all(full) {
            return open;
        }
    }
    panic!("no {CONNECTIONS_EACH} connections at each worker");
}

/// A valve that was moved.
struct Move {
    percent: u32,
    answered: Instant,
    until: Instant,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_valve_change_reaches_every_worker_in_time() {
    let resources = shadow_all(0.0, json!({}));
    let mesh = Mesh::start_alone(&resources, |options| options.concurrency = WORKERS).await;
    let connections = connections(&mesh.envoy).await;
    mesh.settled().await;
    mesh.shadow.take();

    let stop = Arc::new(AtomicBool::new(false));
    let next = Arc::new(AtomicU64::new(0));
    let mut tasks = JoinSet::new();
    for (worker, mut connection) in connections {
        let (stop, next) = (Arc::clone(&stop), Arc::clone(&next));
        tasks.spawn(async move {
            let mut sent = Vec::new();
            let mut pace = tokio::time::interval(PACE);
            while !stop.load(Ordering::Relaxed) {
                pace.tick().await;
                let id = next.fetch_add(1, Ordering::Relaxed);
                let at = Instant::now();
                let request = Request::get("/").header("x-id", id.to_string());
                let answer = connection.send(&request).await.expect("no request fails");
                assert_eq!(answer.status, 200);
                sent.push(Sent { id, worker, at });
            }
            sent
        });
    }

    let mut moves = Vec::new();
    for percent in [100, 0, 100, 0, 100, 0] {
        let change = json!({"percent": percent, "reason": "measuring"});
        let answered = mesh.control_plane.valve("main", change).await;
        let node = mesh.synced().await;
        assert_eq!(node["streams"], 1, "one stream for all of its workers: {node}");
        assert_eq!(node["shares"]["main"]["percent"].as_f64(), Some(f64::from(percent)), "{node}");
        // Traffic goes on for twice as long as the change may take.
        eventually(SOON, "traffic after the change", async || {
            let passed = answered.elapsed();
            if passed > 2 * LIMIT { Ok(()) } else { Err(format!("{passed:?}")) }
        })
        .await;
        let until = Instant::now();
        moves.push(Move { percent, answered, until });
    }
    stop.store(true, Ordering::Relaxed);
    let sent: Vec<Sent> = tasks.join_all().await.into_iter().flatten().collect();
    mesh.envoy.idle().await;
    let mirrored: HashSet<u64> = mesh.shadow.ids().into_iter().collect();

    let mut slowest = Duration::ZERO;
    for change in &moves {
        let wanted = change.percent == 100;
        for worker in 0..WORKERS {
            let during = sent
                .iter()
                .filter(|sent| sent.worker == worker && sent.at >= change.answered && sent.at < change.until);
            let (mut late, mut seen) = (Duration::ZERO, 0);
            for request in during {
                let after = request.at - change.answered;
                seen += usize::from(after > LIMIT);
                if mirrored.contains(&request.id) != wanted {
                    late = late.max(after);
                }
            }
            assert!(seen > 20, "worker {worker} had only {seen} requests to judge by");
            assert!(late < LIMIT, "worker {worker}, to {} %: {late:?}", change.percent);
            slowest = slowest.max(late);
        }
    }
    println!(
        "{} requests, {} changes: in effect on all {WORKERS} workers within {slowest:?}",
        sent.len(),
        moves.len()
    );
    mesh.envoy.assert_no_trap().await;
}
