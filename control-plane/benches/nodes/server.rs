//! The `umbra serve` that ships, with a database of its own.

use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::process::Process;
use crate::report::SHADOW;

/// Shadows in the policy, each with a stamp of its own.
const SHADOWS: u64 = 10;

pub(crate) struct Server {
    pub(crate) process: Process,
    pub(crate) api: Api,
    pub(crate) xds: SocketAddr,
    folder: TempDir,
}

/// The server's API.
#[derive(Clone)]
pub(crate) struct Api {
    client: reqwest::Client,
    base: String,
}

impl Server {
    pub(crate) async fn start() -> Server {
        let folder = tempfile::tempdir().unwrap();
        let [api, xds] = free();
        let log = File::create(folder.path().join("log")).unwrap();
        let binary = std::env::var_os("UMBRA_BENCH_SERVER");
        let mut command = Command::new(binary.unwrap_or_else(|| env!("CARGO_BIN_EXE_umbra").into()));
        command.args(["serve", "--dev"]).args(["--listen-api", &api.to_string()]);
        command.args(["--listen-xds", &xds.to_string()]);
        command.args(["--database-url", &format!("sqlite://{}", folder.path().join("umbra.db").display())]);
        let process = Process::start(command.stderr(log));
        let api = Api { client: reqwest::Client::new(), base: format!("http://{api}") };
        let server = Server { process, api, xds, folder };
        while server.api.client.get(format!("{}/readyz", server.api.base)).send().await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        server.api.apply().await;
        server
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            let last: Vec<&str> = log.lines().rev().take(20).collect();
            eprintln!("the server's log ends so, the last line first:\n{}", last.join("\n"));
        }
    }
}

impl Api {
    /// Of a thread of its own.
    pub(crate) fn elsewhere(&self) -> Api {
        Api { client: reqwest::Client::new(), base: self.base.clone() }
    }

    async fn apply(&self) {
        let mut resources = Vec::new();
        for number in 0..SHADOWS {
            let shadow = if number == 0 { SHADOW.to_owned() } else { format!("shadow-{number}") };
            let stamp = format!("stamp-{number}");
            resources.push(json!({"apiVersion": "umbra/v1", "kind": "Stamp", "metadata": {"name": stamp},
                "spec": {"match": [{"hosts": [format!("host-{number}.example.com")], "path": {"prefix": "/api"}}]}}));
            resources.push(json!({"apiVersion": "umbra/v1", "kind": "Shadow", "metadata": {"name": shadow},
                "spec": {"stamps": [stamp], "target": {"cluster": shadow}, "percent": 5}}));
        }
        let body = Value::from(resources).to_string();
        let request = self.client.post(format!("{}/api/v1/apply", self.base));
        let answer = request.header("content-type", "application/json").body(body).send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert_eq!(status, 200, "{text}");
    }

    /// Moves the valve.
    pub(crate) async fn valve(&self, percent: f64) {
        let request = self.client.patch(format!("{}/api/v1/shadows/{SHADOW}/valve", self.base));
        let answer = request.json(&json!({"percent": percent})).send().await.unwrap();
        assert_eq!(answer.status(), 200);
    }

    /// Reads the shadow.
    pub(crate) async fn shadow(&self) {
        let answer = self.client.get(format!("{}/api/v1/shadows/{SHADOW}", self.base)).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.bytes().await.unwrap();
    }

    /// The value of a metric, with its labels as they are written; 0 if there is none.
    pub(crate) async fn metric(&self, name: &str) -> f64 {
        let answer = self.client.get(format!("{}/metrics", self.base)).send().await.unwrap();
        let text = answer.text().await.unwrap();
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok());
        value.unwrap_or_default()
    }

    /// Waits until a metric is this.
    pub(crate) async fn metric_is(&self, name: &str, wanted: f64) {
        while self.metric(name).await < wanted {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

/// Two ports that nobody listens on.
fn free() -> [SocketAddr; 2] {
    let held = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    held.each_ref().map(|listener| listener.local_addr().unwrap())
}
