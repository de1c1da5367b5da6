//! Rows to model and back. The SQL is what SQLite and PostgreSQL share.

use std::time::{SystemTime, UNIX_EPOCH};

use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection, SqlitePool};
use umbra_resource::Resource;

use crate::model::audit::{AuditRecord, Edit, Origin};
use crate::model::epoch;
use crate::model::plan::Change;
use crate::model::state::State;
use crate::store::audit;
use crate::store::error::StoreError;

/// The key that is kept, or `random` if there is none yet, which is then kept.
pub(crate) async fn mesh_key(pool: &SqlitePool, random: [u8; 16]) -> Result<[u8; 16], StoreError> {
    sqlx::query("INSERT INTO setting (name, value) VALUES ('mesh_key', $1) ON CONFLICT DO NOTHING")
        .bind(hex(&random))
        .execute(pool)
        .await?;
    let row = sqlx::query("SELECT value FROM setting WHERE name = 'mesh_key'").fetch_one(pool).await?;
    let text: String = row.try_get(0)?;
    unhex(&text).ok_or_else(|| StoreError::Row {
        row: "the mesh key".to_owned(),
        detail: "it is not 32 hexadecimal digits".to_owned(),
    })
}

/// Everything, at the revision that it is at.
pub(crate) async fn state(pool: &SqlitePool) -> Result<State, StoreError> {
    let mut transaction = pool.begin().await?;
    let head = sqlx::query("SELECT revision FROM head WHERE id = 1").fetch_one(&mut *transaction).await?;
    let rows = sqlx::query("SELECT kind, name, manifest FROM resource").fetch_all(&mut *transaction).await?;
    transaction.commit().await?;
    let mut resources = Vec::with_capacity(rows.len());
    for row in rows {
        let (kind, name): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        let manifest: String = row.try_get(2)?;
        let resource: Resource = serde_json::from_str(&manifest)
            .map_err(|error| StoreError::Row { row: format!("{kind}/{name}"), detail: error.to_string() })?;
        resources.push(resource);
    }
    State::new(number(&head, 0)?, resources).map_err(|problems| StoreError::Row {
        row: "the stored resources, taken together,".to_owned(),
        detail: problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
    })
}

/// Keeps `change`, and who made it, if the store is still at the revision that it was planned on; `false` if not.
pub(crate) async fn write(
    pool: &SqlitePool,
    change: &Change,
    origin: &Origin,
    now: &str,
) -> Result<bool, StoreError> {
    let revision = signed(change.state.revision());
    // Taking the write lock first: a transaction that began by reading could not wait for it.
    let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await?;
    let moved = sqlx::query("UPDATE head SET revision = $1 WHERE id = 1 AND revision = $2")
        .bind(revision)
        .bind(revision - 1)
        .execute(&mut *transaction)
        .await?;
    if moved.rows_affected() != 1 {
        transaction.rollback().await?;
        return Ok(false);
    }
    let mut trail = audit::Tail::read(&mut transaction).await?;
    for edit in &change.edits {
        resource(&mut transaction, edit, revision).await?;
        trail.append(&mut transaction, &record(edit, change, origin, now)?).await?;
        if epoch::begins(edit.before.as_ref(), edit.after.as_ref()) {
            epoch_row(&mut transaction, &edit.name, revision).await?;
        }
    }
    transaction.commit().await?;
    Ok(true)
}

async fn epoch_row(connection: &mut SqliteConnection, shadow: &str, revision: i64) -> Result<(), StoreError> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    sqlx::query("INSERT INTO epoch (shadow, epoch, at_ms) VALUES ($1, $2, $3)")
        .bind(shadow)
        .bind(revision)
        .bind(i64::try_from(now).unwrap_or(i64::MAX))
        .execute(connection)
        .await?;
    Ok(())
}

async fn resource(connection: &mut SqliteConnection, edit: &Edit, revision: i64) -> Result<(), StoreError> {
    let (kind, name) = (edit.kind.as_str(), edit.name.as_str());
    match &edit.after {
        Some(after) => {
            sqlx::query(
                "INSERT INTO resource (kind, name, revision, manifest) VALUES ($1, $2, $3, $4) \
                 ON CONFLICT (kind, name) DO UPDATE SET revision = excluded.revision, manifest = excluded.manifest",
            )
            .bind(kind)
            .bind(name)
            .bind(revision)
            .bind(json(after)?)
            .execute(connection)
            .await?;
        }
        None => {
            sqlx::query("DELETE FROM resource WHERE kind = $1 AND name = $2")
                .bind(kind)
                .bind(name)
                .execute(connection)
                .await?;
        }
    }
    Ok(())
}

fn record(edit: &Edit, change: &Change, origin: &Origin, now: &str) -> Result<AuditRecord, StoreError> {
    Ok(AuditRecord {
        revision: change.state.revision(),
        at: now.to_owned(),
        actor: origin.actor.clone(),
        source: origin.source.clone(),
        action: edit.action.as_str().to_owned(),
        kind: edit.kind.as_str().to_owned(),
        name: edit.name.clone(),
        before: edit.before.as_ref().map(json).transpose()?,
        after: edit.after.as_ref().map(json).transpose()?,
        reason: match (&origin.reason, &edit.note) {
            (Some(reason), Some(note)) => Some(format!("{reason} ({note})")),
            (reason, note) => reason.clone().or_else(|| note.clone()),
        },
    })
}

fn json(resource: &Resource) -> Result<String, StoreError> {
    serde_json::to_string(resource).map_err(|error| StoreError::Row {
        row: format!("{}/{}", resource.kind(), resource.name()),
        detail: error.to_string(),
    })
}

pub(super) fn number(row: &SqliteRow, column: usize) -> Result<u64, StoreError> {
    let value: i64 = row.try_get(column)?;
    u64::try_from(value)
        .map_err(|_| StoreError::Row { row: "a number".to_owned(), detail: format!("{value} is negative") })
}

/// Revisions and ids count up from 0 by one: no store gets past 2^63 of them.
pub(super) fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<[u8; 16]> {
    (text.len() == 32).then_some(())?;
    u128::from_str_radix(text, 16).ok().map(u128::to_be_bytes)
}
