//! What the filters reported, on disk: what the reports add up to, and whose reports were counted.

mod kept;

use std::collections::{BTreeMap, HashMap};

use futures::TryStreamExt;
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite, SqlitePool};
use umbra_resource::Kind;

use crate::model::tally::{Tally, Traffic};
use crate::model::window::{Span, Stretch};
use crate::store::error::StoreError;
use crate::store::pairs::{self, NewPair};
use crate::store::turn::Turn;

/// Rows in one statement: SQLite takes 32,766 values.
const ROWS: usize = 1_000;
/// Rows that are added up before others get the thread: each may have hundreds of fields.
const AT_A_STRETCH: usize = 16;
/// Rows that one statement deletes, so that a change of a valve need not wait for long.
const SWEPT: i64 = 5_000;

/// What the filters reported.
///
/// **Invariant:** one task alone commits, so that what it remembers of the tables is what is in them.
#[derive(Clone)]
pub struct Telemetry {
    pub(super) pool: SqlitePool,
    turn: Turn,
}

/// Which numbers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WindowKey {
    /// The shadow.
    pub shadow: String,
    /// The revision at which its evidence began.
    pub epoch: u64,
    /// How long the window is.
    pub span: Span,
    /// When it begins, in milliseconds since 1970.
    pub start_ms: u64,
    /// The endpoint; `None` stands for the shadow as a whole.
    pub endpoint: Option<String>,
}

/// The numbers of a window.
#[derive(Clone, Debug, PartialEq)]
pub enum Numbers {
    /// Of a shadow as a whole.
    Traffic(Traffic),
    /// Of an endpoint.
    Tally(Box<Tally>),
}

/// What is written at once, all of it or nothing.
#[derive(Default)]
pub struct Batch<'a> {
    /// The last report of each worker: instance, sequence.
    pub sequences: HashMap<u64, u64>,
    /// Windows as they are now.
    pub windows: Vec<(&'a WindowKey, &'a Numbers)>,
    /// Pairs to keep.
    pub pairs: Vec<&'a NewPair>,
    /// When.
    pub now_ms: u64,
}

/// How long things are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Windows of 10 seconds, in milliseconds.
    pub fine_ms: u64,
    /// Windows of 10 minutes, in milliseconds; also how long a silent worker is remembered.
    pub coarse_ms: u64,
    /// Pairs, in milliseconds.
    pub pairs_ms: u64,
    /// Pairs of each outcome of a shadow.
    pub pairs: u64,
    /// Workers whose last report is known: beyond that, those that were silent for the longest are forgotten.
    pub reporters: u32,
}

impl Default for Retention {
    fn default() -> Self {
        const DAY: u64 = 86_400_000;
        Retention {
            fine_ms: DAY,
            coarse_ms: 30 * DAY,
            pairs_ms: 7 * DAY,
            // With three bodies of 64 KiB each, these are some 100 MB for each shadow at the most.
            pairs: 500,
            // 10,000 Envoys of four workers that restart every day come to as many in a month; of ids that somebody
            // invents there is no end. Some 40 MB.
            reporters: 1_200_000,
        }
    }
}

/// The sum of some windows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sum {
    /// Of the shadow as a whole.
    pub traffic: Traffic,
    /// By endpoint.
    pub endpoints: BTreeMap<String, Tally>,
}

impl Sum {
    fn add(&mut self, endpoint: String, numbers: Numbers) {
        match numbers {
            Numbers::Traffic(traffic) => self.traffic.merge(&traffic),
            Numbers::Tally(tally) => self.endpoints.entry(endpoint).or_default().merge(&tally),
        }
    }
}

impl Telemetry {
    pub(super) fn new(pool: SqlitePool, turn: Turn) -> Telemetry {
        Telemetry { pool, turn }
    }

    /// The sequence of the last report that was counted, of those of these workers of which there is one.
    ///
    /// # Errors
    /// The store failed.
    pub async fn sequences(&self, instances: &[u64]) -> Result<HashMap<u64, u64>, StoreError> {
        let mut found = HashMap::new();
        for some in instances.chunks(ROWS) {
            let mut query =
                QueryBuilder::<Sqlite>::new("SELECT instance, sequence FROM reporter WHERE instance IN (");
            let mut list = query.separated(", ");
            for instance in some {
                list.push_bind(instance.cast_signed());
            }
            query.push(")");
            for row in query.build().fetch_all(&self.pool).await? {
                found.insert(row.try_get::<i64, _>(0)?.cast_unsigned(), unsigned(&row, 1)?);
            }
        }
        Ok(found)
    }

    /// For each shadow, when its evidence began: revisions in ascending order, each with its time.
    ///
    /// # Errors
    /// The store failed.
    pub async fn epochs(&self) -> Result<HashMap<String, Vec<(u64, u64)>>, StoreError> {
        let mut epochs: HashMap<String, Vec<(u64, u64)>> = HashMap::new();
        let rows = sqlx::query("SELECT shadow, epoch, at_ms FROM epoch ORDER BY epoch")
            .fetch_all(&self.pool)
            .await?;
        for row in rows {
            epochs.entry(row.try_get(0)?).or_default().push((unsigned(&row, 1)?, unsigned(&row, 2)?));
        }
        Ok(epochs)
    }

    /// The window, if there is something in it.
    ///
    /// # Errors
    /// The store failed.
    pub async fn window(&self, key: &WindowKey) -> Result<Option<Numbers>, StoreError> {
        let row = sqlx::query(
            "SELECT numbers FROM tally \
             WHERE shadow = $1 AND epoch = $2 AND span_ms = $3 AND start_ms = $4 AND endpoint = $5",
        )
        .bind(&key.shadow)
        .bind(signed(key.epoch))
        .bind(signed(key.span.ms()))
        .bind(signed(key.start_ms))
        .bind(key.endpoint.as_deref().unwrap_or_default())
        .fetch_optional(&self.pool)
        .await?;
        let Some(row) = row else { return Ok(None) };
        numbers(&row, 0, key.endpoint.is_none()).map(Some)
    }

    /// The endpoints that there are numbers of.
    ///
    /// # Errors
    /// The store failed.
    pub async fn endpoints(&self, shadow: &str, epoch: u64) -> Result<Vec<String>, StoreError> {
        let rows = sqlx::query(
            "SELECT endpoint FROM tally \
             WHERE shadow = $1 AND epoch = $2 AND span_ms = 0 AND start_ms = 0 AND endpoint <> ''",
        )
        .bind(shadow)
        .bind(signed(epoch))
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    /// Writes a batch, all of it or nothing. After an error it is not known which.
    ///
    /// # Errors
    /// The store failed.
    pub async fn commit(&self, batch: &Batch<'_>) -> Result<(), StoreError> {
        let _turn = self.turn.lock().await;
        let written = self.write(batch).await;
        self.turn.note(&written);
        written
    }

    async fn write(&self, batch: &Batch<'_>) -> Result<(), StoreError> {
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        let sequences: Vec<_> = batch.sequences.iter().collect();
        for some in sequences.chunks(ROWS) {
            let mut query =
                QueryBuilder::<Sqlite>::new("INSERT INTO reporter (instance, sequence, seen_ms) ");
            query.push_values(some, |mut row, (instance, sequence)| {
                row.push_bind(instance.cast_signed())
                    .push_bind(signed(**sequence))
                    .push_bind(signed(batch.now_ms));
            });
            query.push(
                " ON CONFLICT (instance) DO UPDATE SET sequence = excluded.sequence, seen_ms = excluded.seen_ms",
            );
            query.build().execute(&mut *transaction).await?;
        }
        for some in batch.windows.chunks(ROWS) {
            let mut query = QueryBuilder::<Sqlite>::new(
                "INSERT INTO tally (shadow, epoch, span_ms, start_ms, endpoint, numbers) ",
            );
            query.push_values(some, |mut row, (key, numbers)| {
                row.push_bind(&key.shadow)
                    .push_bind(signed(key.epoch))
                    .push_bind(signed(key.span.ms()))
                    .push_bind(signed(key.start_ms))
                    .push_bind(key.endpoint.as_deref().unwrap_or_default())
                    .push_bind(match numbers {
                        Numbers::Traffic(traffic) => kept::traffic(traffic),
                        Numbers::Tally(tally) => kept::tally(tally),
                    });
            });
            query.push(
                " ON CONFLICT (shadow, epoch, span_ms, start_ms, endpoint) DO UPDATE SET numbers = excluded.numbers",
            );
            query.build().execute(&mut *transaction).await?;
        }
        pairs::insert(&mut transaction, &batch.pairs, batch.now_ms).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// What the windows of a shadow add up to.
    ///
    /// # Errors
    /// The store failed.
    pub async fn sum(&self, shadow: &str, epoch: u64, stretches: &[Stretch]) -> Result<Sum, StoreError> {
        let (mut sum, mut added) = (Sum::default(), 0);
        for stretch in stretches {
            let mut rows = sqlx::query(
                "SELECT endpoint, numbers FROM tally \
                 WHERE shadow = $1 AND epoch = $2 AND span_ms = $3 AND start_ms >= $4 AND start_ms < $5",
            )
            .bind(shadow)
            .bind(signed(epoch))
            .bind(signed(stretch.span.ms()))
            .bind(signed(stretch.from_ms))
            .bind(signed(stretch.until_ms))
            .fetch(&self.pool);
            while let Some(row) = rows.try_next().await? {
                let endpoint: String = row.try_get(0)?;
                let numbers = numbers(&row, 1, endpoint.is_empty())?;
                sum.add(endpoint, numbers);
                pause(&mut added).await;
            }
        }
        Ok(sum)
    }

    /// What the windows of a shadow that begin in this time add up to, step by step: when each step begins, and its sum.
    /// Steps begin at whole multiples of their length; those without anything are left out.
    ///
    /// # Errors
    /// The store failed.
    pub async fn sums(
        &self,
        shadow: &str,
        epoch: u64,
        span: Span,
        (from_ms, until_ms): (u64, u64),
        step_ms: u64,
    ) -> Result<BTreeMap<u64, Sum>, StoreError> {
        let (mut sums, mut added) = (BTreeMap::<u64, Sum>::new(), 0);
        let mut rows = sqlx::query(
            "SELECT start_ms, endpoint, numbers FROM tally \
             WHERE shadow = $1 AND epoch = $2 AND span_ms = $3 AND start_ms >= $4 AND start_ms < $5",
        )
        .bind(shadow)
        .bind(signed(epoch))
        .bind(signed(span.ms()))
        .bind(signed(from_ms))
        .bind(signed(until_ms))
        .fetch(&self.pool);
        while let Some(row) = rows.try_next().await? {
            let (start_ms, endpoint): (u64, String) = (unsigned(&row, 0)?, row.try_get(1)?);
            let sum = sums.entry(start_ms - start_ms % step_ms.max(1)).or_default();
            let numbers = numbers(&row, 2, endpoint.is_empty())?;
            sum.add(endpoint, numbers);
            pause(&mut added).await;
        }
        Ok(sums)
    }

    /// Deletes what is older than it is kept, a part of it at a time. `true` if there is more.
    ///
    /// # Errors
    /// The store failed.
    pub async fn sweep(&self, retention: &Retention, now_ms: u64) -> Result<bool, StoreError> {
        let before = |kept: u64| signed(now_ms.saturating_sub(kept));
        let mut more = false;
        for (span, kept) in [(Span::Fine, retention.fine_ms), (Span::Coarse, retention.coarse_ms)] {
            let _turn = self.turn.lock().await;
            let swept = sqlx::query(
                "DELETE FROM tally WHERE (shadow, epoch, span_ms, start_ms, endpoint) IN \
                 (SELECT shadow, epoch, span_ms, start_ms, endpoint FROM tally \
                  WHERE span_ms = $1 AND start_ms < $2 LIMIT $3)",
            )
            .bind(signed(span.ms()))
            .bind(before(kept.saturating_add(span.ms())))
            .bind(SWEPT)
            .execute(&self.pool)
            .await?;
            more |= swept.rows_affected() == SWEPT.unsigned_abs();
        }
        let _turn = self.turn.lock().await;
        // Evidence that began anew: nobody can ask for what was before.
        sqlx::query(
            "DELETE FROM tally WHERE span_ms = 0 AND EXISTS \
             (SELECT 1 FROM epoch WHERE epoch.shadow = tally.shadow AND epoch.epoch > tally.epoch)",
        )
        .execute(&self.pool)
        .await?;
        // A shadow that was deleted, once the last window of it is gone.
        sqlx::query(
            "DELETE FROM tally WHERE span_ms = 0 \
             AND NOT EXISTS (SELECT 1 FROM resource WHERE kind = $1 AND name = tally.shadow) \
             AND NOT EXISTS (SELECT 1 FROM tally AS recent WHERE recent.shadow = tally.shadow AND recent.span_ms > 0)",
        )
        .bind(Kind::Shadow.as_str())
        .execute(&self.pool)
        .await?;
        sqlx::query("DELETE FROM reporter WHERE seen_ms < $1")
            .bind(before(retention.coarse_ms))
            .execute(&self.pool)
            .await?;
        let reporters: i64 =
            sqlx::query_scalar("SELECT COUNT(*) FROM reporter").fetch_one(&self.pool).await?;
        let surplus = reporters.saturating_sub(retention.reporters.into()).clamp(0, SWEPT);
        if surplus > 0 {
            sqlx::query("DELETE FROM reporter WHERE instance IN (SELECT instance FROM reporter ORDER BY seen_ms LIMIT $1)")
                .bind(surplus)
                .execute(&self.pool)
                .await?;
        }
        more |= surplus == SWEPT;
        more |= pairs::sweep(&self.pool, retention, before(retention.pairs_ms)).await?;
        Ok(more)
    }
}

/// Another row was added up: gives the thread to others now and then.
async fn pause(added: &mut usize) {
    *added = added.wrapping_add(1);
    if added.is_multiple_of(AT_A_STRETCH) {
        tokio::task::yield_now().await;
    }
}

fn numbers(row: &SqliteRow, column: usize, is_traffic: bool) -> Result<Numbers, StoreError> {
    let bytes: &[u8] = row.try_get(column)?;
    if is_traffic {
        kept::to_traffic(bytes).map(Numbers::Traffic)
    } else {
        kept::to_tally(bytes).map(Box::new).map(Numbers::Tally)
    }
}

pub(super) fn unsigned(row: &SqliteRow, column: usize) -> Result<u64, StoreError> {
    let value: i64 = row.try_get(column)?;
    u64::try_from(value)
        .map_err(|_| StoreError::Row { row: "a number".to_owned(), detail: format!("{value} is negative") })
}

/// What is stored was bounded when it came in.
pub(super) fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
