//! `cargo xtask bench`: the numbers. They are printed and kept as JSON, and never asserted.

mod figures;
mod floor;
pub(crate) mod load;
mod nginx;
mod pin;
mod setups;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::checkout::Checkout;
use crate::progress::Progress;
use crate::tools::envoy;
use crate::{filter, run, say, wasm};
use figures::{Figures, ProxyFigures, SetupTurns};
use load::{Load, Measured};
use setups::{Running, Setup};

/// For how long each proxy is loaded before it is the next one's turn, in seconds. What else a shared machine does comes and goes
/// within some seconds: the shorter the turns, the more of it falls on all alike.
const TURN_SECONDS: u32 = 1;

/// What can be measured by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Part {
    /// The decision on one request
    Decide,
    /// Comparing JSON beside parsing it
    Json,
    /// What the control plane takes in on one core
    Intake,
    /// What 10,000 nodes cost the control plane
    ControlPlane,
    /// CPU per request of Envoy and nginx, latency, telemetry
    Proxies,
}

/// Measures `parts` (none: everything), of the proxies those whose names have one of `setups` in them (none: all), and keeps it as JSON in `file` (left out: `target/bench.json`).
///
/// # Errors
/// When something cannot be installed, built or started, or when a setup did not do what it is measured for.
pub(crate) fn measure(
    checkout: &Checkout,
    parts: &[Part],
    rounds: u32,
    seconds: u32,
    setups: &[String],
    file: Option<&Path>,
) -> Result<()> {
    ensure!((1..=1_000).contains(&rounds), "--rounds: 1 to 1,000");
    ensure!((1..=1_000).contains(&seconds), "--seconds: 1 to 1,000");
    let asked = |part| parts.is_empty() || parts.contains(&part);
    let folder = checkout.target.join("bench");
    fs::create_dir_all(&folder).with_context(|| format!("cannot write {}", folder.display()))?;
    let module = filter::build(checkout)?;
    let module_bytes =
        fs::metadata(&module).with_context(|| format!("cannot read {}", module.display()))?.len();

    if asked(Part::Decide) {
        say::heading("decide()");
        let mut benches = Command::new("cargo");
        benches.args(["bench", "--package", "umbra-policy"]).current_dir(&checkout.root);
        run::show(&mut benches, Duration::from_secs(3600))?;
    }
    let mut figures = Figures { module_bytes, json: None, intake: None, control_plane: None, proxies: None };
    let benchmark = |package, name| benchmark(checkout, &folder, package, name, rounds);
    if asked(Part::Json) {
        say::heading("comparing JSON");
        figures.json = Some(benchmark("umbra-compare", "json")?);
    }
    if asked(Part::Intake) {
        say::heading("intake, one core");
        figures.intake = Some(benchmark("umbra-control-plane", "intake")?);
    }
    if asked(Part::ControlPlane) {
        say::heading(format_args!("10,000 nodes, {rounds} rounds"));
        figures.control_plane = Some(benchmark("umbra-control-plane", "nodes")?);
    }
    if asked(Part::Proxies) {
        figures.proxies = Some(in_proxies(checkout, &folder, rounds * seconds, setups)?);
    }
    let file = file.map_or_else(|| checkout.target.join("bench.json"), Path::to_owned);
    fs::write(&file, serde_json::to_vec_pretty(&figures)?)
        .with_context(|| format!("cannot write {}", file.display()))?;
    say::line(format_args!("module: {module_bytes} bytes (aim: under {})", wasm::AIM_BYTES));
    say::line(format_args!("kept in {}", file.display()));
    Ok(())
}

/// What a request costs the proxies, each of which has so many turns.
fn in_proxies(checkout: &Checkout, folder: &Path, turns: u32, names: &[String]) -> Result<ProxyFigures> {
    let setups = setups::named(names)?;
    load::install_tools()?;
    build_control_plane(checkout)?;
    say::heading(format_args!(
        "Envoy {}, one worker {}, {turns} turns of {TURN_SECONDS} s",
        envoy::NEWEST,
        pin::words()
    ));
    let envoy = envoy::install(checkout, envoy::NEWEST)?;
    let load = Load::start(folder)?;
    let running: Vec<Running> =
        setups.iter().map(|setup| setup.start(checkout, &envoy, folder, &load)).collect::<Result<_>>()?;
    let mut measured: Vec<SetupTurns> = running.iter().map(|it| SetupTurns::new(it.setup)).collect();
    let sent_before: Vec<Option<u64>> =
        running.iter().map(Running::telemetry_bytes).collect::<Result<_>>()?;
    for turn in 1..=turns {
        for (running, measured) in running.iter().zip(&mut measured) {
            one_turn(&format!("turn {turn} of {turns}"), running, &load, measured)?;
        }
    }
    for ((running, measured), before) in running.iter().zip(&mut measured).zip(sent_before) {
        if let (Some(before), Some(after)) = (before, running.telemetry_bytes()?) {
            measured.telemetry_bytes = Some((after - before) as f64 / measured.requests as f64);
        }
    }
    let timed_at = timed_at(&measured);
    for turn in 1..=turns {
        for (running, measured) in running.iter().zip(&mut measured) {
            let name = running.setup.name;
            if setups::TIMED.contains(&name) {
                let progress = Progress::start(format_args!("latency {turn} of {turns}, {name}"));
                let latency = load.latency(running.port, running.setup.path, timed_at, TURN_SECONDS)?;
                progress.done(format_args!("p99 {:.0} µs", latency.p99_us));
                measured.latency.push(latency);
            }
        }
    }
    let figures = ProxyFigures::of(&measured, timed_at);
    figures.print();
    Ok(figures)
}

fn one_turn(turn: &str, running: &Running, load: &Load, measured: &mut SetupTurns) -> Result<()> {
    let Setup { name, path, mirrored, .. } = *running.setup;
    let progress = Progress::start(format_args!("{turn}, {name}"));
    let Measured { requests, warm_up, cpu, copies } =
        load.run(running.port, running.process.id(), path, TURN_SECONDS)?;
    // A figure of a mirror that did not mirror would be worse than none. Some requests are under way at the end.
    let copies = copies as f64 / requests as f64;
    let close = if mirrored < 1.0 { 0.3 * mirrored + 0.005 } else { 0.05 };
    ensure!((copies - mirrored).abs() < close, "{name}: {copies:.3} copies per request");
    let micros = cpu.as_secs_f64() * 1e6 / requests as f64;
    progress.done(format_args!("{micros:.1} µs per request, {requests} requests"));
    measured.cpu_us.push(micros);
    measured.requests += warm_up + requests;
    measured.requests_per_second.push(requests as f64 / f64::from(TURN_SECONDS));
    Ok(())
}

/// The rate at which latency is measured: that of 500,000 requests a minute, or two thirds of what the slowest of those
/// that are timed carries on this machine, in the median of its turns.
fn timed_at(measured: &[SetupTurns]) -> u32 {
    let timed = measured.iter().filter(|measured| setups::TIMED.contains(&measured.setup.name));
    let carried = timed.map(|measured| figures::median(&measured.requests_per_second));
    (carried.fold(f64::INFINITY, f64::min) * 2.0 / 3.0).min(500_000.0 / 60.0) as u32
}

/// Runs one of cargo's benchmarks, which prints its figures, and reads what it kept.
fn benchmark(checkout: &Checkout, folder: &Path, package: &str, name: &str, rounds: u32) -> Result<Value> {
    let file = folder.join(format!("{name}.json"));
    let mut bench = Command::new("cargo");
    bench.args(["bench", "--quiet", "--package", package, "--bench", name]).current_dir(&checkout.root);
    bench.env("UMBRA_BENCH_JSON", &file).env("UMBRA_BENCH_ROUNDS", rounds.to_string());
    run::show(&mut bench, Duration::from_secs(3600))?;
    let text = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("{} is not JSON", file.display()))
}

fn build_control_plane(checkout: &Checkout) -> Result<()> {
    let mut build = Command::new("cargo");
    build.args(["build", "--quiet", "--release", "--package", "umbra-control-plane", "--bin", "umbra"]);
    run::show(build.current_dir(&checkout.root), Duration::from_secs(3600))
}
