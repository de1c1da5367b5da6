//! Resources as operators write them. What was left out stays left out, so that what is read back is what
//! was written; defaults are applied when a resource is compiled.
//!
//! The types are written with serde and read by [`crate::from_json`] and its like, which see the whole of a
//! resource and so can list every problem and not only the first.

pub mod compare;
pub mod gates;
pub mod shadow;
pub mod stamp;
pub mod status;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::input;

/// The only `apiVersion` there is.
pub const API_VERSION: &str = "umbra/v1";

/// What kind of resource it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Kind {
    /// A named label, and the requests that get it.
    Stamp,
    /// A binding of stamps to a second destination.
    Shadow,
}

/// A stamp or a shadow.
///
/// Serialises as `{apiVersion, kind, metadata, spec}`. Deserialising keeps `metadata.revision` and
/// `metadata.updated_at` and `status`, as a client of the server needs; [`crate::from_json`] and its like, which read what
/// operators send, drop them.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "few are alive at a time, and a box would show in every match")]
pub enum Resource {
    /// A stamp.
    Stamp(Stamp),
    /// A shadow.
    Shadow(Shadow),
}

/// A named label, and the requests that get it.
#[derive(Clone, Debug, PartialEq)]
pub struct Stamp {
    /// Its name and what goes with it.
    pub metadata: Metadata,
    /// Which requests.
    pub spec: stamp::StampSpec,
}

/// A binding of stamps to a second destination, with the valve and the switch.
#[derive(Clone, Debug, PartialEq)]
pub struct Shadow {
    /// Its name and what goes with it.
    pub metadata: Metadata,
    /// Which requests, where to, how many.
    pub spec: shadow::ShadowSpec,
    /// What the server says of it. Ignored in what operators send.
    pub status: status::ShadowStatus,
}

/// A resource's name and what goes with it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Metadata {
    /// Unique within its kind: 1 to 63 of `a-z 0-9 - .`, a letter or digit first and last.
    pub name: String,
    /// Whatever the operator wants to say of it. Umbra attaches no meaning.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// The store's revision at which it last changed. The server's; ignored in what operators send.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
    /// When it last changed, RFC 3339. The server's; ignored in what operators send.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<String>,
}

impl Kind {
    /// `Stamp`, `Shadow`: as written in `kind`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stamp => "Stamp",
            Self::Shadow => "Shadow",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Resource {
    /// Which kind it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Stamp(_) => Kind::Stamp,
            Self::Shadow(_) => Kind::Shadow,
        }
    }

    /// Its name, unique within its kind.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.metadata().name
    }

    /// Its name and what goes with it.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        match self {
            Self::Stamp(stamp) => &stamp.metadata,
            Self::Shadow(shadow) => &shadow.metadata,
        }
    }

    /// Its name and what goes with it, to be changed.
    pub fn metadata_mut(&mut self) -> &mut Metadata {
        match self {
            Self::Stamp(stamp) => &mut stamp.metadata,
            Self::Shadow(shadow) => &mut shadow.metadata,
        }
    }

    /// The resource as its operator wrote it: without what the server adds to it.
    /// Two writes of the same thing are equal in this form.
    #[must_use]
    pub fn without_server_fields(mut self) -> Self {
        let metadata = self.metadata_mut();
        metadata.revision = None;
        metadata.updated_at = None;
        if let Self::Shadow(shadow) = &mut self {
            shadow.status = status::ShadowStatus::default();
        }
        self
    }
}

impl From<Stamp> for Resource {
    fn from(stamp: Stamp) -> Self {
        Self::Stamp(stamp)
    }
}

impl From<Shadow> for Resource {
    fn from(shadow: Shadow) -> Self {
        Self::Shadow(shadow)
    }
}

/// What surrounds every `spec`.
#[derive(Serialize)]
struct Envelope<'a, Spec> {
    #[serde(rename = "apiVersion")]
    api_version: &'static str,
    kind: Kind,
    metadata: &'a Metadata,
    spec: &'a Spec,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'a status::ShadowStatus>,
}

impl Serialize for Stamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { metadata, spec } = self;
        Envelope { api_version: API_VERSION, kind: Kind::Stamp, metadata, spec, status: None }
            .serialize(serializer)
    }
}

impl Serialize for Shadow {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { metadata, spec, status } = self;
        let status = Some(status).filter(|status| !status.is_empty());
        Envelope { api_version: API_VERSION, kind: Kind::Shadow, metadata, spec, status }
            .serialize(serializer)
    }
}

impl Serialize for Resource {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Stamp(stamp) => stamp.serialize(serializer),
            Self::Shadow(shadow) => shadow.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Resource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        input::deserialize(deserializer)
    }
}
