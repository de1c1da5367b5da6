//! Whatever the shadow does, production's answers are untouched, and a metric says what became of the
//! copies.

use serde_json::json;
use std::time::Duration;
use umbra_e2e::client::{Request, assert_all_ok, series};
use umbra_e2e::envoy::config::Cluster;
use umbra_e2e::eventually::{SOON, eventually};
use umbra_e2e::fault::{Fault, FaultUpstream};
use umbra_e2e::mesh::Mesh;
use umbra_e2e::ports::free_port;
use umbra_e2e::resources::{shadow, stamp};
use umbra_e2e::upstream::{Answer, Upstream};

const REQUESTS: usize = 40;

/// The filter spares a shadow that fails, but not before so many copies have ended: where the machine is slow, the last
/// requests come that late.
const BEFORE_SHEDDING: u64 = 20;

/// The route's timeout, and so the copies'.
const TIMEOUT_SECONDS: f64 = 3.0;

/// No answer of production may take as long as a shadow that hangs.
const LIMIT: Duration = Duration::from_secs(2);

/// `pairs.<outcome>` that all the copies to a cluster must come to.
const CASES: [(&str, &str); 9] = [
    ("missing", "never_seen"),
    ("down", "connect_failure"),
    ("closes", "reset"),
    ("garbage", "reset"),
    ("never-reads", "timeout"),
    ("never-answers", "timeout"),
    ("resets", "reset"),
    // The head of an answer came, and not the rest.
    ("cuts-off", "reset"),
    ("slow", "answered"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn production_does_not_notice_a_bad_shadow() {
    let closes = FaultUpstream::start(Fault::Closes).await;
    let garbage = FaultUpstream::start(Fault::Garbage).await;
    let never_reads = FaultUpstream::start(Fault::NeverReads).await;
    let never_answers = FaultUpstream::start(Fault::NeverAnswers).await;
    let resets = FaultUpstream::start(Fault::Resets(1)).await;
    let cuts_off = FaultUpstream::start(Fault::CutsOff(9)).await;
    let slow = Upstream::scripted(|_| Answer::ok("late").after(Duration::from_secs(1))).await;
    let clusters = [
        ("down", free_port()),
        ("closes", closes.port()),
        ("garbage", garbage.port()),
        ("never-reads", never_reads.port()),
        ("never-answers", never_answers.port()),
        ("resets", resets.port()),
        ("cuts-off", cuts_off.port()),
        ("slow", slow.port()),
    ];
    // Bodies are kept and compared meanwhile, as far as there are some.
    let more = json!({"guard": {"methods": ["GET", "POST"]}, "compare": {"body": "full"}});
    let mut resources = Vec::new();
    for (name, _) in CASES {
        resources.push(stamp(name, &format!("/{name}")));
        resources.push(shadow(name, name, name, 100.0, more.clone()));
    }
    let mesh = Mesh::start_with(&resources, |options| {
        options.timeout_seconds = TIMEOUT_SECONDS;
        for (name, port) in clusters {
            options.clusters.push(Cluster::shadow(name, port));
        }
    })
    .await;

    for (name, outcome) in CASES {
        let before = mesh.envoy.umbra_all().await;
        let requests = (0..REQUESTS).map(|number| match number % 4 {
            0 => Request::post(&format!("/{name}"), 100_000),
            1 => Request::post(&format!("/{name}"), 1000),
            _ => Request::get(&format!("/{name}")),
        });
        let outcomes = series(mesh.envoy.port(), 4, requests).await;
        assert_all_ok(&outcomes);
        let slowest = outcomes.iter().map(|o| o.took).max().unwrap();
        assert!(slowest < LIMIT, "{name}: an answer took {slowest:?}");
        for outcome in &outcomes {
            assert_eq!(outcome.answer.as_ref().unwrap().body, "primary");
        }

        eventually(SOON, &format!("{name}: every copy is accounted for"), async || {
            let after = mesh.envoy.umbra_all().await;
            let more = |metric: &str| {
                let of =
                    |all: &std::collections::BTreeMap<String, u64>| all.get(metric).copied().unwrap_or(0);
                of(&after) - of(&before)
            };
            let (mirrored, shed) = (more("mirrored"), more("skipped.shed"));
            let sent = mirrored + shed == REQUESTS as u64 && mirrored >= BEFORE_SHEDDING;
            if sent && more(&format!("pairs.{outcome}")) == mirrored {
                Ok(())
            } else {
                Err(format!("{before:?} {after:?}"))
            }
        })
        .await;
        println!("{name}: slowest of production {slowest:?}");
    }
    let all = mesh.envoy.umbra_all().await;
    let pairs = all.iter().filter(|(name, _)| name.starts_with("pairs."));
    let pairs: u64 = pairs.map(|(_, count)| count).sum();
    assert_eq!(pairs, all["mirrored"], "each copy has one outcome: {all:?}");
    mesh.envoy.assert_no_trap().await;
}
