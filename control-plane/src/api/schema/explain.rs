//! What a request would get, as the API's description shows it. The API writes `umbra_resource`'s own types; a test holds
//! these to them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Number;
use utoipa::ToSchema;

/// What a request would get on a node, and why.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Explanation)]
pub struct ExplanationDocument {
    /// The node whose policy was asked.
    pub node: ExplainedNodeDocument,
    /// Every stamp there is, by name.
    pub stamps: Vec<StampExplanationDocument>,
    /// Every shadow there is, by name.
    pub shadows: Vec<ShadowExplanationDocument>,
    /// What the filter would set on the request. Where a chance decides, it is set only `when` that falls so.
    /// `x-umbra-pair`, which every mirrored request gets, is new each time and not listed.
    pub headers: Vec<HeaderExplanationDocument>,
}

/// Whether a request gets a stamp.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = StampExplanation)]
pub struct StampExplanationDocument {
    /// The stamp's name.
    pub name: String,
    /// Whether the request gets it: whether any clause matched.
    pub stamped: bool,
    /// All its clauses, in order.
    pub clauses: Vec<ClauseExplanationDocument>,
}

/// Whether a clause matched.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ClauseExplanation)]
pub struct ClauseExplanationDocument {
    /// Where it is in the stamp: `spec.match[0]`.
    pub field: String,
    /// Whether all its conditions hold.
    pub matched: bool,
    /// The first condition that does not hold, in the order hosts, path, methods, headers, cookies, query.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<FailedConditionDocument>,
}

/// A condition that does not hold.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = FailedCondition)]
pub struct FailedConditionDocument {
    /// Where it is in the stamp: `spec.match[0].headers[1]`.
    pub field: String,
    /// What the request has, and what is asked of it.
    pub words: String,
}

/// Whether a shadow gets a copy.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ShadowExplanation)]
pub struct ShadowExplanationDocument {
    /// The shadow's name.
    pub name: String,
    /// What comes of it: `mirrored` (each such request), `sampled` (some: chance decides), `skipped` (none, for a reason),
    /// `not_stamped` (it has none of the stamps).
    pub decision: String,
    /// For `skipped`, the reason as in the metric `umbra.skipped.<reason>`. Where chance decides and
    /// there is no slot in any case, that is `no_slot`; the filter counts requests that lost the draw as
    /// `not_sampled`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The same in words: `mirrored`, `5 % of requests`, `the guard takes GET and HEAD, not POST`.
    pub words: String,
    /// Those of the shadow's stamps that the request has.
    pub stamps: Vec<String>,
    /// The valve and the switch on this node.
    pub share: ShareExplanationDocument,
    /// What the share is a share of.
    pub sampling: SamplingExplanationDocument,
    /// The copies, when the shadow takes the request.
    pub copies: Vec<CopyExplanationDocument>,
    /// Mirrored requests a second on this node at most. Not looked at here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_rps: Option<u32>,
}

/// The valve and the switch on a node.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ShareExplanation)]
pub struct ShareExplanationDocument {
    /// The share on this node.
    #[schema(value_type = f64)]
    pub percent: Number,
    /// The switch.
    pub enabled: bool,
    /// The override that the share comes from; `None` when it is `spec.percent`.
    #[serde(rename = "override", skip_serializing_if = "Option::is_none")]
    pub from: Option<OverrideExplanationDocument>,
}

/// The first override that fits a node.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = OverrideExplanation)]
pub struct OverrideExplanationDocument {
    /// Where it is in the shadow: `spec.overrides[1]`.
    pub field: String,
    /// What it asks of the node.
    #[serde(rename = "where")]
    pub place: BTreeMap<String, String>,
}

/// What a share is a share of.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SamplingExplanation)]
pub struct SamplingExplanationDocument {
    /// `request`, `header`, `cookie`, `source-ip`.
    pub by: String,
    /// The header's or the cookie's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Shadows with one salt take the same requests.
    pub salt: String,
    /// The request's sampling key, where it has one; what is not UTF-8 in it is replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Where the key falls, as a percentage from 0 to 100, rounded to four decimals: shares above it take
    /// the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bucket_percent: Option<f64>,
}

/// One copy.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CopyExplanation)]
pub struct CopyExplanationDocument {
    /// `candidate` goes to the target, `control` to the control.
    pub role: String,
    /// The Envoy cluster that gets it.
    pub cluster: String,
    /// The mirror slots, 1 and 2, that it can have: one, unless chance decides what earlier shadows take.
    pub slots: Vec<u8>,
}

/// A header that the filter would set on the request.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = HeaderExplanation)]
pub struct HeaderExplanationDocument {
    /// In lower case.
    pub name: String,
    /// Its value.
    pub value: String,
    /// What must be so for it to be set; `None` when it always is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
}

/// The node that was asked about, as Envoy's `node` says; what is not known is empty.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ExplainedNode)]
pub struct ExplainedNodeDocument {
    /// Its id.
    pub id: String,
    /// The service that it stands beside.
    pub cluster: String,
    /// Its zone.
    pub zone: String,
    /// Its region.
    pub region: String,
    /// The texts in its metadata.
    pub metadata: BTreeMap<String, String>,
}
