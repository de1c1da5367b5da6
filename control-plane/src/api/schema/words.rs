//! The words that answers about evidence are made of.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Whether a shadow may go live.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = Answer)]
pub enum AnswerWord {
    /// Every gate's whole interval is inside its limit, and there are pairs enough, over a time long enough.
    Go,
    /// Some gate's whole interval is past its limit.
    NoGo,
    /// Neither.
    NotEnoughEvidence,
}

/// Where a gate stands: `pass`: its whole interval is inside the limit; `fail`: it is past it; `open`: it holds the limit,
/// or there is none yet.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = GateState)]
pub enum GateStateWord {
    /// The whole interval is inside the limit.
    Pass,
    /// The whole interval is past the limit.
    Fail,
    /// The interval holds the limit, or there is none yet.
    Open,
}

/// How a field differs: another `value` of the same type, another `type`, `missing` from the other answer, `extra` in it,
/// the same elements in another `order`, another `length`.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = DifferenceKind)]
pub enum KindWord {
    /// Another value of the same type.
    Value,
    /// A value of another type.
    Type,
    /// The primary has it, the other does not.
    Missing,
    /// The other has it, the primary does not.
    Extra,
    /// The same elements in another order.
    Order,
    /// Another number of elements, or of bytes.
    Length,
}

/// What became of a copy. The last three are losses: the observation failed, and they are no evidence for or against
/// anybody.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Outcome)]
pub enum OutcomeWord {
    /// It was answered.
    Answered,
    /// There was no connection.
    ConnectFailure,
    /// The connection was reset.
    Reset,
    /// It took longer than Envoy allows.
    Timeout,
    /// The answer came when the pair had been given up.
    Late,
    /// There is no answer, and nothing says why.
    NoAnswer,
    /// Envoy answered the copy by itself before it reached the cluster.
    NotRouted,
    /// The copy was never seen at the cluster: it is unknown, or has no filter.
    NeverSeen,
    /// The observation was given up for want of room.
    Dropped,
}

/// What came of a sampled pair. Where the copy was answered, `match`, `noise` (it differs only as the control does too) or
/// `different`; otherwise what became of the copy.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = PairOutcome)]
pub enum PairOutcomeWord {
    /// Answered, and nothing differs.
    Match,
    /// Answered, and differs only as the control does too.
    Noise,
    /// Answered, and differs.
    Different,
    /// There was no connection.
    ConnectFailure,
    /// The connection was reset.
    Reset,
    /// It took longer than Envoy allows.
    Timeout,
    /// The answer came when the pair had been given up.
    Late,
    /// There is no answer, and nothing says why.
    NoAnswer,
    /// Envoy answered the copy by itself before it reached the cluster.
    NotRouted,
    /// The copy was never seen at the cluster: it is unknown, or has no filter.
    NeverSeen,
    /// The observation was given up for want of room.
    Dropped,
}
