//! The control plane is killed with -9, hangs, and comes back: traffic does not notice, and nothing
//! that was acknowledged is lost.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use umbra_e2e::client::{Connection, Protocol, Request, repeat};
use umbra_e2e::control_plane::request;
use umbra_e2e::eventually::{RECONNECTED, SOON, eventually, throughout};
use umbra_e2e::mesh::Mesh;
use umbra_e2e::resources::shadow_all;
use umbra_e2e::traffic::Traffic;

/// Waits until copies stop and the filter says why. Other traffic may go on meanwhile.
async fn goes_stale(mesh: &Mesh) {
    let of = |all: &BTreeMap<String, u64>, name: &str| all.get(name).copied().unwrap_or(0);
    eventually(SOON, "every share counts as 0", async || {
        let before = mesh.envoy.umbra_all().await;
        repeat(mesh.envoy.port(), 20, &Request::get("/probe")).await;
        // A worker tells Envoy all of its counts at once: those of these requests, and what became of them.
        let after = eventually(SOON, "the probes are counted", async || {
            let after = mesh.envoy.umbra_all().await;
            let more = of(&after, "requests") - of(&before, "requests");
            if more >= 20 { Ok(after) } else { Err(more) }
        })
        .await;
        let more = |name: &str| of(&after, name) - of(&before, name);
        match (more("mirrored"), more("skipped.stale")) {
            (0, 1..) => Ok(()),
            seen => Err(format!("mirrored and stale: {seen:?}")),
        }
    })
    .await;
}

async fn mirrors_again(mesh: &Mesh) {
    eventually(RECONNECTED, "requests are mirrored again", async || {
        let before = mesh.shadow.count();
        repeat(mesh.envoy.port(), 5, &Request::get("/again")).await;
        mesh.envoy.idle().await;
        let more = mesh.shadow.count() - before;
        if more > 0 { Ok(()) } else { Err("none") }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_in_the_middle_of_traffic() {
    let staleness = Duration::from_secs(4);
    let mut mesh = Mesh::start_alone(&shadow_all(100.0, json!({})), |options| {
        options.max_staleness = "4s";
        options.concurrency = 2;
    })
    .await;
    let traffic = Traffic::start(mesh.envoy.port());
    eventually(SOON, "traffic is mirrored", async || {
        let seen = mesh.shadow.count();
        if seen > 50 { Ok(()) } else { Err(seen) }
    })
    .await;
    mesh.control_plane.kill();
    let killed = Instant::now();
    let last_good = mesh.envoy.umbra("policy_revision").await;

    // Fresh until a second before it was killed at worst: for half of the time the last policy holds.
    throughout(staleness / 2, "the last policy holds", async || {
        match mesh.envoy.umbra("skipped.stale").await {
            0 => Ok(()),
            stale => Err(format!("{stale} stale")),
        }
    })
    .await;
    let held = Instant::now();
    goes_stale(&mesh).await;
    let stale = Instant::now();
    assert_eq!(mesh.envoy.umbra("policy_revision").await, last_good);

    mesh.control_plane.restart().await;
    mesh.synced().await;
    mirrors_again(&mesh).await;

    let sent = traffic.end().await;
    mesh.envoy.idle().await;
    let mirrored = mesh.shadow.ids();
    let while_held = sent.iter().filter(|(_, at)| (killed..held).contains(at));
    let missing = while_held.clone().filter(|(id, _)| mirrored.binary_search(id).is_err());
    assert!(while_held.count() > 50);
    assert_eq!(missing.count(), 0, "of those sent just after the kill");
    assert!(stale - killed >= staleness - Duration::from_millis(1500));
    println!(
        "{} requests, none failed; shares went to 0 by {:?} after the kill with max_staleness {staleness:?}",
        sent.len(),
        stale - killed
    );
    mesh.envoy.assert_no_trap().await;
}

/// A peer that neither answers nor closes is as good as gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_control_plane_that_hangs_goes_stale_too() {
    let mesh = Mesh::start_with(&shadow_all(100.0, json!({})), |options| {
        options.max_staleness = "2s";
    })
    .await;
    mesh.control_plane.signal("STOP");
    goes_stale(&mesh).await;
    mesh.control_plane.signal("CONT");
    mirrors_again(&mesh).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_acknowledged_write_outlives_kill_9() {
    let mut mesh = Mesh::start(&shadow_all(0.0, json!({}))).await;
    let mut written: u32 = 0;
    for _ in 0..3 {
        let acknowledged = write_until_killed(&mut mesh, written).await;
        mesh.control_plane.restart().await;
        let main = mesh.control_plane.get("/api/v1/shadows/main").await;
        let percent = main["spec"]["percent"].as_f64().unwrap();
        let kept = (percent * 10_000.0).round() as u32;
        // The write that was under way may have been committed, and its answer lost.
        assert!(kept == acknowledged || kept == acknowledged + 1, "acknowledged {acknowledged}, kept {kept}");
        assert!(acknowledged > written + 5, "too few writes to tell");
        let audit = mesh.control_plane.get("/api/v1/audit?limit=1").await;
        let last = &audit["items"][0];
        assert_eq!(last["reason"], format!("write {kept}"), "{last}");
        written = kept;
    }
    // The filter comes to the same.
    let node = mesh.synced().await;
    let percent = node["shares"]["main"]["percent"].as_f64().unwrap();
    assert_eq!((percent * 10_000.0).round() as u32, written);
}

/// Writes one valve after another, each a ten-thousandth of a percent higher, and kills the control
/// plane among them: the last that was acknowledged.
async fn write_until_killed(mesh: &mut Mesh, written: u32) -> u32 {
    let port = mesh.control_plane.api_port();
    let killed = Arc::new(AtomicBool::new(false));
    let seen = Arc::new(std::sync::atomic::AtomicU32::new(written));
    let (gone, last) = (Arc::clone(&killed), Arc::clone(&seen));
    let writer = tokio::spawn(async move {
        for number in written + 1.. {
            let percent = f64::from(number) / 10_000.0;
            let change: Value = json!({"percent": percent, "reason": format!("write {number}")});
            let request = request("PATCH", "/api/v1/shadows/main/valve")
                .header("content-type", "application/json")
                .body(change.to_string());
            let answer = match Connection::open(port, Protocol::Http1).await {
                Ok(mut connection) => connection.send(&request).await,
                Err(error) => Err(error),
            };
            match answer {
                Ok(answer) if answer.status == 200 => last.store(number, Ordering::SeqCst),
                Ok(answer) => panic!("{}: {}", answer.status, answer.text()),
                Err(error) => {
                    assert!(gone.load(Ordering::SeqCst), "failed while it ran: {error}");
                    return;
                }
            }
        }
    });
    eventually(SOON, "some writes", async || {
        let count = seen.load(Ordering::SeqCst) - written;
        if count > 20 { Ok(()) } else { Err(count) }
    })
    .await;
    killed.store(true, Ordering::SeqCst);
    mesh.control_plane.kill();
    writer.await.unwrap();
    seen.load(Ordering::SeqCst)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reconnect_sends_no_policy_again() {
    let mut mesh = Mesh::start_relayed(&shadow_all(100.0, json!({})), |options| {
        options.concurrency = 2;
    })
    .await;
    let relay = mesh.relay.take().expect("a relay");
    assert_eq!(relay.streams(), (1, 1), "one stream for all the workers");
    let sent = relay.responses().len();

    mesh.control_plane.kill();
    eventually(SOON, "the stream is gone", async || match relay.streams() {
        (0, _) => Ok(()),
        streams => Err(format!("{streams:?}")),
    })
    .await;
    mesh.control_plane.restart().await;
    let node = mesh.synced().await;
    assert_eq!(relay.streams().0, 1);

    // The first request of the new stream says what is there already.
    let requests = relay.requests();
    let first = requests.iter().rfind(|request| request.node.is_some());
    let versions = &first.expect("a first request").initial_resource_versions;
    let version = versions.get("primary").map(String::as_str);
    assert_eq!(version, node["applied"]["version"].as_str());
    let resent = relay.responses().split_off(sent);
    let resent = resent.iter().filter(|r| !r.resources.is_empty()).count();
    assert_eq!(resent, 0, "sent again though nothing had changed");

    // What does change is sent, once.
    mesh.percent(50.0).await;
    let responses = relay.responses().split_off(sent);
    let policies = responses.iter().filter(|r| !r.resources.is_empty());
    assert_eq!(policies.count(), 1);
}
