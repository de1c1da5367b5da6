//! `cargo xtask`: everything that a person would otherwise have to remember.
//!
//! It builds and runs Umbra's binaries and imports nothing of them.

mod checkout;
mod codegen;
mod filter;
mod interrupt;
mod process;
mod progress;
mod run;
mod say;
mod tools;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use checkout::Checkout;

/// Builds, tests and shows Umbra.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Build the wasm filter that ships: target/umbra-filter.wasm and its .sha256
    Filter,
    /// Install Envoy and json-server into .tools
    Tools,
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
        Task::Filter => filter::build(&checkout).map(drop),
        Task::Tools => tools::install(&checkout),
        Task::Codegen { check } => codegen::run(check),
    }
}
