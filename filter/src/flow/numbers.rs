//! What the pairs of this worker add up to since the last report.
//!
//! The size does not grow with the traffic: while reports cannot be sent, numbers go on adding up here, for the last
//! policies there were. What an earlier one counted is told as a lost report.

mod samples;

use crate::flow::facts::Triple;
use crate::flow::pairs::{Finished, FinishedCopy, Origin, Request};
use crate::flow::time::Now;
use samples::{Allowance, Samples};
use std::collections::BTreeMap;
use umbra_compare::endpoint::Endpoints;
use umbra_compare::outcome::Outcome;
use umbra_policy::spec::CompareSpec;
use umbra_policy::{MirrorRole, Shadow, ShadowId};
use umbra_wire::telemetry::{
    EndpointReport, MAX_COUNT, MAX_ENDPOINT_BYTES, MAX_ENDPOINTS, MAX_PAIRS, MAX_STATUSES, OTHER, Report,
    ShadowReport,
};

/// The answers of copies that have no counterpart: the primary's exchange was cut off, or its answer or the control's was
/// waited for in vain.
pub const UNPAIRED: &str = "unpaired";
/// Pairs that were drawn as samples, and that there was no room for.
pub const SAMPLES: &str = "samples";
/// Reports that could not be sent.
const REPORTS: &str = "reports";

/// The most policies whose numbers are held at once. There is one, and a second for a moment after a change; more come
/// of changes that follow one another faster than reports are taken. What the oldest counted is then a report that was lost.
const MAX_WINDOWS: usize = 16;

/// All numbers of a worker.
#[derive(Debug, Default)]
pub struct Numbers {
    /// One for each policy under which requests were mirrored, the newest last.
    windows: Vec<Window>,
    requests: u64,
    stamped: u64,
    dropped: BTreeMap<&'static str, u64>,
    /// Of what is `dropped`, or was, the reports; for the worker's metric.
    lost_reports: u64,
    allowance: Allowance,
}

/// What became of a pair, for the worker's metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compared {
    /// All that was observed is the same.
    Equal,
    /// Something is not.
    Unequal,
}

#[derive(Debug)]
struct Window {
    origin: Origin,
    started_ms: u64,
    shadows: BTreeMap<ShadowId, Tally>,
}

#[derive(Debug)]
struct Tally {
    endpoints: Endpoints,
    report: ShadowReport,
    samples: Samples,
}

impl Numbers {
    /// A request was looked at, and stamped or not.
    pub fn request(&mut self, stamped: bool) {
        self.requests = self.requests.saturating_add(1);
        self.stamped = self.stamped.saturating_add(u64::from(stamped));
    }

    /// A request was mirrored to a shadow.
    pub fn mirrored(&mut self, origin: &Origin, shadow: ShadowId, now: Now) {
        if let Some(tally) = self.tally(origin, shadow, now) {
            tally.report.mirrored = tally.report.mirrored.saturating_add(1);
        }
    }

    /// A request was not mirrored to a shadow, to spare it.
    pub fn shed(&mut self, origin: &Origin, shadow: ShadowId, now: Now) {
        if let Some(tally) = self.tally(origin, shadow, now) {
            tally.report.shed = tally.report.shed.saturating_add(1);
        }
    }

    /// So many unequal pairs may be among the samples from the report after the next on; `None` leaves it to the worker.
    pub fn allow(&mut self, samples: Option<usize>) {
        self.allowance = Allowance(samples);
    }

    /// So much was lost, for this reason.
    pub fn lost(&mut self, reason: &'static str, count: u64) {
        let lost = self.dropped.entry(reason).or_default();
        *lost = lost.saturating_add(count).min(MAX_COUNT);
    }

    /// A report cannot be sent, ever.
    pub fn lost_report(&mut self) {
        self.lost(REPORTS, 1);
        self.lost_reports = self.lost_reports.saturating_add(1);
    }

    /// How many reports were lost since the last call.
    pub fn take_lost_reports(&mut self) -> u64 {
        std::mem::take(&mut self.lost_reports)
    }

    /// Copies finished: counts their outcomes, and the pairs that they make.
    pub fn finished(
        &mut self,
        mut finished: Finished,
        now: Now,
        random: &mut fastrand::Rng,
    ) -> Vec<Compared> {
        for copy in finished.copies.iter().flatten() {
            if let Some(tally) = self.tally(&finished.origin, copy.planned.shadow, now) {
                let outcomes = match copy.planned.role {
                    MirrorRole::Candidate => &mut tally.report.candidate,
                    MirrorRole::Control => &mut tally.report.control,
                };
                outcomes.add(copy.outcome, 1);
            }
        }
        let mut compared = Vec::new();
        let copies = std::mem::take(&mut finished.copies);
        for candidate in copies.iter().flatten() {
            let is_pair = candidate.planned.role == MirrorRole::Candidate
                && candidate.planned.compared.is_some()
                && candidate.outcome.is_evidence();
            if is_pair {
                compared.extend(self.pair(&finished, candidate, &copies, now, random));
            }
        }
        compared
    }

    fn pair(
        &mut self,
        finished: &Finished,
        candidate: &FinishedCopy,
        copies: &[Option<FinishedCopy>; 2],
        now: Now,
        random: &mut fastrand::Rng,
    ) -> Option<Compared> {
        let shadow = candidate.planned.shadow;
        let policy = std::rc::Rc::clone(&finished.origin.policy);
        let is_whole = candidate.outcome != Outcome::Answered || candidate.answer.is_some();
        let primary = finished.primary.as_ref().filter(|_| is_whole);
        let known = primary.zip(finished.request.as_ref()).zip(policy.shadow(shadow));
        let Some(((primary, request), (name, compare))) =
            known.and_then(|(known, shadow)| Some((known, (shadow.name(), shadow.compare()?))))
        else {
            self.lost(UNPAIRED, 1);
            return None;
        };
        let control = copies
            .iter()
            .flatten()
            .find(|copy| copy.planned.shadow == shadow && copy.planned.role == MirrorRole::Control);
        let triple = Triple {
            primary,
            candidate: candidate.answer.as_ref(),
            control: control.map(|control| control.answer.as_ref()),
            routed_us: finished.routed_us,
        };
        let judged = triple.judge(compare);
        let tally = self.tally(&finished.origin, shadow, now)?;
        let (endpoint, numbers) = tally.endpoint(request);
        numbers.evidence.add(&judged.facts);
        if let Some((primary_us, candidate_us)) = judged.facts.latency_us {
            numbers.latency_ratio.add(candidate_us / primary_us);
        }
        // A control that was never seen has made no error.
        let control_error =
            judged.control_error && control.is_some_and(|control| control.outcome.is_evidence());
        numbers.control_errors = numbers.control_errors.saturating_add(u64::from(control_error));
        if numbers.statuses.len() < MAX_STATUSES || numbers.statuses.contains_key(&judged.statuses) {
            let count = numbers.statuses.entry(judged.statuses).or_default();
            *count = count.saturating_add(1);
        }
        let lost = tally.samples.offer(judged.equal, random, || {
            samples::pair(finished, request, name, &endpoint, compare, primary, candidate, control)
        });
        self.lost_if(lost);
        Some(if judged.equal { Compared::Equal } else { Compared::Unequal })
    }

    /// What is to be reported, if anything is, as reports that lack a node, an instance and a number. The numbers begin anew.
    pub fn take(&mut self, now: Now) -> Vec<Report> {
        let mut reports = Vec::new();
        let newest = self.windows.len().saturating_sub(1);
        let mut position = 0;
        self.windows.retain_mut(|window| {
            let is_newest = position == newest;
            position = position.saturating_add(1);
            let (report, lost) = window.take(now, self.allowance);
            if lost > 0 {
                let count = self.dropped.entry(SAMPLES).or_default();
                *count = count.saturating_add(lost);
            }
            reports.extend(report);
            is_newest
        });
        if reports.is_empty() && !self.dropped.is_empty() {
            let ended_ms = now.wall_ms;
            reports.push(Report { started_ms: ended_ms, ended_ms, ..Report::default() });
        }
        if let Some(last) = reports.last_mut() {
            last.requests = std::mem::take(&mut self.requests).min(MAX_COUNT);
            last.stamped = std::mem::take(&mut self.stamped).min(last.requests);
            let dropped = std::mem::take(&mut self.dropped).into_iter();
            last.dropped = dropped.map(|(reason, count)| (reason.to_owned(), count)).collect();
        }
        reports
    }

    /// The report of a worker that has nothing to report but that it lives, and runs this policy.
    pub fn silence(&mut self, now: Now, runs: Option<&Origin>) -> Report {
        Report {
            policy_revision: runs.map_or(0, |origin| origin.policy.revision()),
            policy_version: runs.and_then(|origin| origin.version.as_deref()).unwrap_or_default().to_owned(),
            started_ms: now.wall_ms,
            ended_ms: now.wall_ms,
            requests: std::mem::take(&mut self.requests).min(MAX_COUNT),
            stamped: std::mem::take(&mut self.stamped).min(MAX_COUNT),
            ..Report::default()
        }
    }

    fn lost_if(&mut self, lost: bool) {
        if lost {
            self.lost(SAMPLES, 1);
        }
    }

    fn tally(&mut self, origin: &Origin, shadow: ShadowId, now: Now) -> Option<&mut Tally> {
        // Nearly always the last one: a policy that is no longer in force has a few requests left at most.
        let known = self
            .windows
            .iter()
            .rposition(|window| std::rc::Rc::ptr_eq(&window.origin.policy, &origin.policy));
        let position = match known {
            Some(position) => position,
            None => {
                if self.windows.len() >= MAX_WINDOWS && self.windows.remove(0).has_numbers() {
                    self.lost_report();
                }
                // Samples may take megabytes, which numbers do not: those of two policies are held.
                let mut lost = 0_usize;
                for window in self.windows.iter_mut().rev().skip(1) {
                    for tally in window.shadows.values_mut() {
                        lost = lost.saturating_add(tally.samples.close());
                    }
                }
                if lost > 0 {
                    self.lost(SAMPLES, u64::try_from(lost).unwrap_or(MAX_COUNT));
                }
                self.windows.push(Window::new(origin.clone(), now));
                self.windows.len().saturating_sub(1)
            }
        };
        self.windows.get_mut(position)?.tally(shadow, self.allowance)
    }
}

impl Window {
    fn new(origin: Origin, now: Now) -> Self {
        Self { origin, started_ms: now.wall_ms, shadows: BTreeMap::new() }
    }

    fn tally(&mut self, id: ShadowId, allowance: Allowance) -> Option<&mut Tally> {
        if !self.shadows.contains_key(&id) {
            let compare = self.origin.policy.shadow(id)?.compare();
            // A shadow that gets no copies has no pairs, and needs no room for samples.
            let is_compared =
                |shadow: &&Shadow| shadow.compare().is_some() && shadow.enabled() && shadow.share().ppm() > 0;
            let compared = self.origin.policy.shadows().iter().filter(is_compared).count();
            let tally = Tally {
                endpoints: Endpoints::new(compare.map_or(&[], |compare: &CompareSpec| &compare.endpoints)),
                report: ShadowReport::default(),
                samples: Samples::new(compared, allowance),
            };
            self.shadows.insert(id, tally);
        }
        self.shadows.get_mut(&id)
    }

    fn has_numbers(&self) -> bool {
        self.shadows.values().any(Tally::has_numbers)
    }

    /// The window's numbers, and how many sampled pairs there was no room for.
    fn take(&mut self, now: Now, allowance: Allowance) -> (Option<Report>, u64) {
        let started_ms = self.started_ms;
        // The clock may have been set back.
        let ended_ms = now.wall_ms.max(started_ms);
        self.started_ms = now.wall_ms;
        let mut report = Report {
            policy_revision: self.origin.policy.revision(),
            policy_version: self.origin.version.as_deref().unwrap_or_default().to_owned(),
            started_ms,
            ended_ms,
            ..Report::default()
        };
        let mut lost = 0;
        for (id, tally) in &mut self.shadows {
            let Some(shadow) = self.origin.policy.shadow(*id) else { continue };
            if tally.has_numbers() {
                report.shadows.insert(shadow.name().to_owned(), std::mem::take(&mut tally.report));
            }
            for pair in tally.samples.take(allowance) {
                if report.pairs.len() < MAX_PAIRS {
                    report.pairs.push(pair);
                } else {
                    lost = u64::saturating_add(lost, 1);
                }
            }
        }
        ((!report.shadows.is_empty()).then_some(report), lost)
    }
}

impl Tally {
    fn has_numbers(&self) -> bool {
        self.report != ShadowReport::default()
    }

    /// The numbers of a request's endpoint, and what it is called.
    fn endpoint(&mut self, request: &Request) -> (String, &mut EndpointReport) {
        let mut name = self.endpoints.of(&request.method, &request.path);
        let known = &mut self.report.endpoints;
        let fits =
            name.len() <= MAX_ENDPOINT_BYTES && (known.len() < MAX_ENDPOINTS || known.contains_key(&name));
        if !fits {
            OTHER.clone_into(&mut name);
        }
        let numbers = known.entry(name.clone()).or_default();
        (name, numbers)
    }
}
