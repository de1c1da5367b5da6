//! A name server that knows one address, until it forgets it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

/// The bytes before the question (RFC 1035, section 4.1.1).
const HEADER_BYTES: usize = 12;

/// Answers until dropped.
#[derive(Debug)]
pub struct NameServer {
    address: SocketAddr,
    forgotten: Arc<AtomicBool>,
    denied: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl NameServer {
    /// Starts one for which every name is this machine's loopback address.
    pub async fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("binding");
        let address = socket.local_addr().expect("the bound address");
        let (forgotten, denied) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (is_forgotten, count) = (Arc::clone(&forgotten), Arc::clone(&denied));
        let task = tokio::spawn(async move {
            let mut query = [0; 1500];
            while let Ok((length, peer)) = socket.recv_from(&mut query).await {
                let known = !is_forgotten.load(Ordering::Relaxed);
                let _ = socket.send_to(&answer(&query[..length], known), peer).await;
                count.fetch_add(usize::from(!known), Ordering::Relaxed);
            }
        });
        Self { address, forgotten, denied, task }
    }

    /// Where it listens, over UDP.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// From now on there is no such name, whichever is asked for.
    pub fn forget(&self) {
        self.forgotten.store(true, Ordering::Relaxed);
    }

    /// How often it has said so.
    pub fn denied(&self) -> usize {
        self.denied.load(Ordering::Relaxed)
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The query's id and question, and one record of type A, or the code for a name that does not exist.
fn answer(query: &[u8], known: bool) -> Vec<u8> {
    let name = query[HEADER_BYTES..].iter().position(|byte| *byte == 0).expect("a question");
    let question = &query[HEADER_BYTES..HEADER_BYTES + name + 5];
    let is_of_a = question[name + 1..name + 3] == [0, 1];
    let (code, answers) = if known { (0, u8::from(is_of_a)) } else { (3, 0) };
    let mut answer = query[..2].to_vec();
    answer.extend([0x84, code, 0, 1, 0, answers, 0, 0, 0, 0]);
    answer.extend(question);
    if answers > 0 {
        // The name of the question, A, IN, a second, four bytes.
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 127, 0, 0, 1]);
    }
    answer
}
