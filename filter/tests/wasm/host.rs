//! Envoy, as far as the filter can tell: processes, their VMs, and what lies between them.

mod imports;
mod module;
mod process;
mod vm;

pub(crate) use process::{Envoy, StreamState};
pub(crate) use vm::Vm;

/// Header lines, in order.
pub(crate) type Headers = Vec<(Vec<u8>, Vec<u8>)>;

/// Header lines from text.
pub(crate) fn headers(lines: &[(&str, &str)]) -> Headers {
    lines.iter().map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec())).collect()
}

/// A plain GET of a path, with further header lines.
pub(crate) fn get(path: &str, more: &[(&str, &str)]) -> Headers {
    let mut lines = headers(&[
        (":authority", "shop.example.com"),
        (":path", path),
        (":method", "GET"),
        (":scheme", "http"),
    ]);
    lines.extend(headers(more));
    lines
}

/// The values of all lines of a name, as text.
pub(crate) fn values(headers: &Headers, name: &str) -> Vec<String> {
    let lines = headers.iter().filter(|(other, _)| other == name.as_bytes());
    lines.map(|(_, value)| String::from_utf8_lossy(value).into_owned()).collect()
}
