//! Mirrors less to a shadow that fails, and never piles up copies before one that hangs.
//!
//! Each worker has, for each shadow and for each of its clusters,
//!
//! - a bound on the copies that are under way, and
//! - a share of what the valve gives, which is halved after a second in which half of the copies failed, and grows by a twentieth
//!   of the whole after one in which fewer did: additive increase, multiplicative decrease (Chiu and Jain 1989).
//!
//! A shadow that is well never meets either. What is shed does not depend on what is in a request, so that the pairs that are
//! left stand for all.

use std::collections::HashMap;
use umbra_compare::outcome::Outcome;
use umbra_policy::MirrorRole;
use umbra_policy::share::Share;

/// The most copies of one shadow to one cluster that a worker has under way. At 50 ms each they are 5,000 a second.
pub const MAX_UNDER_WAY: u32 = 256;

/// The whole of what the valve gives, in parts per million.
const ALL: u32 = 1_000_000;
/// What is left to a shadow that fails for good: enough to see it come back.
const FLOOR: u32 = 10_000;
/// By how much a second that goes well brings the share back.
const STEP: u32 = 50_000;
/// How often it is looked at what became of copies, in milliseconds.
const STRETCH_MS: u64 = 1_000;
/// So many ends of copies tell whether a shadow fails that was well before.
const ENOUGH: u32 = 20;
/// Fewer than [`ENOUGH`] within this time, in milliseconds, are too few to hurt anybody.
const FORGOTTEN_MS: u64 = 10_000;

/// One worker's brakes on all shadows.
#[derive(Debug, Default)]
pub struct Shedding {
    shadows: HashMap<String, [Brake; 2]>,
}

#[derive(Clone, Copy, Debug)]
struct Brake {
    under_way: u32,
    share_ppm: u32,
    ended: u32,
    failed: u32,
    since_ms: u64,
}

impl Shedding {
    /// Whether one more request may be mirrored to this shadow. `random` is uniform in all 64 bits.
    pub fn admits(&self, shadow: &str, random: u64) -> bool {
        let Some(brakes) = self.shadows.get(shadow) else { return true };
        let takes = |brake: &Brake| Share::from_ppm(brake.share_ppm).is_some_and(|share| share.takes(random));
        brakes.iter().all(|brake| brake.under_way < MAX_UNDER_WAY && takes(brake))
    }

    /// A copy is on its way. It must be followed by one [`Shedding::ended`].
    pub fn began(&mut self, shadow: &str, role: MirrorRole, now_ms: u64) {
        if !self.shadows.contains_key(shadow) {
            self.shadows.insert(shadow.to_owned(), [Brake::new(now_ms); 2]);
        }
        if let Some(brake) = self.brake(shadow, role) {
            brake.under_way = brake.under_way.saturating_add(1);
        }
    }

    /// It is known what became of a copy, or it has been given up; `None` says the latter.
    pub fn ended(&mut self, shadow: &str, role: MirrorRole, outcome: Option<Outcome>) {
        let Some(brake) = self.brake(shadow, role) else { return };
        brake.under_way = brake.under_way.saturating_sub(1);
        if let Some(failed) = outcome.map_or(Some(true), is_failure) {
            brake.ended = brake.ended.saturating_add(1);
            brake.failed = brake.failed.saturating_add(u32::from(failed));
        }
    }

    /// Time passes.
    pub fn tick(&mut self, now_ms: u64) {
        self.shadows.retain(|_, brakes| {
            for brake in &mut *brakes {
                brake.tick(now_ms);
            }
            brakes.iter().any(|brake| !brake.is_idle(now_ms))
        });
    }

    fn brake(&mut self, shadow: &str, role: MirrorRole) -> Option<&mut Brake> {
        let [candidate, control] = self.shadows.get_mut(shadow)?;
        Some(match role {
            MirrorRole::Candidate => candidate,
            MirrorRole::Control => control,
        })
    }
}

impl Brake {
    fn new(now_ms: u64) -> Self {
        Self { under_way: 0, share_ppm: ALL, ended: 0, failed: 0, since_ms: now_ms }
    }

    fn tick(&mut self, now_ms: u64) {
        let elapsed_ms = now_ms.saturating_sub(self.since_ms);
        let enough = if self.share_ppm == ALL { ENOUGH } else { 1 };
        if elapsed_ms >= STRETCH_MS && self.ended >= enough {
            let fails = self.failed.saturating_mul(2) >= self.ended;
            self.share_ppm = if fails {
                (self.share_ppm / 2).max(FLOOR)
            } else {
                self.share_ppm.saturating_add(STEP).min(ALL)
            };
        } else if elapsed_ms < FORGOTTEN_MS {
            return;
        }
        (self.ended, self.failed, self.since_ms) = (0, 0, now_ms);
    }

    /// A brake that is as a new one.
    fn is_idle(&self, now_ms: u64) -> bool {
        self.under_way == 0 && self.share_ppm == ALL && self.ended == 0 && self.since_ms == now_ms
    }
}

/// Whether a shadow that lets copies end like this is in trouble; `None` where it had no part in it.
fn is_failure(outcome: Outcome) -> Option<bool> {
    match outcome {
        Outcome::Answered => Some(false),
        Outcome::ConnectFailure | Outcome::Reset | Outcome::Timeout | Outcome::Late | Outcome::NoAnswer => {
            Some(true)
        }
        Outcome::NotRouted | Outcome::NeverSeen | Outcome::Dropped => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The share of what the valve gives that is mirrored, in parts per million.
    fn share_ppm(shedding: &Shedding, shadow: &str) -> u32 {
        shedding.shadows.get(shadow).into_iter().flatten().map(|brake| brake.share_ppm).min().unwrap_or(ALL)
    }

    /// Offers so many requests within a second, whose copies end like this after the next tick; returns how many were mirrored.
    fn second(shedding: &mut Shedding, now_ms: &mut u64, random: &mut fastrand::Rng, end: Outcome) -> u32 {
        let mut mirrored = 0;
        for _ in 0..10 {
            let mut copies = 0;
            for _ in 0..100 {
                if shedding.admits("a", random.u64(..)) {
                    shedding.began("a", MirrorRole::Candidate, *now_ms);
                    copies += 1;
                }
            }
            *now_ms += 100;
            for _ in 0..copies {
                shedding.ended("a", MirrorRole::Candidate, Some(end));
            }
            shedding.tick(*now_ms);
            mirrored += copies;
        }
        mirrored
    }

    #[test]
    fn a_dying_shadow_gets_less_and_less_and_comes_back_slowly() {
        let (mut shedding, mut now_ms, mut random) = (Shedding::default(), 0, fastrand::Rng::with_seed(7));
        let mut second = |end| second(&mut shedding, &mut now_ms, &mut random, end);
        assert_eq!(second(Outcome::Answered), 1_000);
        let dying: Vec<u32> = (0..9).map(|_| second(Outcome::ConnectFailure)).collect();
        assert_eq!(dying[0], 1_000);
        assert!(dying.windows(2).take(6).all(|pair| pair[1] < pair[0] * 4 / 5), "{dying:?}");
        assert!((1..=30).contains(&dying[8]), "{dying:?}");
        let back: Vec<u32> = (0..25).map(|_| second(Outcome::Answered)).collect();
        assert!(back[1] < 200 && (300..800).contains(&back[10]), "{back:?}");
        assert_eq!(back[24], 1_000, "{back:?}");
    }

    #[test]
    fn copies_never_pile_up_before_a_shadow_that_hangs() {
        let mut shedding = Shedding::default();
        let mut mirrored = 0;
        for now_ms in 0..5_000 {
            if shedding.admits("a", now_ms) {
                shedding.began("a", MirrorRole::Candidate, now_ms);
                mirrored += 1;
            }
            shedding.tick(now_ms);
        }
        assert_eq!(mirrored, MAX_UNDER_WAY);
        // Each that is given up makes room for one, and counts as a failure.
        shedding.ended("a", MirrorRole::Candidate, None);
        assert!(shedding.admits("a", 0));
    }

    #[test]
    fn few_failures_are_no_reason() {
        let (mut shedding, mut random) = (Shedding::default(), fastrand::Rng::with_seed(7));
        for now_ms in 0..60_000 {
            let end = if random.u8(..10) < 4 { Outcome::Reset } else { Outcome::Answered };
            assert!(shedding.admits("a", random.u64(..)));
            shedding.began("a", MirrorRole::Candidate, now_ms);
            shedding.ended("a", MirrorRole::Candidate, Some(end));
            shedding.tick(now_ms);
        }
        // Nor are failures that are rare, or not the shadow's.
        for (every_ms, end) in [(900, Outcome::Timeout), (1, Outcome::NeverSeen), (1, Outcome::Dropped)] {
            let mut shedding = Shedding::default();
            for now_ms in (0..60_000).step_by(every_ms) {
                shedding.began("a", MirrorRole::Candidate, now_ms);
                shedding.ended("a", MirrorRole::Candidate, Some(end));
                shedding.tick(now_ms);
                assert_eq!(share_ppm(&shedding, "a"), ALL);
            }
        }
    }

    #[test]
    fn a_control_that_fails_is_spared_as_well() {
        let mut shedding = Shedding::default();
        for now_ms in 0..=STRETCH_MS {
            for (role, end) in
                [(MirrorRole::Candidate, Outcome::Answered), (MirrorRole::Control, Outcome::Timeout)]
            {
                shedding.began("a", role, now_ms);
                shedding.ended("a", role, Some(end));
            }
            shedding.tick(now_ms);
        }
        assert_eq!(share_ppm(&shedding, "a"), ALL / 2);
        assert_eq!(share_ppm(&shedding, "b"), ALL);
    }

    #[test]
    fn shadows_that_are_gone_are_forgotten() {
        let mut shedding = Shedding::default();
        for number in 0..100 {
            let name = format!("shadow-{number}");
            shedding.began(&name, MirrorRole::Candidate, 0);
            shedding.ended(&name, MirrorRole::Candidate, Some(Outcome::Answered));
        }
        shedding.tick(FORGOTTEN_MS);
        assert_eq!(shedding.shadows.len(), 0);
    }
}
