//! Role shadow: what happens to a copy on its way out.

use crate::flow::answers::Followed;
use crate::flow::headers::{Edit, SHADOW};
use crate::flow::pairs::Party;
use crate::flow::shared::SharedData;
use crate::flow::vm::Vm;
use crate::flow::worker::InForce;
use std::net::{IpAddr, SocketAddr};
use umbra_compare::outcome::Outcome;
use umbra_policy::pair::PairId;
use umbra_policy::{Policy, Slot};

/// How much earlier than the timeout says a stream may end by it, in milliseconds, at most: Envoy sets its timers by a clock
/// that stands still within a turn of the event loop, and a turn of a busy worker is long. Of 500 timeouts on a loaded machine
/// one was more than 25 ms early.
const TIMER_SLACK_MS: u64 = 100;

/// What an unknown copy loses where no policy at all says what its shadow removes: what lets others act in a user's name.
const CREDENTIALS: [&str; 3] = ["authorization", "cookie", "proxy-authorization"];

/// One copy, from its headers to its end.
#[derive(Debug)]
pub struct Copy {
    /// Its answer.
    pub answer: Followed,
    slot: Slot,
    timeout_ms: Option<u64>,
}

/// What Envoy offers of the copy at hand. Each call is a host call.
pub trait CopyView {
    /// The cluster that it goes to.
    fn cluster(&self) -> Option<Vec<u8>>;
    /// `x-envoy-expected-rq-timeout-ms`, by which Envoy tells the server for how long it waits.
    fn expected_timeout(&self) -> Option<Vec<u8>>;
    /// Whether it ever had a connection.
    fn was_connected(&self) -> bool;
    /// For how long it has been under way, in milliseconds.
    fn age_ms(&self) -> Option<u64>;
    /// Microseconds of a clock that never steps back.
    fn now_us(&self) -> u64;
}

/// Decides on a request that carries the mark of a mirror slot, changes its headers by `edit`, and returns the copy, if it was
/// expected.
///
/// One that nobody expects was steered by another VM, or was given up: its shadow cannot be told. It loses whatever any
/// shadow with this cluster removes, so that no credentials leave by mistake, and gets no further mark. `shared` is asked only
/// for such a one: a VM without a plugin of role primary follows no policy, and learns here which one is in force.
pub fn on_request(
    vm: &mut Vm,
    slot: &[u8],
    pair: Option<&[u8]>,
    view: &impl CopyView,
    shared: &impl SharedData,
    edit: &mut impl Edit,
) -> Option<Copy> {
    let slot = match slot {
        b"1" => Some(Slot::One),
        b"2" => Some(Slot::Two),
        _ => None,
    };
    let named = pair.and_then(PairId::parse).zip(slot);
    let expected = named.and_then(|(pair, slot)| {
        vm.pairs.seen(pair, slot, || view.now_us()).map(|expected| (pair, slot, expected))
    });
    let Some((pair, slot, expected)) = expected else {
        vm.worker.learn(shared);
        scrub_unknown(vm, &view.cluster().unwrap_or_default(), edit);
        return None;
    };
    // Before the copy loses it.
    let timeout = view.expected_timeout().and_then(|digits| std::str::from_utf8(&digits).ok()?.parse().ok());
    if let Some(shadow) = expected.policy.shadow(expected.shadow) {
        let copy = shadow.copy();
        copy.remove_headers.iter().for_each(|name| edit.remove(name));
        copy.set_headers.iter().for_each(|(name, value)| edit.set(name, value.as_bytes()));
        edit.set(SHADOW, shadow.name().as_bytes());
    }
    let answer = Followed::new(pair, Party::Copy(slot), expected.compared);
    Some(Copy { answer, slot, timeout_ms: timeout })
}

impl Copy {
    /// The exchange is over, or was cut off. What Envoy offers is asked only in the second case.
    pub fn on_end(&self, vm: &mut Vm, view: &impl CopyView) {
        if self.answer.is_over() {
            return;
        }
        vm.pairs.on_failed(self.answer.pair, self.slot, self.failure(view));
        vm.settle();
    }

    /// Why there is no whole answer (ADR 0005): Envoy drops the copy without a word, and only its circumstances tell.
    fn failure(&self, view: &impl CopyView) -> Outcome {
        if !view.was_connected() {
            return Outcome::ConnectFailure;
        }
        // Without a timeout of its own a stream also ends by others, of idle streams or of whole connections.
        let Some((timeout_ms, age_ms)) = self.timeout_ms.zip(view.age_ms()) else { return Outcome::NoAnswer };
        let slack_ms = TIMER_SLACK_MS.min(timeout_ms / 10);
        if age_ms.saturating_add(slack_ms) >= timeout_ms { Outcome::Timeout } else { Outcome::Reset }
    }
}

fn scrub_unknown(vm: &Vm, cluster: &[u8], edit: &mut impl Edit) {
    let in_force = match vm.worker.in_force() {
        InForce::Policy { policy, .. } => Some(policy),
        InForce::Nothing | InForce::Removed => None,
    };
    let mut policies = in_force.into_iter().chain(&vm.mirrored_under).chain(&vm.fallback).peekable();
    if policies.peek().is_none() {
        CREDENTIALS.iter().for_each(|name| edit.remove(name));
        return;
    }
    let mut names: Vec<&String> = policies.flat_map(|policy| removed_towards(policy, cluster)).collect();
    names.sort_unstable();
    names.dedup();
    names.into_iter().for_each(|name| edit.remove(name));
}

fn removed_towards<'a>(policy: &'a Policy, cluster: &[u8]) -> impl Iterator<Item = &'a String> {
    let shadows = policy.shadows().iter().filter(move |shadow| {
        shadow.target_cluster().as_bytes() == cluster
            || shadow.control_cluster().is_some_and(|control| control.as_bytes() == cluster)
    });
    shadows.flat_map(|shadow| &shadow.copy().remove_headers)
}

/// The address in Envoy's `source.address`: `10.0.0.1:5000` or `[::1]:5000`.
pub fn peer_address(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?;
    text.parse::<SocketAddr>().map(|address| address.ip()).or_else(|_| text.parse()).ok()
}
