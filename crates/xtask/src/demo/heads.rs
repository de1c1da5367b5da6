//! The heads of HTTP/1.1 requests in a stream of bytes, however the stream is cut. Requests with a body are refused:
//! the demo's shadow is never sent one, and one that came would be a mistake worth hearing of.

use anyhow::{Context, Result, bail};

/// More than any head that Envoy sends with its limits.
const MAX_HEAD_BYTES: usize = 128 * 1024;

const END: &[u8] = b"\r\n\r\n";

/// One request's headers.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Head {
    headers: Vec<(String, String)>,
}

impl Head {
    /// Whether there is a header of this lower-case name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    fn value(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    fn parse(bytes: &[u8]) -> Result<Self> {
        // Header values need not be UTF-8, and what is looked at here is.
        let text = String::from_utf8_lossy(bytes);
        let mut lines = text.split("\r\n");
        let first = lines.next().unwrap_or_default();
        if !first.ends_with(" HTTP/1.1") {
            bail!("no request line: {first:?}");
        }
        let mut headers = Vec::new();
        for line in lines.filter(|line| !line.is_empty()) {
            let (name, value) = line.split_once(':').with_context(|| format!("no header: {line:?}"))?;
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let head = Self { headers };
        if head.has("transfer-encoding") || head.value("content-length").is_some_and(|length| length != "0") {
            bail!("a request with a body: {first:?}");
        }
        Ok(head)
    }
}

/// Finds heads in what it is fed.
#[derive(Debug, Default)]
pub(crate) struct Heads {
    begun: Vec<u8>,
}

impl Heads {
    /// Takes the next bytes of the stream; gives the heads that they complete.
    ///
    /// # Errors
    /// When the stream is not one of requests without a body. Nothing after that can be understood.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Result<Vec<Head>> {
        self.begun.extend_from_slice(bytes);
        let mut heads = Vec::new();
        while let Some(at) = self.begun.windows(END.len()).position(|window| window == END) {
            let rest = self.begun.split_off(at + END.len());
            heads.push(Head::parse(&self.begun)?);
            self.begun = rest;
        }
        if self.begun.len() > MAX_HEAD_BYTES {
            bail!("a head without end");
        }
        Ok(heads)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\nX-Umbra-Shadow: s\r\n\r\nHEAD /b HTTP/1.1\r\ncontent-length: 0\r\n\r\n";

    #[test]
    fn heads_are_found_wherever_the_stream_is_cut() {
        for cut in 0..TWO.len() {
            let mut heads = Heads::default();
            let mut found = heads.feed(&TWO[..cut]).unwrap();
            found.extend(heads.feed(&TWO[cut..]).unwrap());
            let marked: Vec<bool> = found.iter().map(|head| head.has("x-umbra-shadow")).collect();
            assert_eq!(marked, [true, false], "cut at {cut}");
        }
    }

    #[test]
    fn what_is_no_bodyless_request_is_refused() {
        for bytes in [
            "POST / HTTP/1.1\r\ncontent-length: 1\r\n\r\nx",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\n\r\n",
            "GET / HTTP/1.1\r\nno header\r\n\r\n",
        ] {
            Heads::default().feed(bytes.as_bytes()).unwrap_err();
        }
        Heads::default().feed(&vec![b'a'; MAX_HEAD_BYTES + 1]).unwrap_err();
    }
}
