//! The command line: what can be typed, and what it means. It does nothing.

pub(crate) mod audit;
pub(crate) mod change;
pub(crate) mod diff;
pub(crate) mod token;

use std::{net::IpAddr, path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use self::change::{Lasts, Reason, Wait};
use self::diff::DiffArgs;
use crate::value::{BodyBytes, NodeField, Pair, Percent};

const AFTER_HELP: &str = "\
Examples:
  umbractl check -f shadow.yaml
  umbractl explain -f shadow.yaml --host shop.example.com --path /api/cart
  umbractl apply -f shadow.yaml --reason 'first try'
  umbractl analyze pairs.ndjson -f shadow.yaml
  umbractl valve checkout-v2 10 --wait 10s
  umbractl status
  umbractl verdict checkout-v2 --wait 10m
  umbractl switch checkout-v2 off --reason 'shadow is slow'

Exit codes:
  0  done, or the answer is yes
  1  the answer is no: a manifest is invalid, a name is unknown, the control plane refused the change,
     or nodes did not follow in time
  3  verdicts only: there is not enough evidence yet
  2  it could not be tried, or what came of it could not be asked: wrong usage, an unreadable file, no connection,
     no permission, too many requests, a server's failure";

const ANALYZE_HELP: &str = "\
One line for each pair, as JSON; `shadow` is null where there was no answer, or has an `outcome` that says why;
`control` and everything but `status` may be left out:
  {\"endpoint\":\"GET /users/{id}\",\"id\":\"7f\",\"at_ms\":1767225600000,
   \"primary\":{\"status\":200,\"latency_ms\":12.5,\"headers\":{\"content-type\":\"application/json\"},\"body\":{\"id\":42}},
   \"shadow\":{\"status\":200,\"latency_ms\":11.9,\"body\":{\"id\":42}},
   \"control\":{\"status\":200,\"latency_ms\":12.1,\"body\":{\"id\":42}}}
(in the file on one line). `method` and `path` may stand for `endpoint`. A body is a JSON value, or its text.

Exit codes: 0 go, 1 no-go, 3 not enough evidence, 2 unreadable.

Examples:
  umbractl analyze pairs.ndjson
  umbractl analyze pairs.ndjson -f shadow.yaml -o json";

/// Umbra's command line: stamp and shadow live traffic, and move the valves.
#[derive(Debug, Parser)]
#[command(name = "umbractl", version, after_help = AFTER_HELP, max_term_width = 110)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options that every command takes.
#[derive(Args, Debug)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// The control plane's address; `http://` is assumed where there is no scheme
    #[arg(
        long,
        global = true,
        env = "UMBRA_SERVER",
        default_value = "http://127.0.0.1:8080",
        value_name = "URL"
    )]
    pub(crate) server: String,
    /// The bearer token to show to the control plane
    #[arg(long, global = true, env = "UMBRA_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
    /// A file that has the bearer token; goes before --token
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// How to print what is found
    #[arg(short, long, global = true, value_enum, default_value_t = Format::Table, value_name = "FORMAT")]
    pub(crate) output: Format,
    /// Certificates (PEM) to trust for the control plane, instead of the system's
    #[arg(long, global = true, env = "UMBRA_CA_CERT", value_name = "FILE")]
    pub(crate) ca_cert: Option<PathBuf>,
    /// The certificate (PEM) to show under mutual TLS
    #[arg(long, global = true, env = "UMBRA_CLIENT_CERT", value_name = "FILE")]
    pub(crate) client_cert: Option<PathBuf>,
    /// The private key (PEM) of --client-cert
    #[arg(long, global = true, env = "UMBRA_CLIENT_KEY", value_name = "FILE")]
    pub(crate) client_key: Option<PathBuf>,
    /// How long to wait for each answer of the control plane
    #[arg(long, global = true, env = "UMBRA_TIMEOUT", default_value = "10s", value_parser = humantime::parse_duration, value_name = "TIME")]
    pub(crate) timeout: Duration,
}

/// How to print what is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people: columns, sentences
    Table,
    /// For programs
    Json,
    /// For files: resources can be applied again as they are
    Yaml,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Create or change resources, all of them or none
    #[command(
        after_help = "Examples:\n  umbractl apply -f shadow.yaml --dry-run\n  umbractl apply -f resources/ -R --reason 'weekly update'\n  umbractl apply -f -"
    )]
    Apply {
        #[command(flatten)]
        files: Files,
        /// Check and show what would change, and change nothing
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        reason: Reason,
    },
    /// Show stamps, shadows, nodes or the audit trail
    #[command(
        after_help = "Examples:\n  umbractl get shadows\n  umbractl get shadow checkout-v2 -o yaml\n  umbractl get audit checkout-v2 --limit 5"
    )]
    Get {
        /// What to show
        #[arg(value_enum, ignore_case = true)]
        kind: View,
        /// Only these
        names: Vec<String>,
        /// For the audit trail: how many entries, newest first
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
        limit: u32,
    },
    /// Show one stamp, shadow or node in full, with what it means at the moment
    #[command(
        after_help = "Examples:\n  umbractl describe shadow checkout-v2\n  umbractl describe node sidecar-7"
    )]
    Describe {
        /// What to show
        #[arg(value_enum, ignore_case = true)]
        kind: Described,
        /// Its name; a node's id
        name: String,
    },
    /// Delete resources
    #[command(
        after_help = "Examples:\n  umbractl delete shadow checkout-v2\n  umbractl delete -f shadow.yaml --ignore-not-found"
    )]
    Delete {
        /// Of which kind
        #[arg(
            value_enum,
            ignore_case = true,
            requires = "names",
            required_unless_present = "filename",
            conflicts_with = "filename"
        )]
        kind: Option<Stored>,
        /// Which ones
        names: Vec<String>,
        /// Delete what these files name: a file, a directory, or `-` for standard input
        #[arg(short, long, value_name = "FILE")]
        filename: Vec<PathBuf>,
        /// Look into the directories of a directory too
        #[arg(short = 'R', long, requires = "filename")]
        recursive: bool,
        /// Take it as done when there is no such resource
        #[arg(long)]
        ignore_not_found: bool,
        #[command(flatten)]
        reason: Reason,
    },
    /// Set a shadow's share of the requests, in percent
    #[command(
        after_help = "Examples:\n  umbractl valve checkout-v2 25%\n  umbractl valve checkout-v2 0.5 --wait --reason 'quiet hours'\n  umbractl valve checkout-v2 0 --wait 5s\n  umbractl valve checkout-v2 50 --for 2h --reason 'evening peak'"
    )]
    Valve {
        /// The shadow's name
        shadow: String,
        /// `25`, `25%` or `0.5`: 0 to 100, with up to four decimals
        percent: Percent,
        #[command(flatten)]
        lasts: Lasts,
        #[command(flatten)]
        wait: Wait,
        #[command(flatten)]
        reason: Reason,
    },
    /// Turn a shadow on or off, and leave its valve where it is
    #[command(
        after_help = "Examples:\n  umbractl switch checkout-v2 off --wait\n  umbractl switch checkout-v2 off --for 30m"
    )]
    Switch {
        /// The shadow's name
        shadow: String,
        /// on or off
        #[arg(value_enum)]
        position: Position,
        #[command(flatten)]
        lasts: Lasts,
        #[command(flatten)]
        wait: Wait,
        #[command(flatten)]
        reason: Reason,
    },
    /// Edit a stamp or a shadow in $VISUAL or $EDITOR; refused if somebody else changed it meanwhile
    #[command(after_help = "Examples:\n  umbractl edit shadow checkout-v2 --reason 'stricter gates'")]
    Edit {
        /// Of which kind
        #[arg(value_enum, ignore_case = true)]
        kind: Stored,
        /// Its name
        name: String,
        #[command(flatten)]
        reason: Reason,
    },
    /// Show what is in effect: shadows, shares and nodes
    #[command(after_help = "Examples:\n  umbractl status --watch")]
    Status {
        /// Show it again whenever it changes, looking so often (2s without a value), until interrupted
        #[arg(long, num_args = 0..=1, default_missing_value = "2s", value_parser = humantime::parse_duration, value_name = "TIME")]
        watch: Option<Duration>,
    },
    /// Print everything that a bug report needs, without secrets: resources, nodes, policies, settings (JSON)
    ConfigDump,
    /// Say whether a shadow may go live, and why
    #[command(
        after_help = "Exit codes: 0 go, 1 no-go, 3 not enough evidence, 2 error.\n\nExamples:\n  umbractl verdict checkout-v2\n  umbractl verdict checkout-v2 --wait 10m -o json"
    )]
    Verdict {
        /// The shadow's name
        shadow: String,
        /// Wait for a go or a no-go, for at most this long (10m without a value)
        #[arg(long, num_args = 0..=1, default_missing_value = "10m", value_parser = humantime::parse_duration, value_name = "TIME")]
        wait: Option<Duration>,
    },
    /// Show what the pairs of a shadow add up to
    #[command(
        after_help = "Examples:\n  umbractl report checkout-v2\n  umbractl report checkout-v2 --since 30m -o json"
    )]
    Report {
        /// The shadow's name
        shadow: String,
        #[command(flatten)]
        span: Span,
    },
    /// Show sampled pairs of a shadow, newest first, with what differs
    #[command(
        after_help = "Examples:\n  umbractl pairs checkout-v2 --outcome different\n  umbractl pairs checkout-v2 --endpoint 'GET /cart/{id}' --field '$.price' --limit 5 -o json"
    )]
    Pairs(PairsArgs),
    /// Show who changed what, export it, or check that nobody tampered with it
    #[command(after_help = audit::HELP)]
    Audit(audit::AuditArgs),
    /// Make, list and revoke tokens
    #[command(subcommand, after_help = token::HELP)]
    Token(token::TokenCommand),
    /// Check manifests without a control plane, and list every problem in them
    #[command(
        after_help = "Exit codes: 0 valid, 1 invalid, 2 unreadable.\n\nExamples:\n  umbractl check -f stamps.yaml -f shadow.yaml\n  umbractl check -f resources/ -R -o json"
    )]
    Check {
        #[command(flatten)]
        files: Files,
    },
    /// Say what a node would do with a request, and why: by manifests, or by what the control plane has
    #[command(
        after_help = "Examples:\n  umbractl explain --host shop.example.com --path /api/cart\n  umbractl explain -f shadow.yaml --host shop.example.com --path '/api/cart?page=2' --cookie session=abc\n  umbractl explain -f shadow.yaml --host shop.example.com --path / --node id=sidecar-7,zone=us-east-1a,metadata.env=prod -o json"
    )]
    Explain(Box<ExplainArgs>),
    /// Compare two files as a shadow's bodies are compared: JSON by structure, text by lines, anything else by bytes; or
    /// manifests with what the control plane has
    #[command(
        after_help = "`-` is standard input. Exit codes: 0 the same, 1 different, or manifests that are invalid, 2 it could not be tried.\n\nExamples:\n  umbractl diff -f shadow.yaml\n  umbractl diff old.json new.json\n  umbractl diff old.json new.json --ignore '$..updatedAt' --unordered '$.items' --tolerance '$.price=0.01' -o json"
    )]
    Diff(DiffArgs),
    /// Report on recorded pairs, and say whether the shadow may go live, without a control plane
    #[command(after_help = ANALYZE_HELP)]
    Analyze(AnalyzeArgs),
    /// Print a shell's completion script
    #[command(alias = "completions", after_help = "Examples:\n  umbractl completion bash")]
    Completion {
        /// For which shell
        shell: Shell,
    },
}

/// The manifests that a command reads.
#[derive(Args, Debug)]
pub(crate) struct Files {
    /// A file, a directory (its *.yaml, *.yml and *.json by name), or `-` for standard input
    #[arg(short, long, required = true, value_name = "FILE")]
    pub(crate) filename: Vec<PathBuf>,
    /// Look into the directories of a directory too
    #[arg(short = 'R', long)]
    pub(crate) recursive: bool,
}

/// A request to explain, and for which node.
#[derive(Args, Debug)]
pub(crate) struct ExplainArgs {
    /// Manifests to go by, as for `check`; without it, what the control plane has
    #[arg(short, long, value_name = "FILE")]
    pub(crate) filename: Vec<PathBuf>,
    /// Look into the directories of a directory too
    #[arg(short = 'R', long, requires = "filename")]
    pub(crate) recursive: bool,
    /// The request's host, with or without a port
    #[arg(long)]
    pub(crate) host: String,
    /// The request's path, with its query
    #[arg(long)]
    pub(crate) path: String,
    /// The request's method
    #[arg(long, default_value = "GET")]
    pub(crate) method: String,
    /// A header of the request; may be repeated, also with one name
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) header: Vec<Pair>,
    /// A cookie of the request; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) cookie: Vec<Pair>,
    /// The address that the request comes from
    #[arg(long, value_name = "IP")]
    pub(crate) source_ip: Option<IpAddr>,
    /// The length of the request's body, or `unknown` for a chunked one; none without this
    #[arg(long, value_name = "N")]
    pub(crate) body_bytes: Option<BodyBytes>,
    /// The node: id, cluster, zone, region and metadata.KEY, separated by commas
    #[arg(long, value_name = "KEY=VALUE,…", value_delimiter = ',')]
    pub(crate) node: Vec<NodeField>,
}

/// A part of the time; all of a shadow's evidence without it.
#[derive(Args, Debug)]
pub(crate) struct Span {
    /// From then on: a time (2030-01-31T12:00:00Z) or how long ago (30m)
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// Until then
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
}

/// Which pairs.
#[derive(Args, Debug)]
pub(crate) struct PairsArgs {
    /// The shadow's name
    pub(crate) shadow: String,
    /// match, noise, different, answered, or what became of the copy: timeout, reset …
    #[arg(long)]
    pub(crate) outcome: Option<String>,
    /// Only this endpoint, as the report names it
    #[arg(long)]
    pub(crate) endpoint: Option<String>,
    /// Only those that differ in this field, as the report names it
    #[arg(long)]
    pub(crate) field: Option<String>,
    /// Only this one, by its id
    #[arg(long, value_name = "ID")]
    pub(crate) pair: Option<String>,
    /// How many
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) limit: u32,
    /// Those before this one: what the page before ended with
    #[arg(long, value_name = "N")]
    pub(crate) before: Option<i64>,
}

/// Recorded pairs, and what is asked of them.
#[derive(Args, Debug)]
pub(crate) struct AnalyzeArgs {
    /// The file of pairs, or `-` for standard input
    pub(crate) pairs: PathBuf,
    /// The manifest whose shadow says how to compare and what the gates are; the defaults without it
    #[arg(short, long, value_name = "FILE")]
    pub(crate) filename: Option<PathBuf>,
    /// Which shadow, where the manifest has several
    #[arg(long, requires = "filename", value_name = "NAME")]
    pub(crate) shadow: Option<String>,
}

/// What `get` shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum View {
    #[value(name = "stamps", alias = "stamp")]
    Stamps,
    #[value(name = "shadows", alias = "shadow")]
    Shadows,
    #[value(name = "nodes", alias = "node")]
    Nodes,
    #[value(name = "audit")]
    Audit,
}

/// What `describe` shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Described {
    #[value(name = "stamp", alias = "stamps")]
    Stamp,
    #[value(name = "shadow", alias = "shadows")]
    Shadow,
    #[value(name = "node", alias = "nodes")]
    Node,
}

/// What can be deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Stored {
    #[value(name = "stamp", alias = "stamps")]
    Stamp,
    #[value(name = "shadow", alias = "shadows")]
    Shadow,
}

/// A switch's two positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Position {
    On,
    Off,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    /// Splits like a shell does, as far as the examples go: white space and single quotes.
    fn words(line: &str) -> Vec<String> {
        line.split('\'')
            .enumerate()
            .flat_map(|(index, part)| match index % 2 {
                0 => part.split_whitespace().map(str::to_owned).collect::<Vec<_>>(),
                _ => vec![part.to_owned()],
            })
            .collect()
    }

    #[test]
    fn every_example_in_the_help_parses() {
        let command = Cli::command();
        let mut helps = vec![command.get_after_help().unwrap().to_string()];
        helps.extend(
            command.get_subcommands().filter_map(|c| c.get_after_help()).map(|help| help.to_string()),
        );
        let examples: Vec<_> = helps
            .iter()
            .flat_map(|help| help.lines())
            .map(str::trim)
            .filter(|line| line.starts_with("umbractl "))
            .collect();
        assert!(examples.len() >= 20, "{} examples", examples.len());
        for example in examples {
            if let Err(error) = Cli::try_parse_from(words(example)) {
                panic!("{example}\n{error}");
            }
        }
    }

    #[test]
    fn kinds_are_taken_in_singular_plural_and_as_written_in_manifests() {
        for kind in ["shadow", "shadows", "Shadow"] {
            let cli = Cli::try_parse_from(["umbractl", "get", kind]).unwrap();
            assert!(matches!(cli.command, Command::Get { kind: View::Shadows, .. }), "{kind}");
            assert!(Cli::try_parse_from(["umbractl", "describe", kind, "x"]).is_ok(), "{kind}");
            assert!(Cli::try_parse_from(["umbractl", "delete", kind, "x"]).is_ok(), "{kind}");
        }
    }
}
