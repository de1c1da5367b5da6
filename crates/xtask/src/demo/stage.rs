//! One position of the valve: what was seen of it, and whether that is what was asked for.

use crate::say;

use super::observe::{Counters, InEffect};
use super::relay::Received;
use super::traffic::Sent;

/// How far a sampled share may be from the one asked, in standard deviations of a fair draw: a wrong alarm in
/// some 16,000 runs.
const DEVIATIONS: f64 = 4.0;

/// What was seen while the valve stood still.
#[derive(Debug)]
pub(crate) struct Stage {
    /// The share asked, in percent.
    pub(crate) percent: u64,
    /// When it was in effect.
    pub(crate) in_effect: InEffect,
    /// What the clients sent while it moved.
    pub(crate) meanwhile: Sent,
    /// What the clients sent while it stood.
    pub(crate) sent: Sent,
    /// What the filter counted meanwhile.
    pub(crate) counted: Counters,
    /// What the shadow received meanwhile.
    pub(crate) received: Received,
}

impl Stage {
    /// Prints what was seen.
    pub(crate) fn print(&self) {
        let Self { percent, in_effect, meanwhile, sent, counted, received } = self;
        say::heading(format_args!("valve at {percent} %"));
        row(
            "in effect on every worker",
            format_args!(
                "{} ms after the API's answer, revision {}; {} requests around it, {} failed",
                in_effect.after.as_millis(),
                in_effect.revision,
                meanwhile.requests,
                meanwhile.failed
            ),
        );
        row(
            "requests",
            format_args!(
                "{} sent, {} seen by the filter, {} failed",
                sent.requests,
                counted.get("requests"),
                sent.failed
            ),
        );
        row("stamped", format_args!("{} of {} that the stamp fits", counted.get("stamped"), sent.stamped));
        row(
            "mirrored",
            format_args!("{} of {} that the guards allow", counted.get("mirrored"), sent.allowed),
        );
        row(
            "share",
            format_args!(
                "{:.2} % measured, {percent} % asked, ±{:.2} expected",
                self.measured(),
                self.tolerance()
            ),
        );
        let skipped: Vec<String> =
            counted.skipped().iter().map(|(reason, count)| format!("{reason} {count}")).collect();
        row("not mirrored because", if skipped.is_empty() { "-".to_owned() } else { skipped.join(", ") });
        row(
            "json-server 1.0 received",
            format_args!(
                "{} (counted by a relay in front of it): {} marked, {} with credentials",
                received.requests, received.marked, received.with_credentials
            ),
        );
    }

    /// What was not as it should be, in words; empty when all was right.
    pub(crate) fn wrong(&self) -> Vec<String> {
        let Self { percent, meanwhile, sent, counted, received, .. } = self;
        let mirrored = counted.get("mirrored");
        let mut wrong = Vec::new();
        let mut must = |right: bool, what: String| {
            if !right {
                wrong.push(format!("at {percent} %: {what}"));
            }
        };
        must(
            sent.failed + meanwhile.failed == 0,
            format!("{} requests failed", sent.failed + meanwhile.failed),
        );
        equal(&mut must, "requests seen by the filter", counted.get("requests"), sent.requests);
        equal(&mut must, "requests stamped", counted.get("stamped"), sent.stamped);
        equal(&mut must, "copies that the shadow received", received.requests, mirrored);
        equal(&mut must, "copies that are marked", received.marked, mirrored);
        equal(&mut must, "copies with a client's credentials", received.with_credentials, 0);
        equal(&mut must, "connections that could not be read", received.unreadable, 0);
        let distance = (self.measured() - *percent as f64).abs();
        must(distance <= self.tolerance(), format!("a share of {:.2} % was measured", self.measured()));
        wrong
    }

    /// The share of what may be mirrored that was, in percent.
    fn measured(&self) -> f64 {
        100.0 * self.counted.get("mirrored") as f64 / self.sent.allowed.max(1) as f64
    }

    /// How far the measured share may be from the one asked, in percentage points: none at 0 and at 100.
    fn tolerance(&self) -> f64 {
        let share = self.percent as f64 / 100.0;
        100.0 * DEVIATIONS * (share * (1.0 - share) / self.sent.allowed.max(1) as f64).sqrt()
    }
}

fn equal(must: &mut impl FnMut(bool, String), what: &str, seen: u64, expected: u64) {
    must(seen == expected, format!("{what}: {seen}, and {expected} expected"));
}

fn row(name: &str, value: impl std::fmt::Display) {
    say::line(format_args!("  {name:<26} {value}"));
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use super::*;

    fn stage(percent: u64, mirrored: u64) -> Stage {
        let counts = [("requests", 1_000), ("stamped", 950), ("mirrored", mirrored)];
        Stage {
            percent,
            in_effect: InEffect { revision: 1, after: Duration::ZERO },
            meanwhile: Sent::default(),
            sent: Sent { requests: 1_000, stamped: 950, allowed: 900, failed: 0 },
            counted: Counters::of(BTreeMap::from(counts.map(|(name, count)| (name.to_owned(), count)))),
            received: Received { requests: mirrored, marked: mirrored, ..Received::default() },
        }
    }

    #[test]
    fn a_stage_is_right_when_everything_adds_up() {
        for (percent, mirrored) in [(0, 0), (10, 90), (10, 70), (10, 110), (100, 900)] {
            assert_eq!(stage(percent, mirrored).wrong(), Vec::<String>::new(), "{percent} % with {mirrored}");
        }
        // Four standard deviations of 10 % of 900 are 36.
        for (percent, mirrored) in [(0, 1), (10, 50), (10, 130), (100, 899)] {
            assert_eq!(stage(percent, mirrored).wrong().len(), 1, "{percent} % with {mirrored}");
        }
    }

    #[test]
    fn every_count_that_does_not_add_up_is_named() {
        let mut broken = stage(100, 900);
        broken.sent.failed = 1;
        broken.sent.stamped = 951;
        broken.received.requests = 899;
        broken.received.marked = 899;
        broken.received.with_credentials = 1;
        assert_eq!(broken.wrong().len(), 5);
    }
}
