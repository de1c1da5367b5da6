//! What became of the copies, as it is sent.

use umbra_compare::outcome::{Outcome, Outcomes};

use crate::proto::telemetry::v1 as proto;

pub(super) fn to_proto(outcome: Outcome) -> proto::Outcome {
    match outcome {
        Outcome::Answered => proto::Outcome::Answered,
        Outcome::ConnectFailure => proto::Outcome::ConnectFailure,
        Outcome::Reset => proto::Outcome::Reset,
        Outcome::Timeout => proto::Outcome::Timeout,
        Outcome::NotRouted => proto::Outcome::NotRouted,
        Outcome::NeverSeen => proto::Outcome::NeverSeen,
        Outcome::Late => proto::Outcome::Late,
        Outcome::Dropped => proto::Outcome::Dropped,
        Outcome::NoAnswer => proto::Outcome::NoAnswer,
    }
}

pub(super) fn from_proto(number: i32) -> Option<Outcome> {
    Outcome::ALL.into_iter().find(|outcome| to_proto(*outcome) as i32 == number)
}

/// As they are sent.
#[must_use]
pub fn counts(outcomes: &Outcomes) -> proto::Outcomes {
    proto::Outcomes {
        answered: outcomes.count(Outcome::Answered),
        connect_failure: outcomes.count(Outcome::ConnectFailure),
        reset: outcomes.count(Outcome::Reset),
        timeout: outcomes.count(Outcome::Timeout),
        not_routed: outcomes.count(Outcome::NotRouted),
        never_seen: outcomes.count(Outcome::NeverSeen),
        late: outcomes.count(Outcome::Late),
        dropped: outcomes.count(Outcome::Dropped),
        no_answer: outcomes.count(Outcome::NoAnswer),
    }
}

/// As they were sent, however many there are.
#[must_use]
pub fn outcomes(counts: &proto::Outcomes) -> Outcomes {
    let mut outcomes = Outcomes::default();
    for (outcome, count) in [
        (Outcome::Answered, counts.answered),
        (Outcome::ConnectFailure, counts.connect_failure),
        (Outcome::Reset, counts.reset),
        (Outcome::Timeout, counts.timeout),
        (Outcome::NotRouted, counts.not_routed),
        (Outcome::NeverSeen, counts.never_seen),
        (Outcome::Late, counts.late),
        (Outcome::Dropped, counts.dropped),
        (Outcome::NoAnswer, counts.no_answer),
    ] {
        outcomes.add(outcome, count);
    }
    outcomes
}
