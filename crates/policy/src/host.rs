//! Hosts: how a request's authority is brought to one form, and the patterns that rules ask of it.

use std::io::Write;
use std::net::Ipv6Addr;

/// The longest host that is compared, in bytes. A DNS name has at most 253 (RFC 1035, 2.3.4).
pub const MAX_HOST_BYTES: usize = 255;

/// A request's host in the form that is compared: lower case, without port, without one trailing dot.
///
/// Kept on the stack: a request allocates nothing for it.
#[derive(Clone, Copy, Debug)]
pub struct Host {
    bytes: [u8; MAX_HOST_BYTES],
    length: usize,
}

/// What a rule asks of a host.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum HostPattern {
    /// The same host.
    Exact(Box<[u8]>),
    /// One label or more, a dot, and these bytes.
    Suffix(Box<[u8]>),
    /// Every request, also one without a host.
    Any,
}

impl Host {
    /// Takes an authority (RFC 3986, 3.2: `host[:port]`) apart. Never fails:
    ///
    /// - `[v6]:port`: the address alone, in the form of RFC 5952, so that `[0:0::1]` is `::1`;
    /// - one colon with digits or nothing after it: a port, which goes;
    /// - one trailing dot goes, capitals become small;
    /// - what is left and longer than [`MAX_HOST_BYTES`] becomes the empty host: only `*` fits it.
    pub fn parse(authority: &[u8]) -> Host {
        if let Some(address) = ipv6_literal(authority) {
            return Host::from_ipv6(address);
        }
        let host = without_port(authority);
        Host::from_bytes(host.strip_suffix(b".").unwrap_or(host))
    }

    /// The host's bytes. Empty when the request named none.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    fn from_bytes(host: &[u8]) -> Host {
        let mut bytes = [0; MAX_HOST_BYTES];
        let Some(space) = bytes.get_mut(..host.len()) else {
            return Host { bytes, length: 0 };
        };
        space.copy_from_slice(host);
        space.make_ascii_lowercase();
        Host { bytes, length: host.len() }
    }

    fn from_ipv6(address: Ipv6Addr) -> Host {
        let mut bytes = [0; MAX_HOST_BYTES];
        let mut space = bytes.as_mut_slice();
        // Cannot fail: the longest form of an address has 39 bytes.
        let _ = write!(space, "{address}");
        let length = MAX_HOST_BYTES - space.len();
        Host { bytes, length }
    }
}

impl HostPattern {
    /// Validates a rule's host. The error says what to write instead.
    pub(crate) fn parse(text: &str) -> Result<HostPattern, &'static str> {
        if text == "*" {
            return Ok(HostPattern::Any);
        }
        let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
        if let Ok(address) = bare.parse::<Ipv6Addr>() {
            return Ok(HostPattern::Exact(address.to_string().into_bytes().into()));
        }
        let (wildcard, name) = match text.strip_prefix("*.") {
            Some(name) => (true, name),
            None => (false, text),
        };
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        check_name(&name)?;
        let name = name.into_bytes().into_boxed_slice();
        Ok(if wildcard { HostPattern::Suffix(name) } else { HostPattern::Exact(name) })
    }

    /// Whether the pattern fits, asked directly. The index answers the same question by lookups.
    pub(crate) fn fits(&self, host: &Host) -> bool {
        match self {
            HostPattern::Exact(name) => host.as_bytes() == name.as_ref(),
            HostPattern::Suffix(name) => host
                .as_bytes()
                .strip_suffix(name.as_ref())
                .and_then(|labels| labels.strip_suffix(b"."))
                .is_some_and(|labels| !labels.is_empty()),
            HostPattern::Any => true,
        }
    }
}

fn check_name(name: &str) -> Result<(), &'static str> {
    if name.is_empty() {
        return Err("is empty: give a host name, *.suffix or *");
    }
    // Room for a wildcard's labels stays within MAX_HOST_BYTES.
    if name.len() > 253 {
        return Err("is longer than 253 characters");
    }
    if name.contains(':') {
        return Err("has a port: give the host alone, because requests are compared without their port");
    }
    if name.contains('*') {
        return Err("has a star that is not its whole first label: give *.suffix or *");
    }
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) {
        return Err("has a character that no host name has (write international names in punycode)");
    }
    if name.split('.').any(str::is_empty) {
        return Err("has an empty label");
    }
    Ok(())
}

fn ipv6_literal(authority: &[u8]) -> Option<Ipv6Addr> {
    let rest = authority.strip_prefix(b"[")?;
    let end = rest.iter().position(|byte| *byte == b']')?;
    let (address, after) = rest.split_at_checked(end)?;
    let port = after.strip_prefix(b"]")?;
    if !port.is_empty() && !is_port(port) {
        return None;
    }
    std::str::from_utf8(address).ok()?.parse().ok()
}

fn without_port(authority: &[u8]) -> &[u8] {
    let Some(colon) = authority.iter().position(|byte| *byte == b':') else {
        return authority;
    };
    match authority.split_at_checked(colon) {
        Some((host, port)) if is_port(port) => host,
        // Two colons or more, or letters: no port that RFC 3986 knows. Left as sent.
        _ => authority,
    }
}

/// `:` and digits, or `:` alone, which RFC 3986 allows.
fn is_port(text: &[u8]) -> bool {
    text.strip_prefix(b":").is_some_and(|digits| digits.iter().all(u8::is_ascii_digit))
}
