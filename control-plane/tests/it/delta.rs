//! A node's end of a stream, over a real gRPC channel.

use std::net::SocketAddr;

use envoy_types::pb::envoy::config::core::v3::{Locality, Node};
use envoy_types::pb::envoy::service::discovery::v3::aggregated_discovery_service_client::AggregatedDiscoveryServiceClient;
use envoy_types::pb::envoy::service::discovery::v3::{DeltaDiscoveryRequest, DeltaDiscoveryResponse};
use envoy_types::pb::google::rpc::Status as RpcStatus;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Channel, Endpoint};
use tonic::{Status, Streaming};
use umbra_policy::spec::PolicySpec;

use crate::support::soon;

pub(crate) const PRIMARY: &str = "primary";

pub(crate) struct Delta {
    requests: mpsc::Sender<DeltaDiscoveryRequest>,
    responses: Streaming<DeltaDiscoveryResponse>,
}

/// A policy that was pushed.
pub(crate) struct Pushed {
    pub(crate) nonce: String,
    pub(crate) version: String,
    pub(crate) policy: PolicySpec,
}

pub(crate) fn endpoint(address: SocketAddr) -> Endpoint {
    Endpoint::from_shared(format!("http://{address}")).unwrap()
}

/// A node's first request, for its policy.
pub(crate) fn hello(id: &str) -> DeltaDiscoveryRequest {
    DeltaDiscoveryRequest {
        node: Some(Node { id: id.to_owned(), cluster: "shop".to_owned(), ..Node::default() }),
        type_url: umbra_wire::TYPE_URL.to_owned(),
        resource_names_subscribe: vec![PRIMARY.to_owned()],
        ..DeltaDiscoveryRequest::default()
    }
}

/// The same from a node in this zone.
pub(crate) fn hello_from(id: &str, zone: &str) -> DeltaDiscoveryRequest {
    let mut request = hello(id);
    request.node.as_mut().unwrap().locality = Some(Locality { zone: zone.to_owned(), ..Locality::default() });
    request
}

/// The same from a node that has `version` already.
pub(crate) fn hello_with(id: &str, version: &str) -> DeltaDiscoveryRequest {
    let mut request = hello(id);
    request.initial_resource_versions.insert(PRIMARY.to_owned(), version.to_owned());
    request
}

impl Delta {
    pub(crate) async fn open(address: SocketAddr, first: DeltaDiscoveryRequest) -> Result<Delta, Status> {
        Delta::open_on(soon(endpoint(address).connect()).await.unwrap(), first).await
    }

    pub(crate) async fn open_on(channel: Channel, first: DeltaDiscoveryRequest) -> Result<Delta, Status> {
        let (requests, receiver) = mpsc::channel(16);
        requests.send(first).await.unwrap();
        let mut client = AggregatedDiscoveryServiceClient::new(channel);
        let responses =
            soon(client.delta_aggregated_resources(ReceiverStream::new(receiver))).await?.into_inner();
        Ok(Delta { requests, responses })
    }

    /// The same from a node that shows a token.
    pub(crate) async fn open_with(
        address: SocketAddr,
        first: DeltaDiscoveryRequest,
        token: &str,
    ) -> Result<Delta, Status> {
        let channel = soon(endpoint(address).connect()).await.unwrap();
        let (requests, receiver) = mpsc::channel(16);
        requests.send(first).await.unwrap();
        let mut client = AggregatedDiscoveryServiceClient::new(channel);
        let mut request = tonic::Request::new(ReceiverStream::new(receiver));
        request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        let responses = soon(client.delta_aggregated_resources(request)).await?.into_inner();
        Ok(Delta { requests, responses })
    }

    /// The next response, or how the stream ended.
    pub(crate) async fn receive(&mut self) -> Result<Option<DeltaDiscoveryResponse>, Status> {
        soon(self.responses.message()).await
    }

    /// The next response, which must push a policy.
    pub(crate) async fn pushed(&mut self) -> Pushed {
        let response = self.receive().await.unwrap().expect("the stream ended");
        assert_eq!(response.type_url, umbra_wire::TYPE_URL);
        assert_eq!(response.removed_resources, [""; 0]);
        let [resource] = <[_; 1]>::try_from(response.resources).unwrap();
        assert_eq!(resource.name, PRIMARY);
        let body = resource.resource.unwrap();
        assert_eq!(body.type_url, umbra_wire::TYPE_URL);
        let policy = umbra_wire::decode(&body.value).unwrap();
        Pushed { nonce: response.nonce, version: resource.version, policy }
    }

    /// How the stream ended.
    pub(crate) async fn end(&mut self) -> Status {
        loop {
            match self.receive().await {
                Ok(Some(_)) => {}
                Ok(None) => return Status::ok(""),
                Err(status) => return status,
            }
        }
    }

    pub(crate) async fn send(&self, request: DeltaDiscoveryRequest) {
        self.requests.send(request).await.unwrap();
    }

    pub(crate) async fn ack(&self, nonce: &str) {
        self.send(answer(nonce, None)).await;
    }

    pub(crate) async fn nack(&self, nonce: &str, reason: &str) {
        self.send(answer(nonce, Some(reason))).await;
    }

    pub(crate) async fn subscribe(&self, name: &str) {
        let mut request = answer("", None);
        request.resource_names_subscribe = vec![name.to_owned()];
        self.send(request).await;
    }
}

fn answer(nonce: &str, error: Option<&str>) -> DeltaDiscoveryRequest {
    let status = |message: &str| RpcStatus { code: 3, message: message.to_owned(), ..RpcStatus::default() };
    DeltaDiscoveryRequest {
        type_url: umbra_wire::TYPE_URL.to_owned(),
        response_nonce: nonce.to_owned(),
        error_detail: error.map(status),
        ..DeltaDiscoveryRequest::default()
    }
}
