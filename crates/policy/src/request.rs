//! What `decide` looks at: a borrowed view of one request, and its parts taken apart once.

use std::net::IpAddr;

use crate::host::Host;
use crate::path;

/// One request. Every value is the bytes that were sent: nothing is decoded, trimmed or checked.
pub trait RequestView {
    /// `GET` …, as sent.
    fn method(&self) -> &[u8];

    /// The `:authority` or `host` header, in any case and with its port. Empty when there is none.
    fn authority(&self) -> &[u8];

    /// The request target with its query. May be empty.
    fn path(&self) -> &[u8];

    /// The value of every line of the header `name`, in order. `name` is in lower case.
    fn header<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]>;

    /// How long the request's body is.
    fn body(&self) -> BodyLength;

    /// The address of the connection's peer, or `None` where it is not known. Asked only when a
    /// shadow samples by it, because it costs the filter a host call.
    fn source_ip(&self) -> Option<IpAddr>;
}

/// The length of a request's body, as far as its headers tell.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BodyLength {
    /// There is no body.
    None,
    /// That many bytes.
    Known(u64),
    /// There is a body, and its end shows only when it comes.
    Unknown,
}

/// A request whose host, path and query have been taken apart, so that no rule does it again.
pub(crate) struct Request<'a, R> {
    pub(crate) view: &'a R,
    pub(crate) host: Host,
    pub(crate) path: &'a [u8],
    pub(crate) query: &'a [u8],
}

impl<'a, R: RequestView> Request<'a, R> {
    pub(crate) fn new(view: &'a R) -> Self {
        let (path, query) = path::split(view.path());
        Request { view, host: Host::parse(view.authority()), path, query }
    }
}
