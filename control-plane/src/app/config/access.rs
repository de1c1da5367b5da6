//! The settings about who gets in.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use crate::access::bootstrap::Bootstrap;
use crate::access::nodes::NodeRules;
use crate::access::oidc::OidcOptions;
use crate::access::oidc::keys::Source;
use crate::access::pace::DEFAULT_WRITES;
use crate::access::sessions::SessionTimes;
use crate::app::config::{Errors, parsed};
use crate::app::settings::{Given, Settings};
use crate::model::access::node::SanPattern;
use crate::store::DatabaseUrl;

/// Who gets in, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessConfig {
    /// The file of the key that tokens are kept under.
    pub key_file: PathBuf,
    /// Where the first admin's token comes from; `None`: from the terminal, if there is one.
    pub bootstrap: Option<Bootstrap>,
    /// How long the console's sessions last.
    pub sessions: SessionTimes,
    /// Names that the API answers to, apart from those of this machine.
    pub hosts: Vec<String>,
    /// What is asked of nodes.
    pub nodes: NodeRules,
    /// How many writes a second one caller may make.
    pub writes: NonZeroU32,
    /// The identity provider whose tokens are believed too.
    pub oidc: Option<OidcOptions>,
}

impl AccessConfig {
    /// Beside the database, if nothing else is said.
    pub(crate) fn key_file(settings: &Settings, database: &DatabaseUrl) -> PathBuf {
        if let Some(given) = settings.get("token-key-file") {
            return PathBuf::from(given.text);
        }
        let mut beside = database.path().as_os_str().to_owned();
        beside.push(".key");
        PathBuf::from(beside)
    }

    /// Reads them, but for `require_token`, which was read already.
    pub(super) fn resolve(
        settings: &Settings,
        database: &DatabaseUrl,
        require_token: bool,
        errors: &mut Errors,
    ) -> AccessConfig {
        let file = settings.get("bootstrap-token-file");
        let text = settings.get("bootstrap-token");
        if let (Some(file), Some(_)) = (&file, &text) {
            errors.0.push(file.error("there is UMBRA_BOOTSTRAP_TOKEN too: give one of them"));
        }
        let given = text.map(|given| Bootstrap::Given(given.text));
        let bootstrap = given.or_else(|| file.map(|given| Bootstrap::File(PathBuf::from(given.text))));
        let defaults = SessionTimes::default();
        let sessions = SessionTimes {
            idle: time(settings, "session-idle", defaults.idle, errors),
            most: time(settings, "session-for", defaults.most, errors),
        };
        let sans = parsed(settings, "xds-allowed-sans", "", errors, |text| {
            items(text).map(|name| SanPattern::parse(&name)).collect::<Result<Vec<_>, _>>()
        });
        if let Some(given) = settings.get("xds-allowed-sans")
            && settings.get("xds-tls-client-ca").is_none()
        {
            errors.0.push(given.error("nobody shows a certificate without --xds-tls-client-ca"));
        }
        let hosts =
            settings.get("allowed-hosts").map(|given| items(&given.text).collect()).unwrap_or_default();
        let nodes = NodeRules { sans: sans.unwrap_or_default(), require_token };
        let writes = parsed(settings, "writes-per-second", &DEFAULT_WRITES.to_string(), errors, |text| {
            text.parse().map_err(|_| format!("{text:?} is not a number: give how many, 1 or more"))
        });
        AccessConfig {
            key_file: Self::key_file(settings, database),
            bootstrap,
            sessions,
            hosts,
            nodes,
            writes: writes.unwrap_or(DEFAULT_WRITES),
            oidc: oidc(settings, errors),
        }
    }
}

/// The identity provider: issuer, audience and keys go together, and the rest with them.
fn oidc(settings: &Settings, errors: &mut Errors) -> Option<OidcOptions> {
    const NEEDED: [&str; 3] = ["oidc-issuer", "oidc-audience", "oidc-jwks"];
    const MORE: [&str; 3] = ["oidc-role-claim", "oidc-scope-claim", "oidc-name-claim"];
    let given = |key| settings.get(key).filter(|given: &Given| !given.text.is_empty());
    let any = NEEDED.into_iter().chain(MORE).find_map(given)?;
    let [Some(issuer), Some(audience), Some(jwks)] = NEEDED.map(given) else {
        let needed = NEEDED.map(|key| format!("--{key}")).join(", ");
        errors.0.push(any.error(format!("tokens of an identity provider need all of {needed}")));
        return None;
    };
    let jwks = match source(&jwks.text) {
        Ok(source) => source,
        Err(message) => {
            errors.0.push(jwks.error(message));
            return None;
        }
    };
    let claim = |key, default: &str| given(key).map_or_else(|| default.to_owned(), |given| given.text);
    Some(OidcOptions {
        issuer: issuer.text,
        audience: audience.text,
        jwks,
        role_claim: claim("oidc-role-claim", "umbra_role"),
        scope_claim: given("oidc-scope-claim").map(|given| given.text),
        name_claim: claim("oidc-name-claim", "sub"),
    })
}

/// Whoever can change keys on their way could make any token.
fn source(text: &str) -> Result<Source, String> {
    let Some((scheme, rest)) = text.split_once("://") else { return Ok(Source::File(PathBuf::from(text))) };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    let is_local = ["localhost", "127.0.0.1", "[::1]"].contains(&host);
    if scheme == "https" || (scheme == "http" && is_local) {
        return Ok(Source::Url(text.to_owned()));
    }
    Err(format!("{text:?} is not the place of keys: give a file, or an address with https"))
}

fn items(text: &str) -> impl Iterator<Item = String> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned)
}

fn time(settings: &Settings, key: &'static str, default: Duration, errors: &mut Errors) -> Duration {
    let written = humantime::format_duration(default).to_string();
    let parse = |text: &str| match humantime::parse_duration(text) {
        Ok(time) if time >= Duration::from_secs(60) => Ok(time),
        Ok(_) => Err(format!("{text} is too short: give 1m or more")),
        Err(error) => Err(format!("{text:?} is not a length of time ({error}): give one such as 8h or 7d")),
    };
    parsed(settings, key, &written, errors, parse).unwrap_or(default)
}
