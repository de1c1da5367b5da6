//! How a mirrored request ended at the candidate or the control.

/// How a mirrored request ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// It was answered, with whatever status.
    #[default]
    Answered,
    /// No connection to the cluster came about.
    ConnectFailure,
    /// The connection was reset before the answer was whole.
    Reset,
    /// No answer came within the timeout.
    Timeout,
    /// The answer came after the pair had been given up.
    Late,
    /// There is no answer, and nothing says why.
    NoAnswer,
    /// Envoy answered the copy by itself before it reached the cluster.
    NotRouted,
    /// The copy was never seen at the cluster: it is unknown or empty, or has no filter. Inside Envoy these cannot be
    /// told apart.
    NeverSeen,
    /// The observation was given up for want of room.
    Dropped,
}

impl Outcome {
    /// Every outcome, answers first, losses last.
    pub const ALL: [Outcome; 9] = [
        Outcome::Answered,
        Outcome::ConnectFailure,
        Outcome::Reset,
        Outcome::Timeout,
        Outcome::Late,
        Outcome::NoAnswer,
        Outcome::NotRouted,
        Outcome::NeverSeen,
        Outcome::Dropped,
    ];

    /// `answered`, `connect_failure`, …
    pub fn name(self) -> &'static str {
        match self {
            Outcome::Answered => "answered",
            Outcome::ConnectFailure => "connect_failure",
            Outcome::Reset => "reset",
            Outcome::Timeout => "timeout",
            Outcome::Late => "late",
            Outcome::NoAnswer => "no_answer",
            Outcome::NotRouted => "not_routed",
            Outcome::NeverSeen => "never_seen",
            Outcome::Dropped => "dropped",
        }
    }

    /// The outcome of this name.
    pub fn from_name(name: &str) -> Option<Outcome> {
        Outcome::ALL.into_iter().find(|outcome| outcome.name() == name)
    }

    /// What became of such copies, in words that follow their number: `40 timed out`.
    pub fn words(self) -> &'static str {
        match self {
            Outcome::Answered => "were answered",
            Outcome::ConnectFailure => "could not connect",
            Outcome::Reset => "were reset before the answer was whole",
            Outcome::Timeout => "were not answered within the route's timeout",
            Outcome::Late => "were answered too late to be compared",
            Outcome::NoAnswer => "ended without an answer, for no known reason",
            Outcome::NotRouted => "were never made, because Envoy answered the request itself",
            Outcome::NeverSeen => {
                "were never seen at the cluster (either Envoy knows no cluster of that name, or no host in it, \
                 or the umbra filter of role shadow is not among the cluster's upstream filters)"
            }
            Outcome::Dropped => "were not observed for want of room",
        }
    }

    /// Whether it says something of the service. The others only say that the observation failed: they are losses, and
    /// no evidence for or against anybody.
    pub fn is_evidence(self) -> bool {
        !matches!(self, Outcome::NotRouted | Outcome::NeverSeen | Outcome::Dropped)
    }
}

/// How often each outcome was seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcomes {
    counts: [u64; Outcome::ALL.len()],
}

impl Outcomes {
    /// Counts an outcome `count` times.
    pub fn add(&mut self, outcome: Outcome, count: u64) {
        if let Some(seen) = self.counts.get_mut(outcome as usize) {
            *seen = seen.saturating_add(count);
        }
    }

    /// Adds what another counted.
    pub fn merge(&mut self, other: &Outcomes) {
        other.seen().for_each(|(outcome, count)| self.add(outcome, count));
    }

    /// How often this outcome was seen.
    pub fn count(&self, outcome: Outcome) -> u64 {
        self.counts.get(outcome as usize).copied().unwrap_or_default()
    }

    /// How many there are in all.
    pub fn total(&self) -> u64 {
        self.counts.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// Those that were seen, in the order of [`Outcome::ALL`].
    pub fn seen(&self) -> impl Iterator<Item = (Outcome, u64)> + '_ {
        Outcome::ALL.into_iter().zip(self.counts).filter(|(_, count)| *count > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back() {
        for (index, outcome) in Outcome::ALL.into_iter().enumerate() {
            assert_eq!(Outcome::from_name(outcome.name()), Some(outcome));
            assert_eq!(outcome as usize, index, "counted in its own place");
        }
        assert_eq!(Outcome::from_name("gone"), None);
    }

    #[test]
    fn counts_add_up() {
        let mut left = Outcomes::default();
        left.add(Outcome::Timeout, 2);
        let mut right = Outcomes::default();
        right.add(Outcome::Timeout, 1);
        right.add(Outcome::Answered, 4);
        left.merge(&right);
        assert_eq!(left.seen().collect::<Vec<_>>(), [(Outcome::Answered, 4), (Outcome::Timeout, 3)]);
        assert_eq!((left.total(), left.count(Outcome::Reset)), (7, 0));
    }
}
