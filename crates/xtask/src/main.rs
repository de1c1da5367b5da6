//! `cargo xtask`: everything that a person would otherwise have to remember.
//!
//! It builds and runs Umbra's binaries and imports nothing of them.

mod bench;
mod checkout;
mod ci;
mod codegen;
mod console;
mod control_plane;
mod demo;
mod deny;
mod filter;
mod fuzz;
mod http;
mod interrupt;
mod monitoring;
mod ports;
mod process;
mod progress;
mod run;
mod say;
mod schemathesis;
mod shop;
mod sidecar;
mod soak;
mod steps;
mod test;
mod tidy;
mod tools;
mod validate;
mod wasm;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use checkout::Checkout;
use steps::Steps;

/// Builds, tests and shows Umbra.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Shadow live traffic between real servers, move the valve while it flows, and ask for the verdict
    Demo {
        /// End after the last step, with failure if one was wrong, instead of staying up
        #[arg(long)]
        once: bool,
        /// Use what `cargo xtask test` has built
        #[arg(long)]
        no_build: bool,
    },
    /// Run every test, the end-to-end ones once with each Envoy
    Test,
    /// Run every check but the tests: format, lints, dependency rules, generated code, the filter, Envoy, documentation
    Check,
    /// Run every check, every test, the demo and every fuzz target
    Ci,
    /// Mutate what comes from outside, in search of what the parsers do not withstand
    Fuzz(fuzz::Arguments),
    /// Print the numbers: decide(), comparing JSON, intake, 10,000 nodes, the module's size, Envoy's CPU per request and telemetry
    Bench {
        /// These parts alone; all if left out
        #[arg(value_enum)]
        parts: Vec<bench::Part>,
        /// How many times each setup is measured, in turn
        #[arg(long, default_value_t = 5)]
        rounds: u32,
        /// How long each proxy is measured in a round, in turns of one second
        #[arg(long, default_value_t = 3)]
        seconds: u32,
        /// Of the proxies, those alone whose names have this text in them, and what they are compared with; may be repeated
        #[arg(long, value_name = "TEXT")]
        setup: Vec<String>,
        /// Where the numbers are kept as JSON; target/bench.json if left out
        #[arg(long, value_name = "FILE")]
        json: Option<PathBuf>,
    },
    /// Load Envoy and the control plane for long, account for every request, and watch memory: target/soak
    Soak {
        /// What goes on all the time
        #[arg(value_enum, default_value_t = soak::What::Load)]
        what: soak::What,
        /// How long load goes on
        #[arg(long, default_value_t = 20)]
        minutes: u32,
    },
    /// Check licences, duplicates and sources of the dependencies
    Deny {
        /// Also look for known vulnerabilities, in a database that is fetched
        #[arg(long)]
        advisories: bool,
    },
    /// Hold the API to its own description, by generated requests to the built server
    Schemathesis,
    /// Validate every configuration under envoy/ with each Envoy
    Validate,
    /// Build the wasm filter that ships: target/umbra-filter.wasm and its .sha256
    Filter {
        /// Instead the one for tests that traps when a request asks for it: target/umbra-filter-trap.wasm
        #[arg(long)]
        debug_trap: bool,
    },
    /// Install Envoy and json-server into .tools
    Tools,
    /// Check the dependency rules and the house rules
    Tidy,
    /// Check what the built filter imports and how large it is
    Wasm,
    /// Check the web console's source and build it into control-plane/console/dist
    Console {
        /// Compare with the committed files instead of writing them
        #[arg(long)]
        check: bool,
    },
    /// Use the web console in a real browser, against what `cargo xtask test` has built
    Browse {
        /// Against a made-up control plane instead
        #[arg(long)]
        mock: bool,
    },
    /// Take pictures of every page of the console, with made-up figures: target/shots
    Shots,
    /// Generate Rust from the .proto files
    Codegen {
        /// Compare with the committed files instead of writing them
        #[arg(long)]
        check: bool,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say::error(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<()> {
    interrupt::listen()?;
    let checkout = Checkout::find()?;
    match task {
        Task::Demo { once, no_build } => {
            if !no_build {
                demo::build(&checkout)?;
            }
            demo::play(&checkout, once)
        }
        Task::Test => in_steps(|steps| test::all(&checkout, steps)),
        Task::Check => in_steps(|steps| ci::check(&checkout, steps)),
        Task::Ci => in_steps(|steps| ci::all(&checkout, steps)),
        Task::Fuzz(arguments) => fuzz::look(&checkout, &arguments),
        Task::Bench { parts, rounds, seconds, setup, json } => {
            bench::measure(&checkout, &parts, rounds, seconds, &setup, json.as_deref())
        }
        Task::Soak { what, minutes } => soak::play(&checkout, what, minutes),
        Task::Deny { advisories } => deny::check(&checkout, advisories),
        Task::Schemathesis => {
            schemathesis::build(&checkout)?;
            schemathesis::check(&checkout)
        }
        Task::Validate => validate::all(&checkout),
        Task::Filter { debug_trap: false } => filter::build(&checkout).map(drop),
        Task::Filter { debug_trap: true } => filter::build_trap(&checkout).map(drop),
        Task::Tools => tools::install(&checkout),
        Task::Tidy => tidy::check(&checkout),
        Task::Wasm => wasm::check(&checkout.filter()),
        Task::Console { check } => console::build(&checkout, check),
        Task::Browse { mock: true } => console::browse_mock(&checkout),
        Task::Browse { mock: false } => console::browse_stack(&checkout),
        Task::Shots => console::shots(&checkout),
        Task::Codegen { check } => codegen::run(&checkout, check),
    }
}

fn in_steps(take: impl FnOnce(&mut Steps) -> Result<()>) -> Result<()> {
    let mut steps = Steps::default();
    take(&mut steps)?;
    steps.summary();
    Ok(())
}
