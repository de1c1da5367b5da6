//! Content encodings (RFC 9110, section 8.4), with a bound on what comes out.

use std::io::Read;

use brotli_decompressor::Decompressor;
use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use ruzstd::decoding::StreamingDecoder;

/// More encodings on top of each other than anybody uses.
const MAX_ENCODINGS: usize = 4;

/// What a frame may ask a decoder to keep. RFC 9659 allows no more for the web.
const MAX_ZSTD_WINDOW_BYTES: u64 = 8 << 20;

/// A decoded body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// The bytes, at most as many as asked for.
    pub bytes: Vec<u8>,
    /// Whether there would have been more.
    pub truncated: bool,
}

/// A body that does not decode to its end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("content-encoding {encoding}: {message}")]
pub struct DecodeError {
    /// The encoding.
    pub encoding: String,
    /// What is wrong.
    pub message: String,
    /// What came out before.
    pub bytes: Vec<u8>,
}

/// Undoes the encodings that the header names, the last one first: `gzip`, `x-gzip`, `deflate` (zlib, and the raw form
/// that some servers send), `br`, `zstd`, `identity`. Never holds more than about twice `max_bytes`.
///
/// # Errors
/// An unknown encoding, or bytes that are not what it says.
pub fn decode(encoding: Option<&[u8]>, bytes: &[u8], max_bytes: usize) -> Result<Decoded, DecodeError> {
    let names = String::from_utf8_lossy(encoding.unwrap_or_default()).to_ascii_lowercase();
    let names: Vec<&str> = names.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    let fail = |encoding: &str, message: String, bytes: Vec<u8>| {
        Err(DecodeError { encoding: encoding.to_owned(), message, bytes })
    };
    if names.len() > MAX_ENCODINGS {
        return fail(&names.join(", "), format!("more than {MAX_ENCODINGS} encodings"), Vec::new());
    }
    let mut body = bounded(bytes, max_bytes);
    for (depth, name) in names.iter().rev().enumerate() {
        let source = if depth == 0 { bytes } else { body.bytes.as_slice() };
        if source.is_empty() || *name == "identity" {
            continue;
        }
        let (mut out, mut cut) = (Vec::new(), body.truncated && depth > 0);
        let result = match *name {
            "gzip" | "x-gzip" => read(MultiGzDecoder::new(source), max_bytes, &mut out),
            "deflate" if is_zlib(source) => read(ZlibDecoder::new(source), max_bytes, &mut out),
            "deflate" => read(DeflateDecoder::new(source), max_bytes, &mut out),
            "br" => read(Decompressor::new(source, 4096), max_bytes, &mut out),
            "zstd" => StreamingDecoder::new_with_max_window_size(source, MAX_ZSTD_WINDOW_BYTES)
                .map_err(|error| error.to_string())
                .and_then(|decoder| read(decoder, max_bytes, &mut out)),
            _ => Err("unknown: gzip, deflate, br, zstd and identity are known".to_owned()),
        };
        match result {
            Ok(more) => cut |= more,
            Err(_) if cut => {}
            Err(message) => return fail(name, message, out),
        }
        body = Decoded { bytes: out, truncated: cut };
    }
    Ok(body)
}

fn bounded(bytes: &[u8], max_bytes: usize) -> Decoded {
    Decoded { bytes: bytes.get(..max_bytes).unwrap_or(bytes).to_vec(), truncated: bytes.len() > max_bytes }
}

/// Reads up to the bound, and says whether there was more.
fn read(source: impl Read, max_bytes: usize, out: &mut Vec<u8>) -> Result<bool, String> {
    let outcome = source.take(max_bytes as u64 + 1).read_to_end(out).map_err(|error| error.to_string());
    let more = out.len() > max_bytes;
    out.truncate(max_bytes);
    outcome.map(|_| more)
}

/// Whether the bytes begin like a zlib stream (RFC 1950, section 2.2).
fn is_zlib(bytes: &[u8]) -> bool {
    match bytes {
        [method, flags, ..] => {
            method & 0x0f == 8 && (u16::from(*method) << 8 | u16::from(*flags)).is_multiple_of(31)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use proptest::prelude::*;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn undoes_each_encoding() {
        let text = b"{\"a\":[1,2,3,4,5,6,7,8,9,10]}".repeat(20);
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
        zlib.write_all(&text).unwrap();
        let mut raw = DeflateEncoder::new(Vec::new(), Compression::default());
        raw.write_all(&text).unwrap();
        let zstd = ruzstd::encoding::compress_to_vec(&text[..], ruzstd::encoding::CompressionLevel::Fastest);
        let cases: [(&str, Vec<u8>); 6] = [
            ("gzip", gzip(&text)),
            ("X-GZIP, identity", gzip(&text)),
            ("deflate", zlib.finish().unwrap()),
            ("deflate", raw.finish().unwrap()),
            ("zstd", zstd),
            ("gzip , gzip", gzip(&gzip(&text))),
        ];
        for (name, bytes) in cases {
            let decoded = decode(Some(name.as_bytes()), &bytes, 10_000).unwrap();
            assert_eq!(decoded, Decoded { bytes: text.clone(), truncated: false }, "{name}");
        }
        assert_eq!(decode(None, &text, 10_000).unwrap().bytes, text);
        assert_eq!(decode(Some(b"gzip"), b"", 10).unwrap().bytes, b"");
    }

    #[test]
    fn a_bomb_is_cut_off() {
        let bomb = gzip(&vec![0; 20 << 20]);
        assert!(bomb.len() < 30_000);
        for (name, bytes) in [("gzip", bomb.clone()), ("gzip, gzip", gzip(&bomb))] {
            let decoded = decode(Some(name.as_bytes()), &bytes, 1 << 20).unwrap();
            assert!(decoded.truncated);
            assert_eq!(decoded.bytes.len(), 1 << 20);
        }
    }

    #[test]
    fn what_does_not_decode_is_named() {
        assert_eq!(decode(Some(b"gzip"), b"hello", 10).unwrap_err().encoding, "gzip");
        let unknown = decode(Some(b"compress"), b"hello", 10).unwrap_err().to_string();
        assert!(unknown.contains("compress") && unknown.contains("br"), "{unknown}");
        assert!(decode(Some(b"br,br,br,br,br"), b"hello", 10).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_decode_or_fail(bytes in prop::collection::vec(any::<u8>(), 0..300), which in 0..4_usize) {
            let name = ["gzip", "deflate", "br", "zstd"][which];
            if let Ok(decoded) = decode(Some(name.as_bytes()), &bytes, 1_000) {
                prop_assert!(decoded.bytes.len() <= 1_000);
            }
        }
    }
}
