//! A pair as it is kept and shown.

use serde::{Deserialize, Serialize};
use umbra_compare::difference::Difference;
use umbra_wire::telemetry::answer::SampledAnswer;

/// A pair as it is kept and shown.
#[derive(Debug, Serialize)]
pub struct PairDocument<'a> {
    /// Its id.
    pub pair: &'a str,
    /// When the request came (RFC 3339).
    pub at: String,
    /// Where it went.
    pub endpoint: &'a str,
    /// Its method.
    pub method: &'a str,
    /// Its path with the query.
    pub path: &'a str,
    /// `match`, `noise`, `different`, or what became of the copy if it was not answered.
    pub outcome: &'a str,
    /// For how many pairs it stands.
    pub weight: f64,
    /// Production's answer.
    pub primary: AnswerDocument,
    /// The shadow's.
    pub shadow: AnswerDocument,
    /// The control's.
    pub control: Option<AnswerDocument>,
    /// The candidate against the primary.
    pub differences: Vec<DifferenceDocument>,
    /// The control against the primary.
    pub noise: Vec<DifferenceDocument>,
    /// What stood in the way of a closer look.
    pub remark: Option<String>,
}

/// An answer.
#[derive(Debug, Serialize)]
pub struct AnswerDocument {
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    grpc_status: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    headers_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_ms: Option<f64>,
    headers: Vec<HeaderDocument>,
    body: BodyDocument,
}

/// A header.
#[derive(Clone, Debug, Serialize)]
pub struct HeaderDocument {
    /// In lower case.
    pub name: String,
    /// What is not UTF-8 is replaced.
    pub value: String,
}

/// A body, as far as it is kept.
#[derive(Clone, Debug, Default, Serialize)]
pub struct BodyDocument {
    /// Of the whole body as it was sent, in bytes.
    pub length: u64,
    /// Of the whole body, 32 hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Decoded, if it is UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Decoded, in hexadecimal digits, if it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hex: Option<String>,
    /// Whether there is more than is kept.
    pub truncated: bool,
    /// Why there is nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_out: Option<&'static str>,
}

/// A difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DifferenceDocument {
    /// The field, with array indices generalised.
    pub path: String,
    /// The very place.
    pub at: String,
    /// What kind of difference.
    pub kind: String,
    /// What the primary has there, as JSON text; null where it has nothing, or what it has is redacted.
    pub primary: Option<String>,
    /// What the other has there.
    pub shadow: Option<String>,
}

/// What an example shows of a pair.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// The candidate alone has an error.
    pub error: bool,
    /// The candidate alone has another status.
    pub status: bool,
    /// The candidate alone differs in headers or body.
    pub body: bool,
    /// By how much it took longer than the primary, in microseconds.
    pub slower_us: f64,
    /// The first difference in each field in which the candidate alone differs.
    pub fields: Vec<DifferenceDocument>,
}

impl AnswerDocument {
    pub(super) fn new(answer: &SampledAnswer, headers: Vec<HeaderDocument>, body: BodyDocument) -> Self {
        let is_answered = answer.outcome == umbra_compare::outcome::Outcome::Answered;
        let ms = |us: u64| is_answered.then_some(us as f64 / 1_000.0);
        AnswerDocument {
            outcome: answer.outcome.name(),
            status: is_answered.then_some(answer.status),
            grpc_status: answer.grpc_status,
            headers_ms: ms(answer.headers_us),
            end_ms: ms(answer.end_us),
            headers,
            body,
        }
    }
}

impl DifferenceDocument {
    /// With its values, or without them.
    pub(super) fn new(difference: &Difference, values: Option<&Difference>) -> Self {
        DifferenceDocument {
            path: difference.path.clone(),
            at: difference.at.clone(),
            kind: difference.kind.name().to_owned(),
            primary: values.and_then(|values| values.primary.clone()),
            shadow: values.and_then(|values| values.shadow.clone()),
        }
    }
}
