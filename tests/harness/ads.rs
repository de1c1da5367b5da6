//! A relay between Envoys and the control plane that can break policies on their way, and that
//! records what is said. It speaks Envoy's own messages, generated from Envoy's own definitions: a
//! mistake in the product's would show here.

use envoy_types::pb::envoy::service::discovery::v3 as discovery;
use futures::future::ready;
use futures::{StreamExt, stream};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use tokio::sync::{broadcast, watch};
use tokio::task::JoinHandle;
use tokio_stream::wrappers::{BroadcastStream, TcpListenerStream};
use tonic::transport::Server;
use tonic::{Request, Response, Status, Streaming};

use discovery::aggregated_discovery_service_client::AggregatedDiscoveryServiceClient;
use discovery::aggregated_discovery_service_server::{
    AggregatedDiscoveryService, AggregatedDiscoveryServiceServer,
};
use discovery::{DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, DiscoveryResponse};

/// Pushed policies that may be on their way to a stream.
const PUSHES: usize = 1024;

/// What happens to the policies that pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Break {
    /// They pass as they are.
    #[default]
    Nothing,
    /// Bytes that are not protobuf stand in their place.
    RandomBytes,
    /// One more stamp is in them, whose regular expression does not compile.
    BadRegex,
}

#[derive(Default)]
struct Seen {
    requests: Vec<DeltaDiscoveryRequest>,
    responses: Vec<DeltaDiscoveryResponse>,
    open: usize,
    opened: usize,
    pushed: usize,
}

/// A running relay. Dropping it closes its port and its streams.
pub struct Relay {
    port: u16,
    shared: Shared,
    task: JoinHandle<()>,
}

#[derive(Clone)]
struct Shared {
    upstream: u16,
    breaking: Arc<watch::Sender<Break>>,
    pushes: broadcast::Sender<DeltaDiscoveryResponse>,
    seen: Arc<Mutex<Seen>>,
}

impl Relay {
    /// Starts one in front of the control plane on this port.
    pub async fn start(upstream: u16) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Shared {
            upstream,
            breaking: Arc::new(watch::Sender::new(Break::Nothing)),
            pushes: broadcast::Sender::new(PUSHES),
            seen: Arc::default(),
        };
        let service = AggregatedDiscoveryServiceServer::new(shared.clone());
        let task = tokio::spawn(async move {
            let serving = Server::builder().add_service(service);
            let incoming = TcpListenerStream::new(listener);
            serving.serve_with_incoming(incoming).await.unwrap();
        });
        Self { port, shared, task }
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Breaks the policies that pass from now on.
    pub fn break_policies(&self, how: Break) {
        self.shared.breaking.send_replace(how);
    }

    /// Sends what the control plane sent last once more, as policy number `number`: under another revision and version, and
    /// with so many stamps more. Envoy takes it for the control plane's, and nobody waits for its acknowledgement.
    pub fn push(&self, number: usize, stamps: usize) {
        let mut seen = self.shared.seen.lock().unwrap();
        let mut response = seen.responses.last().expect("a policy of the control plane").clone();
        let resource = response.resources.first_mut().expect("a policy");
        resource.version = format!("pushed-{number}");
        let policy = resource.resource.as_mut().expect("a policy");
        policy.value.extend(revision(number));
        for stamp in 0..stamps {
            policy.value.extend(one_more_stamp(&format!("zz-{stamp:03}"), 2, "/nowhere"));
        }
        response.nonce = format!("pushed-{number}");
        seen.pushed += self.shared.pushes.send(response).expect("an open stream");
    }

    /// How many policies were pushed, each counted once for every open stream.
    pub fn pushed(&self) -> usize {
        self.shared.seen.lock().unwrap().pushed
    }

    /// Every request so far.
    pub fn requests(&self) -> Vec<DeltaDiscoveryRequest> {
        self.shared.seen.lock().unwrap().requests.clone()
    }

    /// Every response so far, as it was passed on.
    pub fn responses(&self) -> Vec<DeltaDiscoveryResponse> {
        self.shared.seen.lock().unwrap().responses.clone()
    }

    /// How many streams are open now, and how many ever were.
    pub fn streams(&self) -> (usize, usize) {
        let seen = self.shared.seen.lock().unwrap();
        (seen.open, seen.opened)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Counts a stream as open for as long as it lives.
struct OpenStream(Arc<Mutex<Seen>>);

impl OpenStream {
    fn new(seen: &Arc<Mutex<Seen>>) -> Self {
        let mut state = seen.lock().unwrap();
        state.open += 1;
        state.opened += 1;
        Self(Arc::clone(seen))
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.0.lock().unwrap().open -= 1;
    }
}

impl Shared {
    fn pass(&self, mut response: DeltaDiscoveryResponse) -> DeltaDiscoveryResponse {
        for resource in &mut response.resources {
            let Some(policy) = &mut resource.resource else {
                continue;
            };
            match *self.breaking.borrow() {
                Break::Nothing => {}
                Break::RandomBytes => policy.value = vec![0xff; 64],
                Break::BadRegex => policy.value.extend(stamp_with_bad_regex()),
            }
        }
        let mut seen = self.seen.lock().unwrap();
        seen.responses.push(response.clone());
        response
    }
}

/// Protobuf of one more element of `umbra.policy.v1.Policy.stamps`: appended to a policy, it is part
/// of it, since a repeated field may come in several places. Its name sorts after all the others.
fn stamp_with_bad_regex() -> Vec<u8> {
    one_more_stamp("zz-broken", 3, "(unclosed")
}

/// The same of a path of kind `kind` (2: prefix, 3: regex).
fn one_more_stamp(name: &str, kind: u8, path: &str) -> Vec<u8> {
    let path = field(kind, path.as_bytes());
    let clause = field(2, &path);
    let stamp = [field(1, name.as_bytes()), field(2, &clause)].concat();
    field(3, &stamp)
}

/// `umbra.policy.v1.Policy.revision`, far above those of the control plane: of several, the last counts.
fn revision(number: usize) -> Vec<u8> {
    let mut rest = number + (1 << 40);
    let mut bytes = vec![1 << 3];
    while rest >= 128 {
        bytes.push((rest % 128) as u8 | 128);
        rest /= 128;
    }
    bytes.push(rest as u8);
    bytes
}

/// A length-delimited field, with a length below 128.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len()).unwrap();
    assert!(length < 128, "one byte of length is all that this writes");
    [&[number << 3 | 2, length], content].concat()
}

type Responses<T> = Pin<Box<dyn futures::Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl AggregatedDiscoveryService for Shared {
    type StreamAggregatedResourcesStream = Responses<DiscoveryResponse>;
    type DeltaAggregatedResourcesStream = Responses<DeltaDiscoveryResponse>;

    async fn stream_aggregated_resources(
        &self,
        _: Request<Streaming<DiscoveryRequest>>,
    ) -> Result<Response<Self::StreamAggregatedResourcesStream>, Status> {
        Err(Status::unimplemented("delta only"))
    }

    async fn delta_aggregated_resources(
        &self,
        request: Request<Streaming<DeltaDiscoveryRequest>>,
    ) -> Result<Response<Self::DeltaAggregatedResourcesStream>, Status> {
        let open = OpenStream::new(&self.seen);
        let endpoint = format!("http://127.0.0.1:{}", self.upstream);
        let mut client = AggregatedDiscoveryServiceClient::connect(endpoint)
            .await
            .map_err(|error| Status::unavailable(error.to_string()))?;
        let seen = Arc::clone(&self.seen);
        let requests = request.into_inner();
        let requests = requests
            .take_while(|request| ready(request.is_ok()))
            .filter_map(|request| ready(request.ok()))
            .inspect(move |request| {
                seen.lock().unwrap().requests.push(request.clone());
            });
        let answers = client.delta_aggregated_resources(requests).await?;
        let shared = self.clone();
        let answers = answers.into_inner().map(move |answer| {
            let _open = &open;
            answer.map(|answer| shared.pass(answer))
        });
        // The stream ends when the control plane ends it.
        let answers = answers.map(Some).chain(stream::once(ready(None)));
        let pushed = BroadcastStream::new(self.pushes.subscribe())
            .map(|pushed| Some(pushed.map_err(|lost| Status::internal(lost.to_string()))));
        let both = stream::select(answers, pushed).take_while(|answer| ready(answer.is_some()));
        Ok(Response::new(Box::pin(both.filter_map(ready))))
    }
}
