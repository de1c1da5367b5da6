//! The filter itself fails: a module built for tests alone traps when a request asks for it. Requests go on, the control
//! plane shows which worker is without its VM, and what operators are told to do brings it back.

use serde_json::{Value, json};
use std::time::Duration;
use tokio::task::JoinSet;
use umbra_e2e::client::{Connection, Protocol, Request, Response, repeat, send, series};
use umbra_e2e::environment;
use umbra_e2e::eventually::{SOON, eventually};
use umbra_e2e::mesh::Mesh;
use umbra_e2e::resources::shadow_all;
use umbra_e2e::traffic::Traffic;
use umbra_e2e::upstream::{Answer, Upstream};

/// How long the requests take that are under way when a VM traps.
const SLOW: Duration = Duration::from_millis(700);

/// Both workers have something to report.
async fn both_workers_report(mesh: &Mesh) {
    eventually(SOON, "both workers report requests", async || {
        repeat(mesh.envoy.port(), 40, &Request::get("/")).await;
        let busy = workers(mesh).await.into_iter().filter(|worker| requests(worker) > 0).count();
        if busy == 2 { Ok(()) } else { Err(format!("{busy} of 2")) }
    })
    .await;
}

async fn workers(mesh: &Mesh) -> Vec<Value> {
    let node = mesh.control_plane.node("node-1").await.expect("a node");
    node["workers"].as_array().cloned().expect("workers")
}

fn requests(worker: &Value) -> u64 {
    worker["requests"].as_u64().expect("a number of requests")
}

/// When the control plane heard last of this worker.
async fn reported_at(mesh: &Mesh, worker: &Value) -> Value {
    let workers = workers(mesh).await;
    let same = workers.iter().find(|other| other["instance"] == worker["instance"]);
    same.expect("a worker that is known stays so")["reported_at"].clone()
}

async fn ask_for_a_trap(mesh: &Mesh) -> Result<Response, String> {
    let mut connection = Connection::open(mesh.envoy.port(), Protocol::Http1).await?;
    connection.send(&Request::get("/").header("x-debug-trap", "1")).await
}

/// How many of 40 requests were mirrored, each over a connection of its own: Envoy closes those to a listener that it replaces.
async fn mirrored(mesh: &Mesh) -> usize {
    let copies = || mesh.shadow.requests().iter().filter(|copy| copy.path == "/probe").count();
    let before = copies();
    for _ in 0..40 {
        let Ok(mut connection) = Connection::open(mesh.envoy.port(), Protocol::Http1).await else { continue };
        if let Ok(answer) = connection.send(&Request::get("/probe")).await {
            assert_eq!((answer.status, answer.text()), (200, "primary".to_owned()));
        }
    }
    // Where traffic goes on, there are moments without any between its requests.
    mesh.envoy.idle().await;
    copies() - before
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trapped_worker_carries_on_without_the_filter_until_its_configuration_changes() {
    let mut mesh = Mesh::start_with(&shadow_all(100.0, json!({})), |options| {
        options.module = Some(environment::trap_filter());
        options.concurrency = 2;
        options.dynamic = true;
    })
    .await;
    both_workers_report(&mesh).await;
    let traffic = [Traffic::start(mesh.envoy.port()), Traffic::start(mesh.envoy.port())];

    let answer = ask_for_a_trap(&mesh).await.unwrap();
    assert_eq!((answer.status, answer.text()), (200, "primary".to_owned()), "the request that did it");
    assert!(mesh.envoy.log().contains("umbra-debug-trap"));
    // The other worker does what it did.
    let copies = eventually(SOON, "one of two workers mirrors", async || match mirrored(&mesh).await {
        copies @ 1..40 => Ok(copies),
        copies => Err(copies),
    })
    .await;
    println!("{copies} of 40 copies with one worker of two");

    // The node follows, as far as it lives, and the one that does not is named.
    mesh.percent(50.0).await;
    let (left, live) = eventually(SOON, "the worker without a VM is told apart", async || {
        // Those without requests report twice a minute: both get some.
        repeat(mesh.envoy.port(), 40, &Request::get("/")).await;
        let mut workers = workers(&mesh).await;
        workers.retain(|worker| requests(worker) > 0);
        let (stale, synced): (Vec<_>, Vec<_>) =
            workers.into_iter().partition(|worker| worker["state"] == "STALE");
        match (<[Value; 1]>::try_from(stale), <[Value; 1]>::try_from(synced)) {
            (Ok([stale]), Ok([synced])) => Ok((stale, synced)),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    mesh.percent(100.0).await;
    // In the time of two reports of the other worker it would have reported too.
    for _ in 0..2 {
        let before = reported_at(&mesh, &live).await;
        eventually(SOON, "the worker with a VM reports", async || {
            repeat(mesh.envoy.port(), 40, &Request::get("/")).await;
            let now = reported_at(&mesh, &live).await;
            if now == before { Err(now) } else { Ok(()) }
        })
        .await;
    }
    assert_eq!(reported_at(&mesh, &left).await, left["reported_at"], "it reports no more");

    for traffic in traffic {
        assert!(traffic.end().await.len() > 20, "traffic went on throughout");
    }

    // The remedy: another VM configuration makes new VMs.
    mesh.envoy.reconfigure(|options| options.vm_configuration = "{\"generation\": 2}".to_owned());
    eventually(SOON, "everything is mirrored again", async || match mirrored(&mesh).await {
        40 => Ok(()),
        copies => Err(copies),
    })
    .await;
}

/// A setting, the status of requests that are under way in a worker while its VM traps, whether every request after them is
/// answered well, and whether the filter comes back by itself. The documentation says why it is the first that is used.
const SETTINGS: [(&str, &str, u16, bool, bool); 3] = [
    ("fail_open", "true", 200, true, false),
    ("failure_policy", "\"FAIL_OPEN\"", 503, true, false),
    ("failure_policy", "\"FAIL_RELOAD\"", 503, false, true),
];

/// Requests under way.
const UNDER_WAY: usize = 5;

/// Afterwards, so many are sent.
const AFTERWARDS: usize = 400;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trap_costs_no_request_with_the_setting_that_is_documented() {
    for (field, value, status, all_well, comes_back) in SETTINGS {
        let production = Upstream::scripted(|request| {
            let slow = request.path == "/slow";
            Answer::ok("primary").after(if slow { SLOW } else { Duration::ZERO })
        })
        .await;
        let mesh = Mesh::start_with(&shadow_all(100.0, json!({})), |options| {
            options.module = Some(environment::trap_filter());
            options.failure = json!({field: serde_json::from_str::<Value>(value).unwrap()});
            options.clusters[0].port = production.port();
        })
        .await;
        let port = mesh.envoy.port();
        let mut under_way = JoinSet::new();
        for _ in 0..UNDER_WAY {
            under_way.spawn(async move { send(port, &Request::get("/slow")).await.status });
        }
        eventually(SOON, "requests are under way", async || {
            match production.requests().iter().filter(|request| request.path == "/slow").count() {
                UNDER_WAY => Ok(()),
                seen => Err(seen),
            }
        })
        .await;
        let did_it = ask_for_a_trap(&mesh).await.unwrap().status;
        let answered = under_way.join_all().await;
        assert_eq!((did_it, answered), (status, vec![status; UNDER_WAY]), "{field}: {value}");

        // The stamp's shadow, whose cluster the client knows.
        let forged =
            Request::get("/after").header("x-umbra-mirror-1", "shadow").header("x-umbra-mirror-2", "shadow");
        let requests = std::iter::repeat_n(forged, AFTERWARDS);
        let statuses: Vec<u16> =
            series(port, 4, requests).await.into_iter().map(|o| o.answer.unwrap().status).collect();
        let well = statuses.iter().filter(|status| **status == 200).count();
        println!("{field}: {value}: {did_it} while it traps, then {well} of {AFTERWARDS} well");
        assert!(!all_well || well == AFTERWARDS, "{field}: {value}: {statuses:?}");
        if comes_back {
            eventually(SOON, "requests are mirrored again", async || {
                let status = send(port, &Request::get("/again")).await.status;
                let copies = mesh.shadow.requests().iter().filter(|copy| copy.path == "/again").count();
                if copies > 0 { Ok(()) } else { Err(status) }
            })
            .await;
        } else {
            mesh.envoy.idle().await;
            assert!(mesh.shadow.requests().iter().all(|copy| copy.path != "/after"), "{field}: {value}");
        }
    }
}
