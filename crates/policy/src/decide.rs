//! The decision on one request.

use crate::policy::{Policy, StampId};
use crate::request::{Request, RequestView};
use crate::shadow::ShadowId;

/// What a request gets.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Decision {
    /// Ascending, which is by name.
    pub stamps: Vec<StampId>,
    /// In the order of their slots.
    pub mirrors: Vec<Mirror>,
    /// The other shadows of the request's stamps, ascending, each with the first reason that applied.
    pub skipped: Vec<(ShadowId, Skip)>,
}

/// One copy.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Mirror {
    /// Which of the route's mirrors carries it.
    pub slot: Slot,
    /// The shadow that it is for.
    pub shadow: ShadowId,
    /// What the copy is to the shadow, and so which of its clusters gets it.
    pub role: MirrorRole,
}

/// One of the two mirrors that a route has.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Slot {
    /// Steered by `x-umbra-mirror-1`.
    One,
    /// Steered by `x-umbra-mirror-2`.
    Two,
}

/// What a copy is to its shadow.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum MirrorRole {
    /// Goes to the target cluster.
    Candidate,
    /// Goes to the control cluster.
    Control,
}

/// Why a shadow took no copy of a request that has one of its stamps.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Skip {
    /// The switch is off.
    Off,
    /// The share is 0.
    ZeroShare,
    /// The request is an upgrade or a CONNECT, which are never mirrored.
    Upgrade,
    /// The guard does not allow the method.
    Method,
    /// The body is longer than the guard allows.
    BodyTooLarge,
    /// The body's length is not known, and the guard asks for it.
    UnknownLength,
    /// The request has no sampling key, or an empty one.
    NoKey,
    /// The share does not take the request's bucket.
    NotSampled,
    /// Shadows before it in the order of names took the slots.
    NoSlot,
    /// Set by the filter: the policy was too old to be followed.
    Stale,
    /// Set by the filter: the shadow fails or hangs, and is spared.
    Shed,
    /// Set by the filter: the node's `max_rps` was reached.
    RateLimited,
    /// Set by the filter: the request was itself a copy.
    Loop,
}

impl Skip {
    /// Every reason, in the order in which they apply.
    pub const ALL: [Skip; 13] = [
        Skip::Off,
        Skip::ZeroShare,
        Skip::Upgrade,
        Skip::Method,
        Skip::BodyTooLarge,
        Skip::UnknownLength,
        Skip::NoKey,
        Skip::NotSampled,
        Skip::NoSlot,
        Skip::Stale,
        Skip::Shed,
        Skip::RateLimited,
        Skip::Loop,
    ];

    /// The reason's name in metrics (`umbra.skipped.<name>`), in the API and in explanations.
    pub fn name(self) -> &'static str {
        match self {
            Skip::Off => "off",
            Skip::ZeroShare => "zero_share",
            Skip::Upgrade => "upgrade",
            Skip::Method => "method",
            Skip::BodyTooLarge => "body_too_large",
            Skip::UnknownLength => "unknown_length",
            Skip::NoKey => "no_key",
            Skip::NotSampled => "not_sampled",
            Skip::NoSlot => "no_slot",
            Skip::Stale => "stale",
            Skip::Shed => "shed",
            Skip::RateLimited => "rate_limited",
            Skip::Loop => "loop",
        }
    }
}

/// Decides what a request gets.
///
/// `random` is the request's own random number, uniform in all 64 bits; shadows that sample by request
/// use it. The cost follows the rules that fit the request's host and path, not the size of the policy, and
/// nothing is allocated for a request that gets no stamp (apart from decoding a query parameter that a rule
/// asks for, and scratch space that a regular expression keeps for the next request).
pub fn decide(policy: &Policy, request: &impl RequestView, random: u64) -> Decision {
    let stamps = stamps_of(policy, &Request::new(request));
    let several;
    let shadows = match stamps.as_slice() {
        // The usual cases need no list of their own.
        [] => &[],
        [stamp] => policy.shadows_of(*stamp),
        stamps => {
            several = shadows_of(policy, stamps);
            several.as_slice()
        }
    };
    let (mirrors, skipped) = settle(policy, shadows, request, random);
    Decision { stamps, mirrors, skipped }
}

/// Asks every shadow of `shadows`, which ascend, and gives out the slots.
pub(crate) fn settle(
    policy: &Policy,
    shadows: &[ShadowId],
    request: &impl RequestView,
    random: u64,
) -> (Vec<Mirror>, Vec<(ShadowId, Skip)>) {
    let mut mirrors = Vec::new();
    let mut skipped = Vec::new();
    if shadows.is_empty() {
        return (mirrors, skipped);
    }
    let upgrade = is_upgrade(request);
    let mut free = [Slot::One, Slot::Two].into_iter();
    for id in shadows {
        let Some(shadow) = policy.shadow(*id) else { continue };
        if let Some(reason) = shadow.refuses(request, upgrade, random) {
            skipped.push((*id, reason));
            continue;
        }
        let control = shadow.control_cluster().map(|_| MirrorRole::Control);
        let roles = std::iter::once(MirrorRole::Candidate).chain(control);
        if free.len() < roles.clone().count() {
            skipped.push((*id, Skip::NoSlot));
            continue;
        }
        mirrors.extend(roles.zip(free.by_ref()).map(|(role, slot)| Mirror { slot, shadow: *id, role }));
    }
    (mirrors, skipped)
}

fn stamps_of<R: RequestView>(policy: &Policy, request: &Request<'_, R>) -> Vec<StampId> {
    let mut stamps: Vec<StampId> = Vec::new();
    policy.index.look_up(&request.host, request.path, &mut |clauses| {
        for clause in clauses {
            let clause = usize::try_from(*clause).ok().and_then(|clause| policy.clauses.get(clause));
            let Some(clause) = clause else { continue };
            // The clauses of one stamp are neighbours: the first that fits spares the others.
            if stamps.last() != Some(&clause.stamp) && clause.fits_past_index(request) {
                stamps.push(clause.stamp);
            }
        }
    });
    stamps.sort_unstable();
    stamps.dedup();
    stamps
}

fn shadows_of(policy: &Policy, stamps: &[StampId]) -> Vec<ShadowId> {
    let mut shadows = Vec::new();
    for stamp in stamps {
        shadows.extend_from_slice(policy.shadows_of(*stamp));
    }
    shadows.sort_unstable();
    shadows.dedup();
    shadows
}

/// RFC 9110, 7.8 (`connection: upgrade` and an `upgrade` header) and 9.3.6 (CONNECT, which includes the
/// extended CONNECT of RFC 8441).
fn is_upgrade(request: &impl RequestView) -> bool {
    if request.method() == b"CONNECT" {
        return true;
    }
    request.header("upgrade").next().is_some()
        && request
            .header("connection")
            .flat_map(|line| line.split(|byte| *byte == b','))
            .any(|option| option.trim_ascii().eq_ignore_ascii_case(b"upgrade"))
}
