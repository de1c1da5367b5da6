//! How much is mirrored: nothing at 0 % and with the switch off, everything at 100 %, the share that
//! was asked for in between, and the same requests for the same key and salt.

use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use umbra_e2e::client::{Request, assert_all_ok, repeat, series};
use umbra_e2e::mesh::Mesh;
use umbra_e2e::resources::{shadow, shadow_all, stamp};
use umbra_e2e::upstream::Upstream;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_mirrored_at_zero_or_switched_off() {
    let mesh = Mesh::start(&shadow_all(0.0, json!({}))).await;
    let port = mesh.envoy.port();
    repeat(port, 2000, &Request::get("/zero")).await;
    mesh.apply(&shadow_all(100.0, json!({"enabled": false}))).await;
    repeat(port, 2000, &Request::get("/off")).await;
    // One request that is mirrored shows that copies would have been seen.
    mesh.apply(&shadow_all(100.0, json!({}))).await;
    repeat(port, 1, &Request::get("/on")).await;
    mesh.shadow.request("/on").await;
    mesh.settled().await;

    assert_eq!((mesh.shadow.count(), mesh.primary.count()), (1, 4001));
    mesh.envoy.umbra_reaches("requests", 4001).await;
    mesh.envoy.umbra_reaches("stamped", 4001).await;
    mesh.envoy.umbra_reaches("mirrored", 1).await;
    mesh.envoy.umbra_reaches("skipped.zero_share", 2000).await;
    mesh.envoy.umbra_reaches("skipped.off", 2000).await;
    mesh.envoy.umbra_reaches("pairs.answered", 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_is_mirrored_at_one_hundred_percent() {
    let mesh = Mesh::start(&shadow_all(100.0, json!({}))).await;
    repeat(mesh.envoy.port(), 2000, &Request::get("/all?x=1")).await;
    mesh.settled().await;
    let all: Vec<u64> = (0..2000).collect();
    assert_eq!(mesh.shadow.ids(), all, "each request once");
    assert_eq!(mesh.primary.ids(), all, "each request once");
    assert_eq!(mesh.control.count(), 0, "no control was asked for");
    mesh.envoy.umbra_reaches("mirrored", 2000).await;
    mesh.envoy.umbra_reaches("pairs.answered", 2000).await;
    mesh.envoy.assert_no_trap().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_percent_by_request_is_ten_percent() {
    let mesh = Mesh::start(&shadow_all(10.0, json!({"sample": {"by": "request"}}))).await;
    // Three standard deviations of a binomial of 10,000 at a tenth. One sample in 370 is outside by
    // chance alone; then a second, independent one decides, and both are by chance in 137,000.
    let within = 910..=1090;
    let mut seen = Vec::new();
    for _ in 0..2 {
        mesh.shadow.take();
        repeat(mesh.envoy.port(), 10_000, &Request::get("/")).await;
        mesh.envoy.idle().await;
        let mirrored = mesh.envoy.stat("cluster.shadow.upstream_rq_total").await;
        let before: u64 = seen.iter().sum();
        seen.push(mirrored - before);
        if within.contains(&(mirrored - before)) {
            break;
        }
    }
    println!("10 % of 10,000 by request: {seen:?}");
    let last = seen.last().unwrap();
    assert!(within.contains(last), "{seen:?} is not {within:?}");
}

/// Which keys were mirrored, all of whose requests were.
fn keys(shadow: &Upstream, requests_each: usize) -> BTreeSet<String> {
    let mut counts = BTreeMap::<String, usize>::new();
    for request in shadow.take() {
        *counts.entry(request.header("cookie").unwrap()).or_default() += 1;
    }
    for (key, count) in &counts {
        assert_eq!(*count, requests_each, "{key}: all of a key or none");
    }
    counts.into_keys().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_cookie_a_key_is_mirrored_always_or_never() {
    let sample = json!({"sample": {"by": "cookie", "name": "session"}});
    let mesh = Mesh::start(&shadow_all(5.0, sample.clone())).await;
    let user = |n: u64| Request::get("/").header("cookie", format!("a=1; session=user-{n}"));
    // Neighbours in the series go over different connections, and so do one key's three requests.
    let requests = || (0..3000).map(|n| user(n % 1000));

    assert_all_ok(&series(mesh.envoy.port(), 7, requests()).await);
    mesh.settled().await;
    let five = keys(&mesh.shadow, 3);

    mesh.apply(&shadow_all(10.0, sample)).await;
    let sent = mesh.envoy.stat("cluster.shadow.upstream_rq_total").await;
    assert_all_ok(&series(mesh.envoy.port(), 7, requests()).await);
    // No cookie, no key: never sampled.
    repeat(mesh.envoy.port(), 500, &Request::get("/")).await;
    mesh.envoy.umbra_reaches("skipped.no_key", 500).await;
    mesh.envoy.idle().await;
    let sent = mesh.envoy.stat("cluster.shadow.upstream_rq_total").await - sent;
    umbra_e2e::eventually::eventually(umbra_e2e::eventually::SOON, "all copies are recorded", async || {
        let seen = mesh.shadow.count() as u64;
        if seen == sent { Ok(()) } else { Err(seen) }
    })
    .await;
    let ten = keys(&mesh.shadow, 3);

    println!("keys of 1,000: {} at 5 %, {} at 10 %", five.len(), ten.len());
    assert!(five.is_subset(&ten), "keys were lost when the share grew");
    // The hash is fixed, so these are no matter of chance: four standard deviations around.
    assert!((23..=78).contains(&five.len()), "5 %: {}", five.len());
    assert!((63..=138).contains(&ten.len()), "10 %: {}", ten.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shadows_with_one_salt_take_the_same_requests() {
    let two = |first: &str, second: &str| {
        let more = |salt: &str| json!({"sample": {"by": "request", "salt": salt}});
        vec![
            stamp("all", "/"),
            shadow("a", "all", "shadow", 20.0, more(first)),
            shadow("b", "all", "control", 20.0, more(second)),
        ]
    };
    let mesh = Mesh::start(&two("shared", "shared")).await;
    repeat(mesh.envoy.port(), 2000, &Request::get("/")).await;
    mesh.settled().await;
    let (a, b) = (mesh.shadow.ids(), mesh.control.ids());
    assert!(a.len() > 200, "too few to tell: {}", a.len());
    assert_eq!(a, b);

    mesh.apply(&two("one", "another")).await;
    repeat(mesh.envoy.port(), 2000, &Request::get("/")).await;
    mesh.settled().await;
    let (c, d) = (mesh.shadow.ids(), mesh.control.ids());
    for (before, after) in [(&a, &c), (&b, &d)] {
        let more = after.len() - before.len();
        assert!(more > 200, "too few to tell: {more}");
    }
    assert_ne!(c, d, "other salts, other requests");
}
