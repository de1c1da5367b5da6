//! Connections from a port: bounded in number, with TLS done and the client's identity known before anybody sees them.

pub mod calls;
pub mod identity;
pub mod tls;

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustix::net::sockopt;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;
use tokio_util::sync::CancellationToken;
use tonic::transport::server::Connected;
use tracing::{debug, warn};

use crate::listener::calls::{Calls, Idle};

/// A client that has not finished its handshake by then is not going to: several round trips over a bad link fit.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Connections that wait to be accepted, as far as the system lets them: when a server comes back, all Envoys come at once.
const BACKLOG: u32 = 16_384;
/// A machine that vanished without a word is noticed in 20 seconds.
const PROBE_AFTER: Duration = Duration::from_secs(10);
const PROBE_EVERY: Duration = Duration::from_secs(5);
const PROBES: u32 = 2;
/// Out of file descriptors, accepting fails at once again and again: this keeps it from burning a core meanwhile.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A bound port.
pub struct Listener {
    tcp: TcpListener,
    address: SocketAddr,
    acceptor: Option<TlsAcceptor>,
    slots: Arc<Semaphore>,
}

/// Who is at the other end of a connection.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Where it connects from.
    pub address: SocketAddr,
    /// The name in its certificate, verified against the client CA. `None` where no certificate is asked for.
    pub identity: Option<Arc<str>>,
    /// Every URI and DNS name in it.
    pub names: Arc<[Arc<str>]>,
    /// What was let in on the connection.
    pub calls: Calls,
}

/// An accepted connection, TLS done.
pub struct Connection {
    io: Either<TcpStream, Box<TlsStream<TcpStream>>>,
    peer: Peer,
    /// Where it must be used.
    idle: Option<Idle>,
    _slot: OwnedSemaphorePermit,
}

impl Listener {
    /// Binds `address`. At most `max_connections` are open at once; more wait in the kernel's backlog.
    ///
    /// # Errors
    /// The port is taken, or the address is not one of this machine.
    pub async fn bind(
        address: SocketAddr,
        tls: Option<Arc<rustls::ServerConfig>>,
        max_connections: usize,
    ) -> io::Result<Listener> {
        let tcp = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        // As tokio's own bind does.
        tcp.set_reuseaddr(true)?;
        tcp.bind(address)?;
        let tcp = tcp.listen(BACKLOG)?;
        let address = tcp.local_addr()?;
        Ok(Listener {
            tcp,
            address,
            acceptor: tls.map(TlsAcceptor::from),
            slots: Arc::new(Semaphore::new(max_connections)),
        })
    }

    /// The address bound, with the port that was taken for port 0.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Accepts in a task until `stop`, and hands connections out. The port closes when `stop` is cancelled.
    pub fn accept(self, stop: CancellationToken) -> mpsc::Receiver<Connection> {
        // One is enough: whoever serves takes a connection and spawns a task for it at once.
        let (sender, receiver) = mpsc::channel(1);
        tokio::spawn(async move {
            let _ = stop.run_until_cancelled(self.accept_all(sender)).await;
        });
        receiver
    }

    async fn accept_all(self, sender: mpsc::Sender<Connection>) {
        loop {
            let Ok(slot) = Arc::clone(&self.slots).acquire_owned().await else { return };
            let (tcp, address) = match self.tcp.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    warn!(%error, listener = %self.address, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let acceptor = self.acceptor.clone();
            let sender = sender.clone();
            // A task of its own, so that a client that dawdles in its handshake holds up nobody.
            tokio::spawn(async move {
                match tokio::time::timeout(HANDSHAKE_TIMEOUT, open(tcp, address, acceptor, slot)).await {
                    Ok(Ok(connection)) => drop(sender.send(connection).await),
                    Ok(Err(error)) => debug!(peer = %address, %error, "connection refused"),
                    Err(_) => debug!(peer = %address, "tls handshake took too long"),
                }
            });
        }
    }
}

async fn open(
    tcp: TcpStream,
    address: SocketAddr,
    acceptor: Option<TlsAcceptor>,
    slot: OwnedSemaphorePermit,
) -> io::Result<Connection> {
    // Messages are small and wait for answers: Nagle's algorithm would only delay them.
    tcp.set_nodelay(true)?;
    keep_alive(&tcp)?;
    let Some(acceptor) = acceptor else {
        return Ok(Connection {
            io: Either::Left(tcp),
            peer: Peer { address, identity: None, names: Arc::default(), calls: Calls::none() },
            idle: None,
            _slot: slot,
        });
    };
    let stream = acceptor.accept(tcp).await?;
    let certificate = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
    let identity = certificate.map(|certificate| Arc::from(identity::of(certificate)));
    let names = certificate.map(identity::names).unwrap_or_default();
    let names = names.into_iter().map(Arc::from).collect();
    let peer = Peer { address, identity, names, calls: Calls::none() };
    Ok(Connection { io: Either::Right(Box::new(stream)), peer, idle: None, _slot: slot })
}

/// The kernel asks whether the other end is still there, which costs this process nothing.
fn keep_alive(tcp: &TcpStream) -> io::Result<()> {
    sockopt::set_socket_keepalive(tcp, true)?;
    sockopt::set_tcp_keepidle(tcp, PROBE_AFTER)?;
    sockopt::set_tcp_keepintvl(tcp, PROBE_EVERY)?;
    sockopt::set_tcp_keepcnt(tcp, PROBES)?;
    Ok(())
}

impl Connection {
    /// Who is at the other end.
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// From here on reading fails once no call was let in for so long. Without that, who only answers pings keeps a connection.
    #[must_use]
    pub fn idle_at_most(self, patience: Duration) -> Self {
        let idle = Idle::new(self.peer.calls.clone(), patience);
        Connection { idle: Some(idle), ..self }
    }
}

impl Connected for Connection {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        self.peer.clone()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.io).poll_read(cx, buf);
        if polled.is_pending() && self.idle.as_mut().is_some_and(|idle| idle.poll_over(cx).is_ready()) {
            debug!(peer = %self.peer.address, "connection ended: nobody was let in on it");
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        polled
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}
