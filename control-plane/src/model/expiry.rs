//! Changes of a valve or a switch that are for a limited time: what they go back to, and when.
//!
//! The valve and the switch each have a time of their own. A change for a limited time keeps the value to go back to from
//! the one before it, if that was for a limited time as well: what goes back is always what was there for good. Any other
//! change of the same field takes its place for good.

use umbra_resource::manifest::shadow::ShadowSpec;
use umbra_resource::manifest::status::{Expiry, Moment, ShadowStatus};
use umbra_resource::{Percent, Shadow};

use crate::model::state::State;

/// Which fields a change names, and for how long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Named {
    /// The valve.
    pub(super) percent: bool,
    /// The switch.
    pub(super) enabled: bool,
    /// Until when; `None`: for good.
    pub(super) until: Option<Moment>,
}

/// What goes back, field by field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Pending {
    percent: Option<Return<Percent>>,
    enabled: Option<Return<bool>>,
}

/// One field's way back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Return<T> {
    at: Moment,
    to: T,
    /// Of the change that it takes back.
    revision: u64,
}

/// When something goes back next, and of which shadow.
pub fn next(state: &State) -> Option<(Moment, &str)> {
    let of = |shadow: &'_ Shadow| shadow.status.expiry.as_ref().map(|expiry| expiry.at);
    state.shadows().filter_map(|shadow| Some((of(shadow)?, shadow.metadata.name.as_str()))).min()
}

/// What is to go back after a change at `revision` that makes the spec of `before` into `after`, and a word on what will
/// not go back any more.
pub(super) fn carry(
    before: &Shadow,
    after: &ShadowSpec,
    named: Named,
    revision: u64,
) -> (ShadowStatus, Option<String>) {
    let old = Pending::of(&before.status);
    let (share, was) = (after.share(), before.spec.share());
    let new = Pending {
        percent: carry_field(old.percent, was, share, named.percent, named.until, revision),
        enabled: carry_field(
            old.enabled,
            before.spec.is_enabled(),
            after.is_enabled(),
            named.enabled,
            named.until,
            revision,
        ),
    };
    let mut words = Vec::new();
    if let (Some(Return { at, to, .. }), None) = (old.percent, new.percent) {
        words.push(format!("the valve does not go back to {to} % at {at} any more"));
    }
    if let (Some(Return { at, to, .. }), None) = (old.enabled, new.enabled) {
        words.push(format!("the switch does not go back to {} at {at} any more", switch(to)));
    }
    (new.status(), (!words.is_empty()).then(|| words.join("; ")))
}

fn carry_field<T: Copy + PartialEq>(
    old: Option<Return<T>>,
    before: T,
    after: T,
    is_named: bool,
    until: Option<Moment>,
    revision: u64,
) -> Option<Return<T>> {
    match until.filter(|_| is_named) {
        Some(at) => {
            let to = old.map_or(before, |old| old.to);
            (to != after).then_some(Return { at, to, revision })
        }
        None => old.filter(|_| !is_named && before == after),
    }
}

/// The spec and the status of a shadow after what is due at `now` went back, and what that was, in words; `None` if
/// nothing is due.
pub(super) fn restore(shadow: &Shadow, now: Moment) -> Option<(ShadowSpec, ShadowStatus, String)> {
    let (mut spec, mut pending) = (shadow.spec.clone(), Pending::of(&shadow.status));
    let mut words = Vec::new();
    if let Some(Return { at, to, revision }) = pending.percent.take_if(|percent| percent.at <= now) {
        words.push(format!(
            "the valve was at {} % until {at}, by the change of revision {revision}: back to {to} %",
            spec.share()
        ));
        spec.percent = Some(to);
    }
    if let Some(Return { at, to, revision }) = pending.enabled.take_if(|enabled| enabled.at <= now) {
        words.push(format!(
            "the switch was {} until {at}, by the change of revision {revision}: back to {}",
            switch(spec.is_enabled()),
            switch(to)
        ));
        spec.enabled = Some(to);
    }
    (!words.is_empty()).then(|| (spec, pending.status(), words.join("; ")))
}

fn switch(enabled: bool) -> &'static str {
    if enabled { "on" } else { "off" }
}

impl Pending {
    fn of(status: &ShadowStatus) -> Self {
        let mut pending = Pending::default();
        for Expiry { at, percent, enabled, revision } in status.expiry.iter().chain(&status.then).cloned() {
            let percent = percent.map(|to| Return { at, to, revision });
            let enabled = enabled.map(|to| Return { at, to, revision });
            pending = Pending { percent: percent.or(pending.percent), enabled: enabled.or(pending.enabled) };
        }
        pending
    }

    fn status(self) -> ShadowStatus {
        let percent = self.percent.map(|Return { at, to, revision }| Expiry {
            at,
            percent: Some(to),
            enabled: None,
            revision,
        });
        let enabled = self.enabled.map(|Return { at, to, revision }| Expiry {
            at,
            percent: None,
            enabled: Some(to),
            revision,
        });
        match (percent, enabled) {
            (Some(percent), Some(enabled))
                if (percent.at, percent.revision) == (enabled.at, enabled.revision) =>
            {
                ShadowStatus { expiry: Some(Expiry { enabled: enabled.enabled, ..percent }), then: None }
            }
            (Some(percent), Some(enabled)) if enabled.at < percent.at => {
                ShadowStatus { expiry: Some(enabled), then: Some(percent) }
            }
            (Some(percent), enabled) => ShadowStatus { expiry: Some(percent), then: enabled },
            (None, enabled) => ShadowStatus { expiry: enabled, then: None },
        }
    }
}
