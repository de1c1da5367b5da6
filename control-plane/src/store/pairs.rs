//! Sampled pairs on disk. They are redacted by whoever makes a [`NewPair`].

use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection, SqlitePool};

use crate::store::error::StoreError;
use crate::store::telemetry::{Retention, Telemetry, signed, unsigned};

/// Documents in one statement: each may be some hundred kilobytes.
const ROWS: usize = 50;
/// Pairs that one transaction deletes, so that a change of a valve need not wait for long.
const SWEPT: usize = 500;

/// A pair to keep.
#[derive(Clone, Debug, PartialEq)]
pub struct NewPair {
    /// Its id, 32 hexadecimal digits.
    pub pair: String,
    /// The shadow.
    pub shadow: String,
    /// The revision at which the shadow's evidence began.
    pub epoch: u64,
    /// The endpoint.
    pub endpoint: String,
    /// `match`, `noise`, `different`, or what became of the copy if it was not answered.
    pub outcome: String,
    /// The fields that differ.
    pub fields: Vec<String>,
    /// What an example shows of it, as JSON.
    pub found: String,
    /// The whole, as JSON.
    pub document: String,
}

/// A pair that was kept.
#[derive(Clone, Debug, PartialEq)]
pub struct KeptPair {
    /// Grows with every pair.
    pub id: u64,
    /// The whole, as JSON.
    pub document: String,
}

/// What an example shows of a pair that was kept.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundPair {
    /// The pair.
    pub pair: String,
    /// Its endpoint.
    pub endpoint: String,
    /// As in [`NewPair::found`].
    pub found: String,
}

/// Which pairs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PairQuery {
    /// With one of these outcomes; any if empty.
    pub outcomes: Vec<String>,
    /// Of this endpoint.
    pub endpoint: Option<String>,
    /// That differ in this field.
    pub field: Option<String>,
    /// This one.
    pub pair: Option<String>,
    /// With a smaller id.
    pub before: Option<u64>,
    /// So many at most.
    pub limit: u32,
}

pub(super) async fn insert(
    connection: &mut SqliteConnection,
    pairs: &[&NewPair],
    now_ms: u64,
) -> Result<(), StoreError> {
    if pairs.is_empty() {
        return Ok(());
    }
    let row = sqlx::query("SELECT COALESCE(MAX(id), 0) FROM pair").fetch_one(&mut *connection).await?;
    let mut ids = row.try_get::<i64, _>(0)?.saturating_add(1)..;
    for some in pairs.chunks(ROWS) {
        let rows: Vec<(i64, &NewPair)> = ids.by_ref().zip(some.iter().copied()).collect();
        let mut query = QueryBuilder::<Sqlite>::new(
            "INSERT INTO pair (id, pair, shadow, epoch, endpoint, outcome, seen_ms, found, document) ",
        );
        query.push_values(&rows, |mut row, (id, pair)| {
            row.push_bind(*id)
                .push_bind(&pair.pair)
                .push_bind(&pair.shadow)
                .push_bind(signed(pair.epoch))
                .push_bind(&pair.endpoint)
                .push_bind(&pair.outcome)
                .push_bind(signed(now_ms))
                .push_bind(&pair.found)
                .push_bind(&pair.document);
        });
        query.build().execute(&mut *connection).await?;
        let fields: Vec<(i64, &String)> =
            rows.iter().flat_map(|(id, pair)| pair.fields.iter().map(|field| (*id, field))).collect();
        for some in fields.chunks(10_000) {
            let mut query = QueryBuilder::<Sqlite>::new("INSERT INTO pair_field (pair_id, field) ");
            query.push_values(some, |mut row, (id, field)| {
                row.push_bind(*id).push_bind(*field);
            });
            query.push(" ON CONFLICT DO NOTHING");
            query.build().execute(&mut *connection).await?;
        }
    }
    Ok(())
}

/// Deletes pairs that were seen before that, and of each outcome of a shadow those that are too many: a part of them at a
/// time. `true` if there are more.
pub(super) async fn sweep(
    pool: &SqlitePool,
    retention: &Retention,
    before_ms: i64,
) -> Result<bool, StoreError> {
    let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await?;
    let old = "DELETE FROM pair WHERE id IN (SELECT id FROM pair WHERE seen_ms < $1 LIMIT $2) RETURNING id";
    let mut swept = sqlx::query_scalar::<_, i64>(old)
        .bind(before_ms)
        .bind(SWEPT as i64)
        .fetch_all(&mut *transaction)
        .await?;
    let too_many = "DELETE FROM pair WHERE id IN (SELECT id FROM \
         (SELECT id, ROW_NUMBER() OVER (PARTITION BY shadow, outcome ORDER BY id DESC) AS place FROM pair) AS placed \
         WHERE place > $1 LIMIT $2) RETURNING id";
    let too_many = sqlx::query_scalar::<_, i64>(too_many)
        .bind(signed(retention.pairs))
        .bind(SWEPT.saturating_sub(swept.len()) as i64);
    swept.extend(too_many.fetch_all(&mut *transaction).await?);
    for some in swept.chunks(10_000) {
        let mut query = QueryBuilder::<Sqlite>::new("DELETE FROM pair_field WHERE pair_id IN (");
        let mut list = query.separated(", ");
        for id in some {
            list.push_bind(id);
        }
        query.push(")");
        query.build().execute(&mut *transaction).await?;
    }
    transaction.commit().await?;
    Ok(swept.len() >= SWEPT)
}

impl Telemetry {
    /// Pairs of a shadow, newest first.
    ///
    /// # Errors
    /// The store failed.
    pub async fn pairs(&self, shadow: &str, wanted: &PairQuery) -> Result<Vec<KeptPair>, StoreError> {
        let mut query = QueryBuilder::<Sqlite>::new("SELECT id, document FROM pair WHERE shadow = ");
        query.push_bind(shadow);
        if !wanted.outcomes.is_empty() {
            query.push(" AND outcome IN (");
            let mut list = query.separated(", ");
            for outcome in &wanted.outcomes {
                list.push_bind(outcome);
            }
            query.push(")");
        }
        if let Some(endpoint) = &wanted.endpoint {
            query.push(" AND endpoint = ").push_bind(endpoint);
        }
        if let Some(pair) = &wanted.pair {
            query.push(" AND pair = ").push_bind(pair);
        }
        if let Some(field) = &wanted.field {
            // Pair by pair, newest first, until there are enough: there is no way from a field to its pairs.
            query
                .push(" AND EXISTS (SELECT 1 FROM pair_field WHERE pair_id = pair.id AND field = ")
                .push_bind(field)
                .push(")");
        }
        if let Some(before) = wanted.before {
            query.push(" AND id < ").push_bind(signed(before));
        }
        query.push(" ORDER BY id DESC LIMIT ").push_bind(i64::from(wanted.limit));
        let rows = query.build().fetch_all(&self.pool).await?;
        rows.iter().map(|row| Ok(KeptPair { id: unsigned(row, 0)?, document: row.try_get(1)? })).collect()
    }

    /// The newest pairs of each outcome since a shadow's evidence began, the newest first: at most `alike` of those that match
    /// and of those that are noise, and `others` of each other outcome.
    ///
    /// # Errors
    /// The store failed.
    pub async fn found(
        &self,
        shadow: &str,
        epoch: u64,
        alike: u32,
        others: u32,
    ) -> Result<Vec<FoundPair>, StoreError> {
        let rows = sqlx::query(
            "SELECT pair, endpoint, found FROM pair WHERE id IN (SELECT id FROM \
             (SELECT id, outcome, ROW_NUMBER() OVER (PARTITION BY outcome ORDER BY id DESC) AS place \
              FROM pair INDEXED BY pair_by_outcome WHERE shadow = $1 AND epoch = $2) AS placed \
             WHERE place <= CASE WHEN outcome IN ('match', 'noise') THEN $3 ELSE $4 END) ORDER BY id DESC",
        )
        .bind(shadow)
        .bind(signed(epoch))
        .bind(i64::from(alike))
        .bind(i64::from(others))
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(FoundPair { pair: row.try_get(0)?, endpoint: row.try_get(1)?, found: row.try_get(2)? })
            })
            .collect()
    }
}
