//! Windows of time: fine ones for a day, coarse ones for a month, and all time.
//!
//! Every report is added to one window of each kind, so that none has to be rolled into another later, and a report
//! that comes late finds its window as any other.

/// How long a window is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Span {
    /// 10 seconds.
    Fine,
    /// 10 minutes.
    Coarse,
    /// From when the evidence began, for as long as it lasts.
    All,
}

impl Span {
    /// All there are.
    pub const ALL: [Span; 3] = [Span::Fine, Span::Coarse, Span::All];

    /// Its length in milliseconds; 0 for all time.
    pub fn ms(self) -> u64 {
        match self {
            Span::Fine => 10_000,
            Span::Coarse => 600_000,
            Span::All => 0,
        }
    }

    /// When the window begins that `at_ms` is in.
    pub fn start(self, at_ms: u64) -> u64 {
        match self {
            Span::All => 0,
            span => at_ms - at_ms % span.ms(),
        }
    }

    fn end(self, at_ms: u64) -> u64 {
        self.start(at_ms.saturating_add(self.ms().saturating_sub(1)))
    }
}

/// Windows of one kind, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// Of which kind.
    pub span: Span,
    /// When the first begins.
    pub from_ms: u64,
    /// When the last ends.
    pub until_ms: u64,
}

/// The windows that cover the time from `since_ms` to `until_ms`: coarse ones, with fine ones at the ends as far as
/// those are kept, which is from `fine_from_ms` on. They may begin earlier and end later by less than one window.
///
/// **Invariant:** no fine window that begins before the one that `fine_from_ms` is in is among them.
pub fn cover(since_ms: u64, until_ms: u64, fine_from_ms: u64) -> Vec<Stretch> {
    let fine = |from_ms, until_ms| Stretch { span: Span::Fine, from_ms, until_ms };
    let is_fine = since_ms >= fine_from_ms;
    let since_ms = if is_fine { Span::Fine.start(since_ms) } else { Span::Coarse.start(since_ms) };
    // What is left of the last coarse window has to be kept from its beginning.
    let ends_fine = is_fine || Span::Coarse.start(until_ms) >= fine_from_ms;
    let until_ms = if ends_fine { Span::Fine.end(until_ms) } else { Span::Coarse.end(until_ms) };
    let (first, last) = (Span::Coarse.end(since_ms), Span::Coarse.start(until_ms));
    let stretches = if first >= last && is_fine {
        vec![fine(since_ms, until_ms)]
    } else {
        let last = last.max(first);
        vec![
            fine(since_ms, first),
            Stretch { span: Span::Coarse, from_ms: first, until_ms: last },
            fine(last, until_ms),
        ]
    };
    stretches.into_iter().filter(|stretch| stretch.from_ms < stretch.until_ms).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MINUTE: u64 = 60_000;

    fn check(since: u64, until: u64, fine_from: u64, expected: &[(Span, u64, u64)]) {
        let found: Vec<_> =
            cover(since, until, fine_from).into_iter().map(|s| (s.span, s.from_ms, s.until_ms)).collect();
        assert_eq!(found, expected, "{since} to {until}, fine from {fine_from}");
    }

    #[test]
    fn time_is_covered_once() {
        check(5_000, 12_000, 0, &[(Span::Fine, 0, 20_000)]);
        check(0, 0, 0, &[]);
        check(
            9 * MINUTE,
            31 * MINUTE,
            0,
            &[
                (Span::Fine, 9 * MINUTE, 10 * MINUTE),
                (Span::Coarse, 10 * MINUTE, 30 * MINUTE),
                (Span::Fine, 30 * MINUTE, 31 * MINUTE),
            ],
        );
        check(
            9 * MINUTE,
            31 * MINUTE,
            15 * MINUTE,
            &[(Span::Coarse, 0, 30 * MINUTE), (Span::Fine, 30 * MINUTE, 31 * MINUTE)],
        );
        check(9 * MINUTE, 31 * MINUTE, 60 * MINUTE, &[(Span::Coarse, 0, 40 * MINUTE)]);
        check(
            9 * MINUTE,
            31 * MINUTE,
            30 * MINUTE,
            &[(Span::Coarse, 0, 30 * MINUTE), (Span::Fine, 30 * MINUTE, 31 * MINUTE)],
        );
        // Of the last ten minutes, fine windows are kept of a part alone.
        check(9 * MINUTE, 38 * MINUTE, 31 * MINUTE, &[(Span::Coarse, 0, 40 * MINUTE)]);
        check(32 * MINUTE, 38 * MINUTE, 31 * MINUTE, &[(Span::Fine, 32 * MINUTE, 38 * MINUTE)]);
        check(11 * MINUTE, 19 * MINUTE, 0, &[(Span::Fine, 11 * MINUTE, 19 * MINUTE)]);
        check(10 * MINUTE, 20 * MINUTE, 0, &[(Span::Coarse, 10 * MINUTE, 20 * MINUTE)]);
    }

    proptest! {
        #[test]
        fn all_of_the_time_is_covered_by_windows_that_are_kept(
            (since, until, fine_from) in (0..200 * MINUTE, 0..200 * MINUTE, 0..200 * MINUTE),
        ) {
            let stretches = cover(since, until, fine_from);
            let kept_from = Span::Fine.start(fine_from);
            for stretch in &stretches {
                let Stretch { span, from_ms, until_ms } = *stretch;
                prop_assert!(span != Span::Fine || from_ms >= kept_from, "{stretches:?}");
                prop_assert!(from_ms % span.ms() == 0 && until_ms % span.ms() == 0, "{stretches:?}");
            }
            for (stretch, next) in stretches.iter().zip(stretches.iter().skip(1)) {
                prop_assert_eq!(stretch.until_ms, next.from_ms);
            }
            if since < until {
                let (first, last) = (stretches.first().unwrap(), stretches.last().unwrap());
                let (early, late) = (since.checked_sub(first.from_ms), last.until_ms.checked_sub(until));
                prop_assert!(early.is_some_and(|early| early < first.span.ms()), "{stretches:?}");
                prop_assert!(late.is_some_and(|late| late < last.span.ms()), "{stretches:?}");
            }
        }
    }
}
