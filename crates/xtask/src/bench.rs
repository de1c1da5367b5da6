//! `cargo xtask bench`: the numbers. They are printed and kept as JSON, and never asserted.

mod figures;
mod load;
mod setups;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::checkout::Checkout;
use crate::http::Client;
use crate::progress::Progress;
use crate::tools::envoy;
use crate::{filter, run, say, wasm};
use figures::{Figures, SetupRounds, TelemetryFigures};
use load::{Load, Measured};
use setups::{Mirrors, Running, Setup};

/// Measures everything, and keeps it as JSON in `file` (left out: `target/bench.json`).
///
/// # Errors
/// When something cannot be installed, built or started, or when a setup did not do what it is measured for.
pub(crate) fn measure(checkout: &Checkout, rounds: u32, seconds: u32, file: Option<&Path>) -> Result<()> {
    ensure!(rounds > 0 && seconds > 0, "at least one round of one second");
    load::install_tools()?;
    let module = filter::build(checkout)?;
    let module_bytes =
        fs::metadata(&module).with_context(|| format!("cannot read {}", module.display()))?.len();
    say::heading("decide()");
    let mut benches = Command::new("cargo");
    benches.args(["bench", "--package", "umbra-policy"]).current_dir(&checkout.root);
    run::show(&mut benches, Duration::from_secs(3600))?;

    let folder = checkout.target.join("bench");
    fs::create_dir_all(&folder).with_context(|| format!("cannot write {}", folder.display()))?;
    say::heading("comparing JSON");
    let json = benchmark(checkout, &folder, "umbra-compare", "json")?;
    say::heading("intake, one core");
    let intake = benchmark(checkout, &folder, "umbra-control-plane", "intake")?;
    build_control_plane(checkout)?;

    say::heading(format_args!("Envoy {}, one worker, {rounds} rounds of {seconds} s", envoy::NEWEST));
    let envoy = envoy::install(checkout, envoy::NEWEST)?;
    let load = Load::start(&folder, seconds)?;
    let running: Vec<Running> = Setup::ALL
        .into_iter()
        .map(|setup| setup.start(checkout, &envoy, &folder, load.ports()))
        .collect::<Result<_>>()?;
    let (measured, telemetry) = interleaved(&running, &load, rounds)?;
    let figures = Figures::of(&measured, telemetry, module_bytes, [json, intake]);
    figures.print();
    let file = file.map_or_else(|| checkout.target.join("bench.json"), Path::to_owned);
    fs::write(&file, serde_json::to_vec_pretty(&figures)?)
        .with_context(|| format!("cannot write {}", file.display()))?;
    say::line(format_args!("module: {module_bytes} bytes (aim: under {})", wasm::AIM_BYTES));
    say::line(format_args!("kept in {}", file.display()));
    Ok(())
}

/// Runs one of cargo's benchmarks, which prints its figures, and reads what it kept.
fn benchmark(checkout: &Checkout, folder: &Path, package: &str, name: &str) -> Result<Value> {
    let file = folder.join(format!("{name}.json"));
    let mut bench = Command::new("cargo");
    bench.args(["bench", "--quiet", "--package", package, "--bench", name]).current_dir(&checkout.root);
    bench.env("UMBRA_BENCH_JSON", &file);
    run::show(&mut bench, Duration::from_secs(3600))?;
    let text = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("{} is not JSON", file.display()))
}

fn build_control_plane(checkout: &Checkout) -> Result<()> {
    let mut build = Command::new("cargo");
    build.args(["build", "--quiet", "--release", "--package", "umbra-control-plane", "--bin", "umbra"]);
    run::show(build.current_dir(&checkout.root), Duration::from_secs(3600))
}

/// Every setup in turn, round by round, so that what else the machine does falls on all of them.
fn interleaved(
    running: &[Running],
    load: &Load,
    rounds: u32,
) -> Result<(Vec<SetupRounds>, Vec<TelemetryFigures>)> {
    let mut measured: Vec<SetupRounds> =
        running.iter().map(|running| SetupRounds { setup: running.setup, cpu_us: Vec::new() }).collect();
    let mut rates = vec![0.0; running.len()];
    for round in 1..=rounds {
        for ((running, SetupRounds { setup, cpu_us }), rate) in
            running.iter().zip(&mut measured).zip(&mut rates)
        {
            let progress = Progress::start(format_args!("round {round} of {rounds}, {}", setup.name()));
            let before = mirrored(running)?;
            let Measured { requests, cpu } = load.run(running.port, running.process.id(), setup.path())?;
            // A figure of a mirror that did not mirror would be worse than none.
            let copies = (mirrored(running)? - before) as f64 / requests as f64;
            let right = match setup.mirrors() {
                Mirrors::Nothing => copies == 0.0,
                Mirrors::Everything => copies > 0.95,
            };
            ensure!(right, "{}: {copies:.3} copies per request", setup.name());
            let micros = cpu.as_secs_f64() * 1e6 / requests as f64;
            progress.done(format_args!("{micros:.1} µs per request, {requests} requests"));
            cpu_us.push(micros);
            *rate += requests as f64 / f64::from(load.seconds()) / f64::from(rounds);
        }
    }
    let telemetry = running.iter().zip(rates).filter(|(running, _)| running.reports());
    let telemetry = telemetry.map(|(running, requests_per_second)| {
        let bytes = counter(running, "cluster.umbra-control-plane.upstream_cx_tx_bytes_total")?;
        let requests = mirrored(running)?;
        Ok(TelemetryFigures { name: running.setup.name(), bytes, requests, requests_per_second })
    });
    let telemetry = telemetry.collect::<Result<_>>()?;
    Ok((measured, telemetry))
}

/// How many requests Envoy has sent to the shadow.
fn mirrored(running: &Running) -> Result<u64> {
    counter(running, "cluster.shadow.upstream_rq_total")
}

/// A counter of Envoy's.
fn counter(running: &Running, name: &str) -> Result<u64> {
    let stats = Client::new(running.admin).get_json(&format!("/stats?format=json&filter=^{name}$"))?;
    let value = stats.pointer("/stats/0/value").and_then(Value::as_u64);
    value.with_context(|| format!("Envoy has no counter {name}"))
}
