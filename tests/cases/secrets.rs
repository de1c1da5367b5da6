//! What a shadow redacts is nowhere outside of Envoy's memory: not on disk, not in an answer, not in a log.

use serde_json::{Value, json};
use umbra_e2e::client::{Request, repeat};
use umbra_e2e::envoy::config::Cluster;
use umbra_e2e::eventually::{SOON, eventually};
use umbra_e2e::mesh::Mesh;
use umbra_e2e::record::Recorded;
use umbra_e2e::resources::shadow_all;
use umbra_e2e::umbractl::succeed;
use umbra_e2e::upstream::{Answer, Upstream};

/// Part of every secret: of the requests', and of what the servers answer to them.
const SECRET: &str = "hush-4929";

/// Not redacted, and different: the search must find it.
const PLAIN: &str = "plain-price-";

/// Each with the same secret, where it can be found and where it cannot.
const PATHS: [&str; 5] = ["/json", "/gzip", "/text", "/bytes", "/long"];

/// The secrets are differences too: the number is another in every answer, and the token in the shadow's alone.
fn answer(server: &str, request: &Recorded) -> Answer {
    let secret = format!("{}-{server}", request.header("authorization").unwrap());
    let release = release(server);
    let token = format!("{SECRET}-{release}");
    let body =
        json!({"card": {"number": secret}, "token": token, "price": format!("{PLAIN}{release}")}).to_string();
    let answer = match request.path.as_str() {
        "/json" => Answer::ok(body).header("content-type", "application/json"),
        "/gzip" => Answer::ok(gzip(body.as_bytes()))
            .header("content-type", "application/json")
            .header("content-encoding", "gzip"),
        "/text" => Answer::ok(format!("card {secret}")).header("content-type", "text/plain"),
        "/bytes" => Answer::ok([secret.as_bytes(), b"\xff\xfe"].concat()),
        _ => Answer::ok(body + &" ".repeat(4096)).header("content-type", "application/json"),
    };
    answer.header("x-session", secret.clone()).header("x-not-asked-for", secret)
}

/// What production and its twin have in common.
fn release(server: &str) -> &str {
    if server == "shadow" { "new" } else { "old" }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redacted_fields_and_headers_leave_no_trace() {
    let [production, successor, twin] = ["primary", "shadow", "control"]
        .map(|server| Upstream::scripted(move |request| answer(server, request)));
    let (production, successor, twin) = (production.await, successor.await, twin.await);
    let spec = json!({
        "control": {"cluster": "control"},
        "compare": {
            "body": "full",
            "max_body_bytes": 2048,
            "headers": ["x-session"],
            "redact": {"fields": ["$..number", "$.token"], "headers": ["X-Session"]},
        },
    });
    let mut mesh = Mesh::start_with(&shadow_all(100.0, spec), |options| {
        options.clusters = vec![
            Cluster::primary("primary", production.port()),
            Cluster::shadow("shadow", successor.port()),
            Cluster::shadow("control", twin.port()),
        ];
    })
    .await;
    mesh.control_plane.log_filter("debug,umbra_control_plane=trace").await;
    let request = |path: &str| Request::get(path).header("authorization", SECRET);
    for path in PATHS {
        repeat(mesh.envoy.port(), 3, &request(path)).await;
    }

    let found = eventually(SOON, "a pair of each path", async || {
        let pairs = mesh.control_plane.get("/api/v1/shadows/main/pairs?limit=100").await;
        let items = pairs["items"].as_array().unwrap();
        let of = |path: &str| items.iter().find(|pair| pair["path"] == path).cloned();
        let found: Vec<Value> = PATHS.into_iter().filter_map(of).collect();
        if found.len() == PATHS.len() { Ok(found) } else { Err(pairs.to_string()) }
    })
    .await;
    for (path, pair) in PATHS.iter().zip(&found) {
        let session = json!({"name": "x-session", "value": "(redacted)"});
        for server in ["primary", "shadow", "control"] {
            let headers = pair[server]["headers"].as_array().unwrap();
            assert!(headers.contains(&session), "{path}: {pair}");
            let body = &pair[server]["body"];
            if ["/json", "/gzip"].contains(path) {
                let price = format!("{PLAIN}{}", release(server));
                let kept = json!({"card": {"number": "(redacted)"}, "token": "(redacted)", "price": price});
                assert_eq!(body["text"], kept.to_string(), "{path}: {pair}");
            } else {
                assert!(body["left_out"].is_string() && body["text"].is_null(), "{path}: {pair}");
            }
        }
        // That the secrets differ is said, and what they are is not.
        let session = json!({"path": "header:x-session", "at": "header:x-session", "kind": "value",
            "primary": null, "shadow": null});
        assert!(pair["differences"].as_array().unwrap().contains(&session), "{path}: {pair}");
    }

    let places = everything(&mesh).await;
    for (place, content) in &places {
        for secret in [SECRET.to_owned(), hex(SECRET)] {
            assert!(!contains(content, &secret), "{secret} is in {place}");
        }
    }
    // The search can find something.
    for must in ["umbra.sqlite", "pairs", "report"] {
        let has = places.iter().any(|(place, content)| place.starts_with(must) && contains(content, PLAIN));
        assert!(has, "{PLAIN} is not in {must}");
    }
}

/// All that a stranger could read: files, answers, logs.
async fn everything(mesh: &Mesh) -> Vec<(String, Vec<u8>)> {
    let mut places = vec![
        ("Envoy's log".to_owned(), mesh.envoy.log().into_bytes()),
        ("Envoy's statistics".to_owned(), mesh.envoy.admin("GET", "/stats").await.into_bytes()),
    ];
    for file in std::fs::read_dir(mesh.control_plane.folder()).unwrap() {
        let file = file.unwrap();
        places.push((file.file_name().into_string().unwrap(), std::fs::read(file.path()).unwrap()));
    }
    let of_main = ["report", "verdict", "pairs?limit=100"].map(|part| (part, format!("shadows/main/{part}")));
    let others = ["shadows", "stamps", "nodes", "audit"].map(|part| (part, part.to_owned()));
    for (name, path) in of_main.into_iter().chain(others) {
        let answer = mesh.control_plane.call("GET", &format!("/api/v1/{path}"), None).await;
        assert_eq!(answer.status, 200, "{path}");
        places.push((name.to_owned(), answer.body.to_vec()));
    }
    let metrics = mesh.control_plane.call("GET", "/metrics", None).await;
    places.push(("metrics".to_owned(), metrics.body.to_vec()));
    for command in ["report", "pairs"] {
        let shown = succeed(mesh.control_plane.api_port(), &[command, "main"]).await;
        places.push((format!("umbractl {command}"), shown.into_bytes()));
    }
    places
}

fn contains(content: &[u8], text: &str) -> bool {
    content.windows(text.len()).any(|window| window.eq_ignore_ascii_case(text.as_bytes()))
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}
