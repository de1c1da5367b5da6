//! Why the control plane did not do what was asked.

use std::{error::Error as StdError, io, time::Duration};

use reqwest::StatusCode;

use super::answer::ApiProblem;

/// Why the control plane did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The options cannot be used; nothing was sent.
    #[error("{0}")]
    Setup(String),
    /// There was no answer.
    #[error("cannot reach the control plane at {server}: {why}\n{hint}")]
    Unreachable { server: String, why: String, hint: &'static str, may_pass: bool },
    /// The answer took too long.
    #[error(
        "no answer from the control plane at {server} within {}\n{hint}--timeout waits longer",
        humantime::format_duration(*.after)
    )]
    Timeout { server: String, after: Duration, hint: &'static str },
    /// The control plane refused, and said why.
    #[error("{}", problem_text(*.status, .problem))]
    Problem { status: StatusCode, problem: ApiProblem },
    /// A refusal that no control plane would write.
    #[error("{server} answered {status}: {detail}\nis this the control plane's REST address?")]
    Strange { server: String, status: StatusCode, detail: String },
    /// A success that cannot be read.
    #[error(
        "cannot read the answer of {server}: {detail}\n\
         is this the control plane's REST address, and umbractl as new as the control plane?"
    )]
    Unreadable { server: String, detail: String },
}

impl Error {
    /// Sorts out what went wrong on the way of a request that writes, or does not.
    pub(super) fn transport(server: &str, timeout: Duration, error: &reqwest::Error, writes: bool) -> Error {
        if error.is_timeout() {
            let hint =
                if writes { "whether a change was made is unknown: see `umbractl status`; " } else { "" };
            return Error::Timeout { server: server.to_owned(), after: timeout, hint };
        }
        let why = chain(error);
        let hint = match io_kind(error) {
            Some(io::ErrorKind::ConnectionRefused) => {
                "is `umbra serve` running there? another address goes into --server or UMBRA_SERVER"
            }
            _ if error.is_dns() => "check the name in --server or UMBRA_SERVER",
            _ if why.to_lowercase().contains("certificate") => {
                "--ca-cert names the certificates to trust; --client-cert and --client-key are for mutual TLS"
            }
            _ if server.starts_with("http://") => "does it want https? check --server or UMBRA_SERVER",
            _ => "check --server or UMBRA_SERVER",
        };
        let may_pass = !is_of_the_answer(error);
        Error::Unreachable { server: server.to_owned(), why, hint, may_pass }
    }

    /// The status of a refusal, where there was one.
    pub(crate) fn status(&self) -> Option<StatusCode> {
        match self {
            Error::Problem { status, .. } | Error::Strange { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// Whether the same question may be answered a while later, as after a restart.
    pub(crate) fn may_pass(&self) -> bool {
        let is_away = matches!(self, Error::Unreachable { may_pass: true, .. } | Error::Timeout { .. });
        let is_busy =
            |status: StatusCode| status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
        is_away || self.status().is_some_and(is_busy)
    }
}

/// An error and what caused it, without saying the same twice.
pub(super) fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut parts: Vec<String> = Vec::new();
    for cause in causes(error) {
        let text = cause.to_string();
        if parts.last().is_none_or(|last| !last.contains(&text)) {
            parts.push(text);
        }
    }
    // reqwest's own two outer layers repeat the address and say no more.
    if parts.len() > 1 && parts.first().is_some_and(|first| first.starts_with("error sending request")) {
        parts.remove(0);
    }
    parts.join(": ")
}

fn causes<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| {
        // An IO error passes over the error that it was made of.
        match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner as &(dyn StdError + 'static)),
            None => error.source(),
        }
    })
}

fn io_kind(error: &reqwest::Error) -> Option<io::ErrorKind> {
    causes(error).filter_map(|cause| cause.downcast_ref::<io::Error>()).map(io::Error::kind).last()
}

/// Whether somebody is there, and answers otherwise than a control plane does: without TLS or with another
/// certificate, or not as HTTP has it.
fn is_of_the_answer(error: &reqwest::Error) -> bool {
    causes(error).any(|cause| {
        cause.is::<rustls::Error>()
            || cause.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse)
    })
}

fn problem_text(status: StatusCode, problem: &ApiProblem) -> String {
    // With fields listed below it, the detail would say the first of them twice.
    let what = match &problem.detail {
        Some(detail) if !detail.is_empty() && (problem.errors.is_empty() || problem.title.is_empty()) => {
            detail
        }
        _ => &problem.title,
    };
    let hint = match status {
        StatusCode::UNAUTHORIZED => "\n--token, UMBRA_TOKEN or --token-file says who you are",
        _ => "",
    };
    format!("the control plane refused: {what} ({status}){hint}")
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        net::{TcpListener, TcpStream},
        thread,
    };

    use super::*;

    /// What is wrong where a server does this with each connection.
    async fn met(scheme: &str, server: fn(TcpStream)) -> Error {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || listener.incoming().for_each(|stream| server(stream.unwrap())));
        asked(&format!("{scheme}://{address}")).await
    }

    async fn asked(url: &str) -> Error {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let limit = Duration::from_millis(500);
        let http = reqwest::Client::builder().tls_certs_only([]).no_proxy().timeout(limit).build().unwrap();
        let answer = async { http.get(url).send().await?.bytes().await };
        Error::transport(url, limit, &answer.await.unwrap_err(), false)
    }

    fn answer(mut stream: TcpStream, text: &str) {
        let _ = stream.read(&mut [0; 4_096]).unwrap();
        stream.write_all(text.as_bytes()).unwrap();
    }

    #[tokio::test]
    async fn who_is_away_may_come_back_and_who_is_another_stays_so() {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        for (what, error, may_pass) in [
            ("refused", asked(&format!("http://{free}")).await, true),
            ("closed", met("http", drop).await, true),
            ("closed once it had asked", met("http", |stream| answer(stream, "")).await, true),
            (
                "cut off",
                met("http", |it| answer(it, "HTTP/1.1 200 x\r\ncontent-length: 9\r\n\r\n{")).await,
                true,
            ),
            ("silent", met("http", std::mem::forget).await, true),
            ("closed under TLS", met("https", |stream| answer(stream, "")).await, true),
            ("no HTTP", met("http", |stream| answer(stream, "SSH-2.0-x\r\n\r\n")).await, false),
            ("no TLS", met("https", |stream| answer(stream, "HTTP/1.1 400 x\r\n\r\n")).await, false),
        ] {
            assert_eq!(error.may_pass(), may_pass, "{what}: {error:?}");
        }
    }
}
