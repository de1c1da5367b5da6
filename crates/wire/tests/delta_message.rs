//! The messages as bytes, and their compatibility with Envoy's own definitions.
#![allow(clippy::unwrap_used, reason = "a test may stop at once")]

use envoy_types::pb::envoy::config::core::v3 as core;
use envoy_types::pb::envoy::service::discovery::v3 as discovery;
use envoy_types::pb::envoy::r#type::v3::SemanticVersion;
use envoy_types::pb::google::protobuf::value::Kind;
use envoy_types::pb::google::protobuf::{ListValue, Struct, Value};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use prost::Message;
use umbra_wire::delta::{Node, Rejection, Request, Resource, Response};

fn request() -> impl Strategy<Value = Request> {
    let node = (vec(".{0,9}", 6), btree_map(".{0,9}", ".{0,9}", 0..4)).prop_map(|(mut texts, metadata)| {
        let mut next = || texts.pop().unwrap();
        Node {
            id: next(),
            cluster: next(),
            region: next(),
            zone: next(),
            sub_zone: next(),
            metadata,
            envoy_version: next(),
        }
    });
    let error = (any::<i32>(), ".{0,9}").prop_map(|(code, message)| Rejection { code, message });
    (
        option::of(node),
        ".{0,9}",
        vec(".{0,9}", 0..4),
        vec(".{0,9}", 0..4),
        btree_map(".{0,9}", ".{0,9}", 0..4),
        ".{0,9}",
        option::of(error),
    )
        .prop_map(|(node, type_url, subscribe, unsubscribe, initial_versions, nonce, error)| Request {
            node,
            type_url,
            subscribe,
            unsubscribe,
            initial_versions,
            nonce,
            error,
        })
}

fn response() -> impl Strategy<Value = Response> {
    let resource = (".{0,9}", ".{0,9}", ".{0,9}", vec(any::<u8>(), 0..20))
        .prop_map(|(name, version, type_url, body)| Resource { name, version, type_url, body: body.into() });
    (".{0,9}", ".{0,9}", vec(resource, 0..4), vec(".{0,9}", 0..4))
        .prop_map(|(type_url, nonce, resources, removed)| Response { type_url, nonce, resources, removed })
}

proptest! {
    #[test]
    fn a_request_survives_the_wire_and_envoy_reads_it(request in request()) {
        let bytes = request.clone().encode();
        prop_assert_eq!(Request::decode(&bytes), Ok(request.clone()));
        let envoys = discovery::DeltaDiscoveryRequest::decode(&bytes[..]).unwrap();
        prop_assert_eq!(Request::from(envoys), request);
    }

    #[test]
    fn a_response_survives_the_wire_and_envoy_writes_it(response in response()) {
        prop_assert_eq!(Response::decode(&response.clone().encode()), Ok(response.clone()));
        let envoys = discovery::DeltaDiscoveryResponse::from(response.clone()).encode_to_vec();
        prop_assert_eq!(Response::decode(&envoys), Ok(response));
    }

    #[test]
    fn arbitrary_bytes_do_not_panic(bytes in vec(any::<u8>(), 0..200)) {
        let _ = Request::decode(&bytes);
        let _ = Response::decode(&bytes);
    }
}

#[test]
fn a_version_may_be_numbers() {
    let numbers = SemanticVersion { major_number: 1, minor_number: 40, patch: 2 };
    let build = core::BuildVersion { version: Some(numbers), metadata: None };
    let said = core::node::UserAgentVersionType::UserAgentBuildVersion(build);
    let node = core::Node { user_agent_version_type: Some(said), ..core::Node::default() };
    assert_eq!(Node::from(node).envoy_version, "1.40.2");
    assert_eq!(Node::from(core::Node::default()).envoy_version, "");
}

#[test]
fn metadata_keeps_scalars_as_text() {
    let cases = [
        (Kind::StringValue("a b".to_owned()), Some("a b")),
        (Kind::StringValue(String::new()), Some("")),
        (Kind::BoolValue(true), Some("true")),
        (Kind::NumberValue(5.0), Some("5")),
        (Kind::NumberValue(-0.5), Some("-0.5")),
        (Kind::NumberValue(1e21), Some("1000000000000000000000")),
        (Kind::NumberValue(f64::NAN), None),
        (Kind::NumberValue(f64::INFINITY), None),
        (Kind::NullValue(0), None),
        (Kind::StructValue(Struct::default()), None),
        (Kind::ListValue(ListValue::default()), None),
    ];
    for (kind, expected) in cases {
        let value = Value { kind: Some(kind) };
        let metadata = Struct { fields: [("key".to_owned(), value)].into_iter().collect() };
        let envoys = core::Node { id: "e".to_owned(), metadata: Some(metadata), ..core::Node::default() };
        let node = Node::from(envoys.clone());
        assert_eq!(node.metadata.get("key").map(String::as_str), expected, "{envoys:?}");
        // The same by Umbra's own message.
        let request = discovery::DeltaDiscoveryRequest {
            node: Some(envoys),
            ..discovery::DeltaDiscoveryRequest::default()
        };
        assert_eq!(Request::decode(&request.encode_to_vec()).unwrap().node, Some(node));
    }
}
