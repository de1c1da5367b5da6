//! What goes on with every shadow's copies, over the last seconds: in memory alone, by the server's own clock.

use std::collections::HashMap;

/// Over how many seconds rates are taken.
pub const WINDOW_S: u64 = 10;
/// One second more than the window: the one that is not over.
const SLOTS: usize = WINDOW_S as usize + 1;
/// A shadow that is silent for so long is forgotten when another comes.
const FORGOTTEN_S: u64 = 3_600;

/// What became of some copies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Requests of which copies were sent.
    pub mirrored: u64,
    /// Requests that were not mirrored to spare the shadow.
    pub shed: u64,
    /// Copies that were not answered.
    pub failed: u64,
    /// Pairs with another status or body, noise and all.
    pub mismatched: u64,
}

/// What goes on, by shadow.
#[derive(Debug, Default)]
pub struct Rates {
    shadows: HashMap<String, Meter>,
}

#[derive(Debug, Default)]
struct Meter {
    /// By second, each with the second that it is of.
    slots: [(u64, Count); SLOTS],
    last_s: u64,
    reports: u64,
}

impl Rates {
    /// Adds what a report says, at this second since 1970.
    pub fn add(&mut self, shadow: &str, now_s: u64, count: Count) {
        if !self.shadows.contains_key(shadow) {
            self.shadows.retain(|_, meter| meter.last_s.saturating_add(FORGOTTEN_S) > now_s);
        }
        let meter = self.shadows.entry(shadow.to_owned()).or_default();
        meter.last_s = now_s;
        meter.reports = meter.reports.wrapping_add(1);
        let Some((of, sum)) = meter.slots.get_mut((now_s % SLOTS as u64) as usize) else { return };
        if *of != now_s {
            (*of, *sum) = (now_s, Count::default());
        }
        sum.add(count);
    }

    /// What the last whole seconds add up to; `None` if there was never a report.
    pub fn of(&self, shadow: &str, now_s: u64) -> Option<Count> {
        let meter = self.shadows.get(shadow)?;
        let mut sum = Count::default();
        let window = now_s.saturating_sub(WINDOW_S)..now_s;
        meter
            .slots
            .iter()
            .filter(|(second, _)| window.contains(second))
            .for_each(|(_, count)| sum.add(*count));
        Some(sum)
    }

    /// Another value whenever a rate may be another: with every report, and with every second as long as some count.
    pub fn pulse(&self, now_s: u64) -> (u64, u64) {
        let counts = |meter: &Meter| meter.last_s.saturating_add(WINDOW_S) >= now_s;
        let second = if self.shadows.values().any(counts) { now_s } else { 0 };
        (self.shadows.values().fold(0, |sum, meter| sum.wrapping_add(meter.reports)), second)
    }

    /// How many reports there were: it changes with every one.
    pub fn reports(&self, shadow: &str) -> u64 {
        self.shadows.get(shadow).map_or(0, |meter| meter.reports)
    }
}

impl Count {
    fn add(&mut self, other: Count) {
        self.mirrored = self.mirrored.saturating_add(other.mirrored);
        self.shed = self.shed.saturating_add(other.shed);
        self.failed = self.failed.saturating_add(other.failed);
        self.mismatched = self.mismatched.saturating_add(other.mismatched);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_rate_is_of_the_last_whole_seconds(steps in prop::collection::vec((0..15_u64, 0..100_u64), 1..50)) {
            let (mut rates, mut now_s, mut all) = (Rates::default(), 1_000, Vec::new());
            prop_assert_eq!(rates.of("a", now_s), None);
            for (later, mirrored) in steps {
                now_s += later;
                rates.add("a", now_s, Count { mirrored, shed: 2, failed: 1, mismatched: 0 });
                all.push((now_s, mirrored));
                for at in [now_s, now_s + 1, now_s + WINDOW_S, now_s + WINDOW_S + 1] {
                    let seen = all.iter().filter(|(second, _)| *second < at && *second + WINDOW_S >= at);
                    let expected = seen.fold(Count::default(), |sum, (_, mirrored)| Count {
                        mirrored: sum.mirrored + mirrored,
                        shed: sum.shed + 2,
                        failed: sum.failed + 1,
                        mismatched: 0,
                    });
                    prop_assert_eq!(rates.of("a", at), Some(expected), "at {}", at - now_s);
                    let is_same_later = rates.pulse(at) == rates.pulse(at + 1);
                    prop_assert!(!is_same_later || rates.of("a", at) == rates.of("a", at + 1));
                }
            }
            prop_assert_eq!(rates.reports("a"), all.len() as u64);
        }
    }

    #[test]
    fn a_silent_shadow_is_forgotten_when_another_comes() {
        let mut rates = Rates::default();
        rates.add("a", 0, Count::default());
        rates.add("b", FORGOTTEN_S, Count::default());
        assert_eq!((rates.shadows.len(), rates.reports("a")), (1, 0));
    }
}
