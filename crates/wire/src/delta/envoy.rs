//! The messages of `envoy-types`, which the gRPC server speaks, to and from the plain ones.

use envoy_types::pb::envoy::config::core::v3 as core;
use envoy_types::pb::envoy::config::core::v3::node::UserAgentVersionType;
use envoy_types::pb::envoy::service::discovery::v3 as discovery;
use envoy_types::pb::google::protobuf::value::Kind;
use envoy_types::pb::google::protobuf::{Any, Value};
use envoy_types::pb::google::rpc::Status;

use crate::delta::message::number_text;
use crate::delta::{Node, Rejection, Request, Resource, Response};

fn scalar(value: Value) -> Option<String> {
    match value.kind? {
        Kind::StringValue(text) => Some(text),
        Kind::BoolValue(truth) => Some(truth.to_string()),
        Kind::NumberValue(number) => number_text(number),
        Kind::NullValue(_) | Kind::StructValue(_) | Kind::ListValue(_) => None,
    }
}

/// A client with the whole of Envoy's API may say it by numbers.
fn version(version: UserAgentVersionType) -> String {
    match version {
        UserAgentVersionType::UserAgentVersion(text) => text,
        UserAgentVersionType::UserAgentBuildVersion(build) => build
            .version
            .map(|version| format!("{}.{}.{}", version.major_number, version.minor_number, version.patch))
            .unwrap_or_default(),
    }
}

impl From<core::Node> for Node {
    fn from(node: core::Node) -> Node {
        let locality = node.locality.unwrap_or_default();
        let fields = node.metadata.unwrap_or_default().fields;
        Node {
            id: node.id,
            cluster: node.cluster,
            region: locality.region,
            zone: locality.zone,
            sub_zone: locality.sub_zone,
            metadata: fields.into_iter().filter_map(|(key, value)| Some((key, scalar(value)?))).collect(),
            envoy_version: node.user_agent_version_type.map(version).unwrap_or_default(),
        }
    }
}

impl From<discovery::DeltaDiscoveryRequest> for Request {
    /// Resource locators are left out: no policy has one.
    fn from(request: discovery::DeltaDiscoveryRequest) -> Request {
        let rejection = |status: Status| Rejection { code: status.code, message: status.message };
        Request {
            node: request.node.map(Node::from),
            type_url: request.type_url,
            subscribe: request.resource_names_subscribe,
            unsubscribe: request.resource_names_unsubscribe,
            initial_versions: request.initial_resource_versions.into_iter().collect(),
            nonce: request.response_nonce,
            error: request.error_detail.map(rejection),
        }
    }
}

impl From<Response> for discovery::DeltaDiscoveryResponse {
    fn from(response: Response) -> discovery::DeltaDiscoveryResponse {
        let resource = |resource: Resource| discovery::Resource {
            name: resource.name,
            version: resource.version,
            resource: Some(Any { type_url: resource.type_url, value: resource.body.into() }),
            ..discovery::Resource::default()
        };
        discovery::DeltaDiscoveryResponse {
            resources: response.resources.into_iter().map(resource).collect(),
            type_url: response.type_url,
            nonce: response.nonce,
            removed_resources: response.removed,
            ..discovery::DeltaDiscoveryResponse::default()
        }
    }
}
