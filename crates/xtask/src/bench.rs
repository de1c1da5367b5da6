//! `cargo xtask bench`: the numbers. They are printed and kept as JSON, and never asserted.

mod figures;
mod load;
mod setups;

use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::checkout::Checkout;
use crate::http::Client;
use crate::progress::Progress;
use crate::tools::envoy;
use crate::{filter, run, say, wasm};
use figures::Figures;
use load::{Load, Measured};
use setups::{Mirrors, Running, Setup};

/// Measures everything.
///
/// # Errors
/// When something cannot be installed, built or started, or when a setup did not do what it is measured for.
pub(crate) fn measure(checkout: &Checkout, rounds: u32, seconds: u32) -> Result<()> {
    ensure!(rounds > 0 && seconds > 0, "at least one round of one second");
    load::install_tools()?;
    let module = filter::build(checkout)?;
    let module_bytes =
        fs::metadata(&module).with_context(|| format!("cannot read {}", module.display()))?.len();
    say::heading("decide()");
    let mut benches = Command::new("cargo");
    benches.args(["bench", "--package", "umbra-policy"]).current_dir(&checkout.root);
    run::show(&mut benches, Duration::from_secs(3600))?;

    say::heading(format_args!("Envoy {}, one worker, {rounds} rounds of {seconds} s", envoy::NEWEST));
    let folder = checkout.target.join("bench");
    fs::create_dir_all(&folder).with_context(|| format!("cannot write {}", folder.display()))?;
    let envoy = envoy::install(checkout, envoy::NEWEST)?;
    let load = Load::start(&folder, seconds)?;
    let running: Vec<Running> = Setup::ALL
        .into_iter()
        .map(|setup| setup.start(checkout, &envoy, &folder, load.ports()))
        .collect::<Result<_>>()?;
    let figures = Figures::of(interleaved(&running, &load, rounds)?, module_bytes);
    figures.print();
    let file = checkout.target.join("bench.json");
    fs::write(&file, serde_json::to_vec_pretty(&figures)?)
        .with_context(|| format!("cannot write {}", file.display()))?;
    say::line(format_args!("module: {module_bytes} bytes (aim: under {})", wasm::AIM_BYTES));
    say::line(format_args!("kept in {}", file.display()));
    Ok(())
}

/// Every setup in turn, round by round, so that what else the machine does falls on all of them.
fn interleaved(running: &[Running], load: &Load, rounds: u32) -> Result<Vec<(Setup, Vec<f64>)>> {
    let mut measured: Vec<(Setup, Vec<f64>)> =
        running.iter().map(|running| (running.setup, Vec::new())).collect();
    for round in 1..=rounds {
        for (running, (setup, figures)) in running.iter().zip(&mut measured) {
            let progress = Progress::start(format_args!("round {round} of {rounds}, {}", setup.name()));
            let before = mirrored(running)?;
            let Measured { requests, cpu } = load.run(running.port, running.process.id())?;
            // A figure of a mirror that did not mirror would be worse than none.
            let copies = (mirrored(running)? - before) as f64 / requests as f64;
            let right = match setup.mirrors() {
                Mirrors::Nothing => copies == 0.0,
                Mirrors::Everything => copies > 0.95,
            };
            ensure!(right, "{}: {copies:.3} copies per request", setup.name());
            let micros = cpu.as_secs_f64() * 1e6 / requests as f64;
            progress.done(format_args!("{micros:.1} µs per request, {requests} requests"));
            figures.push(micros);
        }
    }
    Ok(measured)
}

/// How many requests Envoy has sent to the shadow.
fn mirrored(running: &Running) -> Result<u64> {
    let stats = Client::new(running.admin)
        .get_json("/stats?format=json&filter=^cluster.shadow.upstream_rq_total$")?;
    stats.pointer("/stats/0/value").and_then(serde_json::Value::as_u64).context("Envoy has no such counter")
}
