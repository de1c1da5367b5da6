//! The binary itself: signals, exit codes, and death at any time.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::delta::{Delta, hello};
use crate::support::{Api, CHECKOUT, folder, soon};

/// A running `umbra serve`, killed when dropped.
pub(crate) struct Umbra {
    child: Child,
    api: String,
    pub(crate) xds: String,
    log: Option<std::thread::JoinHandle<String>>,
}

fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_umbra"));
    command.arg("serve").current_dir(folder).env_clear();
    command
}

impl Umbra {
    pub(crate) fn start(folder: &Path) -> Umbra {
        Self::start_with(folder, &["--dev"])
    }

    /// With more arguments.
    pub(crate) fn start_with(folder: &Path, more: &[&str]) -> Umbra {
        Self::start_in(folder, more, &[])
    }

    /// With more arguments, and these variables.
    pub(crate) fn start_in(folder: &Path, more: &[&str], variables: &[(&str, &str)]) -> Umbra {
        let mut child = command(folder)
            .envs(variables.iter().copied())
            .args(["--listen-api=127.0.0.1:0", "--listen-xds=127.0.0.1:0", "--log-format=json"])
            .args(more)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let mut log = String::new();
        let listening = loop {
            let mut line = String::new();
            assert_ne!(lines.read_line(&mut line).unwrap(), 0, "it ended: {log}");
            log.push_str(&line);
            let line: Value = serde_json::from_str(&line).unwrap();
            if line["message"] == "listening" {
                break line;
            }
        };
        let address = |key: &str| listening[key].as_str().unwrap().to_owned();
        let rest = move || {
            lines.read_to_string(&mut log).unwrap();
            log
        };
        Umbra { child, api: address("api"), xds: address("xds"), log: Some(std::thread::spawn(rest)) }
    }

    pub(crate) fn api(&self) -> Api {
        Api::at(format!("http://{}", self.api))
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// How it ended, and its log.
    pub(crate) fn ended(mut self) -> (Option<i32>, String) {
        let code = self.child.wait().unwrap().code();
        (code, self.log.take().unwrap().join().unwrap())
    }
}

impl Drop for Umbra {
    fn drop(&mut self) {
        // It may have ended by itself, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs `umbra serve` to its end: how it ended, and what it said.
pub(crate) fn run(folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let Output { status, stderr, .. } = command(folder).args(arguments).output().unwrap();
    (status.code(), String::from_utf8(stderr).unwrap())
}

/// What was answered is there, however the process died; what was not answered is there whole or not at all.
#[tokio::test]
async fn killed_at_any_time_it_loses_nothing_that_it_acknowledged() {
    let folder = folder();
    let umbra = Umbra::start(folder.path());
    umbra.api().apply(CHECKOUT).await;
    umbra.signal("-KILL");
    umbra.ended();
    let mut acknowledged = 1;
    for round in 0..6_u32 {
        let mut umbra = Umbra::start(folder.path());
        let api = umbra.api();
        let shadow = api.get("/api/v1/shadows/checkout-v2").await;
        let stamps = api.get("/api/v1/stamps").await;
        let revision = stamps["revision"].as_u64().unwrap();
        assert!(revision == acknowledged || revision == acknowledged + 1, "{revision}, not {acknowledged}");
        let newest = &api.get("/api/v1/audit?limit=1").await["items"][0];
        assert_eq!(newest["revision"], revision);
        assert_eq!(newest["after"], shadow, "the change and its audit row are one");
        acknowledged = revision;

        // The process dies in the middle of a burst, at another point each round.
        let process = umbra.child.id().to_string();
        let killer = tokio::task::spawn_blocking(move || {
            std::thread::sleep(std::time::Duration::from_millis(u64::from(37 * (round + 1))));
            Command::new("kill").args(["-KILL", &process]).status().unwrap();
        });
        for percent in (0..100).cycle() {
            let body = json!({"percent": f64::from(percent) + f64::from(round) / 10.0}).to_string();
            let request = api
                .request(Method::PATCH, "/api/v1/shadows/checkout-v2/valve")
                .header("content-type", "application/json")
                .body(body);
            let Ok(response) = request.send().await else { break };
            assert_eq!(response.status(), 200);
            let Ok(shadow) = response.json::<Value>().await else { break };
            acknowledged = shadow["metadata"]["revision"].as_u64().unwrap();
        }
        killer.await.unwrap();
        umbra.child.wait().unwrap();
    }
    assert!(acknowledged > 6, "some writes were made at all");
}

#[tokio::test]
async fn a_signal_stops_it_in_order() {
    for signal in ["-TERM", "-INT"] {
        let folder = folder();
        let umbra = Umbra::start(folder.path());
        umbra.api().apply(CHECKOUT).await;
        let mut stream = Delta::open(umbra.xds.parse().unwrap(), hello("a")).await.unwrap();
        stream.pushed().await;

        // A request is in flight: its head is there and its body is not.
        let body = r#"{"percent": 77}"#;
        let mut request = TcpStream::connect(&umbra.api).await.unwrap();
        let head = format!(
            "PATCH /api/v1/shadows/checkout-v2/valve HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
             content-length: {}\r\nexpect: 100-continue\r\n\r\n",
            body.len()
        );
        request.write_all(head.as_bytes()).await.unwrap();
        let mut go_on = [0; 25];
        soon(request.read_exact(&mut go_on)).await.unwrap();
        assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n", "the handler waits for the body");

        umbra.signal(signal);
        soon(async { while TcpStream::connect(&umbra.api).await.is_ok() {} }).await;
        request.write_all(body.as_bytes()).await.unwrap();
        let mut answer = String::new();
        soon(request.read_to_string(&mut answer)).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
        assert!(answer.contains(r#""percent":77"#), "{answer}");
        assert_eq!(stream.end().await.code(), tonic::Code::Unavailable);
        let (code, log) = umbra.ended();
        assert_eq!(code, Some(0), "{log}");
        assert!(log.contains(r#""message":"stopped""#), "{log}");

        let umbra = Umbra::start(folder.path());
        assert_eq!(umbra.api().get("/api/v1/shadows/checkout-v2").await["spec"]["percent"], 77);
        umbra.signal("-KILL");
        umbra.ended();
    }
}

#[tokio::test]
async fn a_write_is_one_line_of_the_log() {
    let folder = folder();
    let umbra = Umbra::start(folder.path());
    let api = umbra.api();
    let path = "/api/v1/apply?reason=a%0Ab";
    api.send(Method::POST, path, "application/yaml", CHECKOUT).await;
    umbra.signal("-TERM");
    let (_, log) = umbra.ended();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let written: Vec<_> = lines.iter().filter(|line| line["message"] == "written").collect();
    assert_eq!(written.len(), 1);
    assert_eq!((&written[0]["actor"], &written[0]["revision"]), (&json!("dev"), &json!(1)));
    assert_eq!(written[0]["changes"], "create Stamp/checkout, create Shadow/checkout-v2");
}

#[test]
fn what_keeps_it_from_starting_is_said() {
    let folder = folder();
    let wrong = ["--listen-api=127.0.0.1:99999"];
    let (code, log) = run(folder.path(), &wrong);
    assert_eq!(code, Some(1));
    assert!(log.starts_with("umbra: --listen-api: \"127.0.0.1:99999\" is not an address"), "{log}");
    let (code, log) = run(folder.path(), &["--listen-api=0.0.0.0:0"]);
    assert_eq!(code, Some(1));
    assert!(log.contains("--api-tls-cert") && log.contains("--insecure"), "{log}");
    assert_eq!(run(folder.path(), &["--no-such-option"]).0, Some(2));

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let (code, log) = run(folder.path(), &[&format!("--listen-api={address}"), "--listen-xds=127.0.0.1:0"]);
    assert_eq!(code, Some(1));
    assert!(log.contains(&format!("cannot listen on {address} (--listen-api)")), "{log}");
    std::fs::write(folder.path().join("bad.db"), "no database at all, and long enough for a header").unwrap();
    let (code, log) = run(folder.path(), &["--database-url=sqlite://bad.db"]);
    assert_eq!(code, Some(1));
    assert!(log.contains("the database bad.db is damaged"), "{log}");
}
