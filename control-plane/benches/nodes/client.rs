//! One Envoy: a connection, and the filter's delta client on a stream of it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prost::bytes::{Buf, BufMut, Bytes};
use tokio::sync::{Mutex, Notify, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status, Streaming};
use umbra_wire::delta::Node;
use umbra_wire::delta::client::backoff::Backoff;
use umbra_wire::delta::client::{Action, Client};

const METHOD: &str = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources";
/// As `envoy/sidecar` has it.
pub(crate) const PING: Duration = Duration::from_secs(45);
const PING_ANSWER: Duration = Duration::from_secs(5);

/// What the clients of a fleet have seen.
#[derive(Default)]
pub(crate) struct Seen {
    /// Streams that the server accepted.
    pub(crate) accepted: Count,
    /// Attempts to connect that failed.
    pub(crate) retries: Count,
    /// Responses that were acknowledged.
    pub(crate) acks: Count,
    /// Responses that had a policy in them.
    pub(crate) policies: Count,
    /// Streams that the server ended.
    pub(crate) lost: Count,
    /// The last response of any of them.
    pub(crate) last: Mutex<Bytes>,
}

/// A number that can be waited for, by one at a time.
#[derive(Default)]
pub(crate) struct Count {
    now: AtomicU64,
    wanted: AtomicU64,
    reached: Notify,
}

impl Count {
    pub(crate) fn now(&self) -> u64 {
        self.now.load(Ordering::SeqCst)
    }

    pub(crate) async fn reaches(&self, wanted: u64) {
        self.wanted.store(wanted, Ordering::SeqCst);
        while self.now() < wanted {
            self.reached.notified().await;
        }
    }

    fn add(&self) {
        if self.now.fetch_add(1, Ordering::SeqCst) + 1 == self.wanted.load(Ordering::SeqCst) {
            self.reached.notify_one();
        }
    }
}

/// Connects and opens the stream of the node `id`, which has the policy `version` already; again and again as the filter does.
pub(crate) async fn begin(
    address: SocketAddr,
    id: &str,
    version: Option<&str>,
    seen: &Seen,
) -> (Channel, Stream) {
    let mut backoff = Backoff::default();
    loop {
        if let Ok(channel) = connect(address).await
            && let Ok(stream) = open(channel.clone(), id, version, seen).await
        {
            return (channel, stream);
        }
        seen.retries.add();
        tokio::time::sleep(Duration::from_millis(backoff.next_ms(fastrand::u64(..)))).await;
    }
}

async fn connect(address: SocketAddr) -> Result<Channel, tonic::transport::Error> {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    let endpoint =
        endpoint.http2_keep_alive_interval(PING).keep_alive_timeout(PING_ANSWER).keep_alive_while_idle(true);
    endpoint.connect().await
}

async fn open(channel: Channel, id: &str, version: Option<&str>, seen: &Seen) -> Result<Stream, Status> {
    let node =
        Node { id: id.to_owned(), cluster: "shop".to_owned(), zone: "a".to_owned(), ..Node::default() };
    let mut machine = Client::new(node, "primary", version.map(str::to_owned));
    let (requests, receiver) = mpsc::channel(4);
    machine.on_tick(0, 0);
    for action in machine.on_opened() {
        let Action::Send(request) = action else { unreachable!() };
        requests.send(request.encode()).await.unwrap();
    }
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
    let request = Request::new(ReceiverStream::new(receiver));
    let answer = client.streaming(request, METHOD.parse().unwrap(), Raw).await?;
    machine.on_accepted(0);
    seen.accepted.add();
    Ok(Stream { machine, requests, responses: answer.into_inner() })
}

/// An open stream.
pub(crate) struct Stream {
    machine: Client,
    requests: mpsc::Sender<Vec<u8>>,
    responses: Streaming<Bytes>,
}

impl Stream {
    /// Takes every policy at once, until the server ends the stream.
    pub(crate) async fn follow(mut self, seen: Arc<Seen>, is_recorder: bool) {
        while let Ok(Some(response)) = self.responses.message().await {
            if is_recorder {
                seen.last.lock().await.clone_from(&response);
            }
            let mut actions = self.machine.on_message(&response, 0, 0);
            while let Some(action) = actions.pop() {
                match action {
                    Action::Apply { version, .. } => {
                        seen.policies.add();
                        actions.extend(self.machine.on_applied(&version));
                    }
                    Action::Send(request) => {
                        self.requests.send(request.encode()).await.unwrap();
                        seen.acks.add();
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
        seen.lost.add();
    }
}

/// Messages as the bytes that they are, which is what the filter is handed by Envoy.
#[derive(Clone, Copy)]
struct Raw;

impl Codec for Raw {
    type Encode = Vec<u8>;
    type Decode = Bytes;
    type Encoder = Raw;
    type Decoder = Raw;

    fn encoder(&mut self) -> Raw {
        Raw
    }

    fn decoder(&mut self) -> Raw {
        Raw
    }
}

impl Encoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put_slice(&item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}
