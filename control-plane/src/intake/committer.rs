//! The one task that adds reports to what is known.
//!
//! **Invariant:** a report's numbers and its sequence number are written in one transaction, and its worker hears of it
//! after that. A sequence number that is not above the one that is written is acknowledged and not counted.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, error};
use umbra_compare::outcome::Outcome;
use umbra_compare::report::MAX_ENDPOINTS;
use umbra_compare::report::triple::Examined;
use umbra_wire::telemetry::{EndpointReport, OTHER, ShadowReport};

use crate::intake::metrics::{IntakeMetrics, ReportLabels};
use crate::model::nodes::Nodes;
use crate::model::rates::{Count, Rates};
use crate::model::tally::{Tally, Traffic};
use crate::model::window::Span;
use crate::store::error::StoreError;
use crate::store::pairs::NewPair;
use crate::store::telemetry::{Batch, Numbers, Retention, Telemetry, WindowKey};
use crate::traces;

/// Reports in one transaction: what comes in while the one before is being synced, and some more.
const MAX_BATCH: usize = 1_024;
/// Reports that wait for their transaction. More wait where they were read, which holds the workers back.
pub const WAITING: usize = 2 * MAX_BATCH;
/// Pairs that are kept of a shadow in one transaction; of more, only the numbers.
const MAX_PAIRS: usize = 100;
/// Windows that are remembered, so that they need not be read to be added to.
const MAX_WINDOWS: usize = 20_000;
/// Workers whose sequence number is remembered.
const MAX_SEQUENCES: usize = 100_000;
/// Windows that ended so long ago are seldom added to.
const SETTLED: Duration = Duration::from_secs(60);
/// How often what is too old is deleted.
const SWEEP: Duration = Duration::from_secs(60);

/// A report that was checked and whose pairs were looked at.
pub struct Prepared {
    /// The worker.
    pub instance: u64,
    /// The report's number.
    pub sequence: u64,
    /// By shadow.
    pub parts: Vec<Part>,
    /// Pairs of shadows as they are now.
    pub pairs: Vec<Pair>,
    /// What else is counted of it.
    pub aside: Aside,
    /// Its room among the reports in memory: it takes that for as long as it is here, whether or not anybody waits for it.
    pub room: Option<OwnedSemaphorePermit>,
    /// Gets the highest number of the worker that is on disk.
    pub reply: oneshot::Sender<Result<u64, NotCommitted>>,
}

/// The store failed: whether the report is on disk is not known, and sending it again is safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotCommitted;

/// What is counted of a report beside what its pairs add up to: in memory alone, and once however often it is sent.
#[derive(Debug, Default)]
pub struct Aside {
    /// The Envoy.
    pub node_id: String,
    /// The policy that the worker runs.
    pub policy_version: String,
    /// Requests that it looked at.
    pub requests: u64,
    /// Sampled pairs that were looked at here.
    pub looked: u64,
    /// What it lost, by reason.
    pub dropped: BTreeMap<String, u64>,
}

/// The numbers of one shadow.
pub struct Part {
    /// Which.
    pub shadow: String,
    /// The revision at which the evidence began that they belong to.
    pub epoch: u64,
    /// When that was, in milliseconds since 1970.
    pub began_ms: u64,
    /// When the report begins, by the worker's clock.
    pub started_ms: u64,
    /// When it ends.
    pub ended_ms: u64,
    /// The numbers.
    pub report: ShadowReport,
}

/// A pair that was looked at.
pub struct Pair {
    /// What is kept of it.
    pub kept: NewPair,
    /// What is counted of it, if anything.
    pub examined: Option<Examined>,
    /// Its bodies were cut off too early to be compared.
    pub is_cut_off: bool,
    /// How many unequal pairs it stands for.
    pub weight: f64,
    /// When its evidence began, in milliseconds since 1970.
    pub began_ms: u64,
    /// When its request came, by the worker's clock.
    pub at_ms: u64,
}

/// The task.
pub struct Committer {
    telemetry: Telemetry,
    retention: Retention,
    began: (u64, Instant),
    metrics: IntakeMetrics,
    rates: Arc<Mutex<Rates>>,
    nodes: Arc<Mutex<Nodes>>,
    /// **Invariant:** what is in the first three of these is what is on disk, but for the transaction that is under way; in the last, at
    /// least the pairs since the last sweep.
    sequences: HashMap<u64, u64>,
    /// `None` for one that cannot be read: it is left as it is, and not counted in.
    windows: HashMap<WindowKey, Option<Numbers>>,
    endpoints: HashMap<(String, u64), HashSet<String>>,
    written: HashMap<PairsOf, u64>,
}

/// A shadow, where its evidence began, and an outcome: as many pairs of each are kept.
type PairsOf = (String, u64, String);

impl Committer {
    /// One that remembers nothing yet.
    pub fn new(
        telemetry: Telemetry,
        retention: Retention,
        metrics: IntakeMetrics,
        rates: Arc<Mutex<Rates>>,
        nodes: Arc<Mutex<Nodes>>,
    ) -> Self {
        let (sequences, windows, endpoints, written) = Default::default();
        let began = (now_ms(), Instant::now());
        Committer {
            telemetry,
            retention,
            began,
            metrics,
            rates,
            nodes,
            sequences,
            windows,
            endpoints,
            written,
        }
    }

    /// Commits what comes in, until nothing can come any more. From `closing` on nothing more is let in; connections that
    /// are still open then may hold on to the service for as long as they like.
    pub async fn run(mut self, mut reports: mpsc::Receiver<Prepared>, closing: CancellationToken) {
        let mut sweep = tokio::time::interval(SWEEP);
        sweep.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut batch = Vec::with_capacity(MAX_BATCH);
        loop {
            tokio::select! {
                count = reports.recv_many(&mut batch, MAX_BATCH) => {
                    if count == 0 {
                        return;
                    }
                    self.commit(std::mem::take(&mut batch), now_ms()).await;
                }
                () = closing.cancelled(), if !reports.is_closed() => reports.close(),
                _ = sweep.tick() => match self.sweep(self.sweeping_ms()).await {
                    Ok(true) => sweep.reset_after(Duration::from_millis(100)),
                    Ok(false) => {}
                    Err(error) => error!(error = &error as &dyn std::error::Error, "old telemetry cannot be deleted"),
                },
            }
        }
    }

    /// Deletes what is too old or too much at this time, a part of it. `true` if there is more.
    ///
    /// # Errors
    /// The store failed.
    pub async fn sweep(&mut self, now_ms: u64) -> Result<bool, StoreError> {
        let more = self.telemetry.sweep(&self.retention, now_ms).await?;
        if !more {
            self.written.clear();
        }
        Ok(more)
    }

    /// What is too old at this time is deleted.
    fn sweeping_ms(&self) -> u64 {
        let (wall_ms, monotonic) = self.began;
        no_later(now_ms(), wall_ms, monotonic.elapsed())
    }

    /// Commits those of these reports that somebody waits for, in one transaction, and answers them.
    pub async fn commit(&mut self, mut reports: Vec<Prepared>, now_ms: u64) {
        // Whoever hung up sends it again, if at all.
        reports.retain(|report| !report.reply.is_closed());
        if reports.is_empty() {
            return;
        }
        let started = Instant::now();
        self.metrics.batch.observe(reports.len() as f64);
        match self.add(&reports, now_ms).instrument(traces::commit(reports.len())).await {
            Ok(counted) => {
                let count = |result, count| {
                    self.metrics.reports.get_or_create(&ReportLabels { result }).inc_by(count as u64);
                };
                count("counted", counted);
                count("repeated", reports.len().saturating_sub(counted));
                for Prepared { instance, reply, .. } in reports {
                    // Nobody waits for it if the worker hung up meanwhile; it will send it again.
                    let _ = reply.send(self.sequences.get(&instance).copied().ok_or(NotCommitted));
                }
            }
            Err(error) => {
                error!(error = &error as &dyn std::error::Error, "reports cannot be written");
                // What is on disk is not known now.
                self.sequences.clear();
                self.windows.clear();
                self.endpoints.clear();
                for report in reports {
                    let _ = report.reply.send(Err(NotCommitted));
                }
            }
        }
        self.metrics.commit_seconds.observe(started.elapsed().as_secs_f64());
        self.forget(now_ms);
    }

    /// How many of the reports were counted: the others had been before.
    async fn add(&mut self, reports: &[Prepared], now_ms: u64) -> Result<usize, StoreError> {
        self.remember(reports).await?;
        let mut sequences = HashMap::new();
        let mut touched = BTreeSet::new();
        let mut pairs: Vec<&NewPair> = Vec::new();
        let mut kept: HashMap<&str, usize> = HashMap::new();
        let mut writing: HashMap<PairsOf, u64> = HashMap::new();
        let mut left_out = 0;
        let mut counted = Vec::new();
        for report in reports {
            let last = self.sequences.get(&report.instance).copied().unwrap_or_default();
            if report.sequence <= last {
                continue;
            }
            counted.push(report);
            self.sequences.insert(report.instance, report.sequence);
            sequences.insert(report.instance, report.sequence);
            for part in &report.parts {
                self.add_part(part, now_ms, &mut touched).await?;
            }
            for pair in &report.pairs {
                self.add_pair(pair, now_ms, &mut touched).await?;
                let NewPair { shadow, epoch, outcome, .. } = &pair.kept;
                let of = (shadow.clone(), *epoch, outcome.clone());
                let written = self.written.get(&of).copied().unwrap_or_default();
                let writing = writing.entry(of).or_default();
                let kept = kept.entry(shadow).or_default();
                // The next sweep would delete whatever is more than is kept.
                if *kept < MAX_PAIRS && written.saturating_add(*writing) < self.retention.pairs {
                    *kept += 1;
                    *writing += 1;
                    pairs.push(&pair.kept);
                } else {
                    left_out += 1;
                }
            }
        }
        if !counted.is_empty() {
            let windows =
                touched.iter().filter_map(|key| Some((key, self.windows.get(key)?.as_ref()?))).collect();
            self.telemetry.commit(&Batch { sequences, windows, pairs, now_ms }).await?;
        }
        for (of, count) in writing {
            *self.written.entry(of).or_default() += count;
        }
        self.metrics.pairs_left_out.inc_by(left_out);
        self.tell(&counted, now_ms);
        Ok(counted.len())
    }

    /// Counts what is not on disk of reports that now are.
    fn tell(&self, counted: &[&Prepared], now_ms: u64) {
        let mut rates = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
        for part in counted.iter().flat_map(|report| &report.parts) {
            let count = rate(&part.report);
            self.metrics.shed.inc_by(count.shed);
            rates.add(&part.shadow, now_ms / 1_000, count);
        }
        // Others take these two in the other order.
        drop(rates);
        let at = UNIX_EPOCH + Duration::from_millis(now_ms);
        let mut nodes = Nodes::locked(&self.nodes);
        for Prepared { instance, aside, .. } in counted {
            self.metrics.pairs.inc_by(aside.looked);
            self.metrics.lost(&aside.dropped);
            nodes.reported(&aside.node_id, *instance, &aside.policy_version, aside.requests, at);
        }
    }

    /// Reads the last sequence numbers of workers that are not remembered.
    async fn remember(&mut self, reports: &[Prepared]) -> Result<(), StoreError> {
        let unknown: BTreeSet<u64> = reports
            .iter()
            .map(|report| report.instance)
            .filter(|instance| !self.sequences.contains_key(instance))
            .collect();
        let unknown: Vec<u64> = unknown.into_iter().collect();
        self.sequences.extend(self.telemetry.sequences(&unknown).await?);
        Ok(())
    }

    async fn add_part(
        &mut self,
        part: &Part,
        now_ms: u64,
        touched: &mut BTreeSet<WindowKey>,
    ) -> Result<(), StoreError> {
        let at_ms = self.believed(part.ended_ms, part.began_ms, now_ms);
        let took_ms = part.ended_ms.saturating_sub(part.started_ms);
        let started_ms = at_ms.saturating_sub(took_ms.min(self.retention.fine_ms));
        let started_ms = started_ms.max(part.began_ms.min(at_ms));
        for span in Span::ALL {
            let key = key(&part.shadow, part.epoch, span, at_ms, None);
            if let Some(Numbers::Traffic(traffic)) = self.window(&key).await? {
                traffic.add(&part.report, started_ms, at_ms);
            }
            touched.insert(key);
        }
        for (endpoint, report) in &part.report.endpoints {
            let endpoint = self.endpoint(&part.shadow, part.epoch, endpoint).await?;
            for span in Span::ALL {
                let key = key(&part.shadow, part.epoch, span, at_ms, Some(&endpoint));
                if let Some(Numbers::Tally(tally)) = self.window(&key).await? {
                    tally.add(report);
                }
                touched.insert(key);
            }
        }
        Ok(())
    }

    async fn add_pair(
        &mut self,
        pair: &Pair,
        now_ms: u64,
        touched: &mut BTreeSet<WindowKey>,
    ) -> Result<(), StoreError> {
        if pair.examined.is_none() && !pair.is_cut_off {
            return Ok(());
        }
        let NewPair { pair: id, shadow, epoch, endpoint, .. } = &pair.kept;
        let at_ms = self.believed(pair.at_ms, pair.began_ms, now_ms);
        let endpoint = self.endpoint(shadow, *epoch, endpoint).await?;
        let whole = key(shadow, *epoch, Span::All, at_ms, Some(&endpoint));
        // Every window counts it alike.
        let weight = match self.window(&whole).await? {
            Some(Numbers::Tally(tally)) => tally.trimmed(pair.weight),
            _ => pair.weight,
        };
        for span in Span::ALL {
            let key = key(shadow, *epoch, span, at_ms, Some(&endpoint));
            if let Some(Numbers::Tally(tally)) = self.window(&key).await? {
                match &pair.examined {
                    Some(examined) => tally.examine(id, examined, weight),
                    None => tally.cut_off(),
                }
            }
            touched.insert(key);
        }
        Ok(())
    }

    /// A time that fine windows are kept of, that is not to come, and not before the evidence began: a worker whose clock is
    /// slow would make it look older than it is.
    fn believed(&self, at_ms: u64, began_ms: u64, now_ms: u64) -> u64 {
        at_ms.max(began_ms).clamp(now_ms.saturating_sub(self.retention.fine_ms), now_ms)
    }

    /// The numbers of a window, to be added to. `None` if they cannot be read: that is no reason to refuse the reports of
    /// others, and a worker that is refused sends the same again.
    async fn window(&mut self, key: &WindowKey) -> Result<Option<&mut Numbers>, StoreError> {
        if !self.windows.contains_key(key) {
            let numbers = match self.telemetry.window(key).await {
                Ok(Some(numbers)) => Some(numbers),
                Ok(None) if key.endpoint.is_none() => Some(Numbers::Traffic(Traffic::default())),
                Ok(None) => Some(Numbers::Tally(Box::<Tally>::default())),
                Err(error @ StoreError::Row { .. }) => {
                    let WindowKey { shadow, epoch, span, start_ms, endpoint } = key;
                    error!(shadow, epoch, ?span, start_ms, endpoint, %error, "numbers are not counted in");
                    None
                }
                Err(error) => return Err(error),
            };
            self.windows.insert(key.clone(), numbers);
        }
        Ok(self.windows.get_mut(key).and_then(Option::as_mut))
    }

    /// The endpoint, or the one that stands for all that are too many.
    async fn endpoint(&mut self, shadow: &str, epoch: u64, name: &str) -> Result<String, StoreError> {
        let of = (shadow.to_owned(), epoch);
        if !self.endpoints.contains_key(&of) {
            let known = self.telemetry.endpoints(shadow, epoch).await?;
            self.endpoints.insert(of.clone(), known.into_iter().collect());
        }
        let known = self.endpoints.entry(of).or_default();
        if known.contains(name) {
            return Ok(name.to_owned());
        }
        // One place is for the others.
        let name = if known.len() + 1 < MAX_ENDPOINTS { name } else { OTHER };
        known.insert(name.to_owned());
        Ok(name.to_owned())
    }

    fn forget(&mut self, now_ms: u64) {
        let settled = now_ms.saturating_sub(SETTLED.as_millis() as u64);
        self.windows.retain(|key, _| match key.span {
            Span::All => true,
            span => key.start_ms.saturating_add(span.ms()) > settled,
        });
        if self.windows.len() > MAX_WINDOWS {
            self.windows.clear();
        }
        if self.sequences.len() > MAX_SEQUENCES {
            self.sequences.clear();
        }
        if self.endpoints.len() > MAX_WINDOWS {
            self.endpoints.clear();
        }
    }
}

/// What a report says of the time that it covers. Of pairs whose status and body both differ the filter counts each: at least
/// as many pairs as either differ.
fn rate(report: &ShadowReport) -> Count {
    let answered = report.candidate.count(Outcome::Answered);
    let mismatched = |endpoint: &EndpointReport| {
        let statuses = endpoint.evidence.statuses;
        (statuses.candidate_only + statuses.both).max(endpoint.evidence.bodies.unequal)
    };
    Count {
        mirrored: report.mirrored,
        shed: report.shed,
        failed: report.candidate.total().saturating_sub(answered),
        mismatched: report.endpoints.values().map(mismatched).fold(0, u64::saturating_add),
    }
}

fn key(shadow: &str, epoch: u64, span: Span, at_ms: u64, endpoint: Option<&str>) -> WindowKey {
    let (shadow, endpoint) = (shadow.to_owned(), endpoint.map(str::to_owned));
    WindowKey { shadow, epoch, span, start_ms: span.start(at_ms), endpoint }
}

/// The wall clock, unless it has gone faster than time has passed since it was `began_ms`: a clock that is set forth by a month for a
/// moment must not delete a month. One that was wrong when the server started is believed at its next start.
pub fn no_later(wall_ms: u64, began_ms: u64, passed: Duration) -> u64 {
    wall_ms.min(began_ms.saturating_add(u64::try_from(passed.as_millis()).unwrap_or(u64::MAX)))
}

/// Milliseconds since 1970.
pub(super) fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}
