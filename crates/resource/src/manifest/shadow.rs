//! Where copies go, which requests are copied, and how many.

use std::collections::BTreeMap;
use std::fmt;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::compare::Compare;
use super::gates::Gates;
use crate::percent::Percent;

/// A binding: requests with these stamps, to that cluster, at this share, under these guards.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ShadowSpec {
    /// A request with any of these is a candidate. At least one.
    pub stamps: Vec<String>,
    /// Where the copies go.
    pub target: Destination,
    /// A second copy of production, whose difference from the primary is noise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub control: Option<Destination>,
    /// The switch. Left out: on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// The valve. Left out: 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub percent: Option<Percent>,
    /// What the share is a share of. Left out: of requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample: Option<Sample>,
    /// What is never mirrored, and how much at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guard: Option<Guard>,
    /// What happens to the headers of the copies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<CopyRequest>,
    /// Other shares for some nodes: the first that fits a node wins.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub overrides: Vec<Override>,
    /// How responses are compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compare: Option<Compare>,
    /// What a verdict asks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gates: Option<Gates>,
}

/// Where copies go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Destination {
    /// An Envoy cluster's name.
    pub cluster: String,
}

/// What the share is a share of, and the salt that decides which part of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// Left out: by request.
    pub by: Option<SampleBy>,
    /// Shadows with one salt take the same requests. Left out: the shadow's name.
    pub salt: Option<String>,
}

/// Where a request's sampling key comes from. A request without the key is never sampled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SampleBy {
    /// `request`: each request for itself, by a random number.
    Request,
    /// `header` with `name`: its first value.
    Header(String),
    /// `cookie` with `name`: its first value.
    Cookie(String),
    /// `source-ip`: the address of the connection's peer.
    SourceIp,
}

/// What is never mirrored, and how much at most.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Guard {
    /// Only these methods; an empty list means all. Left out: GET and HEAD.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub methods: Option<Vec<String>>,
    /// Longer request bodies are not mirrored. Left out: 262,144 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_request_bytes: Option<u64>,
    /// Whether bodies of unknown length are mirrored. Left out: no.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_unknown_length: Option<bool>,
    /// Mirrored requests a second for a whole node. Left out: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_rps: Option<u32>,
}

/// What happens to the headers of the copies. The primary's request is unaffected.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CopyRequest {
    /// Taken off.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remove_headers: Vec<String>,
    /// Put on, in place of what is there.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub set_headers: BTreeMap<String, String>,
}

/// Another share for the nodes that fit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Override {
    /// `where`: a node fits when all of these are its own. At least one.
    #[serde(rename = "where")]
    pub place: BTreeMap<Attribute, String>,
    /// The valve for these nodes.
    pub percent: Percent,
}

/// What is known of an Envoy that an override can ask about. The names are those of Envoy's `node`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Attribute {
    /// `node`: its id.
    Node,
    /// `cluster`: its service cluster.
    Cluster,
    /// `zone` of its locality.
    Zone,
    /// `region` of its locality.
    Region,
    /// `metadata.KEY`: a text in its metadata.
    Metadata(String),
}

impl ShadowSpec {
    /// The switch, with its default: on.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.enabled.unwrap_or(true)
    }

    /// The valve, with its default: 0. Nodes that an override fits have another.
    #[must_use]
    pub fn share(&self) -> Percent {
        self.percent.unwrap_or_default()
    }
}

impl SampleBy {
    /// As written in `by`.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Header(_) => "header",
            Self::Cookie(_) => "cookie",
            Self::SourceIp => "source-ip",
        }
    }
}

impl Serialize for Sample {
    /// `{"by": "cookie", "name": "session", "salt": "shared"}`, without what was left out.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(by) = &self.by {
            map.serialize_entry("by", by.as_str())?;
            match by {
                SampleBy::Header(name) | SampleBy::Cookie(name) => map.serialize_entry("name", name)?,
                SampleBy::Request | SampleBy::SourceIp => {}
            }
        }
        if let Some(salt) = &self.salt {
            map.serialize_entry("salt", salt)?;
        }
        map.end()
    }
}

impl fmt::Display for Attribute {
    /// As written in `where`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node => f.write_str("node"),
            Self::Cluster => f.write_str("cluster"),
            Self::Zone => f.write_str("zone"),
            Self::Region => f.write_str("region"),
            Self::Metadata(key) => write!(f, "metadata.{key}"),
        }
    }
}

impl Serialize for Attribute {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
