//! `cargo xtask demo`: the main job on real servers. json-server 0.17 is production, json-server 1.0 its successor;
//! Envoy carries the traffic of a small shop. The valve is moved through the API while it flows; then two candidates
//! are judged: the successor, and another instance of what production runs.

mod expected;
mod heads;
mod judge;
mod mix;
mod observe;
mod operator;
mod relay;
mod stack;
mod stage;
mod traffic;
mod valve;
mod warm;

use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::checkout::Checkout;
use crate::{filter, interrupt, run, say};
use observe::{Observer, SHADOW};
use operator::Operator;
use stack::Stack;
use traffic::Traffic;

/// How often a request is sent while the demo stays up: a trickle, for the pages to show something.
const TRICKLE: Duration = Duration::from_millis(50);

/// Runs the demo; with `once`, ends after the last step, else stays up until it is interrupted.
///
/// # Errors
/// When something cannot be installed or started, or when a step was wrong.
pub(crate) fn play(checkout: &Checkout, once: bool) -> Result<()> {
    let mut stack = Stack::start(checkout)?;
    let observer = Observer::new(stack.ports());
    let operator = Operator::new(checkout, stack.ports());
    let traffic = Traffic::start(stack.ports().ingress);

    say::heading("move a valve while traffic flows");
    operator.types(&["apply", "-f", "crates/xtask/demo/resources.yaml"])?;
    let mut wrong = valve::measured(&mut stack, &observer, &traffic)?;

    say::heading("may it go live? two candidates beside a control");
    operator.types(&["apply", "-f", "crates/xtask/demo/candidates.yaml"])?;
    for candidate in &judge::CANDIDATES {
        wrong.extend(judge::judged(candidate, &mut stack, &operator, &traffic)?);
    }
    if let Some(failure) = traffic.failure() {
        wrong.push(format!("a request failed, first of all: {failure}"));
    }
    if !wrong.is_empty() {
        bail!("the demo went wrong:\n  {}\nlogs are in {}", wrong.join("\n  "), stack.folder().display());
    }
    say::line("\nevery step was right");
    if once { Ok(()) } else { stay(&mut stack, &operator, &traffic) }
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

/// Shows where everything is, and lets a trickle of requests flow, copied to the successor, until Ctrl-C.
fn stay(stack: &mut Stack, operator: &Operator, traffic: &Traffic) -> Result<()> {
    let ports = stack.ports();
    let url = |port: u16, path: &str| format!("http://127.0.0.1:{port}{path}");
    let [next, twin] = &judge::CANDIDATES;
    say::heading("still up, with a trickle of requests; Ctrl-C ends it");
    operator.types(&["valve", next.shadow, "100", "--reason", "something to look at", "--wait"])?;
    say::line("");
    for (what, at) in [
        ("the console", url(ports.api, "/")),
        ("the shop, through Envoy", url(ports.ingress, "/products/1")),
        ("the filter's counters", url(ports.admin, "/stats?filter=umbra")),
        ("the nodes", url(ports.api, "/api/v1/nodes")),
        (
            "the verdict on json-server 1.0",
            url(ports.api, &format!("/api/v1/shadows/{}/verdict", next.shadow)),
        ),
        ("what differs, pair by pair", url(ports.api, &format!("/api/v1/shadows/{}/pairs", next.shadow))),
        ("who moved what", url(ports.api, "/api/v1/audit")),
        ("json-server 0.17, production", url(ports.production, "/products/1")),
        ("json-server 1.0", url(ports.next, "/products/1")),
        ("logs and data", stack.folder().display().to_string()),
    ] {
        say::line(format_args!("  {what:<31} {at}"));
    }
    say::line(format_args!(
        "\n  try:\n  export UMBRA_SERVER={}\n  alias umbractl={}",
        operator.server(),
        operator.umbractl().display()
    ));
    for command in [
        "status".to_owned(),
        format!("pairs {} --endpoint 'GET /products/{{id}}' --limit 3", next.shadow),
        format!("report {} --since 10m", next.shadow),
        format!("valve {} 0 --wait && umbractl valve {} 100 --wait", next.shadow, twin.shadow),
        format!("verdict {} --wait 5m", twin.shadow),
        format!("valve {SHADOW} 25"),
    ] {
        say::line(format_args!("  umbractl {command}"));
    }
    traffic.flow(TRICKLE);
    while !interrupt::requested() {
        stack.must_run()?;
        std::thread::sleep(Duration::from_millis(100));
    }
    say::line("\nending everything");
    Ok(())
}
