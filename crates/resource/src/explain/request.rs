//! A request as somebody describes it.

use std::net::IpAddr;

use umbra_policy::{BodyLength, RequestView};

/// A request to be explained. Values are bytes, as they would be sent.
#[derive(Clone, Debug)]
pub struct ExplainRequest {
    /// `GET` …, compared with case.
    pub method: String,
    /// With or without a port, in any case. Headers named `host` are not looked at.
    pub host: String,
    /// With its query.
    pub path: String,
    /// In order; a name may stand several times, in any case.
    pub headers: Vec<(String, Vec<u8>)>,
    /// Sent as one `cookie` line behind those among the headers.
    pub cookies: Vec<(String, String)>,
    /// The connection's peer, for shadows that sample by it.
    pub source_ip: Option<IpAddr>,
    /// How long the body is. `content-length` among the headers is not looked at.
    pub body: BodyLength,
}

impl Default for ExplainRequest {
    /// `GET /` without a host, headers or a body.
    fn default() -> Self {
        Self {
            method: "GET".to_owned(),
            host: String::new(),
            path: "/".to_owned(),
            headers: Vec::new(),
            cookies: Vec::new(),
            source_ip: None,
            body: BodyLength::None,
        }
    }
}

/// The request as the policy looks at it.
pub(super) struct View<'r> {
    request: &'r ExplainRequest,
    /// The `cookie` line that the request's cookies make.
    cookie_line: Option<String>,
}

impl<'r> View<'r> {
    pub(super) fn new(request: &'r ExplainRequest) -> Self {
        let pairs: Vec<String> =
            request.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let cookie_line = (!pairs.is_empty()).then(|| pairs.join("; "));
        Self { request, cookie_line }
    }
}

impl RequestView for View<'_> {
    fn method(&self) -> &[u8] {
        self.request.method.as_bytes()
    }

    fn authority(&self) -> &[u8] {
        self.request.host.as_bytes()
    }

    fn path(&self) -> &[u8] {
        self.request.path.as_bytes()
    }

    fn header<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        let written =
            self.request.headers.iter().filter(move |(header, _)| header.eq_ignore_ascii_case(name));
        let cookies = self.cookie_line.as_deref().filter(|_| name == "cookie");
        written.map(|(_, value)| value.as_slice()).chain(cookies.map(str::as_bytes))
    }

    fn body(&self) -> BodyLength {
        self.request.body
    }

    fn source_ip(&self) -> Option<IpAddr> {
        self.request.source_ip
    }
}
