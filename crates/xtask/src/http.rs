//! A small blocking client for one server on this machine.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use ureq::Agent;
use ureq::http::Request;

/// Everything here answers in milliseconds; this only ends a wait for one that hangs.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A client with kept connections.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    agent: Agent,
    base: String,
}

/// What a server answered.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The status code.
    pub(crate) status: u16,
    /// The body, as text.
    pub(crate) body: String,
}

impl Client {
    /// A client for `127.0.0.1:port`.
    pub(crate) fn new(port: u16) -> Self {
        let config = Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            // A status is an answer, not a failure of the connection.
            .http_status_as_error(false)
            .max_redirects(0)
            .build();
        Self { agent: config.into(), base: format!("http://127.0.0.1:{port}") }
    }

    /// Sends one request.
    ///
    /// # Errors
    /// When there is no answer.
    pub(crate) fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&str>,
    ) -> Result<Answer> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answered = match body {
            Some(body) => self.agent.run(request.body(body)?),
            None => self.agent.run(request.body(())?),
        };
        let mut response = answered.with_context(|| format!("{method} {}{path}", self.base))?;
        let status = response.status().as_u16();
        let body = response
            .body_mut()
            .read_to_string()
            .with_context(|| format!("the answer to {method} {}{path}", self.base))?;
        Ok(Answer { status, body })
    }

    /// Gets JSON.
    ///
    /// # Errors
    /// When there is no answer, or one that is not 200 with JSON.
    pub(crate) fn get_json(&self, path: &str) -> Result<Value> {
        json_of(&format!("GET {path}"), &self.send("GET", path, &[], None)?)
    }

    /// Sends JSON by PATCH and gets JSON.
    ///
    /// # Errors
    /// When there is no answer, or one that is not 200 with JSON.
    pub(crate) fn patch_json(&self, path: &str, body: &Value) -> Result<Value> {
        let headers = [("content-type", "application/json")];
        json_of(&format!("PATCH {path}"), &self.send("PATCH", path, &headers, Some(&body.to_string()))?)
    }

    /// Whether the server answers this path with 200.
    pub(crate) fn is_ok(&self, path: &str) -> bool {
        self.send("GET", path, &[], None).is_ok_and(|answer| answer.status == 200)
    }
}

fn json_of(what: &str, answer: &Answer) -> Result<Value> {
    ensure!(answer.status == 200, "{what} was answered with {}: {}", answer.status, answer.body);
    serde_json::from_str(&answer.body).with_context(|| format!("{what} was not answered with JSON"))
}
