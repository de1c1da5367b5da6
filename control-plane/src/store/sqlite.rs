//! Opening a SQLite file: ours alone, whole, and of a schema that this release knows.

use std::fs::{File, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection, Row, SqlitePool};

use crate::store::error::{Cause, OpenError, StoreError};

static MIGRATIONS: Migrator = sqlx::migrate!();

/// A backup tool may hold the file for a moment.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Whoever has the turn to write, the committer and the plans of pairs, which look up what they go by, and `/readyz`: as many as can ask
/// at once, so that none waits for another.
const WRITERS: u32 = 4;
/// For whoever looks: evidence, pairs, the audit trail.
const READERS: u32 = 4;

/// The ways to the file.
pub(crate) struct Pools {
    /// What the server needs to go on. **Invariant:** nothing that takes long is asked for here.
    pub(crate) writers: SqlitePool,
    /// What people look at, which may take seconds. All of these being busy holds up nothing else.
    pub(crate) readers: SqlitePool,
}

/// Takes the file beside the database that says that it is in use. Two servers on one file would each push policies
/// of its own.
pub(crate) fn lock(path: &Path) -> Result<File, OpenError> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".lock");
    let failed = |source| OpenError::File { path: path.to_owned(), source };
    let file = File::options().create(true).truncate(false).write(true).open(&beside).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse { path: path.to_owned() }),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

/// Opens the file, or makes it, and brings its schema up to date.
pub(crate) async fn open(path: &Path) -> Result<Pools, OpenError> {
    // The mesh key is in it. SQLite gives its other files the mode of this one.
    let made = File::options().create(true).append(true).mode(0o600).open(path);
    made.map_err(|source| OpenError::File { path: path.to_owned(), source })?;
    let options = SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        // In WAL mode anything less may lose the last commits to a power cut.
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT);
    let writers = pool(options.clone(), WRITERS, path).await?;
    check(&writers, path).await?;
    MIGRATIONS.run(&writers).await.map_err(|error| match error {
        MigrateError::VersionMissing(found) => OpenError::Newer { path: path.to_owned(), found },
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => database(path, error),
        source => OpenError::Altered { path: path.to_owned(), source },
    })?;
    let readers = pool(options, READERS, path).await?;
    Ok(Pools { writers, readers })
}

async fn pool(options: SqliteConnectOptions, most: u32, path: &Path) -> Result<SqlitePool, OpenError> {
    SqlitePoolOptions::new()
        .max_connections(most)
        // SQLite takes a transaction back by itself when the disk is full or fails. sqlx then still counts it, and begins no
        // other on that connection: another connection takes its place.
        .before_acquire(|connection, _| Box::pin(async { Ok(!connection.is_in_transaction()) }))
        .connect_with(options)
        .await
        .map_err(|error| database(path, error))
}

async fn check(pool: &SqlitePool, path: &Path) -> Result<(), OpenError> {
    let failed = |error| database(path, error);
    let found: String = sqlx::query("PRAGMA quick_check(1)")
        .fetch_one(pool)
        .await
        .and_then(|row| row.try_get(0))
        .map_err(failed)?;
    if found != "ok" {
        return Err(OpenError::Corrupt { path: path.to_owned(), detail: found });
    }
    let tables = sqlx::query("SELECT name FROM sqlite_master WHERE type = 'table'")
        .fetch_all(pool)
        .await
        .map_err(failed)?;
    let mut ours = tables.is_empty();
    for table in tables {
        ours |= table.try_get::<String, _>(0).map_err(failed)? == "_sqlx_migrations";
    }
    if ours { Ok(()) } else { Err(OpenError::Foreign { path: path.to_owned() }) }
}

/// What it means that the content cannot be read, or not be completed.
pub(crate) fn unusable(path: &Path, error: StoreError) -> OpenError {
    match error {
        StoreError::Database(error) => database(path, error),
        source => OpenError::Content { path: path.to_owned(), source },
    }
}

fn database(path: &Path, error: sqlx::Error) -> OpenError {
    let path = path.to_owned();
    match Cause::from(&error) {
        Cause::Damaged => OpenError::Corrupt { path, detail: error.to_string() },
        Cause::Locked => OpenError::Locked { path },
        _ => OpenError::Database { path, source: error },
    }
}
