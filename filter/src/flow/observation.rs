//! One answer, as far as it is observed: nothing is kept but what its comparison asks for.

use siphasher::sip128::{Hasher128, SipHasher13};
use std::hash::Hasher;
use umbra_policy::spec::BodySpec;
use umbra_wire::telemetry::{MAX_HEADER_BYTES, MAX_HEADERS};

/// The most that is kept of one body, in bytes, whatever a shadow asks for: the bodies of many requests are in a worker's
/// memory at once, and the sampled ones have to fit into a report.
pub const MAX_KEPT_BYTES: usize = 1 << 20;

/// Header lines as Envoy lists them: names in lower case, pseudo-headers among them, in order.
pub type Headers = [(String, Vec<u8>)];

/// What is to be looked at of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// What of the body.
    pub body: BodySpec,
    /// How much of it is kept, in bytes.
    pub kept_bytes: usize,
    /// Whether its headers are looked at, beside the status. To read all of them is dear.
    pub headers: bool,
}

/// What was seen of a whole answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// `grpc-status`, from headers or trailers.
    pub grpc_status: Option<u32>,
    /// The chosen ones, in order.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The beginning of the body, as far as it is kept.
    pub body: Vec<u8>,
    /// Of the whole body, in bytes.
    pub body_length: u64,
    /// Of the whole body, under a key of this VM: it compares with those of the same VM alone.
    pub digest: Option<[u8; 16]>,
    /// When its headers came, in microseconds of the VM's clock.
    pub headers_us: u64,
    /// When it ended, likewise.
    pub end_us: u64,
}

impl Answer {
    /// What it takes little room to keep: how it went, and when.
    pub fn outline(&self) -> Answer {
        let Self { status, grpc_status, body_length, digest, headers_us, end_us, .. } = *self;
        Self { status, grpc_status, body_length, digest, headers_us, end_us, ..Self::default() }
    }
}

/// An answer on its way.
#[derive(Debug)]
pub struct Observation {
    wanted: Wanted,
    digest: Option<SipHasher13>,
    answer: Answer,
}

impl Wanted {
    /// What either of two asks for.
    pub fn or(self, other: Wanted) -> Wanted {
        let rank = |body| match body {
            BodySpec::None => 0,
            BodySpec::Digest => 1,
            BodySpec::Full => 2,
        };
        Wanted {
            body: if rank(self.body) >= rank(other.body) { self.body } else { other.body },
            kept_bytes: self.kept_bytes.max(other.kept_bytes),
            headers: self.headers || other.headers,
        }
    }
}

impl Observation {
    /// An answer of which nothing has come yet. `key` is the VM's.
    pub fn new(wanted: Wanted, key: &[u8; 16]) -> Self {
        let digest = (wanted.body != BodySpec::None).then(|| SipHasher13::new_with_key(key));
        Self { wanted, digest, answer: Answer::default() }
    }

    /// The headers came, or those that tell how it went. Those that are `chosen` are kept, up to the bounds of a report. Returns how many bytes that takes.
    pub fn on_headers(&mut self, headers: &Headers, chosen: impl Fn(&str) -> bool, now_us: u64) -> usize {
        let mut bytes: usize = 0;
        for (name, value) in headers {
            match name.as_str() {
                ":status" => self.answer.status = number(value).unwrap_or_default(),
                "grpc-status" => self.answer.grpc_status = number(value),
                _ => {}
            }
            if self.answer.headers.len() < MAX_HEADERS && chosen(name) {
                let value: Vec<u8> = value.iter().copied().take(MAX_HEADER_BYTES).collect();
                bytes = bytes.saturating_add(name.len()).saturating_add(value.len());
                self.answer.headers.push((name.clone(), value));
            }
        }
        self.answer.headers_us = now_us;
        bytes
    }

    /// What is to be looked at.
    pub fn wanted(&self) -> Wanted {
        self.wanted
    }

    /// Whether the bytes of the body are to be read.
    pub fn reads_body(&self) -> bool {
        self.digest.is_some()
    }

    /// So much of the body came, in bytes.
    pub fn on_length(&mut self, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.answer.body_length = self.answer.body_length.saturating_add(bytes);
    }

    /// The next bytes of the body. Returns how many of them are kept.
    pub fn on_body(&mut self, chunk: &[u8]) -> usize {
        if let Some(digest) = &mut self.digest {
            digest.write(chunk);
        }
        let room = match self.wanted.body {
            BodySpec::Full => {
                self.wanted.kept_bytes.min(MAX_KEPT_BYTES).saturating_sub(self.answer.body.len())
            }
            BodySpec::None | BodySpec::Digest => 0,
        };
        let kept = chunk.get(..room.min(chunk.len())).unwrap_or_default();
        self.answer.body.extend_from_slice(kept);
        kept.len()
    }

    /// The trailers came, with this `grpc-status`.
    pub fn on_trailers(&mut self, grpc_status: Option<&[u8]>) {
        self.answer.grpc_status = grpc_status.and_then(number).or(self.answer.grpc_status);
    }

    /// The answer is whole.
    pub fn on_end(mut self, now_us: u64) -> Answer {
        self.answer.digest = self.digest.map(|digest| digest.finish128().as_bytes());
        self.answer.end_us = now_us;
        self.answer
    }
}

fn number<N: std::str::FromStr>(digits: &[u8]) -> Option<N> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}
