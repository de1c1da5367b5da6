//! The codec of the service: measures a message before it unfolds it.

use std::marker::PhantomData;

use prost::Message;
use prost::bytes::Buf;
use tonic::Status;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};

use crate::proto::telemetry::v1::{ReportRequest, ReportResponse};
use crate::telemetry::message;

/// Reads and writes messages as tonic's own codec does, but for reports that would unfold to far more memory than
/// their bytes: those it refuses.
#[derive(Clone, Copy, Debug)]
pub struct MeasuredCodec<T, U>(PhantomData<(T, U)>);

impl<T, U> Default for MeasuredCodec<T, U> {
    fn default() -> Self {
        MeasuredCodec(PhantomData)
    }
}

/// A message that can be read with care.
pub trait Measured: Sized {
    /// The message, if it may be read at all.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT`, and why.
    fn measured(bytes: &[u8]) -> Result<Self, Status>;
}

impl Measured for ReportRequest {
    fn measured(bytes: &[u8]) -> Result<Self, Status> {
        message(bytes).map_err(|error| Status::invalid_argument(error.to_string()))
    }
}

impl Measured for ReportResponse {
    fn measured(bytes: &[u8]) -> Result<Self, Status> {
        // One number takes no more memory than its bytes.
        ReportResponse::decode(bytes).map_err(|error| Status::internal(error.to_string()))
    }
}

impl<T, U> Codec for MeasuredCodec<T, U>
where
    T: Message + Send + 'static,
    U: Measured + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self::Encoder {
        MeasuredCodec::default()
    }

    fn decoder(&mut self) -> Self::Decoder {
        MeasuredCodec::default()
    }
}

impl<T: Message, U> Encoder for MeasuredCodec<T, U> {
    type Item = T;
    type Error = Status;

    fn encode(&mut self, item: T, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        item.encode(buffer).map_err(|error| Status::internal(error.to_string()))
    }
}

impl<T, U: Measured> Decoder for MeasuredCodec<T, U> {
    type Item = U;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        let bytes = buffer.copy_to_bytes(buffer.remaining());
        U::measured(&bytes).map(Some)
    }
}
