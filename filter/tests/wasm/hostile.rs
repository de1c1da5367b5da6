//! Whatever comes in, the filter does not trap. (The host fails a test whose filter traps.)

use crate::fixtures::{FOLLOWER, Workers, compiled, resources};
use crate::generate::Random;
use crate::host::{Envoy, Headers, get, values};

/// Every kind of condition, so that every parser sees what comes in.
const THOROUGH: &str = r#"[
  {"apiVersion": "umbra/v1", "kind": "Stamp", "metadata": {"name": "thorough"}, "spec": {"match": [
    {"hosts": ["*.example.com"], "path": {"regex": "/.*x"}},
    {"path": {"template": "/users/{id}"}, "query": [{"name": "q", "regex": "[a-z]+"}]},
    {"path": {"prefix": "/"}, "headers": [{"name": "x-any", "contains": "a"}]},
    {"cookies": [{"name": "session", "regex": "(a|b)*c"}]},
    {"methods": ["GET"]}]}},
  {"apiVersion": "umbra/v1", "kind": "Shadow", "metadata": {"name": "by-cookie"},
   "spec": {"stamps": ["thorough"], "target": {"cluster": "a"}, "percent": 50, "sample": {"by": "cookie", "name": "session"}}},
  {"apiVersion": "umbra/v1", "kind": "Shadow", "metadata": {"name": "by-header"},
   "spec": {"stamps": ["thorough"], "target": {"cluster": "b"}, "percent": 50, "sample": {"by": "header", "name": "x-any"}}},
  {"apiVersion": "umbra/v1", "kind": "Shadow", "metadata": {"name": "by-peer"},
   "spec": {"stamps": ["thorough"], "target": {"cluster": "c"}, "percent": 50, "sample": {"by": "source-ip"}}}
]"#;

fn thorough() -> String {
    format!(r#"{{"role": "primary", "policy": {{"resources": {THOROUGH}}}}}"#)
}

#[test]
fn random_headers() {
    let envoy = Envoy::new();
    let mut vm = envoy.vm();
    let primary = vm.plugin(&thorough());
    let shadow = vm.plugin(r#"{"role": "shadow"}"#);
    let mut random = Random::new(1);
    let names: [&[u8]; 14] = [
        b":authority",
        b":path",
        b":method",
        b"cookie",
        b"x-any",
        b"content-length",
        b"connection",
        b"upgrade",
        b"x-umbra-slot",
        b"x-umbra-pair",
        b"x-umbra-shadow",
        b"x-umbra-",
        b"",
        b"x-umbr",
    ];
    for _ in 0..3_000 {
        let mut headers = Headers::new();
        for _ in 0..random.below(12) {
            let name = random.pick(&names).to_vec();
            headers.push((name, random.soup(40)));
        }
        envoy.get_mut().properties.insert("source.address".to_owned(), random.soup(30));
        let root = if random.below(4) == 0 { shadow } else { primary };
        vm.pass(root, &headers);
    }
    vm.tick(primary);
    assert!(envoy.metric("umbra.requests") > 2_000);
}

#[test]
fn many_large_and_missing_headers() {
    let mut vm = Envoy::new().vm();
    let root = vm.plugin(&thorough());
    let mut many = get("/", &[]);
    many.extend((0..500).map(|number| (format!("x-{number}").into_bytes(), vec![b'v'; 50])));
    many.extend((0..100).map(|number| (format!("x-umbra-{number}").into_bytes(), Vec::new())));
    assert_eq!(
        vm.pass(root, &many).len(),
        4 + 500 + 1,
        "all are passed on but the control headers, and one is new"
    );

    let large = vec![b'a'; 60 * 1024];
    let mut crumbs = b"session=".to_vec();
    crumbs.extend((0..30_000).flat_map(|_| *b"; "));
    for value in [large, crumbs] {
        let mut request = get("/", &[]);
        request.push((b"cookie".to_vec(), value));
        vm.pass(root, &request);
    }
    assert_eq!(values(&vm.pass(root, &get("", &[])), "x-umbra-stamp"), ["thorough"], "an empty path");
    vm.pass(root, &Headers::new());
}

#[test]
fn a_stamp_header_stays_small() {
    let stamps: Vec<String> = (0..500)
        .map(|number| {
            format!(
                r#"{{"apiVersion": "umbra/v1", "kind": "Stamp", "metadata": {{"name": "a-rather-long-name-{number:03}"}},
                     "spec": {{"match": [{{"path": {{"prefix": "/"}}}}]}}}}"#
            )
        })
        .collect();
    let mut vm = Envoy::new().vm();
    let root =
        vm.plugin(&format!(r#"{{"role": "primary", "policy": {{"resources": [{}]}}}}"#, stamps.join(",")));
    let [value] = values(&vm.pass(root, &get("/", &[])), "x-umbra-stamp").try_into().expect("one line");
    assert!((4_000..=4_096).contains(&value.len()), "{}", value.len());
    assert!(value.split(',').all(|name| name.len() == "a-rather-long-name-000".len()), "whole names only");
}

#[test]
fn random_messages_and_policies() {
    let mut random = Random::new(2);
    let good = umbra_wire::encode(&compiled(&resources(100.0, ""), 1));
    for round in 0..60 {
        let mut workers = Workers::new(2, FOLLOWER);
        workers.serve("v1", &resources(100.0, ""), 1);
        let mut body = random.soup(300);
        if round % 2 == 0 {
            body = good.clone();
            for _ in 0..3 {
                let at = random.below(body.len());
                body[at] = random.soup(1).first().copied().unwrap_or(0xff);
            }
        }
        if round % 3 == 0 {
            let (leader, root, token) = workers.leader();
            workers.list[leader].vm.grpc_message(root, token, &body);
        } else {
            workers.send("v2", body);
        }
        workers.run(500);
        workers.mirrors();
    }
}

#[test]
fn random_shared_data() {
    let mut random = Random::new(3);
    for _ in 0..60 {
        let mut workers = Workers::new(3, FOLLOWER);
        workers.serve("v1", &resources(100.0, r#""guard": {"max_rps": 10}"#), 1);
        workers.mirrors();
        {
            let mut process = workers.envoy.get_mut();
            let mut keys: Vec<_> = process.shared.keys().cloned().collect();
            keys.sort();
            assert!(keys.len() >= 6, "{keys:?}");
            for key in keys {
                if random.below(2) == 0 {
                    let garbage = random.soup(40);
                    process.shared.get_mut(&key).unwrap().0 = garbage;
                }
            }
        }
        workers.run(3_000);
        workers.mirrors();
        let took_ms = workers.run_until_stream(5_000);
        assert!(took_ms <= 5_000);
    }
}

#[test]
fn streams_that_end_in_any_order() {
    let mut random = Random::new(4);
    let mut workers = Workers::new(2, FOLLOWER);
    workers.run_until_stream(1_000);
    for _ in 0..300 {
        match random.below(6) {
            0 if workers.envoy.open_streams() == 1 => {
                workers.hang_up(u32::try_from(random.below(17)).unwrap())
            }
            1 if workers.envoy.open_streams() == 1 => workers.accept(),
            2 => {
                // An event of a stream that the filter has cancelled, or that never was.
                let token = 4 * u32::try_from(random.below(40)).unwrap() + 2;
                let worker = &mut workers.list[0];
                let root = worker.root;
                match random.below(3) {
                    0 => worker.vm.grpc_close(root, token, 14),
                    1 => worker.vm.grpc_message(root, token, b"late"),
                    _ => worker.vm.grpc_metadata(root, token, 1),
                }
            }
            3 if workers.envoy.open_streams() == 1 => {
                workers.send("v", umbra_wire::encode(&compiled(&resources(100.0, ""), 1)));
            }
            _ => workers.run(100 * u64::try_from(random.below(20)).unwrap()),
        }
        assert!(workers.envoy.open_streams() <= 1);
    }
    workers.run_until_stream(31_000);
}
