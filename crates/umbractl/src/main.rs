//! `umbractl`, Umbra's command line: it applies manifests, moves valves and switches, and shows what is in
//! effect; without a control plane it checks manifests and explains what a node would do with a request.
//!
//! It keeps no state and no configuration file, and it decides nothing that the control plane or the policy
//! does not: `explain` is the very code that runs in the filter.

mod cli;
mod client;
mod commands;
mod failure;
mod manifest;
mod near;
mod output;
mod value;
mod words;

use std::process::ExitCode;

use clap::Parser;

use crate::{cli::Cli, output::Output};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help that nobody reads to its end (`| head`) is no failure.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let output = Output::new(cli.global.output);
    match run(cli, &output) {
        Ok(outcome) => outcome.exit_code(),
        Err(failure) => {
            let label = if failure.is_error() { "error: " } else { "" };
            output.note(&format!("{label}{}", failure.message()));
            failure.exit_code()
        }
    }
}

fn run(cli: Cli, output: &Output) -> Result<failure::Outcome, failure::Failure> {
    // reqwest is built without a provider of cryptography of its own. An error means that there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| failure::Failure::error(format!("cannot start: {error}")))?;
    runtime.block_on(commands::run(cli, output))
}
