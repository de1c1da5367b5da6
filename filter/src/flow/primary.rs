//! Role primary: what happens to a request on its way in.

use crate::flow::answers::Followed;
use crate::flow::config::Primary;
use crate::flow::headers::{Edit, MIRROR_1, MIRROR_2, PAIR, SHADOW, SLOT, STAMP, is_reserved};
use crate::flow::observation::{Headers, Wanted};
use crate::flow::pairs::{Mirrored, Party, Planned, Request};
use crate::flow::shared::SharedData;
use crate::flow::vm::{Rules, Vm};
use std::net::IpAddr;
use std::rc::Rc;
use umbra_policy::pair::PairId;
use umbra_policy::spec::BodySpec;
use umbra_policy::{
    BodyLength, MirrorRole, Policy, RequestView, Shadow, ShadowId, Skip, Slot, StampId, decide,
};

/// The longest value of `x-umbra-stamp`, in bytes. A request may fit thousands of stamps, and servers refuse
/// headers of a few kilobytes: a label must not cost a request its answer.
pub const MAX_STAMP_BYTES: usize = 4_096;

/// Decides on a request, changes its headers by `edit`, and returns the answer to be followed, if it is mirrored.
///
/// `end_of_stream` says that the headers are all there is. `source_ip` costs a host call, and is asked only if a shadow samples by it.
pub fn on_request(
    vm: &mut Vm,
    config: &Primary,
    headers: &Headers,
    end_of_stream: bool,
    source_ip: impl Fn() -> Option<IpAddr>,
    shared: &impl SharedData,
    edit: &mut impl Edit,
) -> Option<Followed> {
    vm.counters.request();
    let rules = vm.rules(config);
    let key = rules.as_ref().and_then(|rules| rules.policy.mesh_key());
    let origin = Origin::of(headers, key);
    strip(headers, origin, edit);
    if origin == Origin::Copy {
        vm.counters.skipped(Skip::Loop);
        return None;
    }
    let rules = rules?;

    let view = View { headers, end_of_stream, source_ip };
    let random = vm.random();
    let decision = decide(&rules.policy, &view, random);
    for (_, reason) in &decision.skipped {
        vm.counters.skipped(*reason);
    }
    vm.numbers.request(!decision.stamps.is_empty());
    if !decision.stamps.is_empty() {
        vm.counters.stamped();
        edit.add(STAMP, &stamp_names(&rules.policy, &decision.stamps));
    }

    let mut copies = [None, None];
    let pair_random = vm.random();
    let mut admitted = None;
    for mirror in &decision.mirrors {
        let Some(shadow) = rules.policy.shadow(mirror.shadow) else { continue };
        let cluster = match mirror.role {
            MirrorRole::Candidate => {
                match refusal(vm, &rules, mirror.shadow, origin, shared) {
                    Some(reason) => skipped(vm, &rules, mirror.shadow, reason),
                    None => admitted = Some(mirror.shadow),
                }
                Some(shadow.target_cluster())
            }
            MirrorRole::Control => shadow.control_cluster(),
        };
        // A control goes where its candidate goes, which comes right before it.
        if admitted != Some(mirror.shadow) {
            continue;
        }
        let Some(cluster) = cluster else { continue };
        let [one, two] = &mut copies;
        let (slot, name) = match mirror.slot {
            Slot::One => (one, MIRROR_1),
            Slot::Two => (two, MIRROR_2),
        };
        let compared = shadow.compares(pair_random).then(|| wanted(shadow)).flatten();
        *slot = Some(Planned { shadow: mirror.shadow, role: mirror.role, compared });
        edit.add(name, cluster.as_bytes());
    }
    if copies == [None, None] {
        return None;
    }
    let pair = PairId::new(pair_random, rules.policy.mesh_key());
    edit.add(PAIR, &pair.to_text());
    Some(expect(vm, &rules, pair, copies, &view))
}

/// The exchange is over, whether it was answered or cut off. `was_routed` says whether Envoy chose a host for it; it costs a
/// host call, and is asked only if a copy was not seen.
pub fn on_gone(vm: &mut Vm, followed: &Followed, was_routed: impl FnOnce() -> bool) {
    vm.pairs.on_primary_gone(followed.pair, was_routed);
    vm.settle();
}

/// What a request says it is, and whether it can say so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// Any request, also one whose marks are forged.
    Client,
    /// It has a copy's marks, and there is no key to check them with.
    Doubtful,
    /// A copy that this mesh made.
    Copy,
}

impl Origin {
    fn of(headers: &Headers, mesh_key: Option<&[u8; 16]>) -> Self {
        let marked = headers.iter().any(|(name, _)| is(name, SLOT) || is(name, SHADOW));
        if !marked {
            return Self::Client;
        }
        let Some(key) = mesh_key else { return Self::Doubtful };
        let mut pairs = headers.iter().filter(|(name, _)| is(name, PAIR));
        match (pairs.next(), pairs.next()) {
            (Some((_, pair)), None) if PairId::parse(pair).is_some_and(|pair| pair.verify(Some(key))) => {
                Self::Copy
            }
            _ => Self::Client,
        }
    }
}

/// Removes the control headers, each name once. A copy keeps those that say what it is.
fn strip(headers: &Headers, origin: Origin, edit: &mut impl Edit) {
    let mut names: Vec<&String> = Vec::new();
    for (name, _) in headers {
        let kept = origin == Origin::Copy && [SLOT, SHADOW, PAIR, STAMP].iter().any(|kept| is(name, kept));
        if is_reserved(name) && !kept && !names.contains(&name) {
            edit.remove(name);
            names.push(name);
        }
    }
}

fn stamp_names(policy: &Policy, stamps: &[StampId]) -> Vec<u8> {
    let mut value = Vec::new();
    for stamp in stamps.iter().filter_map(|id| policy.stamp(*id)) {
        let name = stamp.name().as_bytes();
        if value.len().saturating_add(name.len()) >= MAX_STAMP_BYTES {
            break;
        }
        if !value.is_empty() {
            value.push(b',');
        }
        value.extend_from_slice(name);
    }
    value
}

/// Why a shadow that the policy gives a copy does not get it after all.
fn refusal(
    vm: &mut Vm,
    rules: &Rules,
    id: ShadowId,
    origin: Origin,
    shared: &impl SharedData,
) -> Option<Skip> {
    if origin == Origin::Doubtful {
        return Some(Skip::Loop);
    }
    if rules.stale {
        return Some(Skip::Stale);
    }
    let shadow = rules.policy.shadow(id)?;
    let random = vm.random();
    if !vm.shedding.admits(shadow.name(), random) {
        return Some(Skip::Shed);
    }
    let rate = shadow.guard().max_rps?;
    let wall_ms = vm.now.wall_ms;
    (!vm.limiter.allow(shadow.name(), rate, wall_ms, shared)).then_some(Skip::RateLimited)
}

fn skipped(vm: &mut Vm, rules: &Rules, shadow: ShadowId, reason: Skip) {
    vm.counters.skipped(reason);
    if reason == Skip::Shed {
        vm.numbers.shed(&rules.origin(), shadow, vm.now);
    }
}

/// What the shadow looks at in answers.
fn wanted(shadow: &Shadow) -> Option<Wanted> {
    let compare = shadow.compare()?;
    let kept_bytes = match compare.body {
        BodySpec::Full => usize::try_from(compare.max_body_bytes).unwrap_or(usize::MAX),
        BodySpec::Digest | BodySpec::None => 0,
    };
    // A body that is compared field by field is read by its content type.
    let headers = compare.body == BodySpec::Full || !compare.headers.is_empty();
    Some(Wanted { body: compare.body, kept_bytes, headers })
}

fn expect(
    vm: &mut Vm,
    rules: &Rules,
    pair: PairId,
    copies: [Option<Planned>; 2],
    view: &impl RequestView,
) -> Followed {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let is_compared = copies.iter().flatten().any(|copy| copy.compared.is_some());
    let request = is_compared.then(|| Request {
        method: text(view.method()),
        path: text(view.path()),
        at_ms: vm.now.wall_ms,
    });
    let origin = rules.origin();
    for copy in copies.iter().flatten() {
        if let Some(shadow) = rules.policy.shadow(copy.shadow) {
            vm.shedding.began(shadow.name(), copy.role, vm.now.monotonic_ms);
        }
        if copy.role == MirrorRole::Candidate {
            vm.numbers.mirrored(&origin, copy.shadow, vm.now);
        }
    }
    let observed = vm.pairs.expect(pair, Mirrored { origin, copies, request }, vm.now.monotonic_ms);
    vm.settle();
    vm.counters.mirrored();
    vm.mirrored_under = Some(Rc::clone(&rules.policy));
    Followed::new(pair, Party::Primary, observed)
}

fn is(name: &str, reserved: &str) -> bool {
    name.eq_ignore_ascii_case(reserved)
}

/// A request without its control headers: a rule never sees what a client wrote there.
struct View<'a, F> {
    headers: &'a Headers,
    end_of_stream: bool,
    source_ip: F,
}

impl<F> View<'_, F> {
    fn first(&self, wanted: &str) -> &[u8] {
        self.headers.iter().find(|(name, _)| name == wanted).map_or(&[], |(_, value)| value)
    }
}

impl<F: Fn() -> Option<IpAddr>> RequestView for View<'_, F> {
    fn method(&self) -> &[u8] {
        self.first(":method")
    }

    fn authority(&self) -> &[u8] {
        self.first(":authority")
    }

    fn path(&self) -> &[u8] {
        self.first(":path")
    }

    fn header<'a>(&'a self, wanted: &'a str) -> impl Iterator<Item = &'a [u8]> {
        let lines = self.headers.iter().filter(move |(name, _)| is(name, wanted) && !is_reserved(name));
        lines.map(|(_, value)| value.as_slice())
    }

    fn body(&self) -> BodyLength {
        if self.end_of_stream {
            return BodyLength::None;
        }
        let length = std::str::from_utf8(self.first("content-length")).ok();
        length.and_then(|digits| digits.parse().ok()).map_or(BodyLength::Unknown, BodyLength::Known)
    }

    fn source_ip(&self) -> Option<IpAddr> {
        (self.source_ip)()
    }
}
