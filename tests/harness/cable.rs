//! What connects Envoy with the control plane, and can be cut: bytes then stay on their way, and neither end is told.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A whole cable, at first. Dropping it closes its port.
#[derive(Debug)]
pub struct Cable {
    port: u16,
    is_cut: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Cable {
    /// One to this port.
    pub fn to(port: u16) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let near = listener.local_addr().unwrap().port();
        let (is_cut, cut) = watch::channel(false);
        let task = tokio::spawn(async move {
            let listener = TcpListener::from_std(listener).unwrap();
            while let Ok((near, _)) = listener.accept().await {
                let mut cut = cut.clone();
                tokio::spawn(async move {
                    if cut.wait_for(|cut| !cut).await.is_err() {
                        return;
                    }
                    let Ok(far) = TcpStream::connect(("127.0.0.1", port)).await else { return };
                    let ((from_near, to_near), (from_far, to_far)) = (near.into_split(), far.into_split());
                    tokio::join!(pass(from_near, to_far, cut.clone()), pass(from_far, to_near, cut));
                });
            }
        });
        Self { port: near, is_cut, task }
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// From now on nothing arrives.
    pub fn cut(&self) {
        self.is_cut.send_replace(true);
    }

    /// Everything arrives again, and what was on its way.
    pub fn mend(&self) {
        self.is_cut.send_replace(false);
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut cut: watch::Receiver<bool>) {
    let mut bytes = vec![0; 16 * 1024];
    loop {
        let read = from.read(&mut bytes).await.unwrap_or(0);
        // That an end has closed does not arrive either.
        if cut.wait_for(|cut| !cut).await.is_err() || read == 0 || to.write_all(&bytes[..read]).await.is_err()
        {
            return;
        }
    }
}
