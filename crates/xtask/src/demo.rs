//! `cargo xtask demo`: the main job on real servers. json-server 0.17 is production, json-server 1.0 its successor;
//! Envoy carries the traffic of a small shop, and the valve is moved through the API while it flows.

mod data;
mod heads;
mod mix;
mod observe;
mod relay;
mod stack;
mod stage;
mod traffic;

use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::checkout::Checkout;
use crate::progress::Progress;
use crate::{filter, interrupt, run, say};
use observe::{Counters, InEffect, Observer, SHADOW};
use stack::Stack;
use stage::Stage;
use traffic::Traffic;

/// The positions of the valve, in percent, each with how many requests are measured there: more where the share is
/// drawn by lot.
const STAGES: [(u64, u64); 4] = [(0, 2_000), (10, 5_000), (100, 2_000), (0, 2_000)];

/// How many requests are answered right before and right after the valve moves, so that it moves under load.
const FLOWING: u64 = 200;

/// A server that takes longer for so many requests answers none.
const FLOW_LIMIT: Duration = Duration::from_secs(60);

/// How long counters may lag behind the last answer: the filter hands them over at every tick of 100 ms.
const SETTLE_LIMIT: Duration = Duration::from_secs(5);

/// How long each client pauses between requests while the demo stays up: a trickle, for the pages to show something.
const TRICKLE: Duration = Duration::from_millis(400);

/// Runs the demo; with `once`, ends after the last step, else stays up until it is interrupted.
///
/// # Errors
/// When something cannot be installed or started, or when a step was wrong.
pub(crate) fn play(checkout: &Checkout, once: bool) -> Result<()> {
    let mut stack = Stack::start(checkout)?;
    let observer = Observer::new(stack.ports());
    let traffic = Traffic::start(stack.ports().ingress);
    apply(checkout, &stack)?;
    // The first position is the one that was applied.
    let mut applied = Some(observer.newest_in_effect()?);
    let mut wrong = Vec::new();
    for (percent, requests) in STAGES {
        let before = traffic.sent();
        traffic.flow(Duration::ZERO);
        flowing(&traffic, before)?;
        let in_effect = applied.take().map_or_else(|| observer.move_valve(percent), Ok);
        stack.must_run()?;
        let in_effect = in_effect?;
        flowing(&traffic, traffic.sent())?;
        let stage = measure(&stack, &observer, &traffic, (percent, requests), in_effect, before)?;
        stage.print();
        wrong.extend(stage.wrong());
        stack.must_run()?;
    }
    if let Some(failure) = traffic.failure() {
        say::line(format_args!("the first request that failed: {failure}"));
    }
    if !wrong.is_empty() {
        bail!("the demo went wrong:\n  {}\nlogs are in {}", wrong.join("\n  "), stack.folder().display());
    }
    say::line("\nevery step was right");
    if once { Ok(()) } else { stay(&mut stack, &traffic) }
}

/// Builds what the demo runs.
///
/// # Errors
/// When something does not build.
pub(crate) fn build(checkout: &Checkout) -> Result<()> {
    filter::build(checkout)?;
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--package", "umbra-control-plane", "--package", "umbractl", "--bins"]);
    run::show(cargo.current_dir(&checkout.root), Duration::from_secs(45 * 60))
}

/// Applies the stamp and the shadow, as an operator would.
fn apply(checkout: &Checkout, stack: &Stack) -> Result<()> {
    let mut umbractl = Command::new(checkout.binaries().join("umbractl"));
    umbractl
        .args(["--server", &format!("http://127.0.0.1:{}", stack.ports().api), "apply", "-f"])
        .arg(checkout.root.join("crates/xtask/demo/resources.yaml"));
    say::heading("umbractl apply -f crates/xtask/demo/resources.yaml");
    run::show(&mut umbractl, Duration::from_secs(60))
}

/// Waits until the clients have sent some more requests than at `before`.
fn flowing(traffic: &Traffic, before: traffic::Sent) -> Result<()> {
    interrupt::wait_for("requests to be answered", FLOW_LIMIT, || {
        Ok((traffic.sent().since(&before).requests >= FLOWING).then_some(()))
    })
}

/// Measures with the valve standing still: between two moments at which nothing is under way and every counter has
/// settled, so that what is counted is exactly what was sent.
fn measure(
    stack: &Stack,
    observer: &Observer,
    traffic: &Traffic,
    (percent, requests): (u64, u64),
    in_effect: InEffect,
    before_moving: traffic::Sent,
) -> Result<Stage> {
    let before = traffic.pause()?;
    let counted_before = settled(stack, observer, before.requests)?;
    let received_before = stack.relay().received();
    let progress = Progress::start(format_args!("{requests} requests at {percent} %")).of(requests);
    let after = traffic.send(requests, &progress)?;
    let counted = settled(stack, observer, after.requests)?;
    progress.done("answered");
    Ok(Stage {
        percent,
        in_effect,
        meanwhile: before.since(&before_moving),
        sent: after.since(&before),
        counted: counted.since(&counted_before),
        received: stack.relay().received().since(&received_before),
    })
}

/// Waits until the filter has handed over the counts of all `requests`, and until as many copies arrived as it says
/// it mirrored. When that does not come about, the counts as they are: they are judged later.
fn settled(stack: &Stack, observer: &Observer, requests: u64) -> Result<Counters> {
    let settled = interrupt::wait_for("the counters", SETTLE_LIMIT, || {
        let counters = observer.counters()?;
        let all_counted = counters.get("requests") >= requests;
        let all_arrived = stack.relay().received().requests >= counters.get("mirrored");
        Ok((all_counted && all_arrived).then_some(counters))
    });
    interrupt::check()?;
    settled.or_else(|_| observer.counters())
}

/// Shows where everything is, and lets a trickle of requests flow until Ctrl-C.
fn stay(stack: &mut Stack, traffic: &Traffic) -> Result<()> {
    let ports = stack.ports();
    let url = |port: u16, path: &str| format!("http://127.0.0.1:{port}{path}");
    let api = url(ports.api, "");
    say::heading("still up, with a trickle of requests; Ctrl-C ends it");
    for (what, at) in [
        ("the shop, through Envoy", url(ports.ingress, "/products/1")),
        ("the filter's counters", url(ports.admin, "/stats?filter=umbra")),
        ("the nodes", url(ports.api, "/api/v1/nodes")),
        ("the shadow", url(ports.api, &format!("/api/v1/shadows/{SHADOW}"))),
        ("who moved what", url(ports.api, "/api/v1/audit")),
        ("json-server 0.17, production", url(ports.production, "/products/1")),
        ("json-server 1.0, the shadow", url(ports.shadow, "/products/1")),
        ("logs and data", stack.folder().display().to_string()),
    ] {
        say::line(format_args!("  {what:<30} {at}"));
    }
    say::line(format_args!("\n  move the valve: cargo run -qp umbractl -- --server {api} valve {SHADOW} 25"));
    traffic.flow(TRICKLE);
    while !interrupt::requested() {
        stack.must_run()?;
        std::thread::sleep(Duration::from_millis(100));
    }
    say::line("\nending everything");
    Ok(())
}
