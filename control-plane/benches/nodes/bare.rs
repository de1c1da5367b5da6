//! The least that tonic needs to send one message to everybody, as a process of its own: what the control plane is compared
//! with. Started with [`ARGUMENT`] and the message in a file; prints where it listens; for each line that it reads it sends the
//! message on every stream, and prints a line when the last stream has answered.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::pin::Pin;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use envoy_types::pb::envoy::service::discovery::v3::aggregated_discovery_service_server::{
    AggregatedDiscoveryService, AggregatedDiscoveryServiceServer,
};
use envoy_types::pb::envoy::service::discovery::v3::{
    DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, DiscoveryResponse,
};
use futures::Stream;
use prost::Message;
use tokio::io::{AsyncBufReadExt, BufReader as AsyncBufReader};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::transport::Server;
use tonic::{Request, Response, Status, Streaming};

use crate::process::Process;

/// Makes this program that server; the message's file is the next argument.
pub(crate) const ARGUMENT: &str = "bare";

/// The process.
pub(crate) struct Bare {
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
    said: BufReader<std::process::ChildStdout>,
}

impl Bare {
    /// Starts it with this message.
    pub(crate) fn start(message: &[u8]) -> Bare {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("message");
        std::fs::write(&file, message).unwrap();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.arg(ARGUMENT).arg(&file).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = Process::start(&mut command);
        let mut said = BufReader::new(process.0.stdout.take().unwrap());
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        Bare { process, address: line.trim().parse().unwrap(), said }
    }

    /// Sends the message to everybody, and waits for the last answer.
    pub(crate) fn send(&mut self) {
        self.process.0.stdin.as_mut().unwrap().write_all(b"send\n").unwrap();
        self.said.read_line(&mut String::new()).unwrap();
    }
}

#[derive(Default)]
struct Tally {
    streams: AtomicU64,
    answers: AtomicU64,
}

struct Service {
    newest: watch::Receiver<DeltaDiscoveryResponse>,
    tally: Arc<Tally>,
}

/// The process's whole life.
pub(crate) async fn serve() {
    let file = std::env::args().nth(2).unwrap();
    let first = DeltaDiscoveryResponse::decode(std::fs::read(file).unwrap().as_slice()).unwrap();
    let (sender, newest) = watch::channel(first.clone());
    let tally = Arc::<Tally>::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{}", listener.local_addr().unwrap());
    let service = AggregatedDiscoveryServiceServer::new(Service { newest, tally: Arc::clone(&tally) });
    let incoming = TcpListenerStream::new(listener);
    tokio::spawn(Server::builder().add_service(service).serve_with_incoming(incoming));

    let mut lines = AsyncBufReader::new(tokio::io::stdin()).lines();
    let mut number = 0_u64;
    while lines.next_line().await.unwrap().is_some() {
        number += 1;
        // As many bytes as it had.
        let mut message = first.clone();
        let length = message.resources[0].version.len();
        message.resources[0].version = format!("{number:0length$}");
        tally.answers.store(0, Ordering::SeqCst);
        sender.send_replace(message);
    }
}

impl Service {
    async fn follow(
        mut newest: watch::Receiver<DeltaDiscoveryResponse>,
        mut requests: Streaming<DeltaDiscoveryRequest>,
        responses: mpsc::Sender<Result<DeltaDiscoveryResponse, Status>>,
        tally: Arc<Tally>,
    ) {
        loop {
            tokio::select! {
                changed = newest.changed() => {
                    changed.unwrap();
                    let message = newest.borrow_and_update().clone();
                    responses.send(Ok(message)).await.unwrap();
                }
                request = requests.message() => {
                    let Ok(Some(request)) = request else { return };
                    if request.response_nonce.is_empty() {
                        tally.streams.fetch_add(1, Ordering::SeqCst);
                    } else if tally.answers.fetch_add(1, Ordering::SeqCst) + 1
                        == tally.streams.load(Ordering::SeqCst)
                    {
                        println!("answered");
                    }
                }
            }
        }
    }
}

type Responses<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl AggregatedDiscoveryService for Service {
    type StreamAggregatedResourcesStream = Responses<DiscoveryResponse>;
    type DeltaAggregatedResourcesStream = ReceiverStream<Result<DeltaDiscoveryResponse, Status>>;

    async fn stream_aggregated_resources(
        &self,
        _request: Request<Streaming<DiscoveryRequest>>,
    ) -> Result<Response<Self::StreamAggregatedResourcesStream>, Status> {
        Err(Status::unimplemented("only DeltaAggregatedResources is served"))
    }

    async fn delta_aggregated_resources(
        &self,
        request: Request<Streaming<DeltaDiscoveryRequest>>,
    ) -> Result<Response<Self::DeltaAggregatedResourcesStream>, Status> {
        let (sender, responses) = mpsc::channel(1);
        let follow =
            Service::follow(self.newest.clone(), request.into_inner(), sender, Arc::clone(&self.tally));
        tokio::spawn(follow);
        Ok(Response::new(ReceiverStream::new(responses)))
    }
}
