//! What a client gets, and what production sees, is the same with Umbra as without: two Envoys stand
//! side by side before the same production, one with everything mirrored and one plain.

use futures::{SinkExt, StreamExt};
use serde_json::json;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use umbra_e2e::client::{Connection, Protocol, Request, Response, pattern};
use umbra_e2e::envoy::Envoy;
use umbra_e2e::envoy::config::{Cluster, EnvoyOptions};
use umbra_e2e::eventually::{SOON, eventually};
use umbra_e2e::mesh::Mesh;
use umbra_e2e::raw::{RawConnection, RawResponse};
use umbra_e2e::record::Recorded;
use umbra_e2e::resources::shadow_all;
use umbra_e2e::upstream::{Answer, Upstream};

/// `gzip` of some JSON: what is in it does not matter, that no byte of it changes does.
const GZIP: &[u8] = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xabV\xcaH\xcd\xc9\xc9W\xb2RJ\xaf\xca,\
    P\xaa\xad\x1e\xe5\x93\xc4\x07\x00\xd6\xf4\xf7\x8d@\x01\x00\x00";

/// Envoy's own timing, and the clock.
const TIMING: [&str; 2] = ["date", "x-envoy-upstream-service-time"];

/// Whether somebody looks at the answers meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Compared {
    Not,
    /// Whole, and with a control's beside them.
    InFull,
}

struct Sides {
    compared: Compared,
    mesh: Mesh,
    plain: Envoy,
    production: Upstream,
}

fn production(request: &Recorded) -> Answer {
    match request.path.trim_start_matches("/h2") {
        "/gzip" => {
            Answer::ok(GZIP).header("content-encoding", "gzip").header("content-type", "application/json")
        }
        "/chunked" => Answer::ok(pattern(100_000)).in_pieces(10_000),
        "/trailers" => Answer::ok(pattern(1000)).trailer("grpc-status", "0").trailer("x-sum", "abc"),
        "/cookies" => {
            Answer::ok("two").header("set-cookie", "a=1; Path=/").header("set-cookie", "b=2; HttpOnly")
        }
        "/nothing" => Answer::ok("").status(204),
        "/missing" => Answer::ok("no such thing").status(404),
        "/error" => Answer::ok("sorry").status(503),
        _ => Answer::ok(format!(
            "{} of {} bytes, complete: {}",
            request.method,
            request.body.len(),
            request.complete
        )),
    }
}

impl Sides {
    async fn start(compared: Compared) -> Self {
        let production = Upstream::scripted(production).await;
        let port = production.port();
        let mut spec =
            json!({"guard": {"methods": [], "allow_unknown_length": true, "max_request_bytes": 1_000_000}});
        spec["compare"] = match compared {
            Compared::Not => json!({"percent": 0}),
            Compared::InFull => {
                json!({"body": "full", "max_body_bytes": 1 << 20, "headers": ["set-cookie", "x-sum"]})
            }
        };
        if compared == Compared::InFull {
            spec["control"] = json!({"cluster": "control"});
        }
        let routes = vec![("/h2", "http2")];
        let mesh = Mesh::start_with(&shadow_all(100.0, spec), |options| {
            options.clusters[0] = Cluster::primary("primary", port);
            options.clusters.push(Cluster::primary("http2", port).http2());
            options.routes = routes.clone();
        })
        .await;
        let clusters = vec![Cluster::primary("primary", port), Cluster::primary("http2", port).http2()];
        let mut options = EnvoyOptions::new("plain", clusters);
        options.umbra = false;
        options.routes = routes;
        let plain = Envoy::start(options).await;
        Self { compared, mesh, plain, production }
    }

    /// So many requests were mirrored, and every copy was answered, and compared where that was asked for.
    async fn mirrored(&self, requests: u64) {
        let (copies, compared) = match self.compared {
            Compared::Not => (requests, 0),
            Compared::InFull => (2 * requests, requests),
        };
        self.mesh.envoy.umbra_reaches("mirrored", requests).await;
        self.mesh.envoy.umbra_reaches("pairs.answered", copies).await;
        eventually(SOON, &format!("{compared} are compared"), async || {
            let all = self.mesh.envoy.umbra_all().await;
            let count = |name: &str| all.get(name).copied().unwrap_or(0);
            let found = count("compared.equal") + count("compared.unequal");
            if found == compared { Ok(()) } else { Err(found) }
        })
        .await;
        self.mesh.settled().await;
        self.mesh.envoy.assert_no_trap().await;
    }

    /// The answers with and without Umbra are the same, and so are the requests that production saw.
    async fn compare(&self, protocol: Protocol, request: &Request) -> Response {
        let mut answers = Vec::new();
        let mut seen = Vec::new();
        for envoy in [&self.mesh.envoy, &self.plain] {
            let mut connection = Connection::open(envoy.port(), protocol).await.unwrap();
            let mut answer = connection.send(request).await.unwrap();
            answer.headers.retain(|(name, _)| !TIMING.contains(&name.as_str()));
            answers.push(answer);
            // Production answers after it has recorded.
            seen.extend(self.production.take().into_iter().map(comparable));
        }
        assert_eq!(answers[0], answers[1], "{protocol:?} {request:?}");
        assert_eq!(seen.len(), 2, "{protocol:?} {request:?}");
        assert_eq!(seen[0], seen[1], "{protocol:?} {request:?}");
        answers.swap_remove(0)
    }
}

/// Runs a case with copies that nobody looks at, and with copies that are compared.
async fn each_way(case: impl AsyncFn(&Sides)) {
    for compared in [Compared::Not, Compared::InFull] {
        let sides = Sides::start(compared).await;
        case(&sides).await;
    }
}

/// All of a request but what Umbra says that it adds, and the request id that each Envoy makes up.
fn comparable(request: Recorded) -> impl PartialEq + std::fmt::Debug {
    let ours = ["x-umbra-stamp", "x-umbra-pair", "x-umbra-mirror-1", "x-umbra-mirror-2", "x-request-id"];
    let mut headers = request.headers;
    headers.retain(|(name, _)| !ours.contains(&name.as_str()));
    (
        (request.version, request.method, request.path, request.authority),
        (headers, request.body, request.complete, request.trailers),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_are_the_same_with_and_without() {
    each_way(async |sides| {
        let requests = [
            Request::get("/get?a=1&b=%20"),
            Request::new("HEAD", "/head"),
            Request::new("POST", "/none"),
            Request::post("/post", 0),
            Request::post("/post", 1024),
            Request::post("/post", 200 * 1024),
            Request::post("/post", 200 * 1024).in_pieces(10_000),
            Request::post("/post", 300_000),
            Request::new("DELETE", "/delete"),
            Request::get("/gzip").header("accept-encoding", "gzip"),
            Request::get("/chunked"),
            Request::get("/cookies"),
            Request::get("/nothing"),
            Request::get("/missing"),
            Request::get("/error"),
            Request::get("/repeated")
                .header("x-repeated", "1")
                .header("accept", "a")
                .header("x-repeated", "2")
                .header("cookie", "a=1")
                .header("cookie", "b=2"),
        ];
        let mut sent = 0;
        for request in &requests {
            for protocol in [Protocol::Http1, Protocol::Http2] {
                sides.compare(protocol, request).await;
                sent += 1;
            }
        }
        let gzip = sides.compare(Protocol::Http1, &requests[9]).await;
        assert_eq!((&gzip.body[..], gzip.status), (GZIP, 200));
        let posted = sides.compare(Protocol::Http1, &requests[5]).await;
        assert_eq!(posted.text(), "POST of 204800 bytes, complete: true");
        // All of this was compared while it was mirrored.
        sides.mirrored(sent + 2).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trailers_pass_both_ways_over_http2() {
    each_way(async |sides| {
        let request = Request::post("/h2/trailers", 1024).trailer("x-end", "of request");
        let answer = sides.compare(Protocol::Http2, &request).await;
        let names: Vec<&str> = answer.trailers.iter().map(|(n, _)| n.as_str()).collect();
        assert_eq!(names, ["grpc-status", "x-sum"]);
        let large = Request::post("/h2/post", 200 * 1024).in_pieces(8192);
        sides.compare(Protocol::Http2, &large).await;
        sides.compare(Protocol::Http2, &Request::get("/h2/trailers")).await;
        sides.mirrored(3).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_waits_for_100_continue_gets_it() {
    each_way(async |sides| {
        let mut answers: Vec<Vec<RawResponse>> = Vec::new();
        for envoy in [&sides.mesh.envoy, &sides.plain] {
            let mut raw = RawConnection::open(envoy.port()).await;
            let head =
                "POST /continue HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1000\r\n\r\n";
            let go_on = raw.exchange(head.as_bytes()).await.unwrap();
            assert_eq!(go_on.status(), 100);
            let mut answer = raw.exchange(&pattern(1000)).await.unwrap();
            let timing = |line: &String| TIMING.iter().any(|name| line.starts_with(name));
            answer.lines.retain(|line| !timing(line));
            answers.push(vec![go_on, answer]);
        }
        assert_eq!(answers[0], answers[1]);
        assert_eq!(answers[0][1].body, b"POST of 1000 bytes, complete: true");
        let copy = sides.mesh.shadow.request("/continue").await;
        assert_eq!(copy.body, pattern(1000));
        sides.mirrored(1).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_web_socket_opens_and_echoes() {
    each_way(async |sides| {
        let mut heads = Vec::new();
        for envoy in [&sides.mesh.envoy, &sides.plain] {
            let stream = TcpStream::connect(("127.0.0.1", envoy.port())).await.unwrap();
            let (mut socket, response) =
                tokio_tungstenite::client_async("ws://shop/socket", stream).await.unwrap();
            let mut names: Vec<_> = response.headers().keys().cloned().collect();
            names.retain(|name| !TIMING.contains(&name.as_str()));
            heads.push((response.status(), names));
            for message in ["one", "two"] {
                socket.send(Message::text(message)).await.unwrap();
                let echoed = socket.next().await.unwrap().unwrap();
                assert_eq!(echoed, Message::text(message));
            }
            let binary = Message::binary(pattern(100_000));
            socket.send(binary.clone()).await.unwrap();
            assert_eq!(socket.next().await.unwrap().unwrap(), binary);
            socket.close(None).await.unwrap();
        }
        assert_eq!(heads[0], heads[1]);
        sides.mesh.envoy.umbra_reaches("skipped.upgrade", 1).await;
        assert_eq!(sides.mesh.shadow.count(), 0);
    })
    .await;
}
