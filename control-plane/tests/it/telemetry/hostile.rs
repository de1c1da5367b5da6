//! Reports that no filter sends: refused, with the server none the worse for it.

use prost::bytes::{Buf, BufMut};
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::Endpoint;
use tonic::{Code, Request, Status};
use umbra_wire::proto::telemetry::v1::telemetry_service_client::TelemetryServiceClient;
use umbra_wire::telemetry::{METHOD_PATH, encode};

use super::{Worker, differs, message, report};
use crate::support::{CHECKOUT, TestServer, folder, soon};

/// Bytes as they are.
#[derive(Default)]
pub(crate) struct Raw;

impl Codec for Raw {
    type Encode = Vec<u8>;
    type Decode = ();
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
    type Item = ();
    type Error = Status;
    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<()>, Status> {
        buffer.advance(buffer.remaining());
        Ok(Some(()))
    }
}

#[tokio::test]
async fn what_no_filter_sends_is_refused() {
    let folder = folder();
    let server = TestServer::start(folder.path()).await;
    server.api.apply(CHECKOUT).await;
    let channel = Endpoint::from_shared(format!("http://{}", server.xds)).unwrap().connect_lazy();
    let mut raw = tonic::client::Grpc::new(channel.clone());
    let mut random = fastrand::Rng::with_seed(3);
    let mut sent = report(1, 1, 5);
    differs(&mut sent, 1, "{}", "[]");
    let good = encode(&sent);
    let mut refused = 0;
    for round in 0..300_usize {
        let bytes = if round % 2 == 0 {
            (0..random.usize(1..400)).map(|_| random.u8(..)).collect()
        } else {
            let mut bytes = good.clone();
            for _ in 0..random.usize(1..5) {
                let at = random.usize(0..bytes.len());
                bytes[at] = random.u8(..);
            }
            bytes
        };
        raw.ready().await.unwrap();
        let answer = soon(raw.unary(Request::new(bytes), METHOD_PATH.parse().unwrap(), Raw)).await;
        if let Err(status) = answer {
            assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
            refused += 1;
        }
    }
    assert!(refused > 150, "{refused}");
    for (bytes, code) in [
        // Far more memory than bytes.
        ([0x5a, 0].repeat(2_000_000), Code::InvalidArgument),
        // More bytes than are taken.
        (vec![0; 9 << 20], Code::OutOfRange),
    ] {
        raw.ready().await.unwrap();
        let status =
            soon(raw.unary(Request::new(bytes), METHOD_PATH.parse().unwrap(), Raw)).await.unwrap_err();
        assert_eq!(status.code(), code, "{status:?}");
    }
    let mut absurd = message(&sent);
    absurd.shadows[0].mirrored = u64::MAX;
    let status = TelemetryServiceClient::new(channel).report(absurd).await.unwrap_err();
    assert_eq!(status.message(), "shadows[0].mirrored: is more than 1000000000");

    let mut worker = Worker::at(server.xds);
    assert_eq!(worker.send(&report(99, 1, 1)).await.unwrap(), 1, "it still takes what is good");
    assert_eq!(server.api.get("/livez").await["status"], "ok");
}

/// Endpoints and shadows that are made up do not fill the store.
#[tokio::test]
async fn made_up_names_are_bounded() {
    let folder = folder();
    let server = TestServer::start(folder.path()).await;
    server.api.apply(CHECKOUT).await;
    let mut worker = Worker::at(server.xds);
    for sequence in 1..=5_u64 {
        let mut sent = report(1, sequence, 2);
        let shadow = sent.shadows.get_mut("checkout-v2").unwrap();
        let one = shadow.endpoints.remove("GET /cart/{id}").unwrap();
        for number in 0..150 {
            shadow.endpoints.insert(format!("GET /{sequence}/{number}"), one.clone());
        }
        sent.shadows.insert(format!("made-up-{sequence}"), sent.shadows["checkout-v2"].clone());
        worker.send(&sent).await.unwrap();
    }
    let found = server.api.get("/api/v1/shadows/checkout-v2/report").await;
    let endpoints = found["endpoints"].as_array().unwrap();
    assert_eq!(endpoints.len(), 200);
    let pairs: u64 = endpoints.iter().map(|endpoint| endpoint["pairs"].as_u64().unwrap()).sum();
    assert_eq!(pairs, 5 * 150 * 2, "none is lost for it");
    assert_eq!(endpoints[0]["endpoint"], "other");
}
