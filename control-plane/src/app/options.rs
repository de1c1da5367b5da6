//! The command line of `umbra`, exactly as typed: nothing is checked here.

use std::time::Duration;

use clap::{Args, Parser, Subcommand};

/// The control plane of Umbra: stamps and shadows live traffic in Envoy meshes.
#[derive(Debug, Parser)]
#[command(name = "umbra", version, about, disable_help_subcommand = true)]
pub struct Options {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What `umbra` can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve policies to Envoys and the API to operators
    #[command(long_about = SERVE_ABOUT, after_long_help = SERVE_AFTER)]
    Serve(Box<ServeOptions>),
    /// Make, list and revoke the tokens of a server that does not run
    #[command(after_long_help = TOKEN_AFTER)]
    Token(TokenOptions),
}

const TOKEN_AFTER: &str = "\
Works on the database file, which a running server holds: ask that one with umbractl token. Where the file is, and the \
key's, is found as umbra serve finds it: by flag, variable (UMBRA_DATABASE_URL) or the file that --config or UMBRA_CONFIG \
names. umbra serve makes the file, at its first start.

  umbra token create --role admin
  umbra token create --role operator --name deploy-bot --shadows team=cart --expires 30d
  umbra token create --role node --name web --nodes 'web-*'
  umbra token list
  umbra token revoke 3f9a12c07be4

A token is printed once, when it is made. What is kept of it is a keyed hash: neither the database nor its key file \
has the token.";

/// The options of `umbra token`, as typed.
#[derive(Args, Clone, Debug)]
pub struct TokenOptions {
    /// What to do.
    #[command(subcommand)]
    pub command: TokenCommand,

    /// Read settings from the TOML file that umbra serve is given
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<String>,

    /// Where state is kept [default: sqlite://umbra.db]
    #[arg(long, global = true, value_name = "URL")]
    pub database_url: Option<String>,

    /// The key that tokens are kept under [default: the database's file and .key]
    #[arg(long, global = true, value_name = "FILE")]
    pub token_key_file: Option<String>,

    /// Why, for the audit trail
    #[arg(long, global = true, value_name = "TEXT")]
    pub reason: Option<String>,
}

/// What `umbra token` can do.
#[derive(Clone, Debug, Subcommand)]
pub enum TokenCommand {
    /// Make a token, and print it
    Create(CreateOptions),
    /// List the tokens, the youngest first
    List,
    /// Revoke a token
    Revoke {
        /// Its id, as listed
        #[arg(required_unless_present = "all")]
        id: Option<String>,
        /// Forget every token and every session, also those of a key that was lost
        #[arg(long, conflicts_with = "id")]
        all: bool,
    },
}

/// The token to make.
#[derive(Args, Clone, Debug)]
pub struct CreateOptions {
    /// viewer, operator, admin or node
    #[arg(long)]
    pub role: String,

    /// What it is called in the audit trail [default: its role]
    #[arg(long)]
    pub name: Option<String>,

    /// The shadows that an operator may move: names between commas, or a label selector such as team=cart,env!=prod
    #[arg(long, value_name = "NAMES|SELECTOR")]
    pub shadows: Option<String>,

    /// The ids that a node may have, between commas; one that ends in * stands for all that begin so
    #[arg(long, value_name = "IDS", conflicts_with = "shadows")]
    pub nodes: Option<String>,

    /// How long it is good for [default: without end]
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub expires: Option<Duration>,
}

const SERVE_ABOUT: &str = "\
Serve policies to Envoys (Delta xDS over gRPC) and the API to operators (REST over HTTP).

State is kept in one SQLite file, made at the first start. Every write is on disk before it is answered, \
so the process may be killed at any time.";

const SERVE_AFTER: &str = "\
Every option may also be given as a variable (--listen-api is UMBRA_LISTEN_API) or in the file that \
--config names (listen-api = \"127.0.0.1:8080\"). A flag goes before a variable, a variable before the file, \
the file before the default. An empty variable counts as not set.

A listener off loopback needs TLS, so that no token is read on its way, and the one for Envoys a client CA or \
--xds-require-token besides; or --insecure:

  umbra serve --listen-xds 0.0.0.0:18000 \\
      --xds-tls-cert server.pem --xds-tls-key server.key --xds-tls-client-ca mesh-ca.pem

Signals: SIGTERM and SIGINT stop the server in order: no new connections, requests in flight are answered \
(10 s at most), then the Envoys' streams end with UNAVAILABLE. A second signal ends it at once.

Exit status: 0 after an orderly stop, 1 when it cannot start or fails, 2 for a wrong command line.";

/// The options of `umbra serve`, as typed.
#[derive(Args, Clone, Debug, Default)]
pub struct ServeOptions {
    /// Ask nobody who they are; for a developer's own machine, refused off loopback
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub dev: Option<String>,

    /// Read settings from this TOML file; its keys are the names of these options without the dashes in front
    #[arg(long, value_name = "FILE")]
    pub config: Option<String>,

    /// Where state is kept [default: sqlite://umbra.db]
    ///
    /// sqlite://umbra.db is a file in the working directory, sqlite:///var/lib/umbra/umbra.db an absolute path.
    /// The folder must exist. One server at a time uses a file.
    #[arg(long, value_name = "URL")]
    pub database_url: Option<String>,

    /// Where the API listens [default: 127.0.0.1:8080]
    ///
    /// Port 0 takes a free port; the line "listening" in the log says which.
    #[arg(long, value_name = "ADDRESS")]
    pub listen_api: Option<String>,

    /// Where Envoys connect (gRPC) [default: 127.0.0.1:18000]
    #[arg(long, value_name = "ADDRESS")]
    pub listen_xds: Option<String>,

    /// Listen off loopback though anybody who reaches the port may then steer traffic
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub insecure: Option<String>,

    /// The key that tokens are kept under; made at the first start [default: the database's file and .key]
    #[arg(long, value_name = "FILE")]
    pub token_key_file: Option<String>,

    /// Where the first admin's token is read from; it is made and written there if there is no such file
    ///
    /// UMBRA_BOOTSTRAP_TOKEN may have the token itself. Looked at only while there is no admin's token.
    #[arg(long, value_name = "FILE")]
    pub bootstrap_token_file: Option<String>,

    /// After how long without a request a session of the console ends [default: 8h]
    #[arg(long, value_name = "TIME")]
    pub session_idle: Option<String>,

    /// After how long a session of the console ends in any case [default: 7days]
    #[arg(long, value_name = "TIME")]
    pub session_for: Option<String>,

    /// Names that the API answers to, between commas; on loopback apart from those of this machine
    #[arg(long, value_name = "NAMES")]
    pub allowed_hosts: Option<String>,

    /// How many writes a second one caller may make, after some seconds' worth at once [default: 20]
    #[arg(long, value_name = "NUMBER")]
    pub writes_per_second: Option<String>,

    /// Take tokens of this identity provider too: their `iss`, to the letter
    #[arg(long, value_name = "ISSUER")]
    pub oidc_issuer: Option<String>,

    /// What the provider calls this server: one of the `aud` of its tokens
    #[arg(long, value_name = "AUDIENCE")]
    pub oidc_audience: Option<String>,

    /// The provider's keys (JWKS): an address, https or on loopback, or a file
    #[arg(long, value_name = "URL|FILE")]
    pub oidc_jwks: Option<String>,

    /// The claim with viewer, operator or admin, or a list with one of them; dots lead into it [default: umbra_role]
    #[arg(long, value_name = "CLAIM")]
    pub oidc_role_claim: Option<String>,

    /// The claim with the shadows that an operator may move: names, or a selector [default: none, all shadows]
    #[arg(long, value_name = "CLAIM")]
    pub oidc_scope_claim: Option<String>,

    /// The claim with the name for the audit trail [default: sub]
    #[arg(long, value_name = "CLAIM")]
    pub oidc_name_claim: Option<String>,

    /// The names that Envoys' certificates may have, between commas [default: any that the client CA signed]
    ///
    /// A name as it is in the certificate (URI or DNS), one that ends in *, or one with {node} where the node's id stands:
    /// spiffe://mesh/ns/web/*, or spiffe://mesh/envoy/{node}, whose holder can only be that node.
    #[arg(long, value_name = "NAMES")]
    pub xds_allowed_sans: Option<String>,

    /// Let only Envoys in that show a token of the role node
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub xds_require_token: Option<String>,

    /// How many Envoys are remembered, and so may be connected [default: 10000]
    #[arg(long, value_name = "NUMBER")]
    pub max_nodes: Option<String>,

    /// How many streams one Envoy may have: one, two while a leader hands over, more if Envoys share an id [default: 8]
    #[arg(long, value_name = "NUMBER")]
    pub max_node_streams: Option<String>,

    /// How many connections Envoys may have, one each and one for each worker; more wait [default: 50000]
    ///
    /// The process raises its own limit of open files as far as it may, and takes no more connections than fit into that.
    #[arg(long, value_name = "NUMBER")]
    pub max_xds_connections: Option<String>,

    /// The API's certificate chain (PEM); with it the API speaks TLS only
    #[arg(long, value_name = "FILE")]
    pub api_tls_cert: Option<String>,

    /// The private key of the API's certificate (PEM)
    #[arg(long, value_name = "FILE")]
    pub api_tls_key: Option<String>,

    /// The CAs (PEM) one of which must have signed the certificate of every client of the API
    #[arg(long, value_name = "FILE")]
    pub api_tls_client_ca: Option<String>,

    /// The certificate chain shown to Envoys (PEM); with it the xDS listener speaks TLS only
    #[arg(long, value_name = "FILE")]
    pub xds_tls_cert: Option<String>,

    /// The private key of the certificate shown to Envoys (PEM)
    #[arg(long, value_name = "FILE")]
    pub xds_tls_key: Option<String>,

    /// The CAs (PEM) one of which must have signed the certificate of every Envoy
    #[arg(long, value_name = "FILE")]
    pub xds_tls_client_ca: Option<String>,

    /// How long numbers are kept for each 10 seconds [default: 1day]
    #[arg(long, value_name = "TIME")]
    pub keep_windows: Option<String>,

    /// How long numbers are kept for each 10 minutes [default: 30days]
    ///
    /// What a shadow's evidence adds up to as a whole is kept beyond that.
    #[arg(long, value_name = "TIME")]
    pub keep_reports: Option<String>,

    /// How many sampled pairs are kept of each outcome of a shadow [default: 500]
    #[arg(long, value_name = "NUMBER")]
    pub keep_pairs: Option<String>,

    /// How long sampled pairs are kept [default: 7days]
    #[arg(long, value_name = "TIME")]
    pub keep_pairs_for: Option<String>,

    /// How log lines look: text or json [default: text]
    #[arg(long, value_name = "FORMAT")]
    pub log_format: Option<String>,

    /// Which log lines there are, as of tracing's EnvFilter: info, or umbra_control_plane::xds=debug,info [default: info]
    #[arg(long, value_name = "FILTER")]
    pub log_filter: Option<String>,
}
