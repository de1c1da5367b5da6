//! The Delta xDS protocol for policies: its messages as plain data, and its two ends.
//!
//! The rules are those of Envoy's xDS protocol, incremental variant (`docs/root/api-docs/xds_protocol.rst`
//! in Envoy's repository), for the one type [`crate::TYPE_URL`]:
//! - Every response carries a nonce of its own. The request that repeats it is an ACK, or with an error a
//!   NACK. A request that repeats an older nonce answers nothing.
//! - A stream's first request names the node and the versions that the client has, so that the server sends
//!   only what differs.
//! - Versions are opaque and belong to one resource. A name that does not exist is answered as removed.

pub mod client;
pub mod server;

#[cfg(feature = "grpc")]
mod envoy;
mod message;

use std::collections::BTreeMap;

use prost::bytes::Bytes;

/// The longest text of a rejection that is sent or kept, in bytes. It is read by a person.
pub const MAX_REASON_BYTES: usize = 4096;

/// Who asks: one Envoy, as it names itself in its bootstrap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// Unique in the mesh.
    pub id: String,
    /// The service that the Envoy stands in front of.
    pub cluster: String,
    /// Where it runs: the region.
    pub region: String,
    /// Where it runs: the zone.
    pub zone: String,
    /// Where it runs: within the zone.
    pub sub_zone: String,
    /// The scalar entries of the node's metadata: a string as it is, a number or a boolean by its JSON text.
    pub metadata: BTreeMap<String, String>,
    /// The version of the Envoy, as `1.40.0`; empty if it did not say.
    pub envoy_version: String,
}

/// From client to server: subscriptions, an answer to a response, or both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// In a stream's first request.
    pub node: Option<Node>,
    /// What the stream is about; here always [`crate::TYPE_URL`].
    pub type_url: String,
    /// Names that the client wants from now on, or wants again.
    pub subscribe: Vec<String>,
    /// Names that it no longer wants.
    pub unsubscribe: Vec<String>,
    /// The version of each resource that the client has from an earlier stream; in the first request.
    pub initial_versions: BTreeMap<String, String>,
    /// The nonce of the response that is answered; empty when none is.
    pub nonce: String,
    /// Why that response is rejected; `None` accepts it.
    pub error: Option<Rejection>,
}

/// Why a response was rejected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rejection {
    /// A gRPC status code.
    pub code: i32,
    /// For a person.
    pub message: String,
}

/// From server to client: what changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// What the resources are; here always [`crate::TYPE_URL`].
    pub type_url: String,
    /// Names this response in the client's answer.
    pub nonce: String,
    /// New, or with a new version.
    pub resources: Vec<Resource>,
    /// Names that do not exist, or no longer.
    pub removed: Vec<String>,
}

/// A named thing in one version of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resource {
    /// For a policy the role that it is for: `primary`.
    pub name: String,
    /// Opaque. Equal versions are equal bodies.
    pub version: String,
    /// The type of the body.
    pub type_url: String,
    /// The encoded message. Cheap to clone, so that one policy serves many streams.
    pub body: Bytes,
}

/// The longest prefix of a text that has no more than [`MAX_REASON_BYTES`].
fn bounded(text: &str) -> &str {
    text.get(..text.floor_char_boundary(MAX_REASON_BYTES)).unwrap_or(text)
}
