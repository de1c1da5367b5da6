//! What reached an upstream.

use hyper::body::Bytes;
use hyper::{HeaderMap, Version};
use std::time::Instant;

/// A request as an upstream saw it.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// When its head had arrived.
    pub at: Instant,
    /// The protocol that it came over.
    pub version: Version,
    /// The method.
    pub method: String,
    /// Path and query as sent.
    pub path: String,
    /// `Host` or `:authority`.
    pub authority: String,
    /// Names and values in the order of arrival, repeats included.
    pub headers: Vec<(String, Vec<u8>)>,
    /// All of the body that came.
    pub body: Bytes,
    /// Whether the body ended as it should, and was not cut off.
    pub complete: bool,
    /// What followed the body.
    pub trailers: Vec<(String, Vec<u8>)>,
}

impl Recorded {
    /// The first value of a header, as text with what is not UTF-8 replaced.
    pub fn header(&self, name: &str) -> Option<String> {
        self.values(name).into_iter().next()
    }

    /// All the values of a header.
    pub fn values(&self, name: &str) -> Vec<String> {
        let named = self.headers.iter().filter(|(n, _)| n == name);
        named.map(|(_, value)| String::from_utf8_lossy(value).into_owned()).collect()
    }

    /// The names that start with `x-umbra`, sorted, repeats included.
    pub fn umbra_headers(&self) -> Vec<&str> {
        let names = self.headers.iter().map(|(name, _)| name.as_str());
        let mut names: Vec<&str> = names.filter(|name| name.starts_with("x-umbra")).collect();
        names.sort_unstable();
        names
    }

    /// The number that [`crate::client`] gives to each request of a series.
    pub fn id(&self) -> Option<u64> {
        self.header("x-id")?.parse().ok()
    }
}

/// A header map as the list that a test compares.
pub fn header_list(headers: &HeaderMap) -> Vec<(String, Vec<u8>)> {
    let pairs = headers.iter();
    pairs.map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_owned())).collect()
}
