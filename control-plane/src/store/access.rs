//! Tokens and sessions on disk, and what the audit trail says of them.

use std::future::Future;
use std::sync::Arc;

use serde_json::json;
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite, SqlitePool, Transaction};
use tokio::sync::watch;

use crate::model::access::failures::Failed;
use crate::model::access::token::{Grant, Token};
use crate::model::audit::{AuditRecord, Origin};
use crate::model::state::State;
use crate::store::Store;
use crate::store::audit::Tail;
use crate::store::error::StoreError;
use crate::store::rows::signed;
use crate::store::turn::Turn;

/// What the audit trail calls tokens, and attempts to get in.
const TOKEN: &str = "Token";
const ACCESS: &str = "Access";
/// Columns in the order that [`token`] reads them in.
const TOKENS: &str = "SELECT id, name, role, scope, tag, created_ms, created_by, expires_ms, last_used_ms, revoked_ms \
                      FROM token";

/// The part of the store that is about who may do what.
#[derive(Clone)]
pub struct AccessStore {
    pool: SqlitePool,
    turn: Turn,
    state: watch::Receiver<Arc<State>>,
}

/// A token as kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptToken {
    /// What may be shown of it.
    pub token: Token,
    /// What its secret is checked against.
    pub tag: Vec<u8>,
}

/// A session as kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptSession {
    /// Stands in the cookie, and finds it.
    pub id: String,
    /// What the cookie's secret is checked against.
    pub tag: Vec<u8>,
    /// The id of the token that it was begun with.
    pub token: String,
    /// When it was begun, in milliseconds since 1970.
    pub began_ms: u64,
    /// When it was last used, to the minute.
    pub used_ms: u64,
}

impl Store {
    /// The part of it that is about who may do what.
    pub fn access(&self) -> AccessStore {
        AccessStore { pool: self.writers.clone(), turn: self.turn.clone(), state: self.state.clone() }
    }
}

impl AccessStore {
    /// What was kept under this name, for ever.
    ///
    /// # Errors
    /// The store failed, as for all of these.
    pub async fn setting(&self, name: &str) -> Result<Option<String>, StoreError> {
        let row = sqlx::query("SELECT value FROM setting WHERE name = $1")
            .bind(name)
            .fetch_optional(&self.pool)
            .await?;
        row.map(|row| row.try_get(0)).transpose().map_err(StoreError::from)
    }

    /// Keeps it.
    ///
    /// # Errors
    /// The store failed.
    pub async fn set(&self, name: &str, value: &str) -> Result<(), StoreError> {
        self.in_turn(async {
            sqlx::query(
                "INSERT INTO setting (name, value) VALUES ($1, $2) \
                 ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            )
            .bind(name)
            .bind(value)
            .execute(&self.pool)
            .await?;
            Ok(())
        })
        .await
    }

    /// Every token that there is, also those that are spent.
    ///
    /// # Errors
    /// The store failed.
    pub async fn tokens(&self) -> Result<Vec<KeptToken>, StoreError> {
        let mut query = QueryBuilder::<Sqlite>::new(TOKENS);
        query.build().fetch_all(&self.pool).await?.iter().map(token).collect()
    }

    /// The token of this id.
    ///
    /// # Errors
    /// The store failed.
    pub async fn token(&self, id: &str) -> Result<Option<KeptToken>, StoreError> {
        let mut query = QueryBuilder::<Sqlite>::new(TOKENS);
        query.push(" WHERE id = ").push_bind(id);
        query.build().fetch_optional(&self.pool).await?.as_ref().map(token).transpose()
    }

    /// Whether a token of this id was ever made, also if its row is gone: the audit trail loses none. What
    /// [`AccessStore::forget_all`] forgot does not count.
    ///
    /// # Errors
    /// The store failed.
    pub async fn was_made(&self, id: &str) -> Result<bool, StoreError> {
        let made = sqlx::query(
            "SELECT 1 FROM audit \
             WHERE kind = $1 AND action = 'create' AND json_extract(after_state, '$.id') = $2 AND id > \
             (SELECT COALESCE(MAX(id), 0) FROM audit WHERE kind = $1 AND action = 'revoke' AND name = '*') LIMIT 1",
        )
        .bind(TOKEN)
        .bind(id)
        .fetch_optional(&self.pool)
        .await?;
        Ok(made.is_some())
    }

    /// Every session.
    ///
    /// # Errors
    /// The store failed.
    pub async fn sessions(&self) -> Result<Vec<KeptSession>, StoreError> {
        let rows = sqlx::query("SELECT id, tag, token, began_ms, used_ms FROM session")
            .fetch_all(&self.pool)
            .await?;
        let session = |row: &SqliteRow| {
            Ok(KeptSession {
                id: row.try_get(0)?,
                tag: row.try_get(1)?,
                token: row.try_get(2)?,
                began_ms: time(row, 3)?.unwrap_or_default(),
                used_ms: time(row, 4)?.unwrap_or_default(),
            })
        };
        rows.iter().map(session).collect()
    }

    /// Keeps a token that was just made, and says so in the audit trail. Tokens that were spent before `spent_ms` go.
    ///
    /// # Errors
    /// The store failed; there may be a token of this id already.
    pub async fn create(&self, kept: &KeptToken, spent_ms: u64, origin: &Origin) -> Result<(), StoreError> {
        let token = &kept.token;
        self.in_turn(async {
            let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
            sqlx::query("DELETE FROM token WHERE revoked_ms < $1 OR expires_ms < $1")
                .bind(signed(spent_ms))
                .execute(&mut *transaction)
                .await?;
            sqlx::query(
                "INSERT INTO token (id, name, role, scope, tag, created_ms, created_by, expires_ms) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            )
            .bind(&token.id)
            .bind(&token.name)
            .bind(token.grant.role_name())
            .bind(token.grant.scope_json().to_string())
            .bind(&kept.tag)
            .bind(signed(token.created_ms))
            .bind(&token.created_by)
            .bind(token.expires_ms.map(signed))
            .execute(&mut *transaction)
            .await?;
            let record = self.record(origin, "create", (TOKEN, &token.name));
            let record = AuditRecord { after: Some(token.document().to_string()), ..record };
            finish(transaction, &[record]).await
        })
        .await
    }

    /// Revokes a token, ends its sessions, and says so in the audit trail.
    ///
    /// # Errors
    /// The store failed.
    pub async fn revoke(&self, token: &Token, now_ms: u64, origin: &Origin) -> Result<(), StoreError> {
        self.in_turn(async {
            let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
            sqlx::query("UPDATE token SET revoked_ms = $1 WHERE id = $2")
                .bind(signed(now_ms))
                .bind(&token.id)
                .execute(&mut *transaction)
                .await?;
            sqlx::query("DELETE FROM session WHERE token = $1")
                .bind(&token.id)
                .execute(&mut *transaction)
                .await?;
            let record = self.record(origin, "revoke", (TOKEN, &token.name));
            let record = AuditRecord { before: Some(token.document().to_string()), ..record };
            finish(transaction, &[record]).await
        })
        .await
    }

    /// Forgets every token and every session: those of a key that was lost.
    ///
    /// # Errors
    /// The store failed.
    pub async fn forget_all(&self, origin: &Origin) -> Result<(), StoreError> {
        self.in_turn(async {
            let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
            for statement in [
                "DELETE FROM token",
                "DELETE FROM session",
                "DELETE FROM setting WHERE name = 'token_key_check'",
            ] {
                sqlx::query(statement).execute(&mut *transaction).await?;
            }
            let record = self.record(origin, "revoke", (TOKEN, "*"));
            finish(transaction, &[record]).await
        })
        .await
    }

    /// Keeps a session that was just begun.
    ///
    /// # Errors
    /// The store failed.
    pub async fn begin_session(&self, session: &KeptSession) -> Result<(), StoreError> {
        self.in_turn(async {
            sqlx::query(
                "INSERT INTO session (id, tag, token, began_ms, used_ms) VALUES ($1, $2, $3, $4, $5)",
            )
            .bind(&session.id)
            .bind(&session.tag)
            .bind(&session.token)
            .bind(signed(session.began_ms))
            .bind(signed(session.used_ms))
            .execute(&self.pool)
            .await?;
            Ok(())
        })
        .await
    }

    /// Forgets sessions.
    ///
    /// # Errors
    /// The store failed.
    pub async fn end_sessions(&self, ids: &[String]) -> Result<(), StoreError> {
        self.in_turn(async {
            let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
            for id in ids {
                sqlx::query("DELETE FROM session WHERE id = $1").bind(id).execute(&mut *transaction).await?;
            }
            finish(transaction, &[]).await
        })
        .await
    }

    /// Keeps when tokens and sessions were last used, each an id and a time, and which sign-ins failed.
    ///
    /// # Errors
    /// The store failed.
    pub async fn note(
        &self,
        tokens: &[(String, u64)],
        sessions: &[(String, u64)],
        failed: &[Failed],
    ) -> Result<(), StoreError> {
        self.in_turn(async {
            let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
            let statements = [
                ("UPDATE token SET last_used_ms = $1 WHERE id = $2", tokens),
                ("UPDATE session SET used_ms = $1 WHERE id = $2", sessions),
            ];
            for (statement, uses) in statements {
                for (id, at_ms) in uses {
                    let update = sqlx::query(statement).bind(signed(*at_ms)).bind(id);
                    update.execute(&mut *transaction).await?;
                }
            }
            let records: Vec<AuditRecord> = failed.iter().map(|failed| self.failed(failed)).collect();
            finish(transaction, &records).await
        })
        .await
    }

    /// Writes when it is its turn; how that went is what `/readyz` goes by.
    async fn in_turn(&self, write: impl Future<Output = Result<(), StoreError>>) -> Result<(), StoreError> {
        let _turn = self.turn.lock().await;
        let written = write.await;
        self.turn.note(&written);
        written
    }

    fn failed(&self, Failed { address, attempts }: &Failed) -> AuditRecord {
        let origin = Origin { actor: "nobody".to_owned(), source: address.clone(), reason: None };
        let record = self.record(&origin, "sign-in-failed", (ACCESS, address));
        AuditRecord { after: Some(json!({ "attempts": attempts }).to_string()), ..record }
    }

    fn record(&self, origin: &Origin, action: &str, (kind, name): (&str, &str)) -> AuditRecord {
        AuditRecord {
            revision: self.state.borrow().revision(),
            at: humantime::format_rfc3339_millis(std::time::SystemTime::now()).to_string(),
            actor: origin.actor.clone(),
            source: origin.source.clone(),
            action: action.to_owned(),
            kind: kind.to_owned(),
            name: name.to_owned(),
            before: None,
            after: None,
            reason: origin.reason.clone(),
        }
    }
}

async fn finish(mut transaction: Transaction<'_, Sqlite>, records: &[AuditRecord]) -> Result<(), StoreError> {
    if !records.is_empty() {
        let mut trail = Tail::read(&mut transaction).await?;
        for record in records {
            trail.append(&mut transaction, record).await?;
        }
    }
    transaction.commit().await?;
    Ok(())
}

fn token(row: &SqliteRow) -> Result<KeptToken, StoreError> {
    let (id, role, scope): (String, String, String) = (row.try_get(0)?, row.try_get(2)?, row.try_get(3)?);
    let scope = serde_json::from_str(&scope).map_err(|error| error.to_string());
    let grant = scope
        .and_then(|scope| Grant::of(&role, Some(scope)))
        .map_err(|detail| StoreError::Row { row: format!("the token {id}"), detail })?;
    Ok(KeptToken {
        token: Token {
            id,
            name: row.try_get(1)?,
            grant,
            created_ms: time(row, 5)?.unwrap_or_default(),
            created_by: row.try_get(6)?,
            expires_ms: time(row, 7)?,
            last_used_ms: time(row, 8)?,
            revoked_ms: time(row, 9)?,
        },
        tag: row.try_get(4)?,
    })
}

fn time(row: &SqliteRow, column: usize) -> Result<Option<u64>, StoreError> {
    let time: Option<i64> = row.try_get(column)?;
    Ok(time.map(|time| u64::try_from(time).unwrap_or_default()))
}
