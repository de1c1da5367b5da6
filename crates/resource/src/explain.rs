//! What a request would get on a node, and why: what `umbractl explain` prints.
//!
//! The answer comes from [`umbra_policy::explain`], which is held to what the filter does. Only what the
//! filter has and this has not is left open:
//!
//! - **Chance.** A shadow that samples by request draws a random number for each. None is drawn here: a
//!   request that such a shadow takes by chance has the decision [`Outcome::Sampled`], and
//!   [`ShareExplanation::percent`] is the part of such requests that is taken. 0 and 100 percent are
//!   certain. With every other `by` the request's key decides, and so the decision is certain too.
//! - **Slots.** A request has two mirror slots. Where a chance decides whether an earlier shadow leaves
//!   a slot, a later one is [`Outcome::Sampled`] too, and its words say so.
//! - **What needs memory.** `max_rps`, a lost control plane and copies that come back are not looked at.

mod outcome;
mod request;
mod shadow;
mod stamp;

use std::collections::BTreeMap;

use serde::Serialize;

pub use self::request::ExplainRequest;
use self::request::View;
use crate::percent::Percent;
use crate::problem::Problem;
use crate::set::{NodeAttributes, ResourceSet};

/// What a request would get on a node, and why.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explanation {
    /// The node whose policy was asked.
    pub node: NodeAttributes,
    /// Every stamp there is, by name.
    pub stamps: Vec<StampExplanation>,
    /// Every shadow there is, by name.
    pub shadows: Vec<ShadowExplanation>,
    /// What the filter would set on the request. Where a chance decides, it is set only `when` that falls so.
    /// `x-umbra-pair`, which every mirrored request gets, is new each time and not listed.
    pub headers: Vec<HeaderExplanation>,
}

/// Whether a request gets a stamp.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StampExplanation {
    /// The stamp's name.
    pub name: String,
    /// Whether the request gets it: whether any clause matched.
    pub stamped: bool,
    /// All its clauses, in order.
    pub clauses: Vec<ClauseExplanation>,
}

/// Whether a clause matched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ClauseExplanation {
    /// Where it is in the stamp: `spec.match[0]`.
    pub field: String,
    /// Whether all its conditions hold.
    pub matched: bool,
    /// The first condition that does not hold, in the order hosts, path, methods, headers, cookies, query.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<FailedCondition>,
}

/// A condition that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FailedCondition {
    /// Where it is in the stamp: `spec.match[0].headers[1]`.
    pub field: String,
    /// What the request has, and what is asked of it.
    pub words: String,
}

/// Whether a shadow gets a copy.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ShadowExplanation {
    /// The shadow's name.
    pub name: String,
    /// What comes of it.
    pub decision: Outcome,
    /// For [`Outcome::Skipped`], the reason as in the metric `umbra.skipped.<reason>`. Where chance decides and
    /// there is no slot in any case, that is `no_slot`; the filter counts requests that lost the draw as
    /// `not_sampled`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// The same in words: `mirrored`, `5 % of requests`, `the guard takes GET and HEAD, not POST`.
    pub words: String,
    /// Those of the shadow's stamps that the request has.
    pub stamps: Vec<String>,
    /// The valve and the switch on this node.
    pub share: ShareExplanation,
    /// What the share is a share of.
    pub sampling: SamplingExplanation,
    /// The copies, when the shadow takes the request.
    pub copies: Vec<CopyExplanation>,
    /// Mirrored requests a second on this node at most. Not looked at here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_rps: Option<u32>,
}

/// What comes of a request and a shadow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Each such request is mirrored.
    Mirrored,
    /// Some such requests are mirrored: chance decides.
    Sampled,
    /// No such request is mirrored, for a reason.
    Skipped,
    /// The request has none of the shadow's stamps, so the shadow was not asked.
    NotStamped,
}

/// The valve and the switch on a node.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ShareExplanation {
    /// The share on this node.
    pub percent: Percent,
    /// The switch.
    pub enabled: bool,
    /// The override that the share comes from; `None` when it is `spec.percent`.
    #[serde(rename = "override", skip_serializing_if = "Option::is_none")]
    pub from: Option<OverrideExplanation>,
}

/// The first override that fits a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OverrideExplanation {
    /// Where it is in the shadow: `spec.overrides[1]`.
    pub field: String,
    /// What it asks of the node.
    #[serde(rename = "where")]
    pub place: BTreeMap<String, String>,
}

/// What a share is a share of.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SamplingExplanation {
    /// `request`, `header`, `cookie`, `source-ip`.
    pub by: &'static str,
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CopyExplanation {
    /// `candidate` goes to the target, `control` to the control.
    pub role: &'static str,
    /// The Envoy cluster that gets it.
    pub cluster: String,
    /// The mirror slots, 1 and 2, that it can have: one, unless chance decides what earlier shadows take.
    pub slots: Vec<u8>,
}

/// A header that the filter would set on the request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HeaderExplanation {
    /// In lower case.
    pub name: String,
    /// Its value.
    pub value: String,
    /// What must be so for it to be set; `None` when it always is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
}

/// Explains what a request would get on a node.
///
/// # Errors
/// What the policy says of a set that it does not accept, which [`ResourceSet::new`] refuses.
pub fn explain(
    set: &ResourceSet,
    node: &NodeAttributes,
    request: &ExplainRequest,
) -> Result<Explanation, Vec<Problem>> {
    let view = View::new(request);
    let mut spec = set.compile(node, 0, None);
    // Chance is looked at apart: here every shadow that could take the request by chance does, and so what
    // else speaks against it shows. The random number is then of no account.
    let chances = spec.shadows.iter_mut().map(shadow::take_chance).collect::<Vec<_>>();
    let policy = set.policy(spec)?;
    let answer = umbra_policy::explain::explain(&policy, &view, 0);

    let stamps: Vec<StampExplanation> = set
        .stamps()
        .iter()
        .zip(&answer.stamps)
        .map(|(stamp, answer)| stamp::explain(stamp, &answer.clauses, request))
        .collect();
    let outcomes = outcome::outcomes(&policy, &answer, &chances);
    let shadows: Vec<ShadowExplanation> = set
        .shadows()
        .iter()
        .zip(&answer.shadows)
        .zip(outcomes)
        .map(|((shadow, answer), outcome)| shadow::explain(shadow, node, &policy, answer, outcome, &view))
        .collect();
    let headers = headers(&stamps, &shadows);
    Ok(Explanation { node: node.clone(), stamps, shadows, headers })
}

fn headers(stamps: &[StampExplanation], shadows: &[ShadowExplanation]) -> Vec<HeaderExplanation> {
    let mut headers = Vec::new();
    let names: Vec<&str> =
        stamps.iter().filter(|stamp| stamp.stamped).map(|stamp| stamp.name.as_str()).collect();
    if !names.is_empty() {
        headers.push(HeaderExplanation {
            name: "x-umbra-stamp".to_owned(),
            value: names.join(","),
            when: None,
        });
    }
    for shadow in shadows {
        for copy in &shadow.copies {
            for slot in &copy.slots {
                let is_certain = shadow.decision == Outcome::Mirrored && copy.slots.len() == 1;
                let when = format!("{} takes the request, with slot {slot} for this copy", shadow.name);
                headers.push(HeaderExplanation {
                    name: format!("x-umbra-mirror-{slot}"),
                    value: copy.cluster.clone(),
                    when: (!is_certain).then_some(when),
                });
            }
        }
    }
    headers
}
