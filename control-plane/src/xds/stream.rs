//! One stream of one node: the socket's end of `umbra_wire::delta::server`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use envoy_types::pb::envoy::service::discovery::v3::DeltaDiscoveryRequest;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};
use tonic::{Status, Streaming};
use tracing::{error, info, warn};
use umbra_resource::NodeAttributes;
use umbra_wire::delta::server::{Action, Stream};
use umbra_wire::delta::{Node, Request, Response};

use crate::access::nodes::NodeIdentity;
use crate::listener::Peer;
use crate::listener::calls::Call;
use crate::model::nodes::Nodes;
use crate::xds::policies::{PRIMARY, Policies};
use crate::xds::{self, Context, stopping};

/// Runs one stream.
pub(super) struct StreamTask {
    context: Arc<Context>,
    peer: Option<Peer>,
    _call: Option<Call>,
    identity: NodeIdentity,
    access: watch::Receiver<()>,
    policies: watch::Receiver<Arc<Policies>>,
    machine: Stream,
    started: Instant,
    /// Room for one: the client's end takes it when it reads.
    responses: mpsc::Sender<xds::Response>,
    /// Waits for that room. A newer one takes its place, so that a client that reads slowly skips to the newest.
    pending: Option<Response>,
    /// Who it is, once it said so and was entered among the nodes.
    node: Option<Arc<NodeAttributes>>,
}

/// Why a stream ends.
enum End {
    /// The client closed its side, or is gone.
    Client,
    /// The client is told this.
    Status(Status),
}

impl StreamTask {
    /// A stream that was just opened, and where its responses come out.
    pub(super) fn new(
        context: Arc<Context>,
        peer: Option<Peer>,
        identity: NodeIdentity,
    ) -> Result<(Self, mpsc::Receiver<xds::Response>), Status> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        if context.metrics.streams.inc() >= i64::try_from(context.max_streams).unwrap_or(i64::MAX) {
            context.metrics.streams.dec();
            warn!(max_streams = context.max_streams, "a stream was refused: there are too many");
            return Err(Status::resource_exhausted("too many streams"));
        }
        let id = format!("{}-{}", context.instance, NEXT.fetch_add(1, Ordering::Relaxed));
        let (responses, receiver) = mpsc::channel(1);
        let task = StreamTask {
            policies: context.policies.clone(),
            access: context.access.watch(),
            context,
            _call: peer.as_ref().map(|peer| peer.calls.begin()),
            peer,
            identity,
            machine: Stream::new(id),
            started: Instant::now(),
            responses,
            pending: None,
            node: None,
        };
        Ok((task, receiver))
    }

    pub(super) async fn run(mut self, mut requests: Streaming<DeltaDiscoveryRequest>) {
        let end = self.serve(&mut requests).await;
        self.log_end(&end);
        if let End::Status(status) = end {
            // A client that does not read learns of it by the connection's end.
            let _ = tokio::time::timeout(Duration::from_secs(1), self.responses.send(Box::new(Err(status))))
                .await;
        }
    }

    async fn serve(&mut self, requests: &mut Streaming<DeltaDiscoveryRequest>) -> End {
        let context = Arc::clone(&self.context);
        loop {
            let wake = self.wake();
            let responses = self.responses.clone();
            let result = tokio::select! {
                () = context.stopping.cancelled() => Err(End::Status(stopping())),
                message = requests.message() => match message {
                    Ok(Some(request)) => self.on_request(request).await,
                    // What came last from a client that closed its side was an ACK, or nothing.
                    Ok(None) => Err(End::Client),
                    // Not protobuf, too long, or a broken connection, whose client will not read this.
                    Err(status) => Err(End::Status(status)),
                },
                room = responses.reserve(), if self.pending.is_some() => match (room, self.pending.take()) {
                    (Ok(room), Some(response)) => {
                        room.send(Box::new(Ok(response.into())));
                        context.metrics.pushes.inc();
                        Ok(())
                    }
                    _ => Err(End::Client),
                },
                () = responses.closed() => Err(End::Client),
                changed = self.policies.changed(), if self.node.is_some() => match changed {
                    Ok(()) => self.on_change().await,
                    Err(_) => Err(End::Status(stopping())),
                },
                Ok(()) = self.access.changed() => self.on_access(),
                () = sleep_until(wake.unwrap_or_else(Instant::now)), if wake.is_some() => self.on_tick(),
            };
            if let Err(end) = result {
                return end;
            }
        }
    }

    /// When to act though nothing happens.
    fn wake(&self) -> Option<Instant> {
        if self.node.is_none() {
            return Some(self.started + self.context.first_request);
        }
        // What the client has not even read yet cannot be overdue for an answer.
        let at_ms = self.machine.wake_at_ms().filter(|_| self.pending.is_none())?;
        Some(self.started + Duration::from_millis(at_ms))
    }

    /// Somebody lost what they had: this one, perhaps.
    fn on_access(&mut self) -> Result<(), End> {
        if self.context.access.still_holds(&self.identity) {
            return Ok(());
        }
        Err(End::Status(Status::unauthenticated("the token is revoked or expired")))
    }

    fn on_tick(&mut self) -> Result<(), End> {
        if self.node.is_none() {
            return Err(End::Status(Status::deadline_exceeded("no request came that says who you are")));
        }
        let actions = self.machine.on_tick(self.now_ms());
        self.act(actions);
        Ok(())
    }

    async fn on_request(&mut self, request: DeltaDiscoveryRequest) -> Result<(), End> {
        let now_ms = self.now_ms();
        let actions = self
            .machine
            .on_request(Request::from(request), now_ms)
            .map_err(|refusal| End::Status(Status::invalid_argument(refusal.to_string())))?;
        let Some(node) = &self.node else {
            // Nothing is sent yet: what is acknowledged is what the node had already.
            let has = actions.iter().find_map(|action| match action {
                Action::Acked { name, version } if name == PRIMARY => version.as_deref(),
                _ => None,
            });
            self.enter(has).await?;
            return self.on_change().await;
        };
        Nodes::locked(&self.context.nodes).seen(&node.id, SystemTime::now());
        self.act(actions);
        Ok(())
    }

    /// Enters the node among the nodes: it runs the version that it `has`.
    async fn enter(&mut self, has: Option<&str>) -> Result<(), End> {
        let attributes = Arc::new(self.machine.node().map(attributes).unwrap_or_default());
        if !self.identity.may_be(&attributes.id) {
            let words = format!("its token or certificate is not for the node {:?}", attributes.id);
            return Err(End::Status(Status::permission_denied(words)));
        }
        let desired =
            Policies::newest(&mut self.policies, &attributes).await.map_err(|error| failed(&error))?;
        let version = self.machine.node().map_or("", |node| node.envoy_version.as_str());
        Nodes::locked(&self.context.nodes)
            .opened(Arc::clone(&attributes), version, Arc::clone(&desired.info), has, SystemTime::now())
            .map_err(|refused| End::Status(Status::resource_exhausted(refused.to_string())))?;
        info!(node = attributes.id, cluster = attributes.cluster, peer = self.peer_text(), "stream opened");
        self.node = Some(attributes);
        Ok(())
    }

    /// The policies may have changed.
    async fn on_change(&mut self) -> Result<(), End> {
        let Some(node) = self.node.clone() else { return Ok(()) };
        let compiled = Policies::newest(&mut self.policies, &node).await.map_err(|error| failed(&error))?;
        Nodes::locked(&self.context.nodes).desired(&node.id, Arc::clone(&compiled.info));
        let actions = self.machine.on_desired(vec![compiled.resource()], self.now_ms());
        self.act(actions);
        Ok(())
    }

    fn act(&mut self, actions: Vec<Action>) {
        let Some(node) = self.node.clone() else { return };
        for action in actions {
            match action {
                Action::Send(response) => self.pending = Some(response),
                Action::Acked { name, version } => {
                    self.context.metrics.acks.inc();
                    if let (PRIMARY, Some(version)) = (name.as_str(), version) {
                        Nodes::locked(&self.context.nodes).acknowledged(
                            &node.id,
                            &version,
                            SystemTime::now(),
                        );
                    }
                }
                Action::Nacked { name, version, reason } => {
                    self.context.metrics.nacks.inc();
                    warn!(node = node.id, resource = name, version, ?reason, "policy refused");
                    if let (PRIMARY, Some(version)) = (name.as_str(), version) {
                        let now = SystemTime::now();
                        Nodes::locked(&self.context.nodes).refused(&node.id, &version, &reason, now);
                    }
                }
            }
        }
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn peer_text(&self) -> String {
        match &self.peer {
            Some(Peer { address, identity: Some(identity), .. }) => format!("{identity} at {address}"),
            Some(Peer { address, identity: None, .. }) => address.to_string(),
            None => "unknown".to_owned(),
        }
    }

    fn log_end(&self, end: &End) {
        let reason = match end {
            End::Client => "the client closed it",
            End::Status(status) => status.message(),
        };
        let node = self.node.as_ref().map_or("", |node| node.id.as_str());
        let seconds = self.started.elapsed().as_secs();
        info!(node, peer = self.peer_text(), ?reason, seconds, "stream closed");
    }
}

impl Drop for StreamTask {
    /// In `drop`, so that the count is right even after a panic.
    fn drop(&mut self) {
        self.context.metrics.streams.dec();
        if let Some(node) = &self.node {
            Nodes::locked(&self.context.nodes).closed(&node.id, SystemTime::now());
        }
    }
}

fn failed(error: &(dyn std::error::Error + 'static)) -> End {
    error!(error, "a policy cannot be compiled");
    End::Status(Status::internal("the policy cannot be compiled: the server's log says why"))
}

fn attributes(node: &Node) -> NodeAttributes {
    NodeAttributes {
        id: node.id.clone(),
        cluster: node.cluster.clone(),
        zone: node.zone.clone(),
        region: node.region.clone(),
        metadata: node.metadata.clone(),
    }
}
