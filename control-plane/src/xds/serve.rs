//! Turning states into policies, and serving gRPC.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use futures::StreamExt;
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic::transport::Server;
use tracing::{error, warn};

use crate::listener::Connection;
use crate::model::nodes::Nodes;
use crate::model::state::State;
use crate::xds::Discovery;
use crate::xds::policies::Policies;
use crate::xds::service::DeltaService;

/// Writes that come in a burst go out as one push; a valve that is moved by hand does not feel it.
const DEBOUNCE: Duration = Duration::from_millis(10);
/// How often it is looked which nodes have been away for too long.
const FORGET_PACE: Duration = Duration::from_secs(60);
/// How a node that hangs is noticed, or one behind a proxy: machines that vanish are noticed by TCP. Envoys that ping by
/// themselves before that, as `envoy/sidecar` has it, are not pinged: a ping costs some 50 µs, so that 10,000 Envoys that ping
/// every 10 seconds cost 5 % of a core.
const KEEP_ALIVE: Duration = Duration::from_secs(60);
const KEEP_ALIVE_ANSWER: Duration = Duration::from_secs(10);
/// Streams on one connection: one for policies, one for health, and some for what is to come.
const MAX_CONNECTION_STREAMS: u32 = 32;

/// Follows the state: publishes its policies, and notes what nodes that are away shall run when they are back. Those that do
/// not come back are forgotten.
pub async fn publish(
    mut state: watch::Receiver<Arc<State>>,
    policies: watch::Sender<Arc<Policies>>,
    nodes: Arc<Mutex<Nodes>>,
) {
    // By themselves, so that nothing which is to be published waits for them. They end with the sender.
    tokio::spawn(forget(policies.subscribe(), Arc::clone(&nodes)));
    tokio::spawn(note_away(policies.subscribe(), nodes));
    while state.changed().await.is_ok() {
        tokio::time::sleep(DEBOUNCE).await;
        let next = policies.borrow().next(&state.borrow_and_update());
        policies.send_replace(Arc::new(next));
    }
}

/// Notes what nodes that are away shall run when they are back.
async fn note_away(mut policies: watch::Receiver<Arc<Policies>>, nodes: Arc<Mutex<Nodes>>) {
    while policies.changed().await.is_ok() {
        let mut newest = policies.clone();
        let away = Nodes::locked(&nodes).disconnected();
        for node in away {
            // The next round is about all of them.
            if policies.has_changed().unwrap_or(true) {
                break;
            }
            match Policies::newest(&mut newest, &node).await {
                Ok(compiled) => Nodes::locked(&nodes).desired(&node.id, Arc::clone(&compiled.info)),
                Err(error) => error!(error = &error as &dyn std::error::Error, "a policy cannot be compiled"),
            }
        }
    }
}

/// Forgets nodes that have been away for long.
async fn forget(mut policies: watch::Receiver<Arc<Policies>>, nodes: Arc<Mutex<Nodes>>) {
    let mut pace = tokio::time::interval(FORGET_PACE);
    loop {
        tokio::select! {
            changed = policies.changed() => if changed.is_err() { return },
            _ = pace.tick() => Nodes::locked(&nodes).forget(SystemTime::now()),
        }
    }
}

/// Serves Delta xDS, `others` and health until `stop`; then lets open calls end, for `drain` at most. A connection on which
/// nobody is let in for `idle` is cut off.
///
/// # Errors
/// gRPC cannot be served over these connections at all.
pub async fn serve(
    connections: mpsc::Receiver<Connection>,
    discovery: Discovery,
    others: Routes,
    idle: Duration,
    stop: CancellationToken,
    drain: Duration,
) -> Result<(), tonic::transport::Error> {
    let (health, health_service) = tonic_health::server::health_reporter();
    health.set_serving::<DeltaService>().await;
    // When the port closes there are no more, but those that are open go on until `stop`.
    let incoming = ReceiverStream::new(connections)
        .map(move |connection| Ok::<_, std::io::Error>(connection.idle_at_most(idle)))
        .chain(futures::stream::pending());
    let served = Server::builder()
        .http2_keepalive_interval(Some(KEEP_ALIVE))
        .http2_keepalive_timeout(Some(KEEP_ALIVE_ANSWER))
        .max_concurrent_streams(MAX_CONNECTION_STREAMS)
        .add_routes(others)
        .add_service(health_service)
        .add_service(DeltaService::new(discovery))
        .serve_with_incoming_shutdown(incoming, stop.clone().cancelled_owned());
    let cut_off = async {
        stop.cancelled().await;
        health.set_service_status("", tonic_health::ServingStatus::NotServing).await;
        health.set_not_serving::<DeltaService>().await;
        tokio::time::sleep(drain).await;
    };
    tokio::select! {
        result = served => result,
        () = cut_off => {
            warn!(after = ?drain, "xds calls still open were cut off");
            Ok(())
        }
    }
}
