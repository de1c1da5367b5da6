//! The program: command line, configuration, and everything put together.

pub mod config;
mod log;
pub mod options;
pub mod server;
mod settings;
mod signals;
pub mod token;

use std::process::ExitCode;

use clap::Parser;
use tracing::error;

pub use crate::app::settings::SettingError;

use crate::app::config::Config;
use crate::app::options::{Command, Options, TokenOptions};
use crate::app::server::Server;
use crate::app::signals::Signals;

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
    let run = async { token::run(options, |name| std::env::var(name).ok()).await };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime.map_err(anyhow::Error::from).and_then(|runtime| runtime.block_on(run)) {
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
