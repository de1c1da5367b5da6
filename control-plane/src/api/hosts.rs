//! The names that the server answers to: a page of another site whose name was made to resolve to this machine must not
//! reach a server that listens to this machine alone (DNS rebinding).

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, Uri, header};

/// The names that the server answers to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hosts {
    /// Whether names that mean this machine are the only ones, apart from `named`.
    only_local: bool,
    named: Vec<String>,
}

impl Hosts {
    /// Of a server that listens there. On loopback it answers to names of this machine, and to those `named`; anywhere
    /// else to every name, unless some are `named`.
    pub fn of(address: SocketAddr, named: Vec<String>) -> Hosts {
        let named: Vec<String> = named.iter().map(|name| name.to_ascii_lowercase()).collect();
        Hosts { only_local: address.ip().is_loopback() || !named.is_empty(), named }
    }

    /// Whether the server answers to what a request calls it. One that calls it nothing comes from no browser.
    pub(crate) fn admit(&self, headers: &HeaderMap, uri: &Uri) -> bool {
        let Some(host) = called(headers, uri) else { return true };
        let name = without_port(host).to_ascii_lowercase();
        !self.only_local || is_local(&name) || self.named.contains(&name)
    }
}

/// Whether a browser sent this for a page of this very server. What no browser sent has neither header.
pub(crate) fn is_same_origin(headers: &HeaderMap, uri: &Uri) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    // `none`: a person typed the address.
    let site = text("sec-fetch-site").is_none_or(|site| matches!(site, "same-origin" | "none"));
    let origin = text("origin").is_none_or(|origin| {
        let authority = origin.split_once("://").map(|(_, authority)| authority);
        authority.is_some_and(|authority| {
            called(headers, uri).is_some_and(|host| host.eq_ignore_ascii_case(authority))
        })
    });
    site && origin
}

/// `Host`, or HTTP/2's `:authority`.
fn called<'a>(headers: &'a HeaderMap, uri: &'a Uri) -> Option<&'a str> {
    let host = headers.get(header::HOST).map(|host| host.to_str().unwrap_or_default());
    host.or_else(|| uri.authority().map(|authority| authority.as_str()))
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

fn is_local(name: &str) -> bool {
    let address = name.trim_start_matches('[').trim_end_matches(']');
    name == "localhost"
        || name.ends_with(".localhost")
        || address.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        lines
            .iter()
            .map(|(name, value)| (header::HeaderName::from_static(name), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn a_local_server_answers_to_this_machine_alone() {
        let uri = Uri::from_static("/");
        let local = Hosts::of("127.0.0.1:8080".parse().unwrap(), vec!["Umbra.Example.com".to_owned()]);
        let open = Hosts::of("0.0.0.0:8080".parse().unwrap(), Vec::new());
        let named = Hosts::of("0.0.0.0:8080".parse().unwrap(), vec!["umbra.example.com".to_owned()]);
        for (host, by_local, by_named) in [
            ("localhost:8080", true, true),
            ("127.0.0.1", true, true),
            ("[::1]:8080", true, true),
            ("[::1]", true, true),
            ("umbra.example.com", true, true),
            ("evil.example.com:8080", false, false),
            ("localhost.evil.com", false, false),
            ("192.0.2.1", false, false),
            ("", false, false),
        ] {
            let headers = headers(&[("host", host)]);
            assert_eq!(local.admit(&headers, &uri), by_local, "{host}");
            assert_eq!(named.admit(&headers, &uri), by_named, "{host}");
            assert!(open.admit(&headers, &uri), "{host}");
        }
        let other = Uri::from_static("https://evil.example.com/");
        assert!(!local.admit(&HeaderMap::new(), &other) && local.admit(&HeaderMap::new(), &uri));
    }

    #[test]
    fn a_page_of_another_site_is_told_apart() {
        let uri = Uri::from_static("/");
        for (lines, same) in [
            (&[("host", "a:1")] as &[_], true),
            (&[("host", "a:1"), ("origin", "http://a:1"), ("sec-fetch-site", "same-origin")], true),
            (&[("host", "a:1"), ("origin", "http://a:2")], false),
            (&[("host", "a:1"), ("origin", "null")], false),
            (&[("host", "a:1"), ("sec-fetch-site", "same-site")], false),
            (&[("host", "a:1"), ("sec-fetch-site", "cross-site")], false),
            (&[("origin", "http://a:1")], false),
        ] {
            assert_eq!(is_same_origin(&headers(lines), &uri), same, "{lines:?}");
        }
    }
}
