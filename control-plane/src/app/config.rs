//! How to serve: the settings, checked once and whole.

pub mod access;
pub mod limits;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::app::config::access::AccessConfig;
use crate::app::config::limits::LimitsConfig;
use crate::app::options::ServeOptions;
use crate::app::settings::{Given, SettingError, Settings};
use crate::listener::tls::TlsFiles;
use crate::store::DatabaseUrl;
use crate::store::telemetry::Retention;

/// How to serve. Holding one means that it was checked: nothing here contradicts itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// A developer's own machine. **Invariant:** both listeners are on loopback.
    pub dev: bool,
    /// Where state is kept.
    pub database: DatabaseUrl,
    /// Where operators connect.
    pub api: ListenerConfig,
    /// Where Envoys connect.
    pub xds: ListenerConfig,
    /// The operator said that open listeners off loopback are meant.
    pub insecure: bool,
    /// Who gets in, and how.
    pub access: AccessConfig,
    /// How much it takes on.
    pub limits: LimitsConfig,
    /// How long telemetry is kept.
    pub retention: Retention,
    /// How log lines look.
    pub log_format: LogFormat,
    /// Which log lines there are.
    pub log_filter: String,
}

/// One listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerConfig {
    /// Port 0 takes a free one.
    pub address: SocketAddr,
    /// `None` is plain text. **Invariant:** off loopback there is TLS, unless `insecure`.
    pub tls: Option<TlsFiles>,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

const KEYS: &[&str] = &[
    "dev",
    "database-url",
    "listen-api",
    "listen-xds",
    "insecure",
    "api-tls-cert",
    "api-tls-key",
    "api-tls-client-ca",
    "xds-tls-cert",
    "xds-tls-key",
    "xds-tls-client-ca",
    "token-key-file",
    "bootstrap-token-file",
    "session-idle",
    "session-for",
    "allowed-hosts",
    "writes-per-second",
    "oidc-issuer",
    "oidc-audience",
    "oidc-jwks",
    "oidc-role-claim",
    "oidc-scope-claim",
    "oidc-name-claim",
    "xds-allowed-sans",
    "xds-require-token",
    "max-nodes",
    "max-node-streams",
    "max-xds-connections",
    "keep-windows",
    "keep-reports",
    "keep-pairs",
    "keep-pairs-for",
    "log-format",
    "log-filter",
];

/// The file is in the working directory, where somebody who tries Umbra will find it.
const DEFAULT_DATABASE_URL: &str = "sqlite://umbra.db";
/// Loopback: opening up is a decision of the operator.
const DEFAULT_LISTEN_API: &str = "127.0.0.1:8080";
/// Loopback, and the port that xDS servers commonly use.
const DEFAULT_LISTEN_XDS: &str = "127.0.0.1:18000";

impl Config {
    /// Puts flags, variables, file and defaults together and checks the whole.
    ///
    /// `variable` and `read` are the environment and the file system.
    ///
    /// # Errors
    /// All that is wrong, each with where it was given.
    pub fn resolve(
        options: &ServeOptions,
        variable: impl Fn(&str) -> Option<String>,
        read: impl Fn(&str) -> std::io::Result<String>,
    ) -> Result<Config, Vec<SettingError>> {
        let settings = settings(&typed(options), variable, read)?;
        let mut errors = Errors(Vec::new());
        let dev = truth(&settings, "dev", &mut errors);
        let insecure = truth(&settings, "insecure", &mut errors);
        let database = database(&settings, &mut errors);
        let require_token = truth(&settings, "xds-require-token", &mut errors);
        let guards = Guards { dev, insecure, require_token };
        let api = listener(&settings, "api", DEFAULT_LISTEN_API, guards, &mut errors);
        let xds = listener(&settings, "xds", DEFAULT_LISTEN_XDS, guards, &mut errors);
        let log_format = parsed(&settings, "log-format", "text", &mut errors, |text| match text {
            "text" => Ok(LogFormat::Text),
            "json" => Ok(LogFormat::Json),
            other => Err(format!("{other:?} is not a log format: give text or json")),
        });
        let log_filter = parsed(&settings, "log-filter", "info", &mut errors, |text| {
            tracing_subscriber::EnvFilter::try_new(text)
                .map(|_| text.to_owned())
                .map_err(|error| format!("{text:?} is not a log filter: {error}"))
        });
        let retention = retention(&settings, &mut errors);
        let limits = LimitsConfig::resolve(&settings, &mut errors);
        let access = database
            .as_ref()
            .map(|database| AccessConfig::resolve(&settings, database, require_token, &mut errors));
        match (database, access, api, xds, log_format, log_filter) {
            (Some(database), Some(access), Some(api), Some(xds), Some(log_format), Some(log_filter))
                if errors.0.is_empty() =>
            {
                Ok(Config {
                    dev,
                    database,
                    api,
                    xds,
                    insecure,
                    access,
                    limits,
                    retention,
                    log_format,
                    log_filter,
                })
            }
            _ => Err(errors.0),
        }
    }
}

pub(super) struct Errors(pub(super) Vec<SettingError>);

/// What flags and variables say, and the file that `config` among them names.
pub(super) fn settings(
    flags: &[(&'static str, Option<String>)],
    variable: impl Fn(&str) -> Option<String>,
    read: impl Fn(&str) -> std::io::Result<String>,
) -> Result<Settings, Vec<SettingError>> {
    let mut settings = Settings::new(flags, variable);
    if let Some(file) = settings.get("config") {
        let text = read(&file.text)
            .map_err(|error| vec![file.error(format!("cannot read {}: {error}", file.text))])?;
        settings.read_file(&PathBuf::from(&file.text), &text, KEYS)?;
    }
    Ok(settings)
}

/// Where state is kept; a wrong place is noted.
pub(super) fn database(settings: &Settings, errors: &mut Errors) -> Option<DatabaseUrl> {
    parsed(settings, "database-url", DEFAULT_DATABASE_URL, errors, DatabaseUrl::parse)
}

fn typed(options: &ServeOptions) -> Vec<(&'static str, Option<String>)> {
    vec![
        ("config", options.config.clone()),
        ("dev", options.dev.clone()),
        ("database-url", options.database_url.clone()),
        ("listen-api", options.listen_api.clone()),
        ("listen-xds", options.listen_xds.clone()),
        ("insecure", options.insecure.clone()),
        ("api-tls-cert", options.api_tls_cert.clone()),
        ("api-tls-key", options.api_tls_key.clone()),
        ("api-tls-client-ca", options.api_tls_client_ca.clone()),
        ("xds-tls-cert", options.xds_tls_cert.clone()),
        ("xds-tls-key", options.xds_tls_key.clone()),
        ("xds-tls-client-ca", options.xds_tls_client_ca.clone()),
        ("token-key-file", options.token_key_file.clone()),
        ("bootstrap-token-file", options.bootstrap_token_file.clone()),
        // A command line can be read by everybody on the machine: this one is a variable and nothing else.
        ("bootstrap-token", None),
        ("session-idle", options.session_idle.clone()),
        ("session-for", options.session_for.clone()),
        ("allowed-hosts", options.allowed_hosts.clone()),
        ("writes-per-second", options.writes_per_second.clone()),
        ("oidc-issuer", options.oidc_issuer.clone()),
        ("oidc-audience", options.oidc_audience.clone()),
        ("oidc-jwks", options.oidc_jwks.clone()),
        ("oidc-role-claim", options.oidc_role_claim.clone()),
        ("oidc-scope-claim", options.oidc_scope_claim.clone()),
        ("oidc-name-claim", options.oidc_name_claim.clone()),
        ("xds-allowed-sans", options.xds_allowed_sans.clone()),
        ("xds-require-token", options.xds_require_token.clone()),
        ("max-nodes", options.max_nodes.clone()),
        ("max-node-streams", options.max_node_streams.clone()),
        ("max-xds-connections", options.max_xds_connections.clone()),
        ("keep-windows", options.keep_windows.clone()),
        ("keep-reports", options.keep_reports.clone()),
        ("keep-pairs", options.keep_pairs.clone()),
        ("keep-pairs-for", options.keep_pairs_for.clone()),
        ("log-format", options.log_format.clone()),
        ("log-filter", options.log_filter.clone()),
    ]
}

/// The setting or its default, parsed; a wrong one is noted.
pub(super) fn parsed<T>(
    settings: &Settings,
    key: &'static str,
    default: &str,
    errors: &mut Errors,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Option<T> {
    let given =
        settings.get(key).unwrap_or_else(|| Given { text: default.to_owned(), setting: key.to_owned() });
    match parse(&given.text) {
        Ok(value) => Some(value),
        Err(message) => {
            errors.0.push(given.error(message));
            None
        }
    }
}

fn retention(settings: &Settings, errors: &mut Errors) -> Retention {
    let defaults = Retention::default();
    let mut time = |key, default: u64, least: Duration| {
        let parse = |text: &str| match humantime::parse_duration(text) {
            Ok(time) if time >= least => Ok(u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
            Ok(_) => Err(format!("{text} is too short: give {} or more", humantime::format_duration(least))),
            Err(error) => {
                Err(format!("{text:?} is not a length of time ({error}): give one such as 7d or 12h"))
            }
        };
        let written = humantime::format_duration(Duration::from_millis(default)).to_string();
        parsed(settings, key, &written, errors, parse).unwrap_or(default)
    };
    // Two windows of each kind, so that there is always a whole one.
    let fine_ms = time("keep-windows", defaults.fine_ms, Duration::from_secs(20));
    let coarse_ms = time("keep-reports", defaults.coarse_ms, Duration::from_secs(1_200));
    let pairs_ms = time("keep-pairs-for", defaults.pairs_ms, Duration::ZERO);
    let pairs = parsed(settings, "keep-pairs", &defaults.pairs.to_string(), errors, |text| {
        text.parse().map_err(|_| format!("{text:?} is not a number: give how many, 0 or more"))
    });
    Retention { fine_ms, coarse_ms, pairs_ms, pairs: pairs.unwrap_or(defaults.pairs), ..defaults }
}

fn truth(settings: &Settings, key: &'static str, errors: &mut Errors) -> bool {
    parsed(settings, key, "false", errors, |text| match text {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        other => Err(format!("{other:?} is neither true nor false")),
    })
    .unwrap_or(false)
}

/// What was said about who may connect, as far as it decides where a port may be open.
#[derive(Clone, Copy)]
struct Guards {
    dev: bool,
    insecure: bool,
    /// Of Envoys alone.
    require_token: bool,
}

fn listener(
    settings: &Settings,
    name: &'static str,
    default: &str,
    guards: Guards,
    errors: &mut Errors,
) -> Option<ListenerConfig> {
    let Guards { dev, insecure, require_token } = guards;
    let keys = ListenerKeys::of(name);
    let address = parsed(settings, keys.listen, default, errors, address)?;
    let tls = tls(settings, &keys, errors)?;
    let given = settings
        .get(keys.listen)
        .unwrap_or_else(|| Given { text: default.to_owned(), setting: keys.listen.to_owned() });
    let asks_who = match name {
        // Tokens do, and TLS keeps them from being read on their way.
        "api" => tls.is_some(),
        _ => tls.as_ref().is_some_and(|files| files.client_ca.is_some() || require_token),
    };
    if !address.ip().is_loopback() && dev {
        errors.0.push(given.error(format!(
            "{address} is not a loopback address, and --dev asks nobody who they are: \
             give 127.0.0.1 or [::1], or leave --dev out"
        )));
        return None;
    }
    if !address.ip().is_loopback() && !asks_who && !insecure {
        let ways = match name {
            "api" => "so that no token is read on its way".to_owned(),
            _ => format!("and --{} or --xds-require-token so that only known Envoys get in", keys.client_ca),
        };
        errors.0.push(given.error(format!(
            "{address} can be reached from other machines: give --{} and --{} {ways}, \
             or listen on 127.0.0.1, or say --insecure if something else guards the port",
            keys.cert, keys.key
        )));
        return None;
    }
    Some(ListenerConfig { address, tls })
}

struct ListenerKeys {
    listen: &'static str,
    cert: &'static str,
    key: &'static str,
    client_ca: &'static str,
}

impl ListenerKeys {
    fn of(name: &'static str) -> Self {
        if name == "api" {
            ListenerKeys {
                listen: "listen-api",
                cert: "api-tls-cert",
                key: "api-tls-key",
                client_ca: "api-tls-client-ca",
            }
        } else {
            ListenerKeys {
                listen: "listen-xds",
                cert: "xds-tls-cert",
                key: "xds-tls-key",
                client_ca: "xds-tls-client-ca",
            }
        }
    }
}

/// `Some(None)` is no TLS; `None` an error that was noted.
fn tls(settings: &Settings, keys: &ListenerKeys, errors: &mut Errors) -> Option<Option<TlsFiles>> {
    let cert = settings.get(keys.cert);
    let key = settings.get(keys.key);
    let client_ca = settings.get(keys.client_ca);
    let lacks = |given: &Given, missing: &str| given.error(format!("--{missing} is missing: TLS needs both"));
    match (cert, key, client_ca) {
        (None, None, None) => Some(None),
        (Some(cert), Some(key), client_ca) => Some(Some(TlsFiles {
            cert: PathBuf::from(cert.text),
            key: PathBuf::from(key.text),
            client_ca: client_ca.map(|given| PathBuf::from(given.text)),
        })),
        (Some(given), None, _) => {
            errors.0.push(lacks(&given, keys.key));
            None
        }
        (None, Some(given), _) => {
            errors.0.push(lacks(&given, keys.cert));
            None
        }
        (None, None, Some(given)) => {
            errors.0.push(given.error(format!(
                "clients cannot show certificates without TLS: give --{} and --{} too",
                keys.cert, keys.key
            )));
            None
        }
    }
}

fn address(text: &str) -> Result<SocketAddr, String> {
    // A name could resolve to something else tomorrow, and whether it is loopback decides what is safe.
    let numeric = match text.strip_prefix("localhost:") {
        Some(port) => format!("127.0.0.1:{port}"),
        None => text.to_owned(),
    };
    numeric.parse().map_err(|_| {
        format!("{text:?} is not an address: give an IP address and a port, as 127.0.0.1:8080 or [::1]:8080")
    })
}
