//! The resources as the API's description shows them. The API reads and writes `umbra_resource`'s own types; a test
//! holds these to them, field by field. What it says about evidence is in the modules below.

pub mod explain;
pub mod history;
pub mod pairs;
pub mod report;
pub mod verdict;
pub mod words;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Number;
use utoipa::ToSchema;

/// The stamps, by name.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StampList {
    /// The stamps.
    pub items: Vec<StampDocument>,
    /// The store's revision.
    pub revision: u64,
    /// `cursor` of the next page; null if this is the last.
    pub next: Option<String>,
}

/// The shadows, by name.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ShadowList {
    /// The shadows.
    pub items: Vec<ShadowDocument>,
    /// The store's revision.
    pub revision: u64,
    /// `cursor` of the next page; null if this is the last.
    pub next: Option<String>,
}

/// A stamp or a shadow.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = Resource)]
pub enum ResourceDocument {
    /// A stamp.
    Stamp(StampDocument),
    /// A shadow.
    Shadow(Box<ShadowDocument>),
}

/// A named label, and the requests that get it.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(as = Stamp)]
pub struct StampDocument {
    /// `umbra/v1`
    #[schema(example = "umbra/v1")]
    pub api_version: String,
    /// `Stamp`
    #[schema(example = "Stamp")]
    pub kind: String,
    /// Its name and what goes with it.
    pub metadata: MetadataDocument,
    /// Which requests.
    pub spec: StampSpecDocument,
}

/// A binding of stamps to a second destination.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(as = Shadow)]
pub struct ShadowDocument {
    /// `umbra/v1`
    #[schema(example = "umbra/v1")]
    pub api_version: String,
    /// `Shadow`
    #[schema(example = "Shadow")]
    pub kind: String,
    /// Its name and what goes with it.
    pub metadata: MetadataDocument,
    /// Which requests, where to, how many.
    pub spec: ShadowSpecDocument,
    /// What the server says of it. Ignored in what is sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(read_only)]
    pub status: Option<ShadowStatusDocument>,
}

/// What the server says of a shadow.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ShadowStatus)]
pub struct ShadowStatusDocument {
    /// What goes back by itself next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expiry: Option<ExpiryDocument>,
    /// What goes back after that: the valve and the switch may have times of their own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub then: Option<ExpiryDocument>,
}

/// The end of a change for a limited time.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Expiry)]
pub struct ExpiryDocument {
    /// When (RFC 3339, UTC).
    #[schema(format = DateTime)]
    pub at: String,
    /// What the valve goes back to; null if it stays.
    #[schema(value_type = Option<f64>)]
    pub percent: Option<Number>,
    /// What the switch goes back to; null if it stays.
    pub enabled: Option<bool>,
    /// The revision of the change that it takes back.
    pub revision: u64,
}

/// A resource's name and what goes with it.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Metadata)]
pub struct MetadataDocument {
    /// Unique within its kind.
    #[schema(pattern = "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", max_length = 63, example = "checkout")]
    pub name: String,
    /// Whatever the operator wants to say of it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// The store's revision at which it last changed. Ignored in what is sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(read_only)]
    pub revision: Option<u64>,
    /// When it last changed (RFC 3339, UTC). Ignored in what is sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(read_only, format = DateTime)]
    pub updated_at: Option<String>,
}

/// Which requests get the stamp.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = StampSpec)]
pub struct StampSpecDocument {
    /// Any of these.
    #[serde(rename = "match")]
    #[schema(min_items = 1, max_items = 100)]
    pub clauses: Vec<ClauseDocument>,
}

/// Conditions that must all hold; at least one.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Clause)]
pub struct ClauseDocument {
    /// Any of these: `shop.example.com`, `*.example.com`, `*`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
    /// The path, without its query.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<PathDocument>,
    /// Any of these, compared with case.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<String>,
    /// All of these. Names are compared without case.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<FieldDocument>,
    /// All of these. Names are compared with case.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cookies: Vec<FieldDocument>,
    /// All of these. Names are compared with case, after percent-decoding.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub query: Vec<FieldDocument>,
}

/// A condition on the path: exactly one of these.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PathMatch)]
pub struct PathDocument {
    /// The same bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exact: Option<String>,
    /// Whole segments: `/api` takes `/api` and `/api/x`, not `/apix`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// Matches the whole path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub regex: Option<String>,
    /// `/users/{id}`: a segment in braces stands for any one segment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
}

/// A condition on a named header, cookie or query parameter: a name, and exactly one of the others.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = FieldMatch)]
pub struct FieldDocument {
    /// The header's, cookie's or parameter's name.
    pub name: String,
    /// The same bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exact: Option<String>,
    /// Starts with these bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// Ends with these bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suffix: Option<String>,
    /// Has these bytes somewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contains: Option<String>,
    /// Matches the whole value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub regex: Option<String>,
    /// `true`: there is one, whatever it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub present: Option<bool>,
    /// `true`: there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub absent: Option<bool>,
}

/// Which requests, where to, how many, under which guards.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ShadowSpec)]
pub struct ShadowSpecDocument {
    /// A request with any of these is a candidate.
    #[schema(min_items = 1)]
    pub stamps: Vec<String>,
    /// Where the copies go.
    pub target: DestinationDocument,
    /// A second copy of production, whose difference from the primary is noise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub control: Option<DestinationDocument>,
    /// The switch.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(default = true)]
    pub enabled: Option<bool>,
    /// The valve; at most four decimals.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>, minimum = 0, maximum = 100, default = 0)]
    pub percent: Option<Number>,
    /// What the share is a share of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample: Option<SampleDocument>,
    /// What is never mirrored, and how much at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guard: Option<GuardDocument>,
    /// What happens to the headers of the copies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<CopyDocument>,
    /// Other shares for some nodes: the first that fits a node wins.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overrides: Vec<OverrideDocument>,
    /// How responses are compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compare: Option<CompareDocument>,
    /// What a verdict asks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gates: Option<GatesDocument>,
}

/// Where copies go.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Destination)]
pub struct DestinationDocument {
    /// An Envoy cluster's name.
    pub cluster: String,
}

/// What the share is a share of, and the salt that decides which part of it.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Sample)]
pub struct SampleDocument {
    /// `request` (default), `header`, `cookie` or `source-ip`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(default = "request")]
    pub by: Option<String>,
    /// The header's or cookie's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Shadows with one salt take the same requests; the shadow's name if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub salt: Option<String>,
}

/// What is never mirrored, and how much at most.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Guard)]
pub struct GuardDocument {
    /// Only these; an empty list means all. GET and HEAD if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub methods: Option<Vec<String>>,
    /// Longer request bodies are not mirrored.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(default = 262144)]
    pub max_request_bytes: Option<u64>,
    /// Whether bodies of unknown length are mirrored.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(default = false)]
    pub allow_unknown_length: Option<bool>,
    /// Mirrored requests a second for a whole node; no limit if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_rps: Option<u32>,
}

/// What happens to the headers of the copies.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CopyRequest)]
pub struct CopyDocument {
    /// Taken off.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remove_headers: Vec<String>,
    /// Put on, in place of what is there.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub set_headers: BTreeMap<String, String>,
}

/// Another share for the nodes that fit.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Override)]
pub struct OverrideDocument {
    /// All of these: `node`, `cluster`, `zone`, `region`, `metadata.KEY`.
    #[serde(rename = "where")]
    pub place: BTreeMap<String, String>,
    /// The valve for these nodes.
    #[schema(value_type = f64, minimum = 0, maximum = 100)]
    pub percent: Number,
}

/// How responses are compared.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Compare)]
pub struct CompareDocument {
    /// Of the shadowed requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>, minimum = 0, maximum = 100)]
    pub percent: Option<Number>,
    /// `full`, `digest` or `none`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Of longer bodies only so many bytes are looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_body_bytes: Option<u64>,
    /// The response headers that are compared.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<String>,
    /// JSONPaths (RFC 9535) of what may differ.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignore: Vec<String>,
    /// JSONPaths (RFC 9535) of arrays whose order means nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unordered: Vec<String>,
    /// Numbers that may differ a little.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tolerance: Vec<ToleranceDocument>,
    /// How a difference is told from noise: `discordant` (default), by the pairs in which only one of shadow and control
    /// differs; or `diffy`, by Diffy's rule for each field.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(default = "discordant")]
    pub noise: Option<String>,
    /// Path templates that group requests.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub endpoints: Vec<String>,
    /// What is never kept of the examples.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redact: Option<RedactDocument>,
}

/// A number that may differ a little.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Tolerance)]
pub struct ToleranceDocument {
    /// The JSONPath (RFC 9535) of the number.
    pub path: String,
    /// By so much at most, in the number's own unit.
    #[schema(value_type = f64, minimum = 0)]
    pub absolute: Number,
}

/// What is never kept of the examples.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Redact)]
pub struct RedactDocument {
    /// JSONPaths (RFC 9535) of values in bodies.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
    /// Names of headers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<String>,
}

/// The limits that a shadow must stay inside.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Gates)]
pub struct GatesDocument {
    /// No verdict of `go` before so many pairs.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1)]
    pub min_pairs: Option<u64>,
    /// No verdict of `go` before so long: `10m`, `1h 30m`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_duration: Option<String>,
    /// The shadow's error rate over the primary's, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>)]
    pub max_error_excess: Option<Number>,
    /// The part of pairs with another status, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>)]
    pub max_status_mismatch: Option<Number>,
    /// The part of pairs with another body, over noise, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>)]
    pub max_body_mismatch: Option<Number>,
    /// The shadow's latency as a multiple of the primary's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_latency_ratio: Option<LatencyRatioDocument>,
}

/// The shadow's latency as a multiple of the primary's, by quantile.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LatencyRatio)]
pub struct LatencyRatioDocument {
    /// Of the medians.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>)]
    pub p50: Option<Number>,
    /// Of the 95th percentiles.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>)]
    pub p95: Option<Number>,
    /// Of the 99th percentiles.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>)]
    pub p99: Option<Number>,
}
