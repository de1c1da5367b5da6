//! What clients have asked for on a connection, and have not taken yet.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

/// Those that are under way.
#[derive(Default)]
pub(super) struct Requests {
    /// By a number of their own.
    answers: BTreeMap<u64, Option<Owed>>,
    always: bool,
}

/// What there is of an answer, and waits for the client. An answer that waits for its own source owes nothing.
#[derive(Clone, Copy)]
struct Owed {
    bytes: usize,
    /// When it began to wait, or the client took something.
    since: Instant,
}

impl Requests {
    /// One more, by this number from here on.
    pub(super) fn begin(&mut self) -> u64 {
        let id = self.answers.last_key_value().map_or(0, |(last, _)| last.saturating_add(1));
        self.answers.insert(id, None);
        id
    }

    /// This one is over.
    pub(super) fn end(&mut self, id: u64) {
        self.answers.remove(&id);
    }

    /// From here on there is always one.
    pub(super) fn for_good(&mut self) {
        self.always = true;
    }

    pub(super) fn are_none(&self) -> bool {
        self.answers.is_empty() && !self.always
    }

    /// There are so many bytes more for the client.
    pub(super) fn owe(&mut self, id: u64, bytes: usize, now: Instant) {
        if let Some(owed) = self.answers.get_mut(&id)
            && bytes > 0
        {
            let before = owed.unwrap_or(Owed { bytes: 0, since: now });
            *owed = Some(Owed { bytes: before.bytes.saturating_add(bytes), ..before });
        }
    }

    /// So many are on their way to it.
    pub(super) fn gone(&mut self, id: u64, bytes: usize, now: Instant) {
        if let Some(owed) = self.answers.get_mut(&id)
            && bytes > 0
        {
            let left = owed.map_or(0, |before| before.bytes.saturating_sub(bytes));
            *owed = (left > 0).then_some(Owed { bytes: left, since: now });
        }
    }

    /// For how long nothing was taken of the answer that waits the longest.
    pub(super) fn stuck_for(&self, now: Instant) -> Duration {
        let since = self.answers.values().flatten().map(|owed| owed.since).min();
        since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    enum Step {
        Owe(u64, usize),
        Gone(u64, usize),
        End(u64),
    }
    use Step::{End, Gone, Owe};

    /// Two requests, these steps at these seconds, and for how many seconds one is stuck at 100.
    fn check(steps: &[(u64, Step)], stuck_for: u64) {
        let start = Instant::now();
        let at = |second| start + Duration::from_secs(second);
        let mut requests = Requests::default();
        assert_eq!((requests.begin(), requests.begin()), (0, 1));
        for (second, step) in steps {
            match *step {
                Owe(id, bytes) => requests.owe(id, bytes, at(*second)),
                Gone(id, bytes) => requests.gone(id, bytes, at(*second)),
                End(id) => requests.end(id),
            }
        }
        assert_eq!(requests.stuck_for(at(100)), Duration::from_secs(stuck_for));
    }

    #[test]
    fn an_answer_is_stuck_while_it_owes_and_nothing_is_taken() {
        // The source is silent, from the beginning or once everything was taken.
        check(&[], 0);
        check(&[(1, Owe(0, 5)), (2, Gone(0, 2)), (3, Gone(0, 3))], 0);
        check(&[(1, Owe(0, 0))], 0);
        // What comes in addition does not make it any better; what is taken does.
        check(&[(10, Owe(0, 5))], 90);
        check(&[(10, Owe(0, 5)), (60, Owe(0, 5))], 90);
        check(&[(10, Owe(0, 5)), (60, Gone(0, 1))], 40);
        check(&[(10, Owe(0, 5)), (60, Gone(0, 0))], 90);
        check(&[(10, Owe(0, 5)), (20, Gone(0, 5)), (70, Owe(0, 1))], 30);
        // Another that goes on does not help it, and its end does.
        check(&[(10, Owe(0, 5)), (20, Owe(1, 5)), (90, Gone(1, 1))], 90);
        check(&[(10, Owe(0, 5)), (20, Owe(1, 5)), (90, End(0))], 80);
        check(&[(10, Owe(0, 5)), (20, End(0)), (30, Gone(0, 5))], 0);
    }

    #[test]
    fn there_are_none_once_all_are_over() {
        let mut requests = Requests::default();
        assert!(requests.are_none());
        let (first, second) = (requests.begin(), requests.begin());
        requests.end(first);
        assert!(!requests.are_none());
        requests.end(second);
        assert!(requests.are_none());
        requests.for_good();
        assert!(!requests.are_none());
    }
}
