//! An upstream that does what no server should.

use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What happens to each connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Accepted, and never read from.
    NeverReads,
    /// Read, and never answered.
    NeverAnswers,
    /// Closed at once.
    Closes,
    /// Reset after a request has been read.
    Resets,
    /// Reset after the first bytes of an answer that promised more.
    CutsOff,
    /// Answered with what is not HTTP.
    Garbage,
}

/// Listens until dropped.
#[derive(Debug)]
pub struct FaultUpstream {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl FaultUpstream {
    /// Starts one on a port of its own.
    pub async fn start(fault: Fault) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("binding");
        let address = listener.local_addr().expect("the bound address");
        let task = tokio::spawn(async move {
            let mut held = Vec::new();
            while let Ok((stream, _)) = listener.accept().await {
                match fault {
                    Fault::NeverReads => held.push(stream),
                    _ => {
                        tokio::spawn(misbehave(fault, stream));
                    }
                }
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

/// Errors are expected here: the peer may well have gone.
async fn misbehave(fault: Fault, mut stream: TcpStream) {
    let mut some = [0; 4096];
    match fault {
        Fault::NeverReads | Fault::Closes => {}
        Fault::NeverAnswers => while matches!(stream.read(&mut some).await, Ok(read) if read > 0) {},
        Fault::Resets => {
            let _ = stream.read(&mut some).await;
            let _ = stream.set_zero_linger();
        }
        Fault::CutsOff => {
            let _ = stream.read(&mut some).await;
            let head = b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nonly this";
            let _ = stream.write_all(head).await;
            let _ = stream.set_zero_linger();
        }
        Fault::Garbage => {
            let _ = stream.read(&mut some).await;
            let _ = stream.write_all(b"\0\xff\xfe this is not HTTP\r\n\r\n").await;
        }
    }
}
