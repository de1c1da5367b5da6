//! The program: command line, configuration, and everything put together.

pub mod config;
mod descriptors;
mod exporter;
mod log;
pub mod options;
pub mod server;
mod settings;
mod signals;
pub mod token;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use tokio::runtime::Runtime;
use tracing::{error, warn};

pub use crate::app::settings::SettingError;

use crate::app::config::Config;
use crate::app::options::{Command, Options, TokenOptions};
use crate::app::server::Server;
use crate::app::signals::Signals;

/// How long the end waits for a collector.
const LAST_SPANS: Duration = Duration::from_secs(3);

/// Runs `umbra` with this process's arguments and environment.
#[expect(clippy::print_stderr, reason = "there is no log yet, whose format is part of what may be wrong")]
pub fn main() -> ExitCode {
    let options = match Options::parse().command {
        Command::Serve(options) => options,
        Command::Token(options) => return token(&options),
    };
    let config =
        Config::resolve(&options, |name| std::env::var(name).ok(), |path| std::fs::read_to_string(path));
    let config = match config {
        Ok(config) => config,
        Err(errors) => {
            for error in errors {
                eprintln!("umbra: {error}");
            }
            return ExitCode::FAILURE;
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("umbra: {error}");
            return ExitCode::FAILURE;
        }
    };
    let exporter = {
        let _inside = runtime.enter();
        match exporter::from_variables(|name| std::env::var(name).ok()) {
            Ok(exporter) => exporter,
            Err(error) => {
                eprintln!("umbra: {error:#}");
                return ExitCode::FAILURE;
            }
        }
    };
    log::start(config.log_format, &config.log_filter, exporter.as_ref());
    let ended = match run(&runtime, config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error!(error = AsRef::<dyn std::error::Error>::as_ref(&error), "umbra failed");
            ExitCode::FAILURE
        }
    };
    if let Some(Err(error)) = exporter.map(|exporter| exporter.shutdown_with_timeout(LAST_SPANS)) {
        warn!(error = &error as &dyn std::error::Error, "the last spans were not exported");
    }
    ended
}

fn run(runtime: &Runtime, config: Config) -> anyhow::Result<()> {
    runtime.block_on(async {
        // Before anything that is worth ending in order.
        let mut signals = Signals::new()?;
        let mut server = Server::start(config).await?;
        if let Some(token) = server.take_first_token() {
            show(&token);
        }
        let stop = server.stop_handle();
        let ended = server.ended();
        tokio::pin!(ended);
        tokio::select! {
            result = &mut ended => return result,
            signal = signals.next() => {
                tracing::info!(signal, "stopping");
                stop.cancel();
            }
        }
        tokio::select! {
            result = &mut ended => result,
            signal = signals.next() => anyhow::bail!("ended at once by a second signal, {signal}"),
        }
    })
}

/// Once, to whoever started the server; in no log.
#[expect(clippy::print_stderr, reason = "the log must not have it")]
fn show(token: &str) {
    eprintln!(
        "\n  There was no admin yet. This is the first admin's token; it is shown once and kept nowhere:\n\n    {token}\n\n  \
         export UMBRA_TOKEN={token}\n"
    );
}

#[expect(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "this is a command for people, and keeps no log"
)]
fn token(options: &TokenOptions) -> ExitCode {
    let done = || {
        let variable = |name: &str| std::env::var(name).ok();
        let place = token::place(options, variable, |path| std::fs::read_to_string(path))?;
        // Beside the token, which is all of standard output: a token is good for the server of this database alone.
        eprintln!("umbra: the database is {}", place.path().display());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(token::run(options, place))
    };
    match done() {
        Ok(said) => {
            println!("{said}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("umbra: {error:#}");
            ExitCode::FAILURE
        }
    }
}
