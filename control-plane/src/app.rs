//! The program: command line, configuration, and everything put together.

pub mod config;
mod log;
pub mod options;
pub mod server;
mod settings;
mod signals;

use std::process::ExitCode;

use clap::Parser;
use tracing::error;

pub use crate::app::settings::SettingError;

use crate::app::config::Config;
use crate::app::options::{Command, Options};
use crate::app::server::Server;
use crate::app::signals::Signals;

/// Runs `umbra` with this process's arguments and environment.
#[expect(clippy::print_stderr, reason = "there is no log yet, whose format is part of what may be wrong")]
pub fn main() -> ExitCode {
    let Options { command: Command::Serve(options) } = Options::parse();
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
    log::start(config.log_format, &config.log_filter);
    match run(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error!(error = AsRef::<dyn std::error::Error>::as_ref(&error), "umbra failed");
            ExitCode::FAILURE
        }
    }
}

fn run(config: Config) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        // Before anything that is worth ending in order.
        let mut signals = Signals::new()?;
        let server = Server::start(config).await?;
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
