//! Nodes that mean harm, or are broken: refused or bounded, in words, and nobody else is the worse for it.

use std::net::SocketAddr;
use std::time::Duration;

use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tonic::transport::Channel;
use tonic::{Code, Request};

use crate::delta::{Delta, endpoint, hello};
use crate::process::Umbra;
use crate::support::{CHECKOUT, folder, soon};
use crate::telemetry::hostile::Raw;
use crate::telemetry::{Worker, report};

/// More than what a test does anyway, and far less than what the hostile ask for.
const LITTLE: u64 = 48 << 20;

/// The memory that the process has, in bytes.
fn resident(umbra: &Umbra) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", umbra.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() * 1_024
}

/// A server with a node that is as it should be.
struct Mesh {
    umbra: Umbra,
    xds: SocketAddr,
    good: Delta,
    before: u64,
    _folder: tempfile::TempDir,
}

impl Mesh {
    async fn start() -> Mesh {
        let folder = folder();
        let umbra = Umbra::start(folder.path());
        let xds = umbra.xds.parse().unwrap();
        umbra.api().apply(CHECKOUT).await;
        let mut good = Delta::open(xds, hello("good")).await.unwrap();
        let first = good.pushed().await;
        good.ack(&first.nonce).await;
        let before = resident(&umbra);
        Mesh { umbra, xds, good, before, _folder: folder }
    }

    async fn channel(&self) -> Channel {
        soon(endpoint(self.xds).connect()).await.unwrap()
    }

    /// The good node follows a change, reports are taken, and there is as much memory as before, about.
    async fn is_well(&mut self, percent: f64) {
        let revision = self.umbra.api().valve(percent).await;
        loop {
            let pushed = self.good.pushed().await;
            self.good.ack(&pushed.nonce).await;
            if pushed.policy.revision == revision {
                break;
            }
        }
        let sequence = revision;
        let acknowledged = Worker::at(self.xds).send(&report(7, sequence, 1)).await.unwrap();
        assert_eq!(acknowledged, sequence);
        let more = resident(&self.umbra).saturating_sub(self.before);
        assert!(more < LITTLE, "{more} bytes more");
    }

    async fn end(self) -> String {
        self.umbra.signal("-TERM");
        self.umbra.ended().1
    }
}

#[tokio::test]
async fn one_node_cannot_take_the_streams_of_all() {
    const STREAMS: usize = 5_000;
    /// As many as one connection may have.
    const EACH: usize = 32;
    let mut mesh = Mesh::start().await;
    let mut streams = Vec::new();
    while streams.len() < STREAMS {
        let channel = mesh.channel().await;
        let opened = (0..EACH).map(|_| Delta::open_on(channel.clone(), hello("bad")));
        streams.extend(join_all(opened).await.into_iter().map(Result::unwrap));
    }
    let first = join_all(streams.iter_mut().map(Delta::receive)).await;
    let accepted = first.iter().filter(|first| first.is_ok()).count();
    assert_eq!(accepted, 8);
    for refused in first.into_iter().filter_map(Result::err) {
        assert_eq!(refused.code(), Code::ResourceExhausted);
        assert_eq!(refused.message(), "the node has 8 streams already: does another Envoy have its id?");
    }
    mesh.is_well(50.0).await;
    let nodes = mesh.umbra.api().get("/api/v1/nodes").await;
    let bad = nodes["items"].as_array().unwrap().iter().find(|node| node["id"] == "bad").unwrap();
    assert_eq!(bad["streams"], 8);
    drop(streams);
    let mut back = Delta::open(mesh.xds, hello("bad")).await.unwrap();
    soon(async {
        while back.receive().await.is_err() {
            back = Delta::open(mesh.xds, hello("bad")).await.unwrap();
        }
    })
    .await;
    assert!(mesh.end().await.contains("does another Envoy have its id?"));
}

#[tokio::test]
async fn a_hundred_megabytes_are_refused_by_their_length() {
    const BYTES: usize = 100 << 20;
    let mut mesh = Mesh::start().await;
    for _ in 0..3 {
        let mut huge = hello("bad");
        huge.resource_names_subscribe = vec!["x".repeat(BYTES)];
        let refused = match Delta::open_on(mesh.channel().await, huge).await {
            Ok(mut stream) => stream.end().await,
            Err(status) => status,
        };
        assert_eq!(refused.code(), Code::OutOfRange, "{refused:?}");
        let mut raw = tonic::client::Grpc::new(mesh.channel().await);
        raw.ready().await.unwrap();
        let report = Request::new(vec![0; BYTES]);
        let path = umbra_wire::telemetry::METHOD_PATH.parse().unwrap();
        let refused = soon(raw.unary(report, path, Raw)).await.unwrap_err();
        assert_eq!(refused.code(), Code::OutOfRange, "{refused:?}");
    }
    mesh.is_well(50.0).await;
}

#[tokio::test]
async fn nodes_that_never_read_are_owed_one_policy() {
    const CHANGES: u32 = 40;
    let mut mesh = Mesh::start().await;
    // Far more than HTTP/2 lets a server send before it is read.
    let stamp = |index: u32| {
        json!({
            "apiVersion": "umbra/v1", "kind": "Stamp", "metadata": {"name": format!("s{index}")},
            "spec": {"match": [{"hosts": [format!("{}.example.com", "h".repeat(60))], "methods": ["GET"]}]},
        })
    };
    let stamps = Value::from_iter((0..1_000).map(stamp)).to_string();
    let api = mesh.umbra.api();
    let applied = api.send(Method::POST, "/api/v1/apply", "application/json", &stamps).await;
    assert_eq!(applied.status(), 200);
    let mut silent = Vec::new();
    for number in 0..64 {
        let hello = hello(&format!("silent-{number}"));
        silent.push(Delta::open_on(mesh.channel().await, hello).await.unwrap());
    }
    for change in 1..=CHANGES {
        mesh.is_well(f64::from(change)).await;
    }
    assert_eq!(silent.len(), 64, "they are still there");
}

/// HTTP/2 by hand: pings that all want an answer, from somebody who reads none.
#[tokio::test]
async fn a_flood_that_wants_answers_and_reads_none_stalls_itself() {
    const PING: &[u8] = b"\0\0\x08\x06\0\0\0\0\0flooding";
    let mut mesh = Mesh::start().await;
    let mut floods = Vec::new();
    for _ in 0..8 {
        let mut flood = TcpStream::connect(mesh.xds).await.unwrap();
        flood.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
        let pings = PING.repeat(4_096);
        // Until the server takes no more, which is when its own answers are stuck.
        let mut sent = 0;
        while let Ok(written) =
            tokio::time::timeout(Duration::from_millis(500), flood.write_all(&pings)).await
        {
            sent += pings.len();
            if written.is_err() || sent > (256 << 20) {
                break;
            }
        }
        assert!(sent < 256 << 20, "it takes them for ever");
        floods.push(flood);
    }
    mesh.is_well(50.0).await;
}

#[tokio::test]
async fn absurd_reports_count_for_nobody_else() {
    let mut mesh = Mesh::start().await;
    let mut bad = Worker::at(mesh.xds);
    assert_eq!(bad.send(&report(1, 5, 10)).await.unwrap(), 5);
    for sequence in [5, 4, 1, 5] {
        assert_eq!(bad.send(&report(1, sequence, 10)).await.unwrap(), 5, "it was counted");
    }
    let mut never = report(1, u64::MAX, 10);
    (never.started_ms, never.ended_ms) = (u64::MAX, 0);
    let refused = bad.send(&never).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert!(refused.message().starts_with("sequence: is out of range"), "{refused:?}");
    // It has no numbers left, which is its own affair.
    let most = i64::MAX.unsigned_abs();
    for sequence in [most, 6] {
        assert_eq!(bad.send(&report(1, sequence, 10)).await.unwrap(), most);
    }
    let mut other = Worker::at(mesh.xds);
    assert_eq!(other.send(&report(2, 1, 10)).await.unwrap(), 1);
    mesh.is_well(50.0).await;
    let found = mesh.umbra.api().get("/api/v1/shadows/checkout-v2/report").await;
    assert_eq!(found["mirrored"], 10 + 10 + 10 + 1);
}
