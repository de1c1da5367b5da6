//! One round: the control plane, then the least server.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::bare::Bare;
use crate::client::PING;
use crate::figures::Figures;
use crate::fleet::Fleet;
use crate::probe::Probe;
use crate::reports;
use crate::server::Server;

/// Changes in a round.
const CHANGES: u32 = 5;
/// How long the server's CPU is looked at while nothing happens: every connection is pinged twice meanwhile.
const IDLE: Duration = PING.saturating_mul(2);
/// What comes with the beginning is over by then.
const SETTLED: Duration = Duration::from_secs(3);
/// Workers that report at once.
const REPORTERS: usize = 256;
const REPORTING: Duration = Duration::from_secs(5);
/// Connections that are made at once where how they are made is not measured.
const AT_ONCE: usize = 256;

/// Adds a round to the figures.
pub(crate) async fn measure(nodes: u64, with_idle: bool, figures: &mut Figures) {
    let server = Server::start().await;
    let (empty, all) = (server.process.resident(), nodes as f64);
    let fleet = Fleet::open(server.xds, nodes, None, AT_ONCE).await;
    server.api.metric_is("umbra_nodes{state=\"SYNCED\",connected=\"true\"}", all).await;
    tokio::time::sleep(SETTLED).await;
    figures.resident.push((server.process.resident() - empty) as f64 / all);
    if with_idle {
        let before = server.process.cpu();
        tokio::time::sleep(IDLE).await;
        figures.idle.push((server.process.cpu() - before).as_secs_f64() / IDLE.as_secs_f64() * 100.0);
    }
    let mut changes = Vec::new();
    for change in 1..=CHANGES {
        let acks = server.api.metric("umbra_delta_acks_total").await + all;
        let seen = fleet.seen.acks.now() + nodes;
        let started = Instant::now();
        server.api.valve(5.0 + f64::from(change)).await;
        // Asked only then, so that asking does not disturb.
        fleet.seen.acks.reaches(seen).await;
        server.api.metric_is("umbra_delta_acks_total", acks).await;
        changes.push(started.elapsed().as_secs_f64() * 1e3);
    }
    figures.resident_after.push((server.process.resident() - empty) as f64 / all);
    let message = fleet.seen.last.lock().await.clone();

    let pushes = server.api.metric("umbra_delta_pushes_total").await;
    let version = umbra_wire::delta::Response::decode(&message).unwrap().resources.remove(0).version;
    fleet.close().await;
    let probe = Probe::start(server.api.clone(), 5.0 + f64::from(CHANGES));
    let started = Instant::now();
    let fleet = Fleet::open(server.xds, nodes, Some(&version), usize::MAX >> 3).await;
    server.api.metric_is("umbra_delta_streams", all).await;
    figures.reconnect.push(started.elapsed().as_secs_f64());
    figures.retries.push(fleet.seen.retries.now() as f64);
    tokio::time::sleep(SETTLED).await;
    let (p99, _) = probe.p99();
    figures.api_p99.push(p99.as_secs_f64() * 1e3);
    figures.sent_again.push(server.api.metric("umbra_delta_pushes_total").await - pushes);

    figures.reports.push(reports::send(fleet.channels(REPORTERS), REPORTING).await);
    fleet.close().await;
    drop(server);

    let mut bare = Bare::start(&message);
    let empty = bare.process.resident();
    let fleet = Fleet::open(bare.address, nodes, None, AT_ONCE).await;
    let seen = Arc::clone(&fleet.seen);
    tokio::time::sleep(SETTLED).await;
    let mut broadcasts = Vec::new();
    for _ in 0..CHANGES {
        let started = Instant::now();
        bare = tokio::task::spawn_blocking(move || {
            bare.send();
            bare
        })
        .await
        .unwrap();
        broadcasts.push(started.elapsed().as_secs_f64() * 1e3);
    }
    assert_eq!(seen.policies.now(), u64::from(CHANGES) * nodes);
    figures.resident_bare.push((bare.process.resident() - empty) as f64 / all);
    fleet.close().await;
    figures.changes(message.len(), changes, broadcasts);
}
