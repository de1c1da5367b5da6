//! The control plane as a process, and its API over HTTP.

use crate::certificates::Identity;
use crate::client::{Connection, Protocol, Request, Response};
use crate::environment;
use crate::eventually::{RECONNECTED, SOON, eventually};
use crate::memory::Growth;
use crate::ports::free_port;
use crate::process::Process;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;
use tempfile::TempDir;

/// The keys of the xDS port, when it has TLS.
#[derive(Clone, Debug)]
pub struct XdsTls {
    /// What the server shows.
    pub server: Identity,
    /// Who must have signed a client's certificate.
    pub client_authority: PathBuf,
}

/// The token of its admin: made before it, as an operator makes one.
pub const ADMIN: &str = "umbra_admin_e2e0e2e0e2e0e2e0e2e0e2e0e2e0e2e0e2e0e2e0e2e0e2e0e2e0e2e0e2e0e2e0";

/// A control plane with a database of its own. Dropping it ends it.
pub struct ControlPlane {
    process: Option<Process>,
    folder: TempDir,
    api_port: u16,
    xds_port: u16,
    tls: Option<XdsTls>,
    requires_token: bool,
    log_filter: &'static str,
}

impl ControlPlane {
    /// Starts one on an empty database, and waits until it is ready.
    pub async fn start() -> Self {
        Self::start_asking(None, false).await
    }

    /// Starts one whose xDS port asks for certificates.
    pub async fn start_with(tls: Option<XdsTls>) -> Self {
        Self::start_asking(tls, false).await
    }

    /// Starts one whose xDS port asks for tokens.
    pub async fn start_with_tokens() -> Self {
        Self::start_asking(None, true).await
    }

    async fn start_asking(tls: Option<XdsTls>, requires_token: bool) -> Self {
        let mut control_plane = Self {
            process: None,
            folder: TempDir::new().expect("a folder for the control plane"),
            api_port: free_port(),
            xds_port: free_port(),
            tls,
            requires_token,
            log_filter: "info",
        };
        control_plane.restart().await;
        control_plane
    }

    /// Starts it again, with the same ports and the same database.
    pub async fn restart(&mut self) {
        let database = self.folder.path().join("umbra.sqlite");
        let mut command = Command::new(environment::umbra());
        command
            .arg("serve")
            .args(["--listen-api", &format!("127.0.0.1:{}", self.api_port)])
            .args(["--listen-xds", &format!("127.0.0.1:{}", self.xds_port)])
            .args(["--log-format", "text", "--log-filter", self.log_filter])
            // All that a test writes is written by one caller.
            .args(["--writes-per-second", "1000"])
            .env("UMBRA_BOOTSTRAP_TOKEN", ADMIN)
            .arg("--database-url")
            .arg(format!("sqlite://{}", database.display()));
        if let Some(tls) = &self.tls {
            command.arg("--xds-tls-cert").arg(&tls.server.certificate);
            command.arg("--xds-tls-key").arg(&tls.server.key);
            command.arg("--xds-tls-client-ca").arg(&tls.client_authority);
        }
        if self.requires_token {
            command.arg("--xds-require-token");
        }
        let mut process = Process::start("umbra", self.folder.path(), command);
        eventually(SOON, "the control plane is ready", async || {
            process.assert_running();
            self.ready().await
        })
        .await;
        self.process = Some(process);
    }

    async fn ready(&self) -> Result<(), String> {
        let mut connection = Connection::open(self.api_port, Protocol::Http1).await?;
        let response = connection.send(&request("GET", "/readyz")).await?;
        if response.status == 200 { Ok(()) } else { Err(response.text()) }
    }

    /// SIGKILL, and waits until it is gone.
    pub fn kill(&mut self) {
        self.process.take().expect("a running control plane").kill();
    }

    /// Sends it a signal by name.
    pub fn signal(&self, name: &str) {
        let process = self.process.as_ref();
        process.expect("a running control plane").signal(name);
    }

    /// Starts it again, and from now on it logs what `filter` says.
    pub async fn log_filter(&mut self, filter: &'static str) {
        self.log_filter = filter;
        self.kill();
        self.restart().await;
    }

    /// The memory that it takes from now on.
    pub fn memory(&self) -> Growth {
        Growth::of(self.process.as_ref().expect("a running control plane").id())
    }

    /// Where its database and its log are.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The port of its API.
    pub fn api_port(&self) -> u16 {
        self.api_port
    }

    /// The port of its xDS service.
    pub fn xds_port(&self) -> u16 {
        self.xds_port
    }

    /// One call of the API, whatever it answers.
    pub async fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Response {
        self.try_call(method, path, body).await.unwrap()
    }

    /// The same where nobody may be listening.
    pub async fn try_call(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Response, String> {
        let mut connection = Connection::open(self.api_port, Protocol::Http1).await?;
        let mut request = request(method, path);
        if let Some(body) = body {
            request = request.header("content-type", "application/json");
            request = request.body(body.to_string());
        }
        connection.send(&request).await
    }

    /// Reads something that must be there.
    pub async fn get(&self, path: &str) -> Value {
        json_of(&self.call("GET", path, None).await)
    }

    /// Applies resources, which must be accepted, and returns the revision.
    pub async fn apply(&self, resources: &[Value]) -> u64 {
        let body = json!({"items": resources});
        let answer = json_of(&self.call("POST", "/api/v1/apply", Some(&body)).await);
        let revision = answer["revision"].as_u64();
        revision.unwrap_or_else(|| panic!("apply without a revision: {answer}"))
    }

    /// Makes a token for the nodes with these ids.
    pub async fn node_token(&self, nodes: &[&str]) -> String {
        let wanted = json!({"name": "nodes", "role": "node", "scope": {"nodes": nodes}});
        let made = json_of(&self.call("POST", "/api/v1/tokens", Some(&wanted)).await);
        made["token"].as_str().expect("a token").to_owned()
    }

    /// Moves a valve, or a switch: returns when it was answered.
    pub async fn valve(&self, shadow: &str, change: Value) -> Instant {
        let path = format!("/api/v1/shadows/{shadow}/valve");
        let response = self.call("PATCH", &path, Some(&change)).await;
        let answered = Instant::now();
        json_of(&response);
        answered
    }

    /// What the API says of a node, if it knows it.
    pub async fn node(&self, id: &str) -> Option<Value> {
        let nodes = self.get("/api/v1/nodes").await;
        let items = nodes["items"].as_array().cloned().unwrap_or_default();
        items.into_iter().find(|node| node["id"] == id)
    }

    /// Waits until a node runs the policy of the latest revision, and returns what is said of it.
    pub async fn synced(&self, id: &str) -> Value {
        eventually(RECONNECTED, &format!("{id} is synced"), async || {
            let nodes = self.get("/api/v1/nodes").await;
            let items = nodes["items"].as_array().cloned().unwrap_or_default();
            let node = items.into_iter().find(|node| node["id"] == id).ok_or("not known")?;
            // A revision is acknowledged before the policies that it makes are compiled.
            let latest = node["desired"]["revision"] == nodes["revision"];
            let same = node["desired"]["version"] == node["applied"]["version"];
            if latest && same && node["connected"] == true && node["state"] == "SYNCED" {
                Ok(node)
            } else {
                Err(node.to_string())
            }
        })
        .await
    }
}

/// A call of the API by its admin, under a name that a server on loopback answers to.
pub fn request(method: &str, path: &str) -> Request {
    let request = Request::new(method, path).header("authorization", format!("Bearer {ADMIN}"));
    Request { authority: "localhost".to_owned(), ..request }
}

fn json_of(response: &Response) -> Value {
    let text = response.text();
    assert!((200..300).contains(&response.status), "{}: {text}", response.status);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}
