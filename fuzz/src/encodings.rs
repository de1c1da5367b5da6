//! Bodies under a content encoding.

use std::io::Write;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use umbra_compare::body::decode::decode;

use crate::input::Input;

const ENCODINGS: [&str; 8] =
    ["gzip", "deflate", "br", "zstd", "identity", "gzip, br", "zstd,gzip", "br , br"];
const BOUNDS: [usize; 4] = [1 << 16, 100, 1 << 20, 0];

/// No more comes out than is asked for; a smaller bound gives the beginning of the same; what was encoded by gzip or
/// deflate comes back.
pub fn check(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let (encoding, bound) = (input.word(&ENCODINGS), input.pick(&BOUNDS));
    let body = input.rest();
    let decoded = decode(Some(&encoding), body, bound);
    let smaller = decode(Some(&encoding), body, bound / 2);
    match &decoded {
        Ok(decoded) => assert!(decoded.bytes.len() <= bound),
        Err(error) => assert!(error.bytes.len() <= bound && !error.to_string().is_empty()),
    }
    if let (Ok(decoded), Ok(smaller)) = (&decoded, &smaller)
        && !encoding.contains(&b',')
    {
        assert!(decoded.bytes.starts_with(&smaller.bytes));
        assert_eq!(smaller.truncated, smaller.bytes.len() < decoded.bytes.len() || decoded.truncated);
    }
    for (name, encoded) in [("gzip", gzip(body)), ("deflate", zlib(body))] {
        comes_back(name, &encoded, body);
    }
    let raw = raw(body);
    // What was sent raw may happen to begin like zlib; then it is read as that, and need not decode.
    if !begins_like_zlib(&raw) {
        comes_back("deflate", &raw, body);
    }
}

fn comes_back(name: &str, encoded: &[u8], body: &[u8]) {
    match decode(Some(name.as_bytes()), encoded, body.len()) {
        Ok(back) => assert_eq!((back.bytes.as_slice(), back.truncated), (body, false), "{name}"),
        Err(error) => panic!("{error}"),
    }
}

/// RFC 1950, section 2.2.
fn begins_like_zlib(bytes: &[u8]) -> bool {
    matches!(bytes, [method, flags, ..]
        if method & 0x0f == 8 && u16::from_be_bytes([*method, *flags]).is_multiple_of(31))
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("memory takes everything")
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("memory takes everything")
}

fn raw(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("memory takes everything")
}
