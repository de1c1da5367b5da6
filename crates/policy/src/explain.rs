//! Why a request gets what it gets: every rule asked directly, without the index.
//!
//! The stamps and mirrors found here are those of [`crate::decide`] (a property test holds them
//! together), so this is also the definition that the index must meet.

use crate::clause::Condition;
use crate::cookie;
use crate::decide::{Decision, settle};
use crate::policy::{Policy, StampId};
use crate::query;
use crate::request::{Request, RequestView};
use crate::shadow::ShadowId;

/// A decision and what led to it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Explanation {
    /// Every stamp of the policy, in order.
    pub stamps: Vec<StampExplanation>,
    /// Every shadow of the policy, in order.
    pub shadows: Vec<ShadowExplanation>,
    /// The outcome: the same as that of [`crate::decide`].
    pub decision: Decision,
}

/// Why a stamp fits or not.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StampExplanation {
    /// Which stamp.
    pub stamp: StampId,
    /// For each of its clauses, in order: `None` when it fits, else the first condition that failed.
    pub clauses: Vec<Option<Mismatch>>,
}

/// The first condition of a clause that failed. Conditions are asked in the order of the variants.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Mismatch {
    /// None of the clause's hosts fits. Holds the request's host as it was compared.
    Host(Vec<u8>),
    /// The path does not fit. Holds the request's path as it was compared.
    Path(Vec<u8>),
    /// None of the clause's methods is the request's.
    Method(Vec<u8>),
    /// A header does not fit.
    Header(FieldMismatch),
    /// A cookie does not fit.
    Cookie(FieldMismatch),
    /// A query parameter does not fit.
    Query(FieldMismatch),
}

/// A condition on a named header, cookie or query parameter that failed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FieldMismatch {
    /// The condition's position in the clause's list.
    pub position: usize,
    /// Its name as it was compared: a header's in lower case.
    pub name: String,
    /// The values that the request has under this name, as they were compared.
    pub values: Vec<Vec<u8>>,
}

/// What a shadow saw in the request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ShadowExplanation {
    /// Which shadow.
    pub shadow: ShadowId,
    /// The request's stamps that the shadow asks for. When there is none, the shadow was not asked at
    /// all; otherwise the decision says what came of it, in `mirrors` or `skipped`.
    pub stamps: Vec<StampId>,
    /// The bucket of the request's sampling key, below 2^64; `None` when the key is missing. Told for
    /// every shadow, also when something else decided.
    pub bucket: Option<u64>,
}

/// Explains the decision on a request. Takes time in proportion to the policy: not for the data path.
pub fn explain(policy: &Policy, view: &impl RequestView, random: u64) -> Explanation {
    let request = Request::new(view);
    let mut stamps = Vec::with_capacity(policy.stamps().len());
    let mut matched = Vec::new();
    for (id, stamp) in (0..).map(StampId).zip(policy.stamps()) {
        let mut clauses = Vec::with_capacity(stamp.clauses.len());
        for clause in policy.clauses.get(stamp.clauses.clone()).unwrap_or_default() {
            let failure = clause.first_failure(&request);
            clauses.push(failure.map(|condition| match condition {
                Condition::Host => Mismatch::Host(request.host.as_bytes().into()),
                Condition::Path => Mismatch::Path(request.path.into()),
                Condition::Method => Mismatch::Method(view.method().into()),
                Condition::Header(position) => {
                    let values = |name: &str| view.header(name).map(<[u8]>::to_vec).collect();
                    Mismatch::Header(field_mismatch(position, &clause.headers, values))
                }
                Condition::Cookie(position) => {
                    let values = |name: &str| {
                        cookie::values(view.header("cookie"), name).map(<[u8]>::to_vec).collect()
                    };
                    Mismatch::Cookie(field_mismatch(position, &clause.cookies, values))
                }
                Condition::Query(position) => {
                    let values = |name: &str| {
                        query::values(request.query, name).map(|value| value.into_owned()).collect()
                    };
                    Mismatch::Query(field_mismatch(position, &clause.query, values))
                }
            }));
        }
        if clauses.iter().any(Option::is_none) {
            matched.push(id);
        }
        stamps.push(StampExplanation { stamp: id, clauses });
    }

    let mut shadows = Vec::with_capacity(policy.shadows().len());
    let mut asked = Vec::new();
    for (id, shadow) in (0..).map(ShadowId).zip(policy.shadows()) {
        let stamps: Vec<StampId> =
            shadow.stamps().iter().copied().filter(|stamp| matched.contains(stamp)).collect();
        if !stamps.is_empty() {
            asked.push(id);
        }
        shadows.push(ShadowExplanation { shadow: id, stamps, bucket: shadow.bucket(view, random) });
    }
    let (mirrors, skipped) = settle(policy, &asked, view, random);
    Explanation { stamps, shadows, decision: Decision { stamps: matched, mirrors, skipped } }
}

fn field_mismatch(
    position: usize,
    fields: &[crate::clause::Field],
    values: impl Fn(&str) -> Vec<Vec<u8>>,
) -> FieldMismatch {
    let name = fields.get(position).map(|field| field.name.to_string()).unwrap_or_default();
    FieldMismatch { position, values: values(&name), name }
}
