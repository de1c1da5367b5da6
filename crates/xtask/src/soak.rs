//! `cargo xtask soak`: load for a long time, with pairs. Is every request accounted for, and does memory stay level?

mod account;
mod plot;
mod sample;
mod stage;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::bench::load::{self, SHORT_LIST};
use crate::checkout::Checkout;
use crate::process::Process;
use crate::progress::Progress;
use crate::tools::envoy;
use crate::{filter, interrupt, run, say, shop, test};
use account::Account;
use sample::{Sample, Series};
use stage::Stage;

/// What goes on all the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum What {
    /// Requests, each mirrored and compared
    Load,
    /// 10,000 changes of the policy, while requests come
    Churn,
}

/// Connections of the clients.
const CLIENTS: u64 = 16;

/// Of what the machine carries at most, so that what else it does falls into the rest.
const SHARE_OF_MOST: f64 = 0.4;

/// How long the most is looked for, in seconds.
const LOOK_SECONDS: u32 = 5;

/// Between two samples.
const PERIOD: Duration = Duration::from_secs(1);

/// Changes of the policy.
const CHANGES: &str = "10000";

/// The end-to-end test that makes them.
const CHURN: &str = "churn::memory_is_level_under_changes";

/// Runs it for so many minutes; changes take as long as they take.
///
/// # Errors
/// When something cannot be built or started, when a request is not accounted for, or when memory is not level.
pub(crate) fn play(checkout: &Checkout, what: What, minutes: u32) -> Result<()> {
    match what {
        What::Load => load(checkout, minutes),
        What::Churn => churn(checkout),
    }
}

/// The end-to-end test of it, with ten times as many changes, once with each Envoy.
fn churn(checkout: &Checkout) -> Result<()> {
    filter::build(checkout)?;
    let build = ["build", "--workspace", "--bins"];
    run::show(Command::new("cargo").args(build).current_dir(&checkout.root), test::BUILD_LIMIT)?;
    for version in envoy::VERSIONS {
        let envoy = envoy::install(checkout, version)?;
        say::heading(format_args!("{CHANGES} changes of the policy, Envoy {version}"));
        let of_it = |more: &str| {
            let mut command = test::end_to_end(checkout, &envoy, version, &["e2e".to_owned()]);
            command.args([CHURN, "--", "--exact", more]).env("UMBRA_E2E_CHANGES", CHANGES);
            command
        };
        // With a name that no test has, none would run, and none fail.
        let listed = run::capture(&mut of_it("--list"), test::BUILD_LIMIT)?;
        ensure!(lists(&listed, CHURN), "there is no test {CHURN}");
        run::show(&mut of_it("--nocapture"), test::TEST_LIMIT)?;
    }
    Ok(())
}

/// Whether a list of tests has this one.
fn lists(listed: &str, test: &str) -> bool {
    listed.lines().any(|line| line.strip_suffix(": test") == Some(test))
}

fn load(checkout: &Checkout, minutes: u32) -> Result<()> {
    ensure!(minutes > 0, "at least a minute");
    load::install_tools()?;
    filter::build(checkout)?;
    let build = ["build", "--quiet", "--release", "--package", "umbra-control-plane", "--bin", "umbra"];
    run::show(Command::new("cargo").args(build).current_dir(&checkout.root), test::BUILD_LIMIT)?;
    let folder = shop::fresh_folder(&checkout.target, "soak")?;
    let services = load::Load::start(&folder)?;
    let mut stage = Stage::start(checkout, &folder, services.upstreams())?;

    let progress = Progress::start("looking for what this machine carries");
    let looked = services.run(stage.ingress(), stage.envoy_id(), SHORT_LIST, LOOK_SECONDS)?;
    let most = looked.requests / u64::from(LOOK_SECONDS);
    let per_client = ((most as f64 * SHARE_OF_MOST) as u64 / CLIENTS).max(1);
    let rate = per_client * CLIENTS;
    progress.done(format_args!("{most} requests/s; {rate} from now on, for {minutes} min"));
    stage.settled()?;
    let before = stage.account()?;

    let seconds = u64::from(minutes) * 60;
    let said = folder.join("h2load.log");
    let mut clients = Command::new(run::need("h2load", "install nghttp2-client")?);
    clients
        .args(["--h1", "--threads", "1", "--clients", &CLIENTS.to_string(), "--rps", &per_client.to_string()])
        .args(["--requests", &(rate * seconds).to_string()])
        .arg(format!("http://127.0.0.1:{}{SHORT_LIST}", stage.ingress()));
    let clients = Process::start_logged("the clients", &mut clients, &said)?;
    let series = watch(clients, &mut stage, Duration::from_secs(seconds))?;
    stage.settled()?;
    let after = stage.account()?;

    let said = fs::read_to_string(&said).with_context(|| format!("cannot read {}", said.display()))?;
    let clients = account::Clients::read(&said)?;
    keep(&folder, &series)?;
    judge(&after.since(&before), &clients, &series)
}

/// Takes a sample every second for as long as the clients send.
fn watch(mut clients: Process, stage: &mut Stage, expected: Duration) -> Result<Series> {
    let progress = Progress::start("load");
    let (start, limit) = (Instant::now(), expected * 2 + Duration::from_secs(60));
    let mut series = Series::default();
    let mut next = start;
    let status = interrupt::wait_for("the clients' end", limit, || {
        if Instant::now() >= next {
            next += PERIOD;
            stage.must_run()?;
            series.push(stage.sample(start.elapsed())?);
        }
        clients.ended()
    })?;
    ensure!(status.success(), "the clients ended ({status}){}", clients.tail());
    progress.done(format_args!("{} samples in {} s", series.samples().len(), start.elapsed().as_secs()));
    Ok(series)
}

fn keep(folder: &Path, series: &Series) -> Result<()> {
    for (name, text) in [("memory.csv", series.csv()), ("memory.svg", plot::svg(series.samples()))] {
        let file = folder.join(name);
        fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
        say::line(format_args!("kept in {}", file.display()));
    }
    Ok(())
}

fn judge(account: &Account, clients: &account::Clients, series: &Series) -> Result<()> {
    let mut wrong = account.wrong(clients);
    for line in account.lines(clients) {
        say::line(line);
    }
    for (name, of) in Sample::COLUMNS {
        let level = series.level(of).with_context(|| format!("too few samples of {name}"))?;
        say::line(format_args!("{name}: {level}"));
        if !level.holds() {
            wrong.push(format!("{name} is not level: {level}"));
        }
    }
    say::line(
        "Envoy has no statistic of a VM's memory: it is in Envoy's resident memory, outside the heap of its allocator",
    );
    ensure!(wrong.is_empty(), "{}", wrong.join("; "));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_that_is_not_there_is_missed() {
        assert!(lists("churn::a: test\n\n1 test, 0 benchmarks\n", "churn::a"));
        assert!(!lists("churn::ab: test\nchurn::a: benchmark\n", "churn::a"));
        assert!(!lists("0 tests, 0 benchmarks\n", "churn::a"));
    }
}
