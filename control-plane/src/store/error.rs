//! What can go wrong with the store.

use std::path::PathBuf;

use crate::model::command::Rejection;

/// Why the store cannot be opened. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file or its folder is not there or not ours to write.
    #[error("cannot open the database {}: its folder must exist and be writable", path.display())]
    File {
        /// The database's file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Another process has it open.
    #[error("the database {} is in use by another umbra: stop that one, or give this one its own --database-url", path.display())]
    InUse {
        /// The database's file.
        path: PathBuf,
    },
    /// Not a SQLite file, or a damaged one.
    #[error("the database {} is damaged ({detail}): restore it from a backup; nothing was changed", path.display())]
    Corrupt {
        /// The database's file.
        path: PathBuf,
        /// What SQLite says.
        detail: String,
    },
    /// A SQLite file of somebody else.
    #[error("{} is a SQLite database, but not Umbra's: give another --database-url; nothing was changed", path.display())]
    Foreign {
        /// The database's file.
        path: PathBuf,
    },
    /// Written by a later release.
    #[error(
        "the database {} has schema {found}, which this release does not know: run the release that wrote it, or a later one; nothing was changed",
        path.display()
    )]
    Newer {
        /// The database's file.
        path: PathBuf,
        /// The schema's number.
        found: i64,
    },
    /// The schema is not what this release or an earlier one made.
    #[error("the schema of the database {} was altered: restore it from a backup", path.display())]
    Altered {
        /// The database's file.
        path: PathBuf,
        /// What is other than expected.
        source: sqlx::migrate::MigrateError,
    },
    /// The schema is right, and what is in it is not.
    #[error("the content of the database {} cannot be used", path.display())]
    Content {
        /// The database's file.
        path: PathBuf,
        /// What is wrong.
        source: StoreError,
    },
    /// Another process writes to it, and does not end.
    #[error(
        "the database {} is locked by another process: end that one, as a backup or a sqlite3 that was left open; nothing was changed",
        path.display()
    )]
    Locked {
        /// The database's file.
        path: PathBuf,
    },
    /// Anything else that SQLite says.
    #[error("cannot open the database {}: {}", path.display(), Cause::from(source))]
    Database {
        /// The database's file.
        path: PathBuf,
        /// Why.
        source: sqlx::Error,
    },
}

/// Why the store failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database did not do what it was asked.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
    /// A stored row cannot be read.
    #[error("{row} cannot be read: {detail}")]
    Row {
        /// Which.
        row: String,
        /// Why.
        detail: String,
    },
    /// Somebody else writes to the same database.
    #[error("the database was changed by somebody else, again and again")]
    Contended,
    /// The store is shutting down, or its writer ended.
    #[error("the store is closed")]
    Closed,
}

/// What is wrong with the database, as far as it can be told, in words for whoever is to mend it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// There is no space for it.
    #[error("the disk is full")]
    Full,
    /// Somebody else writes to it, for longer than a write waits.
    #[error("another process holds the database's lock")]
    Locked,
    /// It is not ours to write.
    #[error("the database is read-only")]
    ReadOnly,
    /// It is not what was written.
    #[error("the database is damaged: restore it from a backup")]
    Damaged,
    /// The disk or the file system does not do what it is asked.
    #[error("the disk fails, or a quota of it is used up")]
    Disk,
    /// This server stops.
    #[error("the server is stopping")]
    Stopping,
    /// Something else.
    #[error("the database fails")]
    Other,
}

impl Cause {
    /// By SQLite's result code, <https://sqlite.org/rescode.html>: the lowest byte of a code is the primary one.
    fn of(code: u32) -> Cause {
        match code & 0xff {
            5 | 6 => Cause::Locked,
            8 => Cause::ReadOnly,
            10 | 14 => Cause::Disk,
            11 | 26 => Cause::Damaged,
            13 => Cause::Full,
            _ => Cause::Other,
        }
    }
}

impl From<&sqlx::Error> for Cause {
    fn from(error: &sqlx::Error) -> Cause {
        let code = error.as_database_error().and_then(|error| error.code());
        code.and_then(|code| code.parse().ok()).map_or(Cause::Other, Cause::of)
    }
}

impl StoreError {
    /// What is behind it.
    pub fn cause(&self) -> Cause {
        match self {
            StoreError::Database(error) => Cause::from(error),
            StoreError::Row { .. } => Cause::Damaged,
            StoreError::Contended => Cause::Locked,
            StoreError::Closed => Cause::Stopping,
        }
    }
}

/// Why a write was not done.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// It was refused. Nothing has changed.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The store failed. It is not known whether the change was kept.
    #[error(transparent)]
    Failed(#[from] StoreError),
    /// The store failed, and was read again since: nothing has changed.
    #[error(transparent)]
    Undone(StoreError),
}
