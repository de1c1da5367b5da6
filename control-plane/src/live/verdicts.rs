//! The verdict of every shadow, looked at again when there is something new, and not all the time.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;
use tracing::{error, warn};
use umbra_compare::report::judge::judge;
use umbra_compare::report::{Report, words};
use umbra_resource::Shadow;

use crate::analysis::plan;
use crate::evidence;
use crate::live::board::{FirstReason, VerdictRow};
use crate::live::sources::Sources;
use crate::store::error::StoreError;

/// A shadow's verdict is looked at again after so long at the soonest: it takes some thousand intervals.
const EVERY: Duration = Duration::from_secs(3);
/// How often it is looked for shadows whose time has come.
const PACE: Duration = Duration::from_millis(500);

/// The verdicts as they were last found.
#[derive(Default)]
pub struct Verdicts {
    kept: Mutex<HashMap<String, Kept>>,
    looks: AtomicU64,
}

struct Kept {
    row: VerdictRow,
    /// What it rests on: the shadow's revision, and how many reports there were.
    rests_on: (u64, u64),
    at: Instant,
}

impl Verdicts {
    /// That of a shadow, if it was looked at.
    pub fn of(&self, shadow: &str) -> Option<VerdictRow> {
        self.locked().get(shadow).map(|kept| kept.row.clone())
    }

    /// Another value whenever one of them may be another.
    pub(super) fn looks(&self) -> u64 {
        self.looks.load(Ordering::Relaxed)
    }

    fn keep(&self, shadow: String, kept: Kept) {
        self.locked().insert(shadow, kept);
        self.looks.fetch_add(1, Ordering::Relaxed);
    }

    fn is_due(&self, shadow: &str, rests_on: (u64, u64)) -> bool {
        let kept = self.locked();
        let Some(kept) = kept.get(shadow) else { return true };
        kept.rests_on.0 != rests_on.0 || (kept.rests_on != rests_on && kept.at.elapsed() >= EVERY)
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<String, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks at one shadow after the other, until `stopping`.
pub(super) async fn run(sources: Arc<Sources>, stopping: CancellationToken) {
    let mut pace = tokio::time::interval(PACE);
    pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stopping.cancelled() => return,
            _ = pace.tick() => {}
        }
        let state = sources.store.state();
        sources
            .verdicts
            .locked()
            .retain(|name, _| state.shadows().any(|shadow| shadow.metadata.name == *name));
        for shadow in state.shadows() {
            if stopping.is_cancelled() {
                return;
            }
            let name = &shadow.metadata.name;
            let reports = sources.rates.lock().unwrap_or_else(PoisonError::into_inner).reports(name);
            let rests_on = (shadow.metadata.revision.unwrap_or_default(), reports);
            if !sources.verdicts.is_due(name, rests_on) {
                continue;
            }
            match look(&sources, shadow).await {
                Ok(Some(row)) => {
                    let kept = Kept { row, rests_on, at: Instant::now() };
                    sources.verdicts.keep(name.clone(), kept);
                }
                Ok(None) => warn!(shadow = name, "its verdict cannot be found"),
                Err(error) => {
                    error!(
                        error = &error as &dyn std::error::Error,
                        shadow = name,
                        "its evidence cannot be read"
                    );
                }
            }
        }
    }
}

/// `None` if judging panicked.
async fn look(sources: &Sources, shadow: &Shadow) -> Result<Option<VerdictRow>, StoreError> {
    let (report, gates) =
        (evidence::whole(&sources.store.telemetry(), shadow).await?, plan::gates(&shadow.spec));
    Ok(tokio::task::spawn_blocking(move || row(&report, &judge(&report, &gates))).await.ok())
}

fn row(report: &Report, judgement: &umbra_compare::report::judge::Judgement) -> VerdictRow {
    VerdictRow {
        verdict: judgement.answer.name().to_owned(),
        pairs: judgement.pairs,
        summary: words::headline(judgement, report),
        first: judgement.findings.first().map(|finding| FirstReason {
            gate: finding.reason.gate.name(),
            state: finding.reason.state.name().to_owned(),
            words: words::finding(finding, report),
        }),
    }
}
