//! A relay in front of the shadow that passes bytes on as they are and counts the requests among them: what the
//! shadow received is counted where it arrives, not by the one who sent it.

use std::io::{Read, Write, copy};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result};

use super::heads::{Head, Heads};

/// What arrived since the start.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Received {
    /// Requests.
    pub(crate) requests: u64,
    /// Those that say which shadow they are for.
    pub(crate) marked: u64,
    /// Those with a client's credentials: there should be none.
    pub(crate) with_credentials: u64,
    /// Connections on which something came that is no request without a body: there should be none.
    pub(crate) unreadable: u64,
}

impl Received {
    /// What arrived since `earlier`.
    pub(crate) fn since(&self, earlier: &Self) -> Self {
        Self {
            requests: self.requests - earlier.requests,
            marked: self.marked - earlier.marked,
            with_credentials: self.with_credentials - earlier.with_credentials,
            unreadable: self.unreadable - earlier.unreadable,
        }
    }
}

/// A running relay; dropped, it takes no more connections.
#[derive(Debug)]
pub(crate) struct Relay {
    port: u16,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    received: Mutex<Received>,
    stop: AtomicBool,
}

impl Relay {
    /// Starts relaying to `127.0.0.1:upstream` from a port of its own.
    ///
    /// # Errors
    /// When there is no port to listen on.
    pub(crate) fn start(upstream: u16) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port for the relay")?;
        let port = listener.local_addr().context("no port for the relay")?.port();
        let shared = Arc::new(Shared::default());
        let acceptor = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || accept(&listener, upstream, &shared))
        };
        Ok(Self { port, shared, acceptor: Some(acceptor) })
    }

    /// Where it listens.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// What arrived up to now.
    pub(crate) fn received(&self) -> Received {
        *self.shared.lock()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        // Wakes the acceptor, which then sees that it should stop.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Received> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, head: &Head) {
        let mut received = self.lock();
        received.requests += 1;
        received.marked += u64::from(head.has("x-umbra-shadow"));
        received.with_credentials += u64::from(head.has("authorization") || head.has("cookie"));
    }
}

fn accept(listener: &TcpListener, upstream: u16, shared: &Arc<Shared>) {
    for connection in listener.incoming() {
        if shared.stop.load(Ordering::Relaxed) {
            return;
        }
        let Ok(client) = connection else { continue };
        let shared = Arc::clone(shared);
        // It ends when either side closes, which both do at the latest when they are ended.
        thread::spawn(move || relay(client, upstream, &shared));
    }
}

/// Relays one connection until either side ends it.
fn relay(mut client: TcpStream, upstream: u16, shared: &Shared) {
    let Ok(mut server) = TcpStream::connect((Ipv4Addr::LOCALHOST, upstream)) else { return };
    let (Ok(mut to_client), Ok(mut from_server)) = (client.try_clone(), server.try_clone()) else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let answers = thread::spawn(move || {
        let _ = copy(&mut from_server, &mut to_client);
        let _ = to_client.shutdown(Shutdown::Both);
    });
    let mut heads = Heads::default();
    let mut buffer = [0; 16 * 1024];
    while let Ok(length @ 1..) = client.read(&mut buffer) {
        let Some(bytes) = buffer.get(..length) else { break };
        match heads.feed(bytes) {
            Ok(found) => found.iter().for_each(|head| shared.count(head)),
            Err(_) => {
                shared.lock().unreadable += 1;
                break;
            }
        }
        if server.write_all(bytes).is_err() {
            break;
        }
    }
    let _ = server.shutdown(Shutdown::Both);
    let _ = answers.join();
}
