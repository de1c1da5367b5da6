//! What Envoys talk to: Delta xDS over gRPC. Serves policies, and notes what each node made of them.

pub mod metrics;
pub mod policies;
pub mod serve;
mod service;
mod stream;

use std::future::{Ready, ready};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use envoy_types::pb::envoy::service::discovery::v3::{DeltaDiscoveryRequest, DeltaDiscoveryResponse};
use futures::StreamExt;
use futures::stream::Map;
use tokio::sync::watch;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::server::StreamingService;
use tonic::{Request, Status, Streaming};
use tracing::info;

use crate::access::Access;
use crate::listener::Peer;
use crate::model::nodes::Nodes;
use crate::xds::metrics::XdsMetrics;
use crate::xds::policies::Policies;
use crate::xds::stream::StreamTask;

/// The service that Envoys call.
#[derive(Clone)]
pub struct Discovery {
    context: Arc<Context>,
}

/// What the service works with.
pub struct Context {
    /// The policies now, and whenever they change.
    pub policies: watch::Receiver<Arc<Policies>>,
    /// Where it notes what nodes do.
    pub nodes: Arc<Mutex<Nodes>>,
    /// Who may be which node.
    pub access: Arc<Access>,
    /// What it counts.
    pub metrics: XdsMetrics,
    /// Cancelled when the server is about to stop: every stream then ends with `UNAVAILABLE`.
    pub stopping: CancellationToken,
    /// So many streams at once; one more is refused.
    pub max_streams: usize,
    /// How long a new stream may take until it says who it is.
    pub first_request: Duration,
    /// Unpredictable, so that nonces differ from those of any other run and of any other replica.
    pub instance: String,
}

impl Discovery {
    /// The service.
    pub fn new(context: Context) -> Self {
        Discovery { context: Arc::new(context) }
    }
}

/// Boxed, because a channel makes room for 32 at once.
type Response = Box<Result<DeltaDiscoveryResponse, Status>>;

impl StreamingService<DeltaDiscoveryRequest> for Discovery {
    type Response = DeltaDiscoveryResponse;
    type ResponseStream =
        Map<ReceiverStream<Response>, fn(Response) -> Result<DeltaDiscoveryResponse, Status>>;
    type Future = Ready<Result<tonic::Response<Self::ResponseStream>, Status>>;

    fn call(&mut self, request: Request<Streaming<DeltaDiscoveryRequest>>) -> Self::Future {
        ready(self.open(request))
    }
}

impl Discovery {
    fn open(
        &self,
        request: Request<Streaming<DeltaDiscoveryRequest>>,
    ) -> Result<tonic::Response<<Self as StreamingService<DeltaDiscoveryRequest>>::ResponseStream>, Status>
    {
        if self.context.stopping.is_cancelled() {
            return Err(stopping());
        }
        let peer = request.extensions().get::<Peer>().cloned();
        let authorization = request.metadata().get("authorization").map(|value| value.as_encoded_bytes());
        let identity = self.context.access.node(authorization, peer.as_ref()).map_err(|refused| {
            info!(peer = ?peer.as_ref().map(|peer| peer.address), %refused, "a stream was refused");
            Status::from(refused)
        })?;
        let (task, responses) = StreamTask::new(Arc::clone(&self.context), peer, identity)?;
        tokio::spawn(task.run(request.into_inner()));
        let unboxed: fn(Response) -> Result<DeltaDiscoveryResponse, Status> = |response| *response;
        Ok(tonic::Response::new(ReceiverStream::new(responses).map(unboxed)))
    }
}

/// Envoy's clients reconnect at once, and find another replica, if there is one.
fn stopping() -> Status {
    Status::unavailable("the control plane is stopping")
}
