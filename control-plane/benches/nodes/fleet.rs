//! Many Envoys.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tonic::transport::Channel;

use crate::client::{self, Seen};

/// Clients whose streams are open.
pub(crate) struct Fleet {
    pub(crate) seen: Arc<Seen>,
    tasks: JoinSet<()>,
    channels: Arc<Mutex<Vec<Channel>>>,
}

impl Fleet {
    /// Opens the streams of `nodes` nodes that have the policy `version` already, `at_once` at a time; returns when the server
    /// has accepted all of them.
    pub(crate) async fn open(
        address: SocketAddr,
        nodes: u64,
        version: Option<&str>,
        at_once: usize,
    ) -> Fleet {
        let turns = Arc::new(Semaphore::new(at_once));
        let (seen, channels) = (Arc::<Seen>::default(), Arc::<Mutex<Vec<Channel>>>::default());
        let mut tasks = JoinSet::new();
        for number in 0..nodes {
            let (turns, seen, channels) = (Arc::clone(&turns), Arc::clone(&seen), Arc::clone(&channels));
            let version = version.map(str::to_owned);
            tasks.spawn(async move {
                let turn = turns.acquire().await.unwrap();
                let (channel, stream) = client::begin(address, &id(number), version.as_deref(), &seen).await;
                channels.lock().unwrap().push(channel);
                drop(turn);
                stream.follow(seen, number == 0).await;
            });
        }
        let mut fleet = Fleet { seen, tasks, channels };
        let seen = Arc::clone(&fleet.seen);
        tokio::select! {
            () = seen.accepted.reaches(nodes) => {}
            Some(ended) = fleet.tasks.join_next() => panic!("a client ended: {ended:?}"),
        }
        fleet
    }

    /// The connections of so many of them.
    pub(crate) fn channels(&self, count: usize) -> Vec<Channel> {
        self.channels.lock().unwrap().iter().take(count).cloned().collect()
    }

    /// Closes all connections at once.
    pub(crate) async fn close(mut self) {
        assert_eq!(self.seen.lost.now(), 0, "streams were ended by the server");
        self.channels.lock().unwrap().clear();
        self.tasks.shutdown().await;
    }
}

/// The name of a node.
pub(crate) fn id(number: u64) -> String {
    format!("node-{number:05}")
}
