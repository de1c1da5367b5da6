//! What became of a copy.

use crate::proto::telemetry::v1 as proto;

/// What became of a copy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// It was answered, whatever the status.
    #[default]
    Answered,
    /// There was no connection to be had.
    ConnectFailure,
    /// The stream was reset before the answer was complete.
    Reset,
    /// There was no answer in time.
    Timeout,
    /// Envoy answered in the cluster's stead, for another reason than those above.
    NotRouted,
    /// The copy never came to the filter of its cluster: there is no such cluster, or no filter on it.
    NeverSeen,
    /// The answer came after the pair was given up.
    Late,
    /// The worker had no room for the observation.
    Dropped,
}

impl Outcome {
    /// All there are.
    pub const ALL: [Outcome; 8] = [
        Outcome::Answered,
        Outcome::ConnectFailure,
        Outcome::Reset,
        Outcome::Timeout,
        Outcome::NotRouted,
        Outcome::NeverSeen,
        Outcome::Late,
        Outcome::Dropped,
    ];

    /// `answered`, `connect_failure`, `reset`, `timeout`, `not_routed`, `never_seen`, `late` or `dropped`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Outcome::Answered => "answered",
            Outcome::ConnectFailure => "connect_failure",
            Outcome::Reset => "reset",
            Outcome::Timeout => "timeout",
            Outcome::NotRouted => "not_routed",
            Outcome::NeverSeen => "never_seen",
            Outcome::Late => "late",
            Outcome::Dropped => "dropped",
        }
    }

    pub(super) fn to_proto(self) -> proto::Outcome {
        match self {
            Outcome::Answered => proto::Outcome::Answered,
            Outcome::ConnectFailure => proto::Outcome::ConnectFailure,
            Outcome::Reset => proto::Outcome::Reset,
            Outcome::Timeout => proto::Outcome::Timeout,
            Outcome::NotRouted => proto::Outcome::NotRouted,
            Outcome::NeverSeen => proto::Outcome::NeverSeen,
            Outcome::Late => proto::Outcome::Late,
            Outcome::Dropped => proto::Outcome::Dropped,
        }
    }

    pub(super) fn from_proto(number: i32) -> Option<Outcome> {
        Outcome::ALL.into_iter().find(|outcome| outcome.to_proto() as i32 == number)
    }
}

/// How many copies had which outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcomes([u64; 8]);

impl Outcomes {
    /// Counts so many of an outcome.
    pub fn add(&mut self, outcome: Outcome, count: u64) {
        let slot = self.0.iter_mut().zip(Outcome::ALL).find(|(_, this)| *this == outcome);
        if let Some((slot, _)) = slot {
            *slot = slot.saturating_add(count);
        }
    }

    /// How many had this outcome.
    #[must_use]
    pub fn get(&self, outcome: Outcome) -> u64 {
        self.iter().find(|(this, _)| *this == outcome).map_or(0, |(_, count)| count)
    }

    /// Every outcome with its count.
    pub fn iter(&self) -> impl Iterator<Item = (Outcome, u64)> + '_ {
        Outcome::ALL.into_iter().zip(self.0)
    }

    /// Adds what another counted.
    pub fn merge(&mut self, other: &Outcomes) {
        for (outcome, count) in other.iter() {
            self.add(outcome, count);
        }
    }

    /// How many copies there were.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().fold(0, |total, count| total.saturating_add(*count))
    }
}
