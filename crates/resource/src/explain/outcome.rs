//! What comes of each shadow, where chance may decide what an earlier one leaves.

use std::collections::BTreeSet;

use umbra_policy::explain::Explanation as Answer;
use umbra_policy::{Policy, Skip};

/// What comes of a shadow.
pub(super) enum ShadowOutcome {
    /// It was not asked.
    NotStamped,
    /// It takes no copy, in any case.
    Skipped(Skip),
    /// It takes copies. `first_slots` are those, 1 and 2, that its candidate can have.
    Taken {
        first_slots: Vec<u8>,
        /// Whether it draws a number for each request.
        by_chance: bool,
        /// Whether earlier shadows leave it too few slots sometimes.
        may_lack_slots: bool,
    },
}

/// What comes of each shadow of the policy, in which every shadow of `chances` takes all.
///
/// Slots are given out as `umbra_policy::decide` does, in the order of the shadows, for every way in which
/// chance can fall: what counts is how many slots may be free when a shadow's turn comes. That shadows with
/// one salt draw one number is not looked at.
pub(super) fn outcomes(policy: &Policy, answer: &Answer, chances: &[bool]) -> Vec<ShadowOutcome> {
    let mut possibly_free = BTreeSet::from([2_u8]);
    let mut outcomes = Vec::with_capacity(answer.shadows.len());
    for ((shadow, asked), by_chance) in policy.shadows().iter().zip(&answer.shadows).zip(chances) {
        let skipped = answer.decision.skipped.iter().find(|(id, _)| *id == asked.shadow);
        let outcome = match skipped {
            _ if asked.stamps.is_empty() => ShadowOutcome::NotStamped,
            Some((_, reason)) if *reason != Skip::NoSlot => ShadowOutcome::Skipped(*reason),
            _ => {
                let needed = 1 + u8::from(shadow.control_cluster().is_some());
                let enough: BTreeSet<u8> =
                    possibly_free.iter().copied().filter(|free| *free >= needed).collect();
                let may_lack_slots = enough.len() < possibly_free.len();
                let left = enough.iter().map(|free| free - needed);
                let after: BTreeSet<u8> = if *by_chance {
                    possibly_free.iter().copied().chain(left).collect()
                } else {
                    possibly_free.difference(&enough).copied().chain(left).collect()
                };
                possibly_free = after;
                if enough.is_empty() {
                    ShadowOutcome::Skipped(Skip::NoSlot)
                } else {
                    let first_slots = enough.iter().rev().map(|free| 3 - free).collect();
                    ShadowOutcome::Taken { first_slots, by_chance: *by_chance, may_lack_slots }
                }
            }
        };
        outcomes.push(outcome);
    }
    outcomes
}
