//! The control plane's API, typed. Everything that umbractl asks of a control plane is asked here.

pub(crate) mod answer;
pub(crate) mod error;

use std::{ops::ControlFlow, path::Path, time::Duration};

use reqwest::{
    Certificate, Identity, Method, RequestBuilder, StatusCode, Url,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, IF_MATCH, LOCATION},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use umbra_resource::{Kind, Resource};

use self::{
    answer::{ApiProblem, Applied, AuditPage, Board, Listed, Nodes, Verdict, Version},
    error::Error,
};
use crate::{cli::Global, failure::Failure};

/// The longest answer that is shown from a server that does not answer as a control plane does.
const STRANGE_ANSWER_CHARS: usize = 200;
/// An export of all that there is may take longer than any other answer.
const EXPORT_TIME: Duration = Duration::from_secs(3_600);

/// Parameters by name; those without a value are left out.
pub(crate) type Query<'a> = [(&'a str, Option<&'a str>)];

/// A connection to one control plane.
pub(crate) struct Client {
    http: reqwest::Client,
    base: Url,
    timeout: Duration,
}

/// What a change of the valve asks for; what is `None` stays as it is.
#[derive(Debug, Default, Serialize)]
pub(crate) struct ValveChange<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) percent: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) enabled: Option<bool>,
    /// For how long, as `2h`; for good without it.
    #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
    pub(crate) lasts: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<&'a str>,
}

impl Client {
    /// Prepares a client; nothing is sent yet.
    ///
    /// # Errors
    /// When the address, the token or a certificate file cannot be used.
    pub(crate) fn new(options: &Global) -> Result<Client, Error> {
        let base = base_url(&options.server)?;
        let mut headers = HeaderMap::new();
        let from_file = options.token_file.as_deref().map(read).transpose()?;
        let from_file = from_file.map(|bytes| String::from_utf8_lossy(&bytes).trim().to_owned());
        if let Some(token) = from_file.as_ref().or(options.token.as_ref()) {
            let mut value = HeaderValue::from_str(&format!("Bearer {token}"))
                .map_err(|_| Error::Setup("the token has characters that no header may have".to_owned()))?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("umbractl/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .timeout(options.timeout)
            // A followed redirect would turn a PATCH into a GET, and show the token to somebody else.
            .redirect(reqwest::redirect::Policy::none());
        if is_loopback(&base) {
            builder = builder.no_proxy();
        }
        builder = match &options.ca_cert {
            Some(file) => builder.tls_certs_only(certificates(file)?),
            // Without TLS the system's certificates are of no use, and a machine may have none.
            None if base.scheme() == "http" => builder.tls_certs_only([]),
            None => builder,
        };
        match (&options.client_cert, &options.client_key) {
            (Some(certificate), Some(key)) => builder = builder.identity(identity(certificate, key)?),
            (None, None) => {}
            _ => return Err(Error::Setup("--client-cert and --client-key go together".to_owned())),
        }
        let http = builder.build().map_err(|error| Error::Setup(error::chain(&error)))?;
        Ok(Client { http, base, timeout: options.timeout })
    }

    /// The control plane's address, as it is shown in messages.
    pub(crate) fn server(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// Whether a token would travel unencrypted to another machine.
    pub(crate) fn is_plain_and_remote(&self) -> bool {
        self.base.scheme() == "http" && !is_loopback(&self.base)
    }

    /// All resources of a kind, by name.
    pub(crate) async fn list(&self, kind: Kind) -> Result<Listed, Error> {
        self.fetch(self.request(Method::GET, &["api", "v1", plural(kind)])).await
    }

    /// One resource.
    pub(crate) async fn get(&self, kind: Kind, name: &str) -> Result<Resource, Error> {
        self.fetch(self.request(Method::GET, &["api", "v1", plural(kind), name])).await
    }

    /// Deletes one resource.
    pub(crate) async fn delete(&self, kind: Kind, name: &str, reason: Option<&str>) -> Result<(), Error> {
        let request = self.request(Method::DELETE, &["api", "v1", plural(kind), name]);
        self.send(with_reason(request, reason)).await.map(|_| ())
    }

    /// Creates or changes resources, all or none.
    pub(crate) async fn apply(
        &self,
        resources: &[Resource],
        dry_run: bool,
        reason: Option<&str>,
    ) -> Result<Applied, Error> {
        let mut request = self.request(Method::POST, &["api", "v1", "apply"]).json(resources);
        if dry_run {
            request = request.query(&[("dry_run", "true")]);
        }
        self.fetch(with_reason(request, reason)).await
    }

    /// Replaces a resource that is still at this revision; answers with what it is now.
    pub(crate) async fn put(
        &self,
        resource: &Resource,
        revision: u64,
        reason: Option<&str>,
    ) -> Result<Resource, Error> {
        let request = self.request(Method::PUT, &["api", "v1", plural(resource.kind()), resource.name()]);
        let request = request.header(IF_MATCH, format!("\"{revision}\"")).json(resource);
        self.fetch(with_reason(request, reason)).await
    }

    /// Everything that a bug report needs.
    pub(crate) async fn config_dump(&self) -> Result<Value, Error> {
        self.fetch(self.request(Method::GET, &["api", "v1", "config-dump"])).await
    }

    /// Moves a shadow's valve or switch; answers with the shadow as it is now.
    pub(crate) async fn set_valve(&self, shadow: &str, change: &ValveChange<'_>) -> Result<Resource, Error> {
        self.fetch(self.request(Method::PATCH, &["api", "v1", "shadows", shadow, "valve"]).json(change)).await
    }

    /// Whether a shadow may go live.
    pub(crate) async fn verdict(&self, shadow: &str) -> Result<Verdict, Error> {
        self.fetch(self.request(Method::GET, &["api", "v1", "shadows", shadow, "verdict"])).await
    }

    /// What the pairs of a shadow add up to, whole, as the control plane says it.
    pub(crate) async fn report(&self, shadow: &str, query: &Query<'_>) -> Result<Value, Error> {
        self.evidence(shadow, "report", query).await
    }

    /// Sampled pairs of a shadow, newest first.
    pub(crate) async fn pairs(&self, shadow: &str, query: &Query<'_>) -> Result<Value, Error> {
        self.evidence(shadow, "pairs", query).await
    }

    async fn evidence(&self, shadow: &str, what: &str, query: &Query<'_>) -> Result<Value, Error> {
        let given: Vec<_> = query.iter().filter_map(|(name, value)| Some((*name, (*value)?))).collect();
        let request = self.request(Method::GET, &["api", "v1", "shadows", shadow, what]);
        self.fetch(if given.is_empty() { request } else { request.query(&given) }).await
    }

    /// The nodes that the control plane knows.
    pub(crate) async fn nodes(&self) -> Result<Nodes, Error> {
        self.fetch(self.request(Method::GET, &["api", "v1", "nodes"])).await
    }

    /// Every shadow with what goes on there now.
    pub(crate) async fn board(&self) -> Result<Board, Error> {
        self.fetch(self.request(Method::GET, &["api", "v1", "board"])).await
    }

    /// One page of the audit trail, newest first; `before` is the `next` of the page before.
    pub(crate) async fn audit(
        &self,
        limit: u32,
        before: Option<i64>,
        filter: &[(&str, &str)],
    ) -> Result<AuditPage, Error> {
        let mut request =
            self.request(Method::GET, &["api", "v1", "audit"]).query(&[("limit", limit.to_string())]);
        if !filter.is_empty() {
            request = request.query(filter);
        }
        if let Some(before) = before {
            request = request.query(&[("before", before.to_string())]);
        }
        self.fetch(request).await
    }

    /// All rows of the audit trail that fit, oldest first, each as the line that it is, one after the other, until `take` has
    /// enough.
    ///
    /// # Errors
    /// The control plane's, or the first of `take`.
    pub(crate) async fn audit_export(
        &self,
        filter: &[(&str, &str)],
        mut take: impl FnMut(&str) -> Result<ControlFlow<()>, Failure>,
    ) -> Result<(), Failure> {
        let request = self.request(Method::GET, &["api", "v1", "audit"]);
        let request = request.query(&[("format", "ndjson")]).query(filter).timeout(EXPORT_TIME);
        let transport = |error| Error::transport(self.server(), self.timeout, &error, false);
        let mut response = request.send().await.map_err(transport)?;
        if !response.status().is_success() {
            let (status, headers) = (response.status(), response.headers().clone());
            let body = response.bytes().await.map_err(transport)?;
            return Err(self.refusal(status, &headers, &body).into());
        }
        let mut buffer = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(transport)? {
            buffer.extend_from_slice(&chunk);
            let Some(end) = buffer.iter().rposition(|byte| *byte == b'\n') else { continue };
            let rest = buffer.split_off(end + 1);
            let lines = String::from_utf8_lossy(&buffer);
            for line in lines.lines() {
                if take(line)?.is_break() {
                    return Ok(());
                }
            }
            buffer = rest;
        }
        if buffer.is_empty() {
            Ok(())
        } else {
            Err(Failure::error("the export ended in the middle of a row"))
        }
    }

    /// Every token, the youngest first.
    pub(crate) async fn tokens(&self) -> Result<Vec<Value>, Error> {
        #[derive(serde::Deserialize)]
        struct Page {
            items: Vec<Value>,
            next: Option<String>,
        }
        let mut tokens = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let mut request = self.request(Method::GET, &["api", "v1", "tokens"]).query(&[("limit", "500")]);
            if let Some(cursor) = &cursor {
                request = request.query(&[("cursor", cursor)]);
            }
            let page: Page = self.fetch(request).await?;
            tokens.extend(page.items);
            // A page that leads to itself would be asked for again and again.
            if page.next.is_none() || page.next == cursor {
                return Ok(tokens);
            }
            cursor = page.next;
        }
    }

    /// Makes a token; the answer has it.
    pub(crate) async fn create_token(&self, wanted: &Value) -> Result<Value, Error> {
        self.fetch(self.request(Method::POST, &["api", "v1", "tokens"]).json(wanted)).await
    }

    /// Revokes a token.
    pub(crate) async fn revoke_token(&self, id: &str, reason: Option<&str>) -> Result<(), Error> {
        let request = self.request(Method::DELETE, &["api", "v1", "tokens", id]);
        self.send(with_reason(request, reason)).await.map(|_| ())
    }

    /// What answers there, and in which version.
    pub(crate) async fn version(&self) -> Result<Version, Error> {
        self.fetch(self.request(Method::GET, &["version"])).await
    }

    fn request(&self, method: Method, path: &[&str]) -> RequestBuilder {
        let mut url = self.base.clone();
        // `base_url` refuses addresses that cannot have a path.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        self.http.request(method, url)
    }

    async fn fetch<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Error> {
        let body = self.send(request).await?;
        serde_json::from_slice(&body).map_err(|error| Error::Unreadable {
            server: self.server().to_owned(),
            detail: format!("{error}: {}", excerpt(&body)),
        })
    }

    async fn send(&self, request: RequestBuilder) -> Result<Vec<u8>, Error> {
        let request = request.build();
        let writes = request.as_ref().is_ok_and(|request| !request.method().is_safe());
        let transport = |error| Error::transport(self.server(), self.timeout, &error, writes);
        let response = self.http.execute(request.map_err(transport)?).await.map_err(transport)?;
        let status = response.status();
        let headers = response.headers().clone();
        let body = response.bytes().await.map_err(transport)?;
        if status.is_success() {
            return Ok(body.to_vec());
        }
        Err(self.refusal(status, &headers, &body))
    }

    fn refusal(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Error {
        let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
        if header(CONTENT_TYPE).is_some_and(|kind| kind.starts_with("application/problem+json"))
            && let Ok(problem) = serde_json::from_slice::<ApiProblem>(body)
        {
            return Error::Problem { status, problem };
        }
        let detail = match header(LOCATION) {
            Some(location) => format!("a redirect to {location}, which is not followed"),
            None => excerpt(body),
        };
        Error::Strange { server: self.server().to_owned(), status, detail }
    }
}

/// A kind's name in the API's paths.
fn plural(kind: Kind) -> &'static str {
    match kind {
        Kind::Stamp => "stamps",
        Kind::Shadow => "shadows",
    }
}

fn with_reason(request: RequestBuilder, reason: Option<&str>) -> RequestBuilder {
    match reason {
        Some(reason) => request.query(&[("reason", reason)]),
        None => request,
    }
}

fn base_url(server: &str) -> Result<Url, Error> {
    let with_scheme = if server.contains("://") { server.to_owned() } else { format!("http://{server}") };
    let wrong = |why: &str| Error::Setup(format!("--server {server}: {why}"));
    let mut url = Url::parse(&with_scheme).map_err(|error| wrong(&error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong("give an address such as http://127.0.0.1:8080 or https://umbra.example.com"));
    }
    url.set_query(None);
    url.set_fragment(None);
    Ok(url)
}

fn is_loopback(url: &Url) -> bool {
    let Some(host) = url.host_str() else { return false };
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn certificates(file: &Path) -> Result<Vec<Certificate>, Error> {
    let certificates = Certificate::from_pem_bundle(&read(file)?)
        .map_err(|error| Error::Setup(format!("{}: {}", file.display(), error::chain(&error))))?;
    if certificates.is_empty() {
        return Err(Error::Setup(format!("{}: no certificate in PEM form", file.display())));
    }
    Ok(certificates)
}

fn identity(certificate: &Path, key: &Path) -> Result<Identity, Error> {
    let mut pem = read(certificate)?;
    pem.push(b'\n');
    pem.extend(read(key)?);
    Identity::from_pem(&pem).map_err(|error| {
        Error::Setup(format!("{} and {}: {}", certificate.display(), key.display(), error::chain(&error)))
    })
}

fn read(file: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(file).map_err(|error| Error::Setup(format!("{}: {error}", file.display())))
}

/// The beginning of an answer, on one line, fit for a terminal.
fn excerpt(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let line: String = text
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .chars()
        .filter(|c| !c.is_control())
        .take(STRANGE_ANSWER_CHARS)
        .collect();
    if line.is_empty() { "an empty answer".to_owned() } else { line }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_needs_no_scheme_and_may_have_a_path() {
        for (given, url) in [
            ("localhost:8080", "http://localhost:8080/"),
            ("https://umbra.example.com/mesh/?x#y", "https://umbra.example.com/mesh/"),
            ("[::1]:8080", "http://[::1]:8080/"),
        ] {
            assert_eq!(base_url(given).unwrap().as_str(), url);
        }
        for given in ["", "ftp://x", "http://", "http://[::1"] {
            assert!(base_url(given).is_err(), "{given}");
        }
    }

    #[test]
    fn loopback_is_known_by_name_and_by_address() {
        for (url, loopback) in [
            ("http://localhost:1/", true),
            ("http://127.9.9.9/", true),
            ("http://[::1]:1/", true),
            ("http://10.0.0.1/", false),
            ("http://localhost.example.com/", false),
        ] {
            assert_eq!(is_loopback(&Url::parse(url).unwrap()), loopback, "{url}");
        }
    }

    #[test]
    fn an_excerpt_is_one_printable_line() {
        assert_eq!(excerpt(b"<html>\n\x1b[31m  hi\n"), "<html> [31m hi");
        assert_eq!(excerpt(b" \n"), "an empty answer");
    }
}
