//! The method that Envoys call, with buffers for what they send: a policy of some kilobytes now and then, and answers of some
//! hundred bytes. What `envoy-types` generates keeps two of 8 KiB for every stream, for as long as it lasts.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use envoy_types::pb::envoy::service::discovery::v3::{DeltaDiscoveryRequest, DeltaDiscoveryResponse};
use hyper::http;
use tonic::Status;
use tonic::body::Body;
use tonic::codec::{BufferSettings, Codec};
use tonic::server::{Grpc, NamedService};
use tonic_prost::ProstCodec;
use tower::Service;

use crate::xds::Discovery;

/// The one method that is served.
const METHOD: &str = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources";
/// A node says who it is and what it has: some kilobytes.
const MAX_REQUEST_BYTES: usize = 256 * 1024;
/// An answer fits; what is longer makes them grow for as long as it is there.
const BUFFER_BYTES: usize = 512;
/// Messages that wait are written together up to here.
const WRITTEN_AT_ONCE: usize = 32 * 1024;

/// The service as it is served.
#[derive(Clone)]
pub(super) struct DeltaService {
    discovery: Discovery,
}

impl DeltaService {
    pub(super) fn new(discovery: Discovery) -> Self {
        DeltaService { discovery }
    }
}

impl NamedService for DeltaService {
    const NAME: &'static str = "envoy.service.discovery.v3.AggregatedDiscoveryService";
}

impl Service<http::Request<Body>> for DeltaService {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        if request.uri().path() != METHOD {
            let refused = Status::unimplemented("only DeltaAggregatedResources is served");
            return Box::pin(async { Ok(refused.into_http()) });
        }
        let discovery = self.discovery.clone();
        Box::pin(async move {
            let mut grpc = Grpc::new(SmallBuffers).max_decoding_message_size(MAX_REQUEST_BYTES);
            Ok(grpc.streaming(discovery, request).await)
        })
    }
}

/// Protobuf, as tonic does it, in small buffers.
struct SmallBuffers;

type Prost = ProstCodec<DeltaDiscoveryResponse, DeltaDiscoveryRequest>;

impl Codec for SmallBuffers {
    type Encode = DeltaDiscoveryResponse;
    type Decode = DeltaDiscoveryRequest;
    type Encoder = <Prost as Codec>::Encoder;
    type Decoder = <Prost as Codec>::Decoder;

    fn encoder(&mut self) -> Self::Encoder {
        Prost::raw_encoder(BufferSettings::new(BUFFER_BYTES, WRITTEN_AT_ONCE))
    }

    fn decoder(&mut self) -> Self::Decoder {
        Prost::raw_decoder(BufferSettings::new(BUFFER_BYTES, WRITTEN_AT_ONCE))
    }
}
