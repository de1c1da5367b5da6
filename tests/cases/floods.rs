//! Answers that are very long, or that unfold to something very long: clients get every byte, Envoy and the control plane
//! keep little of them, and the report says that there was more.

use hyper::body::Bytes;
use serde_json::{Value, json};
use std::io::Write;
use umbra_e2e::client::{Request, repeat, send};
use umbra_e2e::envoy::config::Cluster;
use umbra_e2e::eventually::{SOON, eventually};
use umbra_e2e::mesh::Mesh;
use umbra_e2e::record::Recorded;
use umbra_e2e::reports::{counts, report};
use umbra_e2e::resources::shadow_all;
use umbra_e2e::upstream::{Answer, Upstream};

/// 1 GiB of zeros in 809 bytes: `zlib.createBrotliCompress` of Node.js, quality 9, window 24.
const BROTLI_BOMB: &[u8] = include_bytes!("../harness/zeros-1gib.br");

/// What is kept of a body unless a shadow says otherwise.
const KEPT_BYTES: usize = 65_536;

/// Of the long answer, in pieces of [`PIECE_BYTES`]: 100 MiB.
const PIECES: usize = 1600;
const PIECE_BYTES: usize = 64 << 10;

/// How far Envoy may grow: 32 MiB of answers that wait for their pair and 24 MiB of reports are the most that is held.
const ENVOY_ROOM: u64 = 64 << 20;

/// How far the control plane may grow: two pairs at a time are looked at, of two bodies of 8 MiB each, in buffers that double
/// as they fill. The allocator may keep as much again.
const CONTROL_PLANE_ROOM: u64 = 128 << 20;

/// Each is asked for so often.
const TIMES: u64 = 3;

/// 1 GiB of zeros: a file of gzip may have many members (RFC 1952, section 2.2).
fn gzip_bomb() -> Vec<u8> {
    let mut member = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    member.write_all(&vec![0; 16 << 20]).unwrap();
    member.finish().unwrap().repeat(64)
}

/// The shadow's answers differ from production's in their last piece, and in how the bomb is packed.
async fn server(last: u8, bomb: Bytes, encoding: &'static str) -> Upstream {
    let piece = Bytes::from(vec![b'a'; PIECE_BYTES]);
    let answer = move |request: &Recorded| match request.path.as_str() {
        "/long" => {
            let mut pieces = vec![piece.clone(); PIECES - 1];
            pieces.push(Bytes::from(vec![last; PIECE_BYTES]));
            Answer { pieces, ..Answer::ok("") }.header("content-type", "text/plain")
        }
        "/bomb" => Answer::ok(bomb.clone())
            .header("content-type", "application/json")
            .header("content-encoding", encoding),
        _ => Answer::ok("small"),
    };
    Upstream::scripted(answer).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_costs_bounded_memory() {
    let gzip_bomb = Bytes::from(gzip_bomb());
    let production = server(b'p', gzip_bomb.clone(), "gzip").await;
    let successor = server(b's', Bytes::from_static(BROTLI_BOMB), "br").await;
    let spec = json!({"compare": {"body": "full"}});
    let mesh = Mesh::start_with(&shadow_all(100.0, spec), |options| {
        options.clusters =
            vec![Cluster::primary("primary", production.port()), Cluster::shadow("shadow", successor.port())];
    })
    .await;
    repeat(mesh.envoy.port(), 200, &Request::get("/small")).await;
    report(&mesh.control_plane, "main", 200).await;
    let (envoy, control_plane) = (mesh.envoy.memory(), mesh.control_plane.memory());

    let long = [vec![b'a'; (PIECES - 1) * PIECE_BYTES], vec![b'p'; PIECE_BYTES]].concat();
    for (path, whole) in [("/long", long), ("/bomb", gzip_bomb.to_vec())] {
        for times in 1..=TIMES {
            let answer = send(mesh.envoy.port(), &Request::get(path)).await;
            assert_eq!((answer.status, answer.body.len()), (200, whole.len()), "{path}");
            assert!(answer.body == whole, "{path}: other bytes of the same number");
            eventually(SOON, &format!("{path} is reported as truncated"), async || {
                let report = mesh.control_plane.get("/api/v1/shadows/main/report").await;
                let of_path = |endpoint: &&Value| endpoint["endpoint"] == format!("GET {path}");
                let found = report["endpoints"].as_array().unwrap().iter().find(of_path).cloned();
                let truncated = found.as_ref().map(|endpoint| endpoint["truncated_bodies"] == times);
                if truncated == Some(true) { Ok(()) } else { Err(format!("{times} times: {found:?}")) }
            })
            .await;
        }
        let pairs = format!("/api/v1/shadows/main/pairs?limit=1&endpoint=GET%20{path}");
        let pair = mesh.control_plane.get(&pairs).await["items"][0].take();
        for server in ["primary", "shadow"] {
            assert_eq!(pair[server]["body"]["truncated"], true, "{path} of {server}");
            let kept = pair[server]["body"]["text"].as_str().unwrap();
            assert_eq!(kept.len(), KEPT_BYTES, "{path} of {server}");
        }
        assert_eq!(pair["primary"]["body"]["length"], whole.len(), "{path}");
    }

    let (envoy, control_plane) = (envoy.peak(), control_plane.peak());
    println!("Envoy grew by {} MiB at most, the control plane by {} MiB", envoy >> 20, control_plane >> 20);
    assert!(envoy < ENVOY_ROOM, "Envoy grew by {envoy} bytes");
    assert!(control_plane < CONTROL_PLANE_ROOM, "the control plane grew by {control_plane} bytes");
    let sent = 200 + 2 * TIMES;
    let report = report(&mesh.control_plane, "main", sent).await;
    assert_eq!(counts(&report, "shadow"), [("answered".to_owned(), sent)]);
    mesh.envoy.assert_no_trap().await;
}
