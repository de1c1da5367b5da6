//! The plain messages to and from their bytes.

use prost::Message;
use prost_types::value::Kind;
use prost_types::{Any, Struct, Value};

use crate::delta::{Node, Rejection, Request, Resource, Response};
use crate::proto::delta::v1 as proto;

impl Request {
    /// The bytes of an `envoy.service.discovery.v3.DeltaDiscoveryRequest`.
    #[must_use]
    pub fn encode(self) -> Vec<u8> {
        proto::DeltaDiscoveryRequest::from(self).encode_to_vec()
    }

    /// A request from the bytes of an `envoy.service.discovery.v3.DeltaDiscoveryRequest`.
    ///
    /// # Errors
    /// When the bytes are not protobuf of that message.
    pub fn decode(bytes: &[u8]) -> Result<Request, prost::DecodeError> {
        proto::DeltaDiscoveryRequest::decode(bytes).map(Request::from)
    }
}

impl Response {
    /// The bytes of an `envoy.service.discovery.v3.DeltaDiscoveryResponse`.
    #[must_use]
    pub fn encode(self) -> Vec<u8> {
        proto::DeltaDiscoveryResponse::from(self).encode_to_vec()
    }

    /// A response from the bytes of an `envoy.service.discovery.v3.DeltaDiscoveryResponse`. A resource with
    /// no body has an empty type URL.
    ///
    /// # Errors
    /// When the bytes are not protobuf of that message.
    pub fn decode(bytes: &[u8]) -> Result<Response, prost::DecodeError> {
        proto::DeltaDiscoveryResponse::decode(bytes).map(Response::from)
    }
}

/// A number as JSON writes it; `None` for one that JSON does not have.
pub(crate) fn number_text(number: f64) -> Option<String> {
    number.is_finite().then(|| number.to_string())
}

fn scalar(value: Value) -> Option<String> {
    match value.kind? {
        Kind::StringValue(text) => Some(text),
        Kind::BoolValue(truth) => Some(truth.to_string()),
        Kind::NumberValue(number) => number_text(number),
        Kind::NullValue(_) | Kind::StructValue(_) | Kind::ListValue(_) => None,
    }
}

impl From<proto::Node> for Node {
    fn from(node: proto::Node) -> Node {
        let locality = node.locality.unwrap_or_default();
        let fields = node.metadata.unwrap_or_default().fields;
        Node {
            id: node.id,
            cluster: node.cluster,
            region: locality.region,
            zone: locality.zone,
            sub_zone: locality.sub_zone,
            metadata: fields.into_iter().filter_map(|(key, value)| Some((key, scalar(value)?))).collect(),
            envoy_version: node.user_agent_version,
        }
    }
}

impl From<Node> for proto::Node {
    fn from(node: Node) -> proto::Node {
        let string = |text| Value { kind: Some(Kind::StringValue(text)) };
        let fields = node.metadata.into_iter().map(|(key, text)| (key, string(text))).collect();
        proto::Node {
            id: node.id,
            cluster: node.cluster,
            metadata: Some(Struct { fields }),
            locality: Some(proto::Locality { region: node.region, zone: node.zone, sub_zone: node.sub_zone }),
            user_agent_version: node.envoy_version,
        }
    }
}

impl From<proto::DeltaDiscoveryRequest> for Request {
    fn from(request: proto::DeltaDiscoveryRequest) -> Request {
        let rejection = |status: proto::Status| Rejection { code: status.code, message: status.message };
        Request {
            node: request.node.map(Node::from),
            type_url: request.type_url,
            subscribe: request.resource_names_subscribe,
            unsubscribe: request.resource_names_unsubscribe,
            initial_versions: request.initial_resource_versions,
            nonce: request.response_nonce,
            error: request.error_detail.map(rejection),
        }
    }
}

impl From<Request> for proto::DeltaDiscoveryRequest {
    fn from(request: Request) -> proto::DeltaDiscoveryRequest {
        let status =
            |rejection: Rejection| proto::Status { code: rejection.code, message: rejection.message };
        proto::DeltaDiscoveryRequest {
            node: request.node.map(proto::Node::from),
            type_url: request.type_url,
            resource_names_subscribe: request.subscribe,
            resource_names_unsubscribe: request.unsubscribe,
            initial_resource_versions: request.initial_versions,
            response_nonce: request.nonce,
            error_detail: request.error.map(status),
        }
    }
}

impl From<proto::DeltaDiscoveryResponse> for Response {
    fn from(response: proto::DeltaDiscoveryResponse) -> Response {
        let resource = |resource: proto::Resource| {
            let body = resource.resource.unwrap_or_default();
            Resource {
                name: resource.name,
                version: resource.version,
                type_url: body.type_url,
                body: body.value.into(),
            }
        };
        Response {
            type_url: response.type_url,
            nonce: response.nonce,
            resources: response.resources.into_iter().map(resource).collect(),
            removed: response.removed_resources,
        }
    }
}

impl From<Response> for proto::DeltaDiscoveryResponse {
    fn from(response: Response) -> proto::DeltaDiscoveryResponse {
        let resource = |resource: Resource| proto::Resource {
            name: resource.name,
            version: resource.version,
            resource: Some(Any { type_url: resource.type_url, value: resource.body.into() }),
        };
        proto::DeltaDiscoveryResponse {
            system_version_info: String::new(),
            resources: response.resources.into_iter().map(resource).collect(),
            type_url: response.type_url,
            nonce: response.nonce,
            removed_resources: response.removed,
        }
    }
}
