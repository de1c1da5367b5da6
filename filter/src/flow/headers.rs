//! The control headers, and what is done to a request's headers.

/// Every header that starts like this is Umbra's; clients' ones are removed.
pub const PREFIX: &str = "x-umbra-";
/// The names of the request's stamps, joined by commas.
pub const STAMP: &str = "x-umbra-stamp";
/// Joins the responses to one request; on mirrored requests alone.
pub const PAIR: &str = "x-umbra-pair";
/// The cluster that the route's first mirror policy copies the request to.
pub const MIRROR_1: &str = "x-umbra-mirror-1";
/// The same for the second.
pub const MIRROR_2: &str = "x-umbra-mirror-2";
/// Which mirror policy made a copy, `1` or `2`; set by Envoy, on copies alone.
pub const SLOT: &str = "x-umbra-slot";
/// The shadow that a copy is for; on copies alone.
pub const SHADOW: &str = "x-umbra-shadow";

/// Changes the headers of the request at hand. Each call is a host call.
pub trait Edit {
    /// All lines of the name go.
    fn remove(&mut self, name: &str);
    /// One more line. For names that the request does not have: Envoy then need not look for them.
    fn add(&mut self, name: &'static str, value: &[u8]);
    /// One line in place of all there are.
    fn set(&mut self, name: &str, value: &[u8]);
}

/// Whether a header is one that only Umbra may set.
pub fn is_reserved(name: &str) -> bool {
    name.get(..PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(PREFIX))
}
