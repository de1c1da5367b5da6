//! How policies and telemetry travel: the protobuf messages, their conversions, and the Delta xDS protocol.
//!
//! - [`encode`] and [`decode`] turn a [`PolicySpec`] into bytes and back.
//! - [`delta::client`] and [`delta::server`] are the two ends of one Delta xDS stream as state machines:
//!   events in, actions out. They know no socket, no clock and no randomness.
//! - [`telemetry`] turns what a filter saw into bytes and back.
//! - With the feature `grpc`, the messages of `envoy-types` convert to those of [`delta`], and
//!   [`proto::telemetry`] has the client and the server of its service.
//!
//! Not here: what a policy means (`umbra-policy`), and every socket. Builds for wasm32.

pub mod delta;
pub mod proto;
pub mod telemetry;

mod fields;
mod from_proto;
mod to_proto;
mod unfold;

use prost::Message;
use umbra_policy::FieldError;
use umbra_policy::spec::PolicySpec;

/// The type URL of a policy on a Delta xDS stream.
pub const TYPE_URL: &str = "type.googleapis.com/umbra.policy.v1.Policy";

/// The longest encoded policy that [`decode`] takes, in bytes: 4 MiB, gRPC's usual bound for one message.
/// 10,000 stamps of a few hundred bytes each fit.
pub const MAX_POLICY_BYTES: usize = 4 * 1024 * 1024;

/// A policy as bytes. Equal policies have equal bytes, whatever process encodes them, so that a hash of the
/// bytes is a version that replicas agree on.
#[must_use]
pub fn encode(spec: &PolicySpec) -> Vec<u8> {
    to_proto::policy(spec).encode_to_vec()
}

/// A policy from its bytes. Checks the shape alone: what a value may be is for `Policy::build` to say.
/// Unknown protobuf fields are ignored, so that a newer control plane can talk to an older filter.
///
/// # Errors
/// See [`DecodeError`]; every bad field is listed, up to a thousand, not only the first.
pub fn decode(bytes: &[u8]) -> Result<PolicySpec, DecodeError> {
    if bytes.len() > MAX_POLICY_BYTES {
        return Err(DecodeError::TooLong { bytes: bytes.len() });
    }
    if !unfold::fits(bytes, unfold::Kind::Policy) {
        return Err(DecodeError::TooMany);
    }
    let message = proto::policy::v1::Policy::decode(bytes).map_err(DecodeError::Protobuf)?;
    from_proto::policy(message).map_err(DecodeError::Fields)
}

/// Why bytes are not a policy.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum DecodeError {
    /// Longer than [`MAX_POLICY_BYTES`].
    #[error("the policy is {bytes} bytes long, more than {MAX_POLICY_BYTES}")]
    TooLong {
        /// How long it is.
        bytes: usize,
    },
    /// So many items that they would take far more memory than the bytes do.
    #[error("the policy has too many items")]
    TooMany,
    /// Not protobuf, or not of this message.
    // Not a source: a NACK carries one line of text, and this is what a person needs of it.
    #[error("the policy is not protobuf of {TYPE_URL}: {0}")]
    Protobuf(prost::DecodeError),
    /// Fields that are missing or that no policy can have, in the order of the message. At least one.
    #[error("{}", listed(.0))]
    Fields(Vec<FieldError>),
}

/// How many bad fields a message names: the reason of a NACK is read by a person.
const LISTED: usize = 8;

pub(crate) fn listed(errors: &[FieldError]) -> String {
    let mut text = String::new();
    for error in errors.iter().take(LISTED) {
        if !text.is_empty() {
            text.push_str("; ");
        }
        text.push_str(&error.to_string());
    }
    if errors.len() > LISTED {
        text.push_str(&format!("; and {} more", errors.len() - LISTED));
    }
    text
}
