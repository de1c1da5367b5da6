//! The store on its file: what it keeps, what it refuses to open.

use std::path::Path;
use std::sync::Arc;

use prometheus_client::registry::Registry;
use umbra_control_plane::model::access::Caller;
use umbra_control_plane::model::audit::{AuditFilter, Origin};
use umbra_control_plane::model::command::{Command, Outcome, Precondition, Rejection};
use umbra_control_plane::store::error::{OpenError, WriteError};
use umbra_control_plane::store::metrics::StoreMetrics;
use umbra_control_plane::store::{DatabaseUrl, Store};
use umbra_resource::Kind;

use crate::support::{CHECKOUT, database, folder, sql};

async fn open(folder: &Path) -> Result<Store, OpenError> {
    let metrics = StoreMetrics::register(&mut Registry::default());
    Store::open(&DatabaseUrl::from(database(folder)), [7; 16], |_| Ok(()), metrics).await
}

fn apply(yaml: &str) -> Command {
    Command::Apply { resources: umbra_resource::from_yaml(yaml).unwrap(), dry_run: false }
}

fn valve(percent: f64, precondition: Precondition) -> Command {
    Command::Valve {
        shadow: "checkout-v2".to_owned(),
        percent: Some(percent),
        enabled: None,
        until: None,
        precondition,
        by: Box::new(Caller::dev()),
    }
}

async fn execute(store: &Store, command: Command) -> Result<Outcome, WriteError> {
    store.execute(command, Origin { actor: "ann".to_owned(), ..Origin::default() }).await
}

#[tokio::test]
async fn what_was_written_is_there_after_a_restart() {
    let folder = folder();
    let store = open(folder.path()).await.unwrap();
    execute(&store, apply(CHECKOUT)).await.unwrap();
    execute(&store, valve(12.5, Precondition::None)).await.unwrap();
    let before = store.state();
    store.close().await;
    assert!(matches!(execute(&store, apply(CHECKOUT)).await, Err(WriteError::Failed(_))), "it is closed");
    drop(store);

    let store = open(folder.path()).await.unwrap();
    let after = store.state();
    assert_eq!((after.revision(), before.revision()), (2, 2));
    assert_eq!(after.get(Kind::Shadow, "checkout-v2"), before.get(Kind::Shadow, "checkout-v2"));
    assert_eq!(after.set(), before.set());
    assert_eq!(store.mesh_key(), [7; 16]);
    assert_eq!(store.audit(&AuditFilter::default(), 10, None).await.unwrap().len(), 3);
}

#[tokio::test]
async fn the_mesh_key_is_made_once() {
    let folder = folder();
    open(folder.path()).await.unwrap().close().await;
    let metrics = StoreMetrics::register(&mut Registry::default());
    let url = DatabaseUrl::from(database(folder.path()));
    let store = Store::open(&url, [9; 16], |_| Ok(()), metrics).await.unwrap();
    assert_eq!(store.mesh_key(), [7; 16]);
}

#[tokio::test]
async fn a_write_that_changes_nothing_keeps_nothing() {
    let folder = folder();
    let store = open(folder.path()).await.unwrap();
    execute(&store, apply(CHECKOUT)).await.unwrap();
    let state = store.state();
    for command in [apply(CHECKOUT), valve(5.0, Precondition::None)] {
        assert_eq!(execute(&store, command).await.unwrap().revision, 1);
    }
    let refused = execute(&store, valve(101.0, Precondition::None)).await;
    assert!(matches!(refused, Err(WriteError::Rejected(Rejection::Invalid(_)))));
    assert!(Arc::ptr_eq(&state, &store.state()), "not even another state of the same content");
    assert_eq!(store.audit(&AuditFilter::default(), 10, None).await.unwrap().len(), 2);
}

/// Of many who compare and swap at once, one wins each round.
#[tokio::test]
async fn compare_and_swap_lets_one_win() {
    let folder = folder();
    let store = Arc::new(open(folder.path()).await.unwrap());
    execute(&store, apply(CHECKOUT)).await.unwrap();
    for round in 1..=5 {
        let rivals: Vec<_> = (0..8)
            .map(|rival| {
                let store = Arc::clone(&store);
                let percent = f64::from(rival) + 10.0 * f64::from(u32::try_from(round).unwrap());
                let command = valve(percent, Precondition::Revision(vec![round]));
                tokio::spawn(async move { execute(&store, command).await })
            })
            .collect();
        let mut won = 0;
        for rival in rivals {
            match rival.await.unwrap() {
                Ok(_) => won += 1,
                Err(error) => {
                    assert!(matches!(error, WriteError::Rejected(Rejection::Stale { .. })), "{error}")
                }
            }
        }
        assert_eq!((won, store.state().revision()), (1, round + 1));
    }
}

/// A write goes on though whoever asked for it is gone.
#[tokio::test]
async fn a_write_is_finished_though_nobody_waits() {
    let folder = folder();
    let store = open(folder.path()).await.unwrap();
    execute(&store, apply(CHECKOUT)).await.unwrap();
    for percent in 10..40 {
        let mut write = Box::pin(execute(&store, valve(f64::from(percent), Precondition::None)));
        // Asked for, and given up on.
        assert!(futures::poll!(&mut write).is_pending());
    }
    store.close().await;
    let memory = store.state();
    drop(store);
    let store = open(folder.path()).await.unwrap();
    assert_eq!(memory.revision(), 31);
    assert_eq!(store.state().revision(), 31);
    assert_eq!(store.state().set(), memory.set());
}

#[tokio::test]
async fn a_change_by_somebody_else_is_noticed() {
    let folder = folder();
    let store = open(folder.path()).await.unwrap();
    execute(&store, apply(CHECKOUT)).await.unwrap();
    sql(folder.path(), "UPDATE head SET revision = 41").await;
    let outcome = execute(&store, valve(10.0, Precondition::None)).await.unwrap();
    assert_eq!((outcome.revision, store.state().revision()), (42, 42));
}

/// What fails half-way is undone, said, and over when its cause is.
#[tokio::test]
async fn a_write_that_fails_changes_nothing() {
    let folder = folder();
    let store = open(folder.path()).await.unwrap();
    execute(&store, apply(CHECKOUT)).await.unwrap();
    sql(folder.path(), "ALTER TABLE audit RENAME TO elsewhere").await;
    let failed = execute(&store, valve(10.0, Precondition::None)).await;
    assert!(matches!(failed, Err(WriteError::Undone(_))));
    assert_eq!(store.state().revision(), 1);
    sql(folder.path(), "ALTER TABLE elsewhere RENAME TO audit").await;
    execute(&store, valve(20.0, Precondition::Revision(vec![1]))).await.unwrap();
    assert_eq!(
        (store.state().revision(), store.audit(&AuditFilter::default(), 10, None).await.unwrap().len()),
        (2, 3)
    );
}

#[tokio::test]
async fn its_files_are_the_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder();
    let store = open(folder.path()).await.unwrap();
    execute(&store, apply(CHECKOUT)).await.unwrap();
    for file in ["umbra.db", "umbra.db-wal"] {
        let mode = std::fs::metadata(folder.path().join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{file}");
    }
}

#[tokio::test]
async fn one_server_at_a_time() {
    let folder = folder();
    let store = open(folder.path()).await.unwrap();
    let error = open(folder.path()).await.err().unwrap();
    assert!(error.to_string().contains("in use by another umbra"), "{error}");
    drop(store);
    open(folder.path()).await.unwrap();
}

#[tokio::test]
async fn what_is_not_ours_or_damaged_is_not_opened_and_not_changed() {
    let folder = folder();
    let refused = async |message: &str| {
        let before = std::fs::read(database(folder.path())).unwrap();
        let error = open(folder.path()).await.err().unwrap();
        assert!(error.to_string().contains(message), "{error}\n{message}");
        assert_eq!(std::fs::read(database(folder.path())).unwrap(), before);
    };
    std::fs::write(
        database(folder.path()),
        "this is no database, and has to be longer than a header is ".repeat(20),
    )
    .unwrap();
    refused("is damaged").await;
    std::fs::remove_file(database(folder.path())).unwrap();

    // A page of the middle overwritten.
    let store = open(folder.path()).await.unwrap();
    execute(&store, apply(CHECKOUT)).await.unwrap();
    store.close().await;
    drop(store);
    let mut bytes = std::fs::read(database(folder.path())).unwrap();
    let middle = bytes.len() / 2 / 4096 * 4096;
    bytes[middle..middle + 4096].fill(0xa5);
    std::fs::write(database(folder.path()), bytes).unwrap();
    refused("is damaged").await;
    std::fs::remove_file(database(folder.path())).unwrap();

    sql(folder.path(), "CREATE TABLE customers (id INTEGER)").await;
    let error = open(folder.path()).await.err().unwrap();
    assert!(error.to_string().contains("not Umbra's"), "{error}");
}

#[tokio::test]
async fn a_later_schema_is_left_alone() {
    let folder = folder();
    open(folder.path()).await.unwrap().close().await;
    sql(
        folder.path(),
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (9999, 'later', true, x'00', 1)",
    )
    .await;
    let error = open(folder.path()).await.err().unwrap();
    assert!(error.to_string().contains("has schema 9999, which this release does not know"), "{error}");
}

#[tokio::test]
async fn an_altered_schema_and_unreadable_rows_are_named() {
    let folder = folder();
    let store = open(folder.path()).await.unwrap();
    execute(&store, apply(CHECKOUT)).await.unwrap();
    store.close().await;
    drop(store);
    let error = async || {
        let error = anyhow::Error::from(open(folder.path()).await.err().unwrap());
        format!("{error:#}")
    };
    sql(folder.path(), "UPDATE resource SET manifest = '{}' WHERE kind = 'Stamp'").await;
    assert!(error().await.contains("Stamp/checkout cannot be read"), "{}", error().await);
    sql(folder.path(), "DELETE FROM resource WHERE kind = 'Stamp'").await;
    assert!(error().await.contains("Shadow/checkout-v2: spec.stamps[0]"), "{}", error().await);
    sql(folder.path(), "UPDATE _sqlx_migrations SET checksum = x'00'").await;
    assert!(error().await.contains("was altered"), "{}", error().await);
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_named() {
    let folder = folder();
    let error = open(&folder.path().join("none")).await.err().unwrap();
    assert!(error.to_string().contains("its folder must exist"), "{error}");
}
