//! What goes on beside the requests: uses and failures are written down now and then, and what has ended is forgotten.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::access::{Access, now_ms};
use crate::store::error::StoreError;

/// How soon a failed attempt is in the audit trail.
const TURN: Duration = Duration::from_secs(1);
/// In turns: how often uses are written down, and sessions and tokens that have ended are looked for.
const USES: u64 = 60;
/// In turns: how long failed attempts are added up.
const FAILURES: u64 = 3_600;

impl Access {
    /// Works until `stop`, waits for the changes that were begun, and then writes down what is left.
    pub async fn keep(self: Arc<Self>, stop: CancellationToken) {
        let mut turns = tokio::time::interval(TURN);
        let mut turn = 0_u64;
        while stop.run_until_cancelled(turns.tick()).await.is_some() {
            turn = turn.wrapping_add(1);
            self.write_down(turn.is_multiple_of(USES), turn.is_multiple_of(FAILURES)).await;
        }
        self.end_changes().await;
        self.write_down(true, true).await;
    }

    async fn write_down(&self, uses: bool, ends_period: bool) {
        let failed = self.failures.take(ends_period);
        for one in &failed {
            warn!(address = one.address, attempts = one.attempts, "sign-in failed");
        }
        let (tokens, sessions) =
            if uses { (self.tokens.take_used(), self.sessions.take_used()) } else { Default::default() };
        if uses {
            self.sessions.sweep(now_ms());
            // Tokens expire without anybody doing anything.
            self.changed.send_replace(());
        }
        let written = async {
            if !tokens.is_empty() || !sessions.is_empty() || !failed.is_empty() {
                self.store.note(&tokens, &sessions, &failed).await?;
            }
            self.forget_sessions().await?;
            self.settle_all().await
        };
        if let Err(error) = written.await {
            error!(error = &error as &dyn std::error::Error, "uses of tokens cannot be written down");
        }
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
