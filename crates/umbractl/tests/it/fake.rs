//! A control plane that answers what a test tells it to, and remembers what it was asked.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, LazyLock, Mutex},
    thread,
    time::{Duration, SystemTime},
};

use serde_json::{Value, json};

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// `GET /api/v1/shadows`, with the query.
    pub(crate) line: String,
    /// Lines such as `content-type: application/json`, with lower-case names.
    pub(crate) headers: Vec<String>,
    pub(crate) body: String,
}

/// An answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) body: String,
}

type Handler = dyn Fn(&Asked) -> Answer + Send + Sync;

/// A server on loopback. Its thread ends with the test's process.
pub(crate) struct Fake {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Fake {
    /// Answers every request with what `handler` says.
    pub(crate) fn new(handler: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Fake {
        Fake::start(handler, |_, listener| listener)
    }

    /// The same, but after so many requests it is gone for a while: nobody listens there then.
    pub(crate) fn restarting(
        after: usize,
        away: Duration,
        handler: impl Fn(&Asked) -> Answer + Send + Sync + 'static,
    ) -> Fake {
        Fake::start(handler, move |serve, listener| {
            listener.incoming().take(after).for_each(|stream| serve(stream.unwrap()));
            let address = listener.local_addr().unwrap();
            drop(listener);
            thread::sleep(away);
            TcpListener::bind(address).unwrap()
        })
    }

    /// `first` is what happens before it serves whoever comes.
    fn start(
        handler: impl Fn(&Asked) -> Answer + Send + Sync + 'static,
        first: impl FnOnce(&dyn Fn(TcpStream), TcpListener) -> TcpListener + Send + 'static,
    ) -> Fake {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (handler, seen): (Arc<Handler>, _) = (Arc::new(handler), Arc::clone(&asked));
        thread::spawn(move || {
            let listener = first(&|stream| serve(stream, &*handler, &seen), listener);
            for stream in listener.incoming() {
                let (handler, seen) = (Arc::clone(&handler), Arc::clone(&seen));
                thread::spawn(move || serve(stream.unwrap(), &*handler, &seen));
            }
        });
        Fake { address, asked }
    }

    /// Where it listens.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it was asked until now.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// The request lines of what it was asked until now.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.line).collect()
    }
}

fn serve(mut stream: TcpStream, handler: &Handler, seen: &Mutex<Vec<Asked>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap() == 0 {
            return;
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let line = lines.remove(0).replace(" HTTP/1.1", "");
    let headers: Vec<_> = lines
        .into_iter()
        .filter_map(|line| {
            line.split_once(": ").map(|(name, value)| format!("{}: {value}", name.to_lowercase()))
        })
        .collect();
    let length = headers.iter().find_map(|header| header.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    reader.read_exact(&mut body).unwrap();
    let asked = Asked { line, headers, body: String::from_utf8(body).unwrap() };
    seen.lock().unwrap().push(asked.clone());
    let Answer { status, content_type, body } = handler(&asked);
    // A client that has gone is a client that has seen enough.
    let _ = write!(
        stream,
        "HTTP/1.1 {status} x\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
}

impl Answer {
    /// A success.
    pub(crate) fn json(body: &Value) -> Answer {
        Answer { status: 200, content_type: "application/json", body: body.to_string() }
    }

    /// A refusal as in RFC 9457.
    pub(crate) fn problem(status: u16, title: &str, detail: &str, errors: &Value) -> Answer {
        let body = json!({
            "type": format!("urn:umbra:problem:{}", title.replace(' ', "-")),
            "title": title, "status": status, "detail": detail, "errors": errors,
        });
        Answer { status, content_type: "application/problem+json", body: body.to_string() }
    }
}

/// The manifests of the stamp and the shadow in [`mesh`], as an operator writes them.
pub(crate) const MANIFESTS: &str = "\
apiVersion: umbra/v1
kind: Stamp
metadata: {name: checkout}
spec:
  match:
  - hosts: [shop.example.com, '*.shop.example.com']
    path: {prefix: /api/cart}
    methods: [GET]
    headers: [{name: x-tenant, exact: acme}]
    cookies: [{name: session, present: true}]
  - path: {regex: '/v[0-9]+/.*'}
---
apiVersion: umbra/v1
kind: Shadow
metadata: {name: checkout-v2, labels: {team: cart}}
spec:
  stamps: [checkout]
  target: {cluster: checkout-v2}
  control: {cluster: checkout-v1-b}
  percent: 5
  sample: {by: cookie, name: session}
  guard: {methods: [GET, HEAD], max_request_bytes: 1000, max_rps: 200}
  request: {remove_headers: [authorization, cookie], set_headers: {x-env: shadow}}
  overrides: [{where: {zone: us-east-1a}, percent: 50}]
  compare: {body: full, headers: [content-type]}
  gates: {min_pairs: 1000, max_latency_ratio: {p50: 1.1}}
";

/// Two days ago: what happened then is `2d` old, however long a test takes.
pub(crate) static THEN: LazyLock<String> = LazyLock::new(|| {
    let then = SystemTime::now() - Duration::from_secs(50 * 3_600);
    humantime::format_rfc3339_seconds(then).to_string()
});

/// The shadow as the control plane holds it.
pub(crate) fn shadow(percent: f64, enabled: bool, revision: u64) -> Value {
    json!({
        "apiVersion": "umbra/v1",
        "kind": "Shadow",
        "metadata": {
            "name": "checkout-v2", "labels": {"team": "cart"}, "revision": revision, "updated_at": *THEN,
        },
        "spec": {
            "stamps": ["checkout"],
            "target": {"cluster": "checkout-v2"},
            "control": {"cluster": "checkout-v1-b"},
            "enabled": enabled,
            "percent": percent,
            "sample": {"by": "cookie", "name": "session"},
            "guard": {"methods": ["GET", "HEAD"], "max_request_bytes": 1000, "max_rps": 200},
            "request": {"remove_headers": ["authorization", "cookie"], "set_headers": {"x-env": "shadow"}},
            "overrides": [{"where": {"zone": "us-east-1a"}, "percent": 50}],
            "compare": {"body": "full", "headers": ["content-type"]},
            "gates": {"min_pairs": 1000, "max_latency_ratio": {"p50": 1.1}},
        },
    })
}

/// The stamp as the control plane holds it.
pub(crate) fn stamp() -> Value {
    json!({
        "apiVersion": "umbra/v1",
        "kind": "Stamp",
        "metadata": {"name": "checkout", "revision": 3, "updated_at": *THEN},
        "spec": {"match": [
            {
                "hosts": ["shop.example.com", "*.shop.example.com"],
                "path": {"prefix": "/api/cart"},
                "methods": ["GET"],
                "headers": [{"name": "x-tenant", "exact": "acme"}],
                "cookies": [{"name": "session", "present": true}],
            },
            {"path": {"regex": "/v[0-9]+/.*"}},
        ]},
    })
}

/// A node, with what it has applied.
pub(crate) fn node(id: &str, zone: &str, state: &str, connected: bool, applied: u64, percent: f64) -> Value {
    let nack = (state == "NACKED").then(|| {
        json!({
            "version": "v7", "revision": 7, "at": *THEN,
            "reason": "stamps[0].clauses[1].path.regex: not a regular expression",
        })
    });
    json!({
        "id": id, "cluster": "web", "zone": zone, "region": "us-east-1", "metadata": {"env": "prod"},
        "envoy_version": "1.40.0",
        "state": state, "connected": connected, "streams": u8::from(connected),
        "desired": {"version": "v7", "revision": 7},
        "applied": {"version": format!("v{applied}"), "revision": applied},
        "nack": nack,
        "connected_at": *THEN, "last_seen": *THEN, "synced_at": null,
        "shares": {"checkout-v2": {"percent": percent, "enabled": true}},
        "workers": [{
            "instance": "8f14e45fceea167a", "state": "SILENT", "version": format!("v{applied}"),
            "reported_at": *THEN, "requests": 1234,
        }],
    })
}

/// Three nodes: one as it should be, one that refused, one that has gone.
pub(crate) fn nodes() -> Value {
    json!({"revision": 7, "items": [
        node("sidecar-1", "us-east-1a", "SYNCED", true, 7, 50.0),
        node("sidecar-2", "us-east-1b", "NACKED", true, 6, 2.5),
        node("sidecar-3", "us-east-1b", "STALE", false, 4, 1.0),
    ]})
}

/// What goes on, with so many requests a second that are not mirrored to spare a shadow.
pub(crate) fn board(shed: f64) -> serde_json::Value {
    let rates = json!({
        "seconds": 10, "mirrored_per_second": 5.0, "shed_per_second": shed, "failed_per_second": 0.0,
        "mismatched_per_second": 0.0,
    });
    json!({"revision": 7, "shadows": [{"name": "checkout-v2", "rates": rates}]})
}

/// The answer to every read of a small mesh, and 404 to what is not there.
pub(crate) fn mesh(asked: &Asked) -> Answer {
    match asked.line.as_str() {
        "GET /version" => Answer::json(&json!({"name": "umbra", "version": "0.1.0"})),
        "GET /api/v1/stamps" => Answer::json(&json!({"items": [stamp()], "revision": 7})),
        "GET /api/v1/stamps/checkout" => Answer::json(&stamp()),
        "GET /api/v1/shadows" => Answer::json(&json!({"items": [shadow(5.0, true, 7)], "revision": 7})),
        "GET /api/v1/shadows/checkout-v2" => Answer::json(&shadow(5.0, true, 7)),
        "GET /api/v1/nodes" => Answer::json(&nodes()),
        "GET /api/v1/board" => Answer::json(&board(0.0)),
        line if line.starts_with("GET /api/v1/audit?") => Answer::json(&json!({"items": [
            {
                "id": 12, "revision": 7, "at": "2020-01-01T00:00:00Z", "actor": "anonymous",
                "source": "127.0.0.1:5000", "action": "valve", "kind": "Shadow", "name": "checkout-v2",
                "before": shadow(0.0, true, 6), "after": shadow(5.0, true, 7), "reason": "first step",
            },
            {
                "id": 11, "revision": 3, "at": "2019-12-31T00:00:00Z", "actor": "anonymous",
                "source": "127.0.0.1:5000", "action": "create", "kind": "Stamp", "name": "checkout",
                "before": null, "after": stamp(), "reason": null,
            },
        ], "next": null})),
        _ => Answer::problem(404, "not found", "there is no such resource", &json!([])),
    }
}
