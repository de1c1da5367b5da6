//! `umbractl audit`, as typed.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use umbra_audit::Hash;

pub(crate) const HELP: &str = "\
Exit codes of `verify`: 0 whole, 1 tampered with, 2 it could not be tried.

Examples:
  umbractl audit --actor alice --since 2d
  umbractl audit --kind Shadow --name checkout-v2 --action valve
  umbractl audit --export --since 30d
  umbractl audit verify
  umbractl audit verify --file audit.ndjson --head 5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef";

/// Rows of the audit trail, or whether it is whole.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct AuditArgs {
    #[command(subcommand)]
    pub(crate) command: Option<AuditCommand>,
    #[command(flatten)]
    pub(crate) filter: AuditFilter,
    /// How many, newest first
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: u32,
    /// Print all of them, oldest first, as JSON, one on a line
    #[arg(long, conflicts_with = "limit")]
    pub(crate) export: bool,
}

/// What else can be done with the trail.
#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Recompute the chain of hashes from an export, and say whether the trail is what was written
    Verify {
        /// The head that an earlier run said: it must still be in the trail, or its end was cut off since
        #[arg(long, value_name = "HASH")]
        head: Option<Hash>,
        /// An export to check, or `-` for standard input, instead of asking the control plane for one
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
    },
}

/// Which rows.
#[derive(Args, Debug)]
pub(crate) struct AuditFilter {
    /// Only what this one did
    #[arg(long, value_name = "NAME")]
    pub(crate) actor: Option<String>,
    /// Only such changes: create, update, delete, valve, expire
    #[arg(long)]
    pub(crate) action: Option<String>,
    /// Only changes of such things: Stamp, Shadow
    #[arg(long)]
    pub(crate) kind: Option<String>,
    /// Only changes of the one of this name
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Only from then on: a time (2030-01-31T12:00:00Z) or how long ago (30m)
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// Only before then
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
}

impl AuditFilter {
    /// As the control plane is asked.
    pub(crate) fn query(&self) -> Vec<(&'static str, &str)> {
        let AuditFilter { actor, action, kind, name, since, until } = self;
        let given = [
            ("actor", actor),
            ("action", action),
            ("kind", kind),
            ("name", name),
            ("since", since),
            ("until", until),
        ];
        given.into_iter().filter_map(|(key, value)| Some((key, value.as_deref()?))).collect()
    }
}
