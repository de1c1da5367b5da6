//! The audit trail on disk: rows are added at its end, each chained to the one before, and read page by page.

use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection, SqlitePool};
use umbra_audit::{Broken, Chain, Hash};

use crate::model::audit::{AuditEntry, AuditFilter, AuditRecord};
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::rows::{number, signed};

/// Rows that are held at once where many are read: each may hold two resources.
pub const AT_ONCE: u32 = 32;

/// Columns in the order that [`entry`] reads them in.
const COLUMNS: &str =
    "id, revision, at, actor, source, action, kind, name, before_state, after_state, reason, hash";

/// The end of the trail, while rows are added to it in one transaction.
pub(super) struct Tail {
    chain: Chain,
}

/// Whether the trail is what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Rows that were looked at, up to the first bad one.
    pub rows: u64,
    /// The first row that does not fit, if one does not.
    pub first_bad: Option<u64>,
    /// The hash of the last row that fits; zeros before the first.
    pub head: Hash,
}

impl Tail {
    /// Reads where the trail ends. The caller's transaction keeps others from adding to it.
    pub(super) async fn read(connection: &mut SqliteConnection) -> Result<Tail, StoreError> {
        let row = sqlx::query("SELECT id, hash FROM audit ORDER BY id DESC LIMIT 1")
            .fetch_optional(connection)
            .await?;
        let Some(row) = row else { return Ok(Tail { chain: Chain::default() }) };
        let (id, hash): (u64, String) = (number(&row, 0)?, row.try_get(1)?);
        // A last row without a hash is no reason to stop writing: the chain is broken there either way.
        Ok(Tail { chain: Chain::after(id, hash.parse().unwrap_or_default()) })
    }

    /// Adds a row.
    pub(super) async fn append(
        &mut self,
        connection: &mut SqliteConnection,
        record: &AuditRecord,
    ) -> Result<(), StoreError> {
        let id = self.chain.last_id().saturating_add(1);
        let hash = self.chain.add(&record.entry(id));
        let mut query = QueryBuilder::<Sqlite>::new("INSERT INTO audit (");
        query.push(COLUMNS).push(") ");
        query.push_values([record], |mut row, record| {
            row.push_bind(signed(id))
                .push_bind(signed(record.revision))
                .push_bind(&record.at)
                .push_bind(&record.actor)
                .push_bind(&record.source)
                .push_bind(&record.action)
                .push_bind(&record.kind)
                .push_bind(&record.name)
                .push_bind(&record.before)
                .push_bind(&record.after)
                .push_bind(&record.reason)
                .push_bind(hash.to_string());
        });
        query.build().execute(connection).await?;
        Ok(())
    }
}

/// Chains the rows of a store that was made before there was a chain.
pub(super) async fn chain_the_unchained(pool: &SqlitePool) -> Result<(), StoreError> {
    let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await?;
    let is_there = sqlx::query("SELECT 1 FROM sqlite_master WHERE name = 'audit_unchained'")
        .fetch_optional(&mut *transaction)
        .await?;
    if is_there.is_none() {
        return Ok(());
    }
    let mut tail = Tail::read(&mut transaction).await?;
    let mut last = 0;
    loop {
        let rows = sqlx::query(
            "SELECT id, revision, at, actor, source, action, kind, name, before_state, after_state, reason, '' \
             FROM audit_unchained WHERE id > $1 ORDER BY id LIMIT $2",
        )
        .bind(signed(last))
        .bind(i64::from(AT_ONCE))
        .fetch_all(&mut *transaction)
        .await?;
        for row in &rows {
            let AuditEntry { id, record, .. } = entry(row)?;
            tail.append(&mut transaction, &record).await?;
            last = id;
        }
        if rows.is_empty() {
            break;
        }
    }
    sqlx::query("DROP TABLE audit_unchained").execute(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(())
}

impl Store {
    /// The newest `limit` rows of the audit trail whose id is below `before`, newest first.
    ///
    /// # Errors
    /// The store failed.
    pub async fn audit(
        &self,
        filter: &AuditFilter,
        limit: u32,
        before: Option<u64>,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        let mut query = select(filter);
        query.push(" AND id < ").push_bind(before.map_or(i64::MAX, signed));
        query.push(" ORDER BY id DESC LIMIT ").push_bind(i64::from(limit));
        query.build().fetch_all(&self.pool).await?.iter().map(entry).collect()
    }

    /// The oldest [`AT_ONCE`] rows of the audit trail whose id is above `after`, oldest first.
    ///
    /// # Errors
    /// The store failed.
    pub async fn audit_after(&self, filter: &AuditFilter, after: u64) -> Result<Vec<AuditEntry>, StoreError> {
        let mut query = select(filter);
        query.push(" AND id > ").push_bind(signed(after));
        query.push(" ORDER BY id LIMIT ").push_bind(i64::from(AT_ONCE));
        query.build().fetch_all(&self.pool).await?.iter().map(entry).collect()
    }

    /// Follows the chain of the audit trail from its beginning.
    ///
    /// # Errors
    /// The store failed.
    pub async fn verify_audit(&self) -> Result<Verified, StoreError> {
        let (filter, mut chain) = (AuditFilter::default(), Chain::default());
        loop {
            let entries = self.audit_after(&filter, chain.last_id()).await?;
            if entries.is_empty() {
                return Ok(Verified { rows: chain.rows(), first_bad: None, head: chain.head() });
            }
            for entry in &entries {
                let head = chain.head();
                let hash = entry.hash().ok_or(Broken { id: entry.id });
                if let Err(bad) = hash.and_then(|hash| chain.check(&entry.record.entry(entry.id), hash)) {
                    return Ok(Verified { rows: chain.rows(), first_bad: Some(bad.id), head });
                }
            }
        }
    }
}

fn select(filter: &AuditFilter) -> QueryBuilder<Sqlite> {
    let AuditFilter { actor, action, kind, name, since, until } = filter;
    let mut query = QueryBuilder::new("SELECT ");
    query.push(COLUMNS).push(" FROM audit WHERE TRUE");
    let wanted = [
        (" AND actor = ", actor),
        (" AND action = ", action),
        (" AND kind = ", kind),
        (" AND name = ", name),
        // Times are all written alike, so that text compares as time does.
        (" AND at >= ", since),
        (" AND at < ", until),
    ];
    for (condition, value) in wanted {
        if let Some(value) = value {
            query.push(condition).push_bind(value.clone());
        }
    }
    query
}

fn entry(row: &SqliteRow) -> Result<AuditEntry, StoreError> {
    Ok(AuditEntry {
        id: number(row, 0)?,
        record: AuditRecord {
            revision: number(row, 1)?,
            at: row.try_get(2)?,
            actor: row.try_get(3)?,
            source: row.try_get(4)?,
            action: row.try_get(5)?,
            kind: row.try_get(6)?,
            name: row.try_get(7)?,
            before: row.try_get(8)?,
            after: row.try_get(9)?,
            reason: row.try_get(10)?,
        },
        hash: row.try_get(11)?,
    })
}
