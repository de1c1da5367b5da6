//! Changes of who gets in: on disk and in memory alike, whatever becomes of the request that asked for them.
//!
//! **Invariant:** a change that was begun is made to its end. After one that failed, what is on disk counts; as long as
//! that cannot be read, a token that was to be revoked is.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::{Arc, MutexGuard, PoisonError};

use tokio_util::task::TaskTracker;

use crate::access::key::Purpose;
use crate::access::text::Made;
use crate::access::{Access, AccessError, MAX_TOKENS, now_ms, tokens};
use crate::model::access::token::{Grant, NewToken, Token};
use crate::model::audit::Origin;
use crate::store::access::KeptToken;
use crate::store::error::StoreError;

/// Spent tokens are listed for so long.
const SPENT_MS: u64 = 90 * 24 * 3_600_000;

/// The changes that are being made.
#[derive(Debug, Default)]
pub(super) struct Changes {
    tasks: TaskTracker,
    /// Tokens are changed one after the other.
    turn: tokio::sync::Mutex<()>,
    /// Ids of tokens whose change failed, and which could not be read back since.
    in_doubt: std::sync::Mutex<BTreeSet<String>>,
}

impl Access {
    /// Makes a token; its text is here and nowhere else.
    ///
    /// # Errors
    /// There are too many, or it cannot be kept.
    pub async fn create(
        self: &Arc<Self>,
        new: NewToken,
        origin: &Origin,
    ) -> Result<(Token, String), AccessError> {
        let made = Made::new(matches!(new.grant, Grant::Node(_)))?;
        let token = token(made.id.clone(), new, origin);
        self.keep_token(token.clone(), made.secret(), origin).await?;
        Ok((token, made.text))
    }

    /// Revokes a token: nobody gets in with it any more, sessions and streams that were begun with it end. `false` if
    /// there is no such token.
    ///
    /// # Errors
    /// The database failed. The token is good again if it is known that nothing was changed.
    pub async fn revoke(self: &Arc<Self>, id: &str, origin: &Origin) -> Result<bool, AccessError> {
        let (own, id, origin) = (Arc::clone(self), id.to_owned(), origin.clone());
        self.to_its_end(async move { own.revoke_in_turn(&id, &origin).await }).await
    }

    /// Keeps a token that somebody made.
    ///
    /// # Errors
    /// There are too many, or it cannot be kept.
    pub(super) async fn keep_token(
        self: &Arc<Self>,
        token: Token,
        secret: &str,
        origin: &Origin,
    ) -> Result<(), AccessError> {
        let tag = self.key.tag(Purpose::Token, &tokens::proof(&token, secret)).to_vec();
        let (own, kept, origin) = (Arc::clone(self), KeptToken { token, tag }, origin.clone());
        self.to_its_end(async move { own.keep_in_turn(kept, &origin).await }).await
    }

    /// Makes a change in a task of its own: a client that hangs up does not stop it half way.
    ///
    /// # Errors
    /// Those of the change.
    pub(super) async fn to_its_end<T: Send + 'static>(
        &self,
        change: impl Future<Output = Result<T, AccessError>> + Send + 'static,
    ) -> Result<T, AccessError> {
        self.changes.tasks.spawn(change).await.map_err(|_| StoreError::Closed)?
    }

    /// Waits for the changes that were begun, once nobody asks for more.
    pub(super) async fn end_changes(&self) {
        self.changes.tasks.close();
        self.changes.tasks.wait().await;
    }

    /// Looks again at what is in doubt.
    ///
    /// # Errors
    /// It still is.
    pub(super) async fn settle_all(&self) -> Result<(), StoreError> {
        let in_doubt = self.changes.in_doubt().clone();
        if in_doubt.is_empty() {
            return Ok(());
        }
        let _turn = self.changes.turn.lock().await;
        for id in in_doubt {
            self.settle(&id).await?;
        }
        Ok(())
    }

    async fn revoke_in_turn(&self, id: &str, origin: &Origin) -> Result<bool, AccessError> {
        let _turn = self.changes.turn.lock().await;
        if self.changes.in_doubt().contains(id) {
            self.settle(id).await?;
        }
        let Some(held) = self.tokens.get(id) else { return Ok(false) };
        if held.token.revoked_ms.is_some() {
            return Ok(true);
        }
        let now_ms = now_ms();
        // First of all nobody gets in with it.
        self.tokens.revoke(id, now_ms);
        self.changed.send_replace(());
        if let Err(error) = self.store.revoke(&held.token, now_ms, origin).await {
            let found = self.settle(id).await;
            let is_revoked = matches!(found, Ok(Some(kept)) if kept.token.revoked_ms.is_some());
            return if is_revoked { Ok(true) } else { Err(error.into()) };
        }
        self.sessions.end_of(id);
        Ok(true)
    }

    async fn keep_in_turn(&self, kept: KeptToken, origin: &Origin) -> Result<(), AccessError> {
        let _turn = self.changes.turn.lock().await;
        let spent_ms = now_ms().saturating_sub(SPENT_MS);
        let before = |at: Option<u64>| at.is_some_and(|at| at < spent_ms);
        self.tokens.forget(|token| before(token.revoked_ms) || before(token.expires_ms));
        if self.tokens.len().saturating_add(self.changes.in_doubt().len()) >= MAX_TOKENS {
            return Err(AccessError::TooMany);
        }
        if let Err(error) = self.store.create(&kept, spent_ms, origin).await {
            let found = self.settle(&kept.token.id).await;
            let is_kept = matches!(found, Ok(Some(there)) if there.tag == kept.tag);
            return if is_kept { Ok(()) } else { Err(error.into()) };
        }
        self.tokens.put(kept);
        Ok(())
    }

    /// After a failure: whether the change is on disk decides what counts from now on.
    async fn settle(&self, id: &str) -> Result<Option<KeptToken>, StoreError> {
        self.changes.in_doubt().insert(id.to_owned());
        let found = self.store.token(id).await?;
        match &found {
            Some(kept) => self.tokens.put(kept.clone()),
            None => self.tokens.forget(|token| token.id == id),
        }
        self.changes.in_doubt().remove(id);
        if found.as_ref().is_none_or(|kept| kept.token.revoked_ms.is_some()) {
            self.sessions.end_of(id);
            self.changed.send_replace(());
        }
        Ok(found)
    }
}

impl Changes {
    fn in_doubt(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.in_doubt.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A token that begins now.
pub(super) fn token(id: String, new: NewToken, origin: &Origin) -> Token {
    Token {
        id,
        name: new.name,
        grant: new.grant,
        created_ms: now_ms(),
        created_by: origin.actor.clone(),
        expires_ms: new.expires_ms,
        last_used_ms: None,
        revoked_ms: None,
    }
}
