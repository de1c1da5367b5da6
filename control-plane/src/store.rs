//! State on disk. Every write is one transaction, and is answered after it is committed and synced.
//!
//! One task does all the writing, in order, and finishes what it began whatever becomes of the request that asked
//! for it: a client that hangs up cannot leave memory and disk at odds.

pub mod access;
pub mod audit;
pub mod error;
pub mod expiry;
pub mod metrics;
pub mod pairs;
mod rows;
mod sqlite;
pub mod telemetry;
mod turn;
mod url;
mod writer;

use std::fs::File;
use std::sync::Arc;

use sqlx::SqlitePool;
use tokio::sync::{Mutex, mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use umbra_resource::Problem;

use crate::model::audit::Origin;
use crate::model::command::{Command, Outcome};
use crate::model::state::State;
use crate::store::error::{Cause, OpenError, StoreError, WriteError};
use crate::store::metrics::StoreMetrics;
use crate::store::sqlite::Pools;
use crate::store::telemetry::Telemetry;
use crate::store::turn::Turn;
use crate::store::writer::{WriteRequest, Writer};

pub use crate::store::url::DatabaseUrl;

/// Writes that wait for their turn. Each takes milliseconds; more than this many waiting is a client gone mad, and it
/// then waits at the door.
const WAITING_WRITES: usize = 64;

/// What else must hold of a state before it is kept, as that its policies can be sent.
pub type Admission = fn(&State) -> Result<(), Vec<Problem>>;

/// The open store.
pub struct Store {
    /// For whoever looks.
    pool: SqlitePool,
    /// For what must go on meanwhile.
    writers: SqlitePool,
    /// One look at the database's health at a time: whoever asks again and again takes no more than one connection.
    checking: Mutex<()>,
    state: watch::Receiver<Arc<State>>,
    mesh_key: [u8; 16],
    requests: mpsc::Sender<WriteRequest>,
    writer: TaskTracker,
    closing: CancellationToken,
    turn: Turn,
    /// Held as long as the store is open; the operating system lets go of it when the process dies.
    _lock: File,
}

impl Store {
    /// Opens the database, makes or migrates its schema, and reads the state. A mesh key is made if there is none:
    /// `random_key` is used for it and must be unpredictable. `admit` has the last word on every change.
    ///
    /// # Errors
    /// Why it cannot be served from. Nothing was changed then, unless a migration succeeded.
    pub async fn open(
        url: &DatabaseUrl,
        random_key: [u8; 16],
        admit: Admission,
        metrics: StoreMetrics,
    ) -> Result<Store, OpenError> {
        let lock = sqlite::lock(url.path())?;
        let Pools { writers, readers: pool } = sqlite::open(url.path()).await?;
        let read = async {
            audit::chain_the_unchained(&writers).await?;
            let mesh_key = rows::mesh_key(&writers, random_key).await?;
            let state = rows::state(&writers).await?;
            Ok::<_, StoreError>((mesh_key, state))
        };
        let (mesh_key, state) = read.await.map_err(|source| sqlite::unusable(url.path(), source))?;
        metrics.revision.set(i64::try_from(state.revision()).unwrap_or(i64::MAX));
        let (publisher, state) = watch::channel(Arc::new(state));
        let (requests, receiver) = mpsc::channel(WAITING_WRITES);
        let (writer, closing) = (TaskTracker::new(), CancellationToken::new());
        let turn = Turn::default();
        let task = Writer::new(writers.clone(), publisher, admit, metrics, turn.clone());
        writer.spawn(task.run(receiver, closing.clone()));
        writer.close();
        let checking = Mutex::default();
        Ok(Store { pool, writers, checking, state, mesh_key, requests, writer, closing, turn, _lock: lock })
    }

    /// The state now.
    pub fn state(&self) -> Arc<State> {
        Arc::clone(&self.state.borrow())
    }

    /// The state now and whenever it changes. Whoever is slow sees only the newest.
    pub fn watch(&self) -> watch::Receiver<Arc<State>> {
        self.state.clone()
    }

    /// Authenticates pair ids; the same for every node of this control plane, for ever.
    pub fn mesh_key(&self) -> [u8; 16] {
        self.mesh_key
    }

    /// Does `command`. When this returns `Ok`, the change is on disk and [`Store::state`] shows it.
    ///
    /// # Errors
    /// The command was refused and nothing has changed; or the store failed, and the error says whether it is known that
    /// nothing has changed.
    pub async fn execute(&self, command: Command, origin: Origin) -> Result<Outcome, WriteError> {
        let (reply, answer) = oneshot::channel();
        let request = WriteRequest { command, origin, reply };
        self.requests.send(request).await.map_err(|_| WriteError::Failed(StoreError::Closed))?;
        answer.await.map_err(|_| WriteError::Failed(StoreError::Closed))?
    }

    /// What the filters reported, for whoever looks at it.
    pub fn telemetry(&self) -> Telemetry {
        Telemetry::new(self.pool.clone(), self.turn.clone())
    }

    /// The same for whoever takes in what they report: it does not wait for those who look.
    pub fn intake(&self) -> Telemetry {
        Telemetry::new(self.writers.clone(), self.turn.clone())
    }

    /// Whether the database can be read, and if the last write failed, whether it can be written now.
    ///
    /// # Errors
    /// Why not.
    pub async fn check(&self) -> Result<(), StoreError> {
        let _one = self.checking.lock().await;
        sqlx::query("SELECT revision FROM head WHERE id = 1").fetch_one(&self.writers).await?;
        if self.trouble().is_none() {
            return Ok(());
        }
        let _turn = self.turn.lock().await;
        let written = self.try_to_write().await;
        self.turn.note(&written);
        written
    }

    /// Writes as much as a write of an operator may be, down to the disk, and takes it away again.
    async fn try_to_write(&self) -> Result<(), StoreError> {
        let much = "INSERT INTO setting (name, value) VALUES ('room', hex(zeroblob(32768))) \
                    ON CONFLICT (name) DO UPDATE SET value = excluded.value";
        sqlx::query(much).execute(&self.writers).await?;
        sqlx::query("DELETE FROM setting WHERE name = 'room'").execute(&self.writers).await?;
        Ok(())
    }

    /// Why the last write was not done; `None` if it was.
    pub fn trouble(&self) -> Option<Cause> {
        self.turn.trouble()
    }

    /// Finishes the writes that were asked for, refuses others, and closes the database.
    pub async fn close(&self) {
        self.closing.cancel();
        self.writer.wait().await;
        self.pool.close().await;
        self.writers.close().await;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use prometheus_client::registry::Registry;

    use super::*;
    use crate::model::access::Caller;
    use crate::model::command::Precondition;

    const CHECKOUT: &str = r#"[
        {"apiVersion": "umbra/v1", "kind": "Stamp", "metadata": {"name": "s"}, "spec": {"match": [{"methods": ["GET"]}]}},
        {"apiVersion": "umbra/v1", "kind": "Shadow", "metadata": {"name": "x"}, "spec": {"stamps": ["s"], "target": {"cluster": "c"}}}
    ]"#;

    #[tokio::test]
    async fn whoever_looks_holds_up_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let url = DatabaseUrl::from(folder.path().join("umbra.db"));
        let metrics = StoreMetrics::register(&mut Registry::default());
        let store = Store::open(&url, [0; 16], |_| Ok(()), metrics).await.unwrap();
        let resources = umbra_resource::from_json(CHECKOUT).unwrap();
        store.execute(Command::Apply { resources, dry_run: false }, Origin::default()).await.unwrap();
        let mut looking = Vec::new();
        while looking.len() < store.pool.options().get_max_connections() as usize {
            looking.push(store.pool.acquire().await.unwrap());
        }
        let valve = Command::Valve {
            shadow: "x".to_owned(),
            percent: Some(50.0),
            enabled: None,
            until: None,
            precondition: Precondition::None,
            by: Box::new(Caller::dev()),
        };
        let meanwhile = async {
            store.check().await.unwrap();
            assert_eq!(store.execute(valve, Origin::default()).await.unwrap().revision, 2);
            assert!(store.access().tokens().await.unwrap().is_empty());
            assert!(store.intake().sequences(&[1]).await.unwrap().is_empty());
        };
        tokio::time::timeout(Duration::from_secs(10), meanwhile).await.expect("it waits for those who look");
    }
}
