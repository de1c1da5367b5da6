//! What goes on: the board, and the stream of what changes on it.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use umbra_control_plane::app::options::ServeOptions;

use crate::delta::{Delta, hello};
use crate::process::Umbra;
use crate::support::{Api, CHECKOUT, TestServer, folder, soon};
use crate::telemetry::{Worker, report};

/// A client of the stream, over a socket of its own.
pub(crate) struct Viewer {
    lines: BufReader<OwnedReadHalf>,
    _request: OwnedWriteHalf,
}

impl Viewer {
    async fn connect(address: &str, query: &str) -> Viewer {
        Self::connect_with(address, query, None).await
    }

    /// With this token.
    async fn connect_with(address: &str, query: &str, token: Option<&str>) -> Viewer {
        let (read, mut write) = TcpStream::connect(address).await.unwrap().into_split();
        let token = token.map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
        let request = format!("GET /api/v1/events{query} HTTP/1.1\r\nhost: {address}\r\n{token}\r\n");
        write.write_all(request.as_bytes()).await.unwrap();
        Viewer { lines: BufReader::new(read), _request: write }
    }

    fn of(api: &Api) -> &str {
        api.base.strip_prefix("http://").unwrap()
    }

    /// The next event and its data; `None` at the end.
    async fn next(&mut self) -> Option<(String, Value)> {
        let mut event = String::new();
        loop {
            let mut line = String::new();
            if self.lines.read_line(&mut line).await.ok()? == 0 {
                return None;
            }
            if let Some(name) = line.trim_end().strip_prefix("event: ") {
                name.clone_into(&mut event);
            } else if let Some(data) = line.trim_end().strip_prefix("data: ") {
                return Some((event, serde_json::from_str(data).unwrap()));
            }
        }
    }

    /// The data of the next event of this name.
    async fn event(&mut self, name: &str) -> Value {
        soon(async {
            loop {
                let (event, data) = self.next().await.expect("the stream ended");
                if event == name {
                    return data;
                }
            }
        })
        .await
    }

    /// Reads until it is told that the valve of `checkout-v2` stands there.
    async fn until_percent(&mut self, percent: f64) {
        loop {
            let (event, data) = self.next().await.expect("the stream ended");
            let row = if event == "snapshot" { &data["shadows"][0] } else { &data };
            if (event == "snapshot" || event == "shadow") && row["percent"].as_f64() == Some(percent) {
                return;
            }
        }
    }
}

/// Accepts policies up to that of this revision.
async fn follow(node: &mut Delta, revision: u64) {
    loop {
        let pushed = node.pushed().await;
        node.ack(&pushed.nonce).await;
        if pushed.policy.revision >= revision {
            return;
        }
    }
}

/// The row of the one shadow there is, once it `fits`.
async fn board_until(api: &Api, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
    let asked = Instant::now();
    loop {
        let row = api.get("/api/v1/board").await["shadows"][0].take();
        if fits(&row) {
            return row;
        }
        assert!(asked.elapsed() < Duration::from_secs(15), "no {what} in {row}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn the_board_has_what_is_known_of_a_shadow() {
    let folder = folder();
    let server = TestServer::start(folder.path()).await;
    server.api.apply(CHECKOUT).await;
    let none = json!({"workers": 0, "following": 0, "lowest_percent": null, "highest_percent": null});
    let board = server.api.get("/api/v1/board").await;
    let row = &board["shadows"][0];
    assert_eq!((&board["revision"], &row["in_effect"], &row["rates"]), (&json!(1), &none, &Value::Null));
    assert_eq!(
        (&row["name"], &row["labels"], &row["etag"], &row["percent"]),
        (&json!("checkout-v2"), &json!({"team": "cart"}), &json!("\"1\""), &json!(5))
    );
    assert_eq!(
        (&row["target"], &row["control"], &row["stamps"]),
        (&json!("checkout-v2"), &Value::Null, &json!(["checkout"]))
    );

    // A node follows, a worker reports, a change is for a time.
    let mut node = Delta::open(server.xds, hello("a")).await.unwrap();
    follow(&mut node, 1).await;
    Worker::at(server.xds).send(&report(1, 1, 50)).await.unwrap();
    let body = r#"{"enabled": false, "for": "1h"}"#;
    server.api.send(Method::PATCH, "/api/v1/shadows/checkout-v2/valve", "application/json", body).await;
    let rates = json!({"seconds": 10, "mirrored_per_second": 5.0, "shed_per_second": 0.0, "failed_per_second": 0.0, "mismatched_per_second": 0.0});
    board_until(&server.api, "rates", |row| row["rates"] == rates).await;
    board_until(&server.api, "a verdict", |row| row["verdict"]["pairs"] == 50).await;
    let row = board_until(&server.api, "a share", |row| row["in_effect"]["lowest_percent"] == 5.0).await;
    assert_eq!(
        (&row["in_effect"]["workers"], &row["in_effect"]["following"]),
        (&json!(1), &json!(0)),
        "not this change"
    );
    assert_eq!(row["verdict"]["verdict"], "not-enough-evidence");
    assert_eq!(row["verdict"]["first"]["state"], "open");
    assert_eq!((&row["expiry"]["percent"], &row["expiry"]["enabled"]), (&Value::Null, &json!(true)));
    follow(&mut node, 2).await;
    let all = json!({"workers": 1, "following": 1, "lowest_percent": 0.0, "highest_percent": 0.0});
    board_until(&server.api, "that it follows", |row| row["in_effect"] == all).await;
}

#[tokio::test]
async fn a_viewer_is_told_of_everything_that_changes() {
    let folder = folder();
    let server = TestServer::start(folder.path()).await;
    server.api.apply(CHECKOUT).await;
    let mut viewer = Viewer::connect(Viewer::of(&server.api), "?nodes=true").await;
    let snapshot = viewer.event("snapshot").await;
    let mut board = server.api.get("/api/v1/board").await;
    board["node_rows"] = json!([]);
    // A verdict may have come in between.
    board["shadows"][0]["verdict"] = snapshot["shadows"][0]["verdict"].clone();
    assert_eq!(snapshot, board);

    server.api.valve(25.0).await;
    soon(viewer.until_percent(25.0)).await;
    let row = viewer.event("audit").await;
    assert_eq!(row, server.api.get("/api/v1/audit?limit=1").await["items"][0]);

    let mut node = Delta::open(server.xds, hello("a")).await.unwrap();
    node.pushed().await;
    assert_eq!(viewer.event("node").await["id"], "a");
    assert_eq!(viewer.event("nodes").await["total"], 1);

    server.api.send(Method::DELETE, "/api/v1/shadows/checkout-v2", "application/json", "").await;
    assert_eq!(viewer.event("shadow-deleted").await, json!({"name": "checkout-v2"}));
    let answer = server.api.request(Method::GET, "/api/v1/events?shadows=true").send().await.unwrap();
    assert_eq!(answer.status(), 400);
}

#[tokio::test]
async fn streams_end_when_the_server_stops() {
    let folder = folder();
    let server = TestServer::start(folder.path()).await;
    let mut viewer = Viewer::connect(Viewer::of(&server.api), "").await;
    viewer.event("snapshot").await;
    assert!((server.api.metric("umbra_api_event_streams").await - 1.0).abs() < f64::EPSILON);
    let asked = Instant::now();
    server.ended().await.unwrap();
    assert!(asked.elapsed() < Duration::from_secs(5), "nothing was waited out");
    assert!(soon(viewer.next()).await.is_none());
}

/// Resident memory of a process, in KiB.
fn resident_kib(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// 500 viewers while valves move: each sees the last state within 2 s, and memory is bounded, though some of them do not
/// read at all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_viewers_see_the_last_state() {
    const VIEWERS: usize = 500;
    const MOVES: u32 = 200;
    let folder = folder();
    let umbra = Umbra::start(folder.path());
    let api = umbra.api();
    api.apply(CHECKOUT).await;
    let address = Viewer::of(&api).to_owned();
    let mut idle = Vec::new();
    for _ in 0..50 {
        idle.push(Viewer::connect(&address, "").await);
    }
    let mut viewers = Vec::new();
    for _ in 0..VIEWERS {
        let mut viewer = Viewer::connect(&address, "").await;
        viewer.event("snapshot").await;
        viewers.push(viewer);
    }
    let before = resident_kib(umbra.id());
    let watching: Vec<_> = viewers
        .into_iter()
        .map(|mut viewer| {
            tokio::spawn(async move {
                viewer.until_percent(99.0).await;
                Instant::now()
            })
        })
        .collect();
    for step in 0..MOVES {
        api.valve(f64::from(step % 90)).await;
    }
    let asked = Instant::now();
    api.valve(99.0).await;
    let mut slowest = Duration::ZERO;
    for viewer in watching {
        slowest = slowest.max(soon(viewer).await.unwrap().saturating_duration_since(asked));
    }
    let grown = resident_kib(umbra.id()).saturating_sub(before);
    println!(
        "the slowest of {VIEWERS} saw it after {slowest:?}; memory grew by {grown} KiB from {before} KiB"
    );
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
    assert!(grown < 64 * 1024, "{grown} KiB");
    // Those that did not read are told of the newest when they do.
    let mut slow = idle.remove(0);
    soon(slow.until_percent(99.0)).await;
    umbra.signal("-TERM");
    let (code, log) = umbra.ended();
    assert_eq!(code, Some(0), "{log}");
}

/// Whoever lost what they came in with is told no more.
#[tokio::test]
async fn a_stream_ends_with_the_token_it_was_begun_with() {
    let folder = folder();
    let server = TestServer::guarded(folder.path(), ServeOptions::default()).await;
    server.api.apply(CHECKOUT).await;
    let address = Viewer::of(&server.api).to_owned();
    let made = server.api.token(json!({"name": "v", "role": "viewer"})).await;
    let short = server.api.token(json!({"name": "s", "role": "viewer", "expires_in": "1s"})).await;
    let mut revoked = Viewer::connect_with(&address, "", made["token"].as_str()).await;
    let mut expired = Viewer::connect_with(&address, "", short["token"].as_str()).await;
    let mut other = Viewer::connect_with(&address, "", server.api.token.as_deref()).await;
    for viewer in [&mut revoked, &mut expired, &mut other] {
        viewer.event("snapshot").await;
    }
    let path = format!("/api/v1/tokens/{}", made["id"].as_str().unwrap());
    server.api.request(Method::DELETE, &path).send().await.unwrap();
    soon(async { while revoked.next().await.is_some() {} }).await;
    soon(async { while expired.next().await.is_some() {} }).await;
    server.api.valve(42.0).await;
    soon(other.until_percent(42.0)).await;
}

#[tokio::test]
async fn history_is_bounded_and_adds_up() {
    let folder = folder();
    let server = TestServer::start(folder.path()).await;
    server.api.apply(CHECKOUT).await;
    let mut worker = Worker::at(server.xds);
    for sequence in 1..=3 {
        worker.send(&report(1, sequence, 50)).await.unwrap();
    }
    let history = server.api.get("/api/v1/shadows/checkout-v2/history?since=1h&step=10s").await;
    assert_eq!(history["step_seconds"], 10);
    let points = history["points"].as_array().unwrap();
    let pairs: u64 = points.iter().map(|point| point["pairs"].as_u64().unwrap()).sum();
    assert_eq!(pairs, 150);
    let described: umbra_control_plane::api::schema::history::HistoryDocument =
        serde_json::from_value(history.clone()).unwrap();
    assert_eq!(serde_json::to_value(described).unwrap(), history);
    for (query, status) in
        [("since=30d", 200), ("since=30d&step=10s", 400), ("step=0s", 400), ("since=1h&until=2h", 400)]
    {
        let path = format!("/api/v1/shadows/checkout-v2/history?{query}");
        assert_eq!(server.api.request(Method::GET, &path).send().await.unwrap().status(), status, "{query}");
    }
    let unknown = server.api.request(Method::GET, "/api/v1/shadows/none/history").send().await.unwrap();
    assert_eq!(unknown.status(), 404);
}

#[tokio::test]
async fn a_request_is_explained_as_it_is_decided() {
    use umbra_control_plane::api::schema::explain::ExplanationDocument;
    let folder = folder();
    let server = TestServer::start(folder.path()).await;
    server.api.apply(CHECKOUT).await;
    let ask = async |body: Value| {
        server.api.send(Method::POST, "/api/v1/explain", "application/json", &body.to_string()).await
    };
    let question = json!({
        "request": {"host": "shop.example.com", "path": "/", "headers": [["x-a", "b"]], "cookies": [["c", "d"]]},
        "node": {"id": "a", "metadata": {"env": "prod"}},
    });
    let answer: Value = ask(question).await.json().await.unwrap();
    assert_eq!(
        (&answer["stamps"][0]["stamped"], &answer["shadows"][0]["decision"]),
        (&json!(true), &json!("sampled"))
    );
    let described: ExplanationDocument = serde_json::from_value(answer.clone()).unwrap();
    assert_eq!(serde_json::to_value(described).unwrap(), answer);
    let answer: Value =
        ask(json!({"request": {"host": "x.example.com", "path": "/"}})).await.json().await.unwrap();
    assert_eq!(answer["shadows"][0]["decision"], "not_stamped");
    for (wrong, status) in [
        (json!({"request": {"host": "a", "path": "/", "headers": [["Host", "b"]]}}), 422),
        (json!({"request": {"host": "a"}}), 422),
        (json!({"request": {"host": "a", "path": "/"}, "who": 1}), 422),
    ] {
        assert_eq!(ask(wrong.clone()).await.status(), status, "{wrong}");
    }
}
