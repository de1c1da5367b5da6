//! The valve: 0 → 10 → 100 → 0 % while traffic flows, measured at each position.

use std::time::Duration;

use anyhow::Result;

use super::observe::{Counters, InEffect, Observer};
use super::stack::Stack;
use super::stage::Stage;
use super::traffic::{Sent, Traffic};
use crate::interrupt;
use crate::progress::Progress;

/// The positions of the valve, in percent, each with how many requests are measured there: more where the share is
/// drawn by lot.
const STAGES: [(u64, u64); 4] = [(0, 2_000), (10, 5_000), (100, 2_000), (0, 2_000)];

/// How many requests are answered right before and right after the valve moves, so that it moves under load.
const FLOWING: u64 = 200;

/// A server that takes longer for so many requests answers none.
const FLOW_LIMIT: Duration = Duration::from_secs(60);

/// How long counters may lag behind the last answer: the filter hands them over at every tick of 100 ms.
const SETTLE_LIMIT: Duration = Duration::from_secs(5);

/// Moves the valve through all positions, the first of which was applied already; gives what was wrong, in words.
///
/// # Errors
/// When a part of the stack fails, or nothing comes of something that was awaited.
pub(crate) fn measured(stack: &mut Stack, observer: &Observer, traffic: &Traffic) -> Result<Vec<String>> {
    let mut applied = Some(observer.newest_in_effect()?);
    let mut wrong = Vec::new();
    for (percent, requests) in STAGES {
        let before = traffic.sent();
        traffic.flow(Duration::ZERO);
        flowing(traffic, before)?;
        let in_effect = applied.take().map_or_else(|| observer.move_valve(percent), Ok);
        stack.must_run()?;
        let in_effect = in_effect?;
        flowing(traffic, traffic.sent())?;
        let stage = measure(stack, observer, traffic, (percent, requests), in_effect, before)?;
        stage.print();
        wrong.extend(stage.wrong());
        stack.must_run()?;
    }
    Ok(wrong)
}

/// Waits until the clients have sent some more requests than at `before`.
fn flowing(traffic: &Traffic, before: Sent) -> Result<()> {
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
    before_moving: Sent,
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
