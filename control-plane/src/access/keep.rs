//! What goes on beside the requests: uses and failures are written down now and then, what has ended is forgotten, and
//! what could not be written is tried again.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use tokio::time::{Instant, Interval, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::access::{Access, now_ms};
use crate::model::access::failures::Unwritten;
use crate::store::error::StoreError;

/// How soon a failed attempt is in the audit trail, and how often what failed is tried again.
const TURN: Duration = Duration::from_secs(1);
/// How often uses are written down, and sessions and tokens that have ended are looked for.
const USES: Duration = Duration::from_secs(60);
/// How long failed attempts are added up.
const FAILURES: Duration = Duration::from_secs(3_600);

impl Access {
    /// Works until `stop`, waits for the changes that were begun, and then writes down what is left.
    pub async fn keep(self: Arc<Self>, stop: CancellationToken) {
        let (mut turns, mut uses, mut failures) = (every(TURN), every(USES), every(FAILURES));
        let mut failed = Unwritten::default();
        let mut fails = false;
        while stop.run_until_cancelled(turns.tick()).await.is_some() {
            let uses = is_due(&mut uses);
            if uses {
                self.sessions.sweep(now_ms());
                // Tokens expire without anybody doing anything.
                self.changed.send_replace(());
            }
            self.count(is_due(&mut failures), &mut failed);
            let written = self.write_down(uses, &mut failed).await;
            // Every second would fill the log.
            if let Err(error) = written.as_ref()
                && !fails
            {
                cannot_be_written(error);
            }
            fails = written.is_err();
        }
        self.end_changes().await;
        self.count(true, &mut failed);
        if let Err(error) = self.write_down(true, &mut failed).await {
            cannot_be_written(&error);
        }
    }

    /// Takes the failed attempts over that are to be written.
    fn count(&self, ends_period: bool, failed: &mut Unwritten) {
        let rows = self.failures.take(ends_period);
        for row in &rows {
            warn!(address = row.address, attempts = row.attempts, "sign-in failed");
        }
        failed.add(rows);
    }

    /// What one of these cannot do does not keep the others from it.
    async fn write_down(&self, uses: bool, failed: &mut Unwritten) -> Result<(), StoreError> {
        let noted = self.note(uses, failed).await;
        let forgotten = self.forget_sessions().await;
        let settled = self.settle_all().await;
        noted.and(forgotten).and(settled)
    }

    /// After a failure all of it waits for the next time. It may be on disk already: then attempts are counted twice,
    /// which is better than not at all.
    async fn note(&self, uses: bool, failed: &mut Unwritten) -> Result<(), StoreError> {
        let (tokens, sessions) =
            if uses { (self.tokens.take_used(), self.sessions.take_used()) } else { Default::default() };
        let rows = failed.rows();
        if tokens.is_empty() && sessions.is_empty() && rows.is_empty() {
            return Ok(());
        }
        let noted = self.store.note(&tokens, &sessions, &rows).await;
        match noted {
            Ok(()) => failed.clear(),
            Err(_) => {
                self.tokens.keep_used(&tokens);
                self.sessions.keep_used(&sessions);
            }
        }
        noted
    }

    /// Deletes the sessions that have ended, also those whose deletion failed before.
    pub(super) async fn forget_sessions(&self) -> Result<(), StoreError> {
        let ended = self.sessions.still_on_disk();
        if !ended.is_empty() {
            self.store.end_sessions(&ended).await?;
            self.sessions.gone_from_disk(&ended);
        }
        Ok(())
    }
}

/// A database that is locked holds a turn up for seconds: what is due then is not counted in turns.
fn every(period: Duration) -> Interval {
    let mut interval = tokio::time::interval_at(Instant::now() + period, period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Skip);
    interval
}

fn is_due(interval: &mut Interval) -> bool {
    interval.tick().now_or_never().is_some()
}

fn cannot_be_written(error: &StoreError) {
    error!(error = error as &dyn std::error::Error, "who got in, and who did not, cannot be written down");
}
