//! Role shadow: what happens to a copy on its way out.

use crate::flow::counters::Outcome;
use crate::flow::headers::{Edit, SHADOW};
use crate::flow::vm::Vm;
use crate::flow::worker::InForce;
use std::net::{IpAddr, SocketAddr};
use umbra_policy::pair::PairId;
use umbra_policy::{Policy, Slot};

/// One copy, from its headers to its end.
#[derive(Debug, Default)]
pub struct Copy {
    /// The copy was expected, so that its fate counts.
    expected: bool,
    answered: bool,
}

/// Decides on a request that carries the mark of a mirror slot. `cluster` is the cluster that it goes to; it
/// costs a host call, and is asked only for a copy that nobody expects.
///
/// Such a copy was steered by another VM, or was given up: its shadow cannot be told. It loses whatever any
/// shadow with this cluster removes, so that no credentials leave by mistake, and gets no further mark.
pub fn on_request(
    vm: &mut Vm,
    slot: &[u8],
    pair: Option<&[u8]>,
    cluster: impl FnOnce() -> Option<Vec<u8>>,
) -> (Copy, Vec<Edit>) {
    let slot = match slot {
        b"1" => Some(Slot::One),
        b"2" => Some(Slot::Two),
        _ => None,
    };
    let expected =
        pair.and_then(PairId::parse).zip(slot).and_then(|(pair, slot)| vm.pending.seen(pair, slot));
    let Some(expected) = expected else {
        let cluster = cluster().unwrap_or_default();
        return (Copy::default(), scrub_unknown(vm, &cluster));
    };
    let mut edits = Vec::new();
    if let Some(shadow) = expected.policy.shadow(expected.shadow) {
        let copy = shadow.copy();
        edits.extend(copy.remove_headers.iter().map(|name| Edit::Remove(name.clone())));
        edits.extend(
            copy.set_headers.iter().map(|(name, value)| Edit::Set(name.clone(), value.clone().into())),
        );
        edits.push(Edit::Set(SHADOW.to_owned(), shadow.name().into()));
    }
    (Copy { expected: true, answered: false }, edits)
}

impl Copy {
    /// The shadow's response headers arrived.
    pub fn on_response(&mut self, vm: &mut Vm) {
        if self.expected && !self.answered {
            vm.counters.outcome(Outcome::Answered);
        }
        self.answered = true;
    }

    /// The exchange is over, or was cut off.
    pub fn on_end(&mut self, vm: &mut Vm) {
        if self.expected && !self.answered {
            vm.counters.outcome(Outcome::NoResponse);
        }
        self.answered = true;
    }
}

fn scrub_unknown(vm: &Vm, cluster: &[u8]) -> Vec<Edit> {
    let mut names: Vec<&String> = Vec::new();
    let in_force = match vm.worker.in_force() {
        InForce::Policy { policy, .. } => Some(policy),
        InForce::Nothing | InForce::Removed => None,
    };
    for policy in in_force.into_iter().chain(&vm.mirrored_under) {
        names.extend(removed_towards(policy, cluster));
    }
    names.sort_unstable();
    names.dedup();
    names.into_iter().map(|name| Edit::Remove(name.clone())).collect()
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
