//! Reports on their way to the control plane: each is sent, as the same bytes, until it is acknowledged.
//!
//! A report is made only when none is waiting. While the control plane is away, numbers add up where they are counted,
//! in a size that is bounded, and one report of each policy carries them later.

use crate::flow::numbers::Numbers;
use crate::flow::pairs::Origin;
use crate::flow::time::Now;
use std::collections::VecDeque;
use umbra_wire::delta::client::backoff::Backoff;
use umbra_wire::telemetry::{self, Acknowledgement, MAX_REPORT_BYTES, Report};

/// How often a worker reports, in milliseconds, when it has something to report.
const PERIOD_MS: u64 = 1_000;

/// A worker that has nothing to report says so, this often, in milliseconds: it is alive, and which policy it runs.
const SILENCE_MS: u64 = 30_000;

/// The most reports that wait: one for each policy under which something was mirrored within a period, and the parts of
/// those that are too long for one message.
const MAX_WAITING: usize = 64;

/// The most that they occupy, in bytes.
const MAX_BYTES: usize = 24 << 20;

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Reports up to a number are on the control plane's disk.
    Acknowledged(Acknowledgement),
    /// The control plane will never take this report.
    Refused,
    /// Nobody knows whether it arrived.
    Failed,
}

/// The reports of one worker that were not acknowledged yet.
#[derive(Debug)]
pub struct Outbox {
    instance: u64,
    sequence: u64,
    waiting: VecDeque<(u64, Vec<u8>)>,
    bytes: usize,
    /// A call is under way.
    calling: bool,
    due_ms: u64,
    /// When the last report was made.
    made_ms: u64,
    backoff: Backoff,
}

impl Outbox {
    /// Nothing was reported yet. `instance` is random, so that no two lives of a worker have the same.
    pub fn new(instance: u64) -> Self {
        Self {
            instance: instance.max(1),
            sequence: 0,
            waiting: VecDeque::new(),
            bytes: 0,
            calling: false,
            due_ms: 0,
            made_ms: 0,
            backoff: Backoff::default(),
        }
    }

    /// The report that is to be sent now, if any. The caller says how that ends. `runs` is the policy in force.
    pub fn tick(
        &mut self,
        now: Now,
        node: &str,
        runs: Option<&Origin>,
        numbers: &mut Numbers,
    ) -> Option<&[u8]> {
        if self.calling || now.monotonic_ms < self.due_ms {
            return None;
        }
        if self.waiting.is_empty() {
            self.due_ms = now.monotonic_ms.saturating_add(PERIOD_MS);
            let mut reports = numbers.take(now);
            if reports.is_empty() && now.monotonic_ms.saturating_sub(self.made_ms) >= SILENCE_MS {
                reports.push(numbers.silence(now, runs));
            }
            if !reports.is_empty() {
                self.made_ms = now.monotonic_ms;
            }
            for mut report in reports {
                node.clone_into(&mut report.node_id);
                report.instance = self.instance;
                self.seal(report, numbers);
            }
        }
        let (_, bytes) = self.waiting.front()?;
        self.calling = true;
        Some(bytes)
    }

    /// The call for the report that [`Self::tick`] gave ended.
    pub fn on_reply(&mut self, reply: Reply, now: Now, random: u64, numbers: &mut Numbers) {
        self.calling = false;
        let first = self.waiting.front().map(|(sequence, _)| *sequence);
        let is_done = match reply {
            Reply::Acknowledged(Acknowledgement { sequence, samples }) => {
                numbers.allow(samples);
                first.is_some_and(|first| first <= sequence)
            }
            Reply::Refused => {
                numbers.lost_report();
                true
            }
            Reply::Failed => false,
        };
        if is_done {
            self.backoff.reset();
            self.pop();
            if !self.waiting.is_empty() {
                self.due_ms = now.monotonic_ms;
            }
        } else {
            self.due_ms = now.monotonic_ms.saturating_add(self.backoff.next_ms(random));
        }
    }

    /// Numbers a report and lets it wait. One that is too long for a message is taken apart.
    fn seal(&mut self, mut report: Report, numbers: &mut Numbers) {
        report.sequence = self.sequence.saturating_add(1);
        let bytes = telemetry::encode(&report);
        if bytes.len() > MAX_REPORT_BYTES {
            match halves(report) {
                Some(halves) => halves.into_iter().for_each(|half| self.seal(half, numbers)),
                None => numbers.lost_report(),
            }
            return;
        }
        if self.waiting.len() >= MAX_WAITING || self.bytes.saturating_add(bytes.len()) > MAX_BYTES {
            numbers.lost_report();
            return;
        }
        self.sequence = report.sequence;
        self.bytes = self.bytes.saturating_add(bytes.len());
        self.waiting.push_back((report.sequence, bytes));
    }

    fn pop(&mut self) {
        if let Some((_, bytes)) = self.waiting.pop_front() {
            self.bytes = self.bytes.saturating_sub(bytes.len());
        }
    }
}

/// A report in two: first its samples in halves, then its shadows. `None` for one of a single shadow.
fn halves(mut report: Report) -> Option<[Report; 2]> {
    let pairs = report.pairs.split_off(report.pairs.len() / 2);
    let mut second = Report {
        node_id: report.node_id.clone(),
        instance: report.instance,
        policy_revision: report.policy_revision,
        policy_version: report.policy_version.clone(),
        started_ms: report.started_ms,
        ended_ms: report.ended_ms,
        pairs,
        ..Report::default()
    };
    if report.pairs.is_empty() {
        let middle = report.shadows.keys().nth(report.shadows.len() / 2)?.clone();
        second.shadows = report.shadows.split_off(&middle);
        if report.shadows.is_empty() {
            return None;
        }
    }
    Some([report, second])
}
