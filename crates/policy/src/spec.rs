//! A policy as plain data: what the compiler writes and what travels. Nothing here has been checked;
//! [`crate::Policy::build`] turns it into the form that decides.

/// What one node's filter runs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PolicySpec {
    /// The store's revision at which this policy was compiled. 0 for a static fallback.
    pub revision: u64,
    /// The key that authenticates pair ids, shared by all the nodes of one control plane.
    /// `None` where there is no control plane (a static fallback).
    pub mesh_key: Option<[u8; 16]>,
    /// In the order of their names.
    pub stamps: Vec<StampSpec>,
    /// In the order of their names, which is also their order of precedence for mirror slots.
    pub shadows: Vec<ShadowSpec>,
}

/// A named label, and the requests that get it: those that fit *any* of the clauses.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StampSpec {
    /// Unique among the stamps.
    pub name: String,
    /// At least one.
    pub clauses: Vec<ClauseSpec>,
}

/// Conditions on a request that must *all* hold. An empty list, and `None`, ask nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClauseSpec {
    /// `shop.example.com`, `*.example.com` (one label or more in place of the star) or `*`: any of these.
    pub hosts: Vec<String>,
    /// The path, without its query.
    pub path: Option<PathSpec>,
    /// `GET`, `POST` …: any of these, compared with case.
    pub methods: Vec<String>,
    /// All of these. Names are compared without case.
    pub headers: Vec<FieldSpec>,
    /// All of these. Names are compared with case.
    pub cookies: Vec<FieldSpec>,
    /// All of these. Names are compared with case, after percent-decoding.
    pub query: Vec<FieldSpec>,
}

/// A condition on the path, without its query.
#[derive(Clone, Debug, PartialEq)]
pub enum PathSpec {
    /// The same bytes.
    Exact(String),
    /// Whole segments: `/api` takes `/api` and `/api/x`, not `/apix`.
    Prefix(String),
    /// The regular expression matches the whole path. A path that is not UTF-8, or longer than 8,192 bytes,
    /// never fits.
    Regex(String),
    /// `/users/{id}`: a segment in braces stands for any one non-empty segment.
    Template(String),
}

impl PathSpec {
    /// The kind's name: `exact`, `prefix`, `regex` or `template`.
    pub fn kind(&self) -> &'static str {
        match self {
            PathSpec::Exact(_) => "exact",
            PathSpec::Prefix(_) => "prefix",
            PathSpec::Regex(_) => "regex",
            PathSpec::Template(_) => "template",
        }
    }
}

/// A condition on a named header, cookie or query parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldSpec {
    /// The header's, cookie's or parameter's name.
    pub name: String,
    /// What is asked of its values.
    pub value: ValueSpec,
}

/// A condition on the values of one name. With several values, one that fits is enough.
#[derive(Clone, Debug, PartialEq)]
pub enum ValueSpec {
    /// The same bytes.
    Exact(String),
    /// Starts with these bytes.
    Prefix(String),
    /// Ends with these bytes.
    Suffix(String),
    /// Has these bytes somewhere.
    Contains(String),
    /// The regular expression matches the whole value. A value that is not UTF-8, or longer than 8,192
    /// bytes, never fits.
    Regex(String),
    /// There is at least one value, which may be empty.
    Present,
    /// There is none.
    Absent,
}

/// A binding: requests with these stamps, to that cluster, at this share, under these guards.
#[derive(Clone, Debug, PartialEq)]
pub struct ShadowSpec {
    /// Unique among the shadows.
    pub name: String,
    /// A request with any of these is a candidate for the shadow. At least one.
    pub stamps: Vec<String>,
    /// The Envoy cluster that gets the copies.
    pub target_cluster: String,
    /// The Envoy cluster of the noise baseline, which gets a second copy.
    pub control_cluster: Option<String>,
    /// The switch.
    pub enabled: bool,
    /// The valve in parts per million, 0 to 1,000,000, with this node's override applied.
    pub share_ppm: u32,
    /// What the share is a share of.
    pub sample: SampleSpec,
    /// What is never mirrored, and how much at most.
    pub guard: GuardSpec,
    /// What happens to the headers of the copies.
    pub request: CopySpec,
    /// What is observed of the answers; `None` compares nothing.
    pub compare: Option<CompareSpec>,
}

/// What a share is a share of, and the salt that decides which part of it.
#[derive(Clone, Debug, PartialEq)]
pub struct SampleSpec {
    /// Where a request's sampling key comes from.
    pub by: SampleBy,
    /// Shadows with the same salt and the same `by` take the same requests.
    pub salt: String,
}

/// Where a request's sampling key comes from. A request without the key is never sampled.
#[derive(Clone, Debug, PartialEq)]
pub enum SampleBy {
    /// Each request for itself, by a random number.
    Request,
    /// The first value of this header.
    Header(String),
    /// The first value of this cookie.
    Cookie(String),
    /// The address of the connection's peer, without the port.
    SourceIp,
}

/// What is never mirrored, and how much at most.
#[derive(Clone, Debug, PartialEq)]
pub struct GuardSpec {
    /// Only these methods are mirrored; empty means all.
    pub methods: Vec<String>,
    /// Longer request bodies are not mirrored, in bytes.
    pub max_request_bytes: u64,
    /// Whether bodies of unknown length are mirrored.
    pub allow_unknown_length: bool,
    /// Mirrored requests a second for the whole node, shared by its workers; `None` is no limit.
    pub max_rps: Option<u32>,
}

/// What happens to the headers of a shadow's copies. The primary's request is unaffected.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CopySpec {
    /// Lower-case names.
    pub remove_headers: Vec<String>,
    /// Replaces what is there.
    pub set_headers: Vec<(String, String)>,
}

/// What a filter observes of the primary's and the shadow's answers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CompareSpec {
    /// How many of the shadowed requests, in parts per million, 0 to 1,000,000.
    pub share_ppm: u32,
    /// What is looked at of the bodies.
    pub body: BodySpec,
    /// The most that is kept of one body where [`BodySpec::Full`] keeps any, in bytes.
    pub max_body_bytes: u64,
    /// Response headers that are compared. Lower-case names.
    pub headers: Vec<String>,
    /// Path templates that group requests into endpoints; where none fits, one is inferred.
    pub endpoints: Vec<String>,
}

/// What is looked at of a body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BodySpec {
    /// Nothing.
    #[default]
    None,
    /// Its length and a digest.
    Digest,
    /// The same, and of sampled pairs the body itself.
    Full,
}
