//! What the commands do, one file each.

mod analyze;
mod apply;
mod audit;
mod check;
mod delete;
mod describe;
mod diff;
mod edit;
mod explain;
mod get;
mod pairs;
mod patience;
mod report;
mod status;
mod token;
mod valve;
mod verdict;
mod wait;

use clap::CommandFactory;
use reqwest::StatusCode;
use umbra_resource::Kind;

use crate::{
    cli::{Cli, Command, Files, Global, Position, Stored, diff::DiffArgs},
    client::{Client, ValveChange, error::Error},
    failure::{Failure, Outcome},
    near,
    output::{self, Output},
};

/// Does what was asked.
///
/// # Errors
/// Where it could not be done; the failure has the words and the exit code.
pub(crate) async fn run(cli: Cli, output: &Output) -> Result<Outcome, Failure> {
    let Cli { global, command } = cli;
    match command {
        Command::Check { files } => check::run(&files, output),
        Command::Diff(DiffArgs { bodies, filename, recursive }) => {
            if filename.is_empty() {
                return diff::run(&bodies, output);
            }
            diff::manifests::run(|| connect(&global, output), &Files { filename, recursive }, output).await
        }
        Command::Analyze(args) => analyze::run(&args, output),
        Command::Explain(args) => explain::run(|| connect(&global, output), &args, output).await,
        Command::Completion { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "umbractl", &mut script);
            output.raw(&String::from_utf8_lossy(&script))?;
            Ok(Outcome::Yes)
        }
        Command::Apply { files, dry_run, reason } => {
            let reason = reason.reason.as_deref();
            apply::run(|| connect(&global, output), &files, dry_run, reason, output).await
        }
        Command::Get { kind, names, limit } => {
            get::run(&connect(&global, output)?, kind, &names, limit, output).await
        }
        Command::Describe { kind, name } => {
            describe::run(&connect(&global, output)?, kind, &name, output).await
        }
        Command::Delete { kind, names, filename, recursive, ignore_not_found, reason } => {
            let targets = match kind {
                Some(kind) => delete::named(kind, names),
                None => delete::in_files(filename, recursive)?,
            };
            let client = connect(&global, output)?;
            delete::run(&client, &targets, ignore_not_found, reason.reason.as_deref(), output).await
        }
        Command::Valve { shadow, percent, lasts, wait, reason } => {
            let change = ValveChange {
                percent: Some(percent.0),
                enabled: None,
                lasts: lasts.lasts.as_deref(),
                reason: reason.reason.as_deref(),
            };
            valve::run(&connect(&global, output)?, &shadow, &change, wait.wait, output).await
        }
        Command::Switch { shadow, position, lasts, wait, reason } => {
            let change = ValveChange {
                percent: None,
                enabled: Some(position == Position::On),
                lasts: lasts.lasts.as_deref(),
                reason: reason.reason.as_deref(),
            };
            valve::run(&connect(&global, output)?, &shadow, &change, wait.wait, output).await
        }
        Command::Verdict { shadow, wait } => {
            verdict::run(&connect(&global, output)?, &shadow, wait, output).await
        }
        Command::Report { shadow, span } => {
            report::run(&connect(&global, output)?, &shadow, &span, output).await
        }
        Command::Audit(args) => audit::run(|| connect(&global, output), &args, output).await,
        Command::Pairs(args) => pairs::run(&connect(&global, output)?, &args, output).await,
        Command::Token(command) => token::run(&connect(&global, output)?, &command, output).await,
        Command::Edit { kind, name, reason } => {
            let reason = reason.reason.as_deref();
            edit::run(&connect(&global, output)?, kind.into(), &name, reason, output).await
        }
        Command::Status { watch: None } => status::run(&connect(&global, output)?, output).await,
        Command::Status { watch: Some(every) } => {
            status::watch(&connect(&global, output)?, every, output).await
        }
        Command::ConfigDump => {
            output.raw(&output::json(&connect(&global, output)?.config_dump().await?)?)?;
            Ok(Outcome::Yes)
        }
    }
}

fn connect(options: &Global, output: &Output) -> Result<Client, Failure> {
    let client = Client::new(options)?;
    if (options.token.is_some() || options.token_file.is_some()) && client.is_plain_and_remote() {
        output.note(&format!("warning: the token travels to {} unencrypted: use https", client.server()));
    }
    Ok(client)
}

/// Puts names that are near to an unknown one beside the refusal.
async fn suggest(client: &Client, kind: Kind, name: &str, error: Error) -> Failure {
    let is_unknown = error.status() == Some(StatusCode::NOT_FOUND);
    let failure = Failure::from(error);
    if !is_unknown {
        return failure;
    }
    // Without the list there is just no suggestion.
    let Ok(listed) = client.list(kind).await else { return failure };
    let known: Vec<_> = listed.items.iter().map(|resource| resource.name()).collect();
    let list_with = match kind {
        Kind::Stamp => "umbractl get stamps",
        Kind::Shadow => "umbractl get shadows",
    };
    failure.hint(near::hint(name, &known, list_with))
}

impl From<Stored> for Kind {
    fn from(kind: Stored) -> Kind {
        match kind {
            Stored::Stamp => Kind::Stamp,
            Stored::Shadow => Kind::Shadow,
        }
    }
}
