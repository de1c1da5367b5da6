//! An upstream that does what no server should.

mod answers;

use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// What happens to each connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Accepted, and never read from.
    NeverReads,
    /// The same by a server of HTTP/2 that first grants as much as the protocol can: nothing of what it is sent waits for
    /// a window.
    GrantsAndNeverReads,
    /// Read by a byte a second.
    ReadsSlowly,
    /// Read, and never answered.
    NeverAnswers,
    /// Closed at once.
    Closes,
    /// Reset when so many bytes of requests have been read.
    Resets(usize),
    /// Reset after so many bytes of an answer's body that promised more. HTTP/1.1 and HTTP/2.
    CutsOff(usize),
    /// Answered with what is not HTTP.
    Garbage,
    /// Answered with a body of so many bytes. HTTP/1.1 and HTTP/2.
    Floods(u64),
    /// Answered with TLS's word for a failed handshake, whatever was said.
    RefusesTls,
}

/// Listens until dropped.
#[derive(Debug)]
pub struct FaultUpstream {
    address: SocketAddr,
    task: JoinHandle<()>,
}

/// So that what the kernel takes from a sender that is not read stays small beside what Envoy holds.
const RECEIVE_BUFFER_BYTES: u32 = 16 << 10;

/// Settings with the greatest initial window of a stream, 2^31 - 1 (RFC 9113, section 6.5.2), and the same for the connection.
const ALL_WINDOWS: &[u8] = b"\0\0\x06\x04\0\0\0\0\0\0\x04\x7f\xff\xff\xff\0\0\x04\x08\0\0\0\0\0\x7f\xff\0\0";

/// A fatal alert of TLS: `handshake_failure` (RFC 8446, section 6).
const HANDSHAKE_FAILURE: &[u8] = b"\x15\x03\x03\0\x02\x02\x28";

impl FaultUpstream {
    /// Starts one on a port of its own.
    pub async fn start(fault: Fault) -> Self {
        let listener = match fault {
            Fault::NeverReads | Fault::GrantsAndNeverReads | Fault::ReadsSlowly => narrow(),
            _ => TcpListener::bind("127.0.0.1:0").await.expect("binding"),
        };
        let address = listener.local_addr().expect("the bound address");
        let task = tokio::spawn(async move {
            // Dropped with this task: a server that is gone has no open connections either.
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(misbehave(fault, stream));
                while connections.try_join_next().is_some() {}
            }
        });
        Self { address, task }
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.address.port()
    }
}

impl Drop for FaultUpstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn narrow() -> TcpListener {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES).expect("setting a receive buffer");
    socket.bind(([127, 0, 0, 1], 0).into()).expect("binding");
    socket.listen(1024).expect("listening")
}

/// Errors are expected here: the peer may well have gone.
async fn misbehave(fault: Fault, mut stream: TcpStream) {
    let mut some = [0; 4096];
    match fault {
        Fault::NeverReads => std::future::pending().await,
        Fault::GrantsAndNeverReads => {
            let _ = stream.write_all(ALL_WINDOWS).await;
            std::future::pending().await
        }
        Fault::ReadsSlowly => {
            let mut pace = tokio::time::interval(Duration::from_secs(1));
            while matches!(stream.read(&mut some[..1]).await, Ok(1)) {
                pace.tick().await;
            }
        }
        Fault::Closes => {}
        Fault::NeverAnswers => while matches!(stream.read(&mut some).await, Ok(read) if read > 0) {},
        Fault::Resets(after) => {
            let mut left = after;
            while left > 0 {
                let most = left.min(some.len());
                match stream.read(&mut some[..most]).await {
                    Ok(read) if read > 0 => left -= read,
                    _ => return,
                }
            }
            let _ = stream.set_zero_linger();
        }
        Fault::CutsOff(after) => answers::serve(stream, after as u64, true).await,
        Fault::Floods(bytes) => answers::serve(stream, bytes, false).await,
        Fault::Garbage => answer_raw(stream, b"\0\xff\xfe this is not HTTP\r\n\r\n").await,
        Fault::RefusesTls => answer_raw(stream, HANDSHAKE_FAILURE).await,
    }
}

async fn answer_raw(mut stream: TcpStream, answer: &[u8]) {
    let mut some = [0; 4096];
    let _ = stream.read(&mut some).await;
    let _ = stream.write_all(answer).await;
}
