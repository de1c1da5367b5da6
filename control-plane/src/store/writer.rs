//! The one task that writes.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use sqlx::SqlitePool;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::model::audit::Origin;
use crate::model::command::{Command, Outcome, Rejection};
use crate::model::plan::{self, Change, Plan};
use crate::model::state::State;
use crate::store::Admission;
use crate::store::error::{StoreError, WriteError};
use crate::store::metrics::StoreMetrics;
use crate::store::rows;
use crate::store::turn::Turn;

/// Somebody else wrote to the database between reading and writing. Nobody should, so a few times are plenty.
const ATTEMPTS: usize = 3;
/// The log line of a write names so many resources; the audit trail has all of them.
const NAMED_IN_LOG: usize = 10;

/// A write that waits for its turn.
pub(crate) struct WriteRequest {
    pub(crate) command: Command,
    pub(crate) origin: Origin,
    pub(crate) reply: oneshot::Sender<Result<Outcome, WriteError>>,
}

/// Plans, commits and publishes, one write after another.
pub(crate) struct Writer {
    pool: SqlitePool,
    state: watch::Sender<Arc<State>>,
    admit: Admission,
    metrics: StoreMetrics,
    turn: Turn,
    /// The last write failed, and may be on disk all the same.
    in_doubt: bool,
}

impl Writer {
    pub(crate) fn new(
        pool: SqlitePool,
        state: watch::Sender<Arc<State>>,
        admit: Admission,
        metrics: StoreMetrics,
        turn: Turn,
    ) -> Self {
        Writer { pool, state, admit, metrics, turn, in_doubt: false }
    }

    pub(crate) async fn run(
        mut self,
        mut requests: mpsc::Receiver<WriteRequest>,
        closing: CancellationToken,
    ) {
        loop {
            let request = tokio::select! {
                request = requests.recv() => request,
                () = closing.cancelled(), if !requests.is_closed() => {
                    // What waits already is still done; then `recv` says that there is no more.
                    requests.close();
                    continue;
                }
            };
            let Some(WriteRequest { command, origin, reply }) = request else { return };
            let started = Instant::now();
            let before = self.state.borrow().revision();
            let mut result = self.execute(command, &origin).await;
            self.metrics.write_seconds.observe(started.elapsed().as_secs_f64());
            if let Err(WriteError::Failed(error)) = result {
                error!(error = &error as &dyn std::error::Error, "a write failed");
                self.in_doubt = true;
                self.settle().await;
                let is_undone = !self.in_doubt && self.state.borrow().revision() == before;
                let failed = if is_undone { WriteError::Undone } else { WriteError::Failed };
                result = Err(failed(error));
            }
            // Nobody waits for it if the client hung up; the write stands.
            drop(reply.send(result));
        }
    }

    async fn execute(&mut self, command: Command, origin: &Origin) -> Result<Outcome, WriteError> {
        let command = Arc::new(command);
        for _ in 0..ATTEMPTS {
            if self.in_doubt {
                self.reload().await?;
            }
            let now = humantime::format_rfc3339_millis(SystemTime::now()).to_string();
            let state = Arc::clone(&self.state.borrow());
            let Plan { outcome, change } = self.plan(state, Arc::clone(&command), now.clone()).await?;
            let Some(change) = change else { return Ok(outcome) };
            let turn = self.turn.lock().await;
            let written = rows::write(&self.pool, &change, origin, &now).await;
            self.turn.note(&written);
            drop(turn);
            if written? {
                self.publish(change, origin);
                return Ok(outcome);
            }
            warn!("the database was changed by somebody else");
            self.in_doubt = true;
        }
        Err(StoreError::Contended.into())
    }

    /// Aside, because validating ten thousand stamps takes long enough to hold up the streams.
    async fn plan(&self, state: Arc<State>, command: Arc<Command>, now: String) -> Result<Plan, WriteError> {
        let admit = self.admit;
        let planned = tokio::task::spawn_blocking(move || {
            let plan = plan::plan(&state, &command, &now)?;
            if let Some(change) = &plan.change {
                admit(&change.state).map_err(Rejection::Invalid)?;
            }
            Ok(plan)
        });
        planned.await.map_err(|_| StoreError::Closed)?.map_err(WriteError::Rejected)
    }

    fn publish(&self, change: Change, origin: &Origin) {
        let Origin { actor, source, reason } = origin;
        let revision = change.state.revision();
        let changes = describe(&change);
        info!(%actor, %source, revision, %changes, reason = reason.as_deref().map(tracing::field::debug), "written");
        self.metrics.revision.set(i64::try_from(revision).unwrap_or(i64::MAX));
        self.state.send_replace(Arc::new(change.state));
    }

    /// After a failure: whether the write is on disk decides what is served from now on.
    async fn settle(&mut self) {
        if let Err(error) = self.reload().await {
            error!(error = &error as &dyn std::error::Error, "the state cannot be read back");
        }
    }

    async fn reload(&mut self) -> Result<(), StoreError> {
        let state = rows::state(&self.pool).await?;
        self.in_doubt = false;
        self.metrics.revision.set(i64::try_from(state.revision()).unwrap_or(i64::MAX));
        if state.revision() != self.state.borrow().revision() {
            self.state.send_replace(Arc::new(state));
        }
        Ok(())
    }
}

/// `create Stamp/checkout, valve Shadow/checkout-v2 and 3 more`.
fn describe(change: &Change) -> String {
    let named: Vec<String> = change
        .edits
        .iter()
        .take(NAMED_IN_LOG)
        .map(|edit| format!("{} {}/{}", edit.action.as_str(), edit.kind, edit.name))
        .collect();
    let more = change.edits.len().saturating_sub(NAMED_IN_LOG);
    if more == 0 { named.join(", ") } else { format!("{} and {more} more", named.join(", ")) }
}
