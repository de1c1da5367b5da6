//! `umbra token`: tokens of a server that does not run.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use prometheus_client::registry::Registry;
use serde_json::json;

use crate::access::random;
use crate::access::{Access, AccessOptions, now_ms};
use crate::app::SettingError;
use crate::app::config::access::AccessConfig;
use crate::app::config::{self, Errors};
use crate::app::options::{CreateOptions, TokenCommand, TokenOptions};
use crate::model::access::scope::Scope;
use crate::model::access::token::{Grant, NewToken, Token, sound_name};
use crate::model::audit::Origin;
use crate::store::error::OpenError;
use crate::store::metrics::StoreMetrics;
use crate::store::{DatabaseUrl, Store};
use crate::xds::policies;

/// What a server that does not run keeps its tokens in.
#[derive(Debug)]
pub struct Place {
    database: DatabaseUrl,
    key_file: PathBuf,
}

/// Finds the database as `umbra serve` does. Only that one makes it: a token in a database that was made for it would be
/// good for nothing.
///
/// `variable` and `read` are the environment and the file system.
///
/// # Errors
/// All that is wrong with the settings, or that there is no such database.
pub fn place(
    options: &TokenOptions,
    variable: impl Fn(&str) -> Option<String>,
    read: impl Fn(&str) -> std::io::Result<String>,
) -> anyhow::Result<Place> {
    let flags = [
        ("config", options.config.clone()),
        ("database-url", options.database_url.clone()),
        ("token-key-file", options.token_key_file.clone()),
    ];
    let settings = config::settings(&flags, variable, read).map_err(|errors| listed(&errors))?;
    let mut errors = Errors(Vec::new());
    let Some(database) = config::database(&settings, &mut errors) else {
        return Err(listed(&errors.0));
    };
    let place = Place { key_file: AccessConfig::key_file(&settings, &database), database };
    let path = place.path();
    let is_there = path.try_exists().with_context(|| format!("cannot look at {}", path.display()))?;
    anyhow::ensure!(
        is_there,
        "there is no database {}: give the --config or --database-url of umbra serve, which makes it at its first start",
        path.display()
    );
    Ok(place)
}

impl Place {
    /// The database's file, from the root on where that can be told.
    pub fn path(&self) -> PathBuf {
        let path = self.database.path();
        std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
    }
}

fn listed(errors: &[SettingError]) -> anyhow::Error {
    anyhow::Error::msg(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}

/// Does what was asked, on the database of a server that does not run. What it has to say is for standard output.
///
/// # Errors
/// Why not; nothing was changed then.
pub async fn run(options: &TokenOptions, place: Place) -> anyhow::Result<String> {
    let Place { database, key_file } = place;
    let metrics = StoreMetrics::register(&mut Registry::default());
    let opened = Store::open(&database, random::bytes()?, policies::admit, metrics).await;
    let store = opened.map_err(|error| match error {
        OpenError::InUse { path } => anyhow::anyhow!(
            "the database {} is in use by a running umbra: ask that one, by umbractl token",
            path.display()
        ),
        error => error.into(),
    })?;
    let said = act(&store, options, AccessOptions { key_file, ..AccessOptions::default() }).await;
    store.close().await;
    said
}

async fn act(store: &Store, options: &TokenOptions, access: AccessOptions) -> anyhow::Result<String> {
    let origin = Origin {
        actor: "local".to_owned(),
        source: "umbra token".to_owned(),
        reason: options.reason.clone(),
    };
    if let TokenCommand::Revoke { all: true, .. } = &options.command {
        store.access().forget_all(&origin).await?;
        return Ok("every token and every session is forgotten".to_owned());
    }
    let access = Arc::new(Access::open(store.access(), access).await?);
    match &options.command {
        TokenCommand::Create(create) => {
            let (_, text) = access.create(wanted(create)?, &origin).await?;
            Ok(text)
        }
        TokenCommand::List => {
            let lines: Vec<String> = access.tokens().iter().map(line).collect();
            Ok(lines.join("\n"))
        }
        TokenCommand::Revoke { id, .. } => {
            let id = id.as_deref().unwrap_or_default();
            if !access.revoke(id, &origin).await? {
                anyhow::bail!(
                    "there is no token with the id {id:?}: umbra token list shows those that there are"
                );
            }
            Ok(format!("{id} revoked"))
        }
    }
}

fn wanted(create: &CreateOptions) -> anyhow::Result<NewToken> {
    let scope = match (&create.shadows, &create.nodes) {
        (Some(text), _) => {
            Some(json!(Scope::parse(text).map_err(|why| anyhow::anyhow!("--shadows: {why}"))?))
        }
        (None, Some(text)) => Some(json!({"nodes": text.split(',').map(str::trim).collect::<Vec<_>>()})),
        (None, None) => None,
    };
    let name = create.name.clone().unwrap_or_else(|| create.role.clone());
    sound_name(&name).map_err(anyhow::Error::msg)?;
    let grant = Grant::of(&create.role, scope).map_err(anyhow::Error::msg)?;
    let expires_ms = create
        .expires
        .map(|time| now_ms().saturating_add(u64::try_from(time.as_millis()).unwrap_or(u64::MAX)).min(FAR_MS));
    Ok(NewToken { name, grant, expires_ms })
}

/// The year 9999: no time is written beyond.
const FAR_MS: u64 = 253_370_764_800_000;

/// One line: id, role, name, scope, and what became of it. For people; programs ask the API.
fn line(token: &Token) -> String {
    let time = |at_ms: u64| -> String {
        let at: SystemTime = UNIX_EPOCH + Duration::from_millis(at_ms.min(FAR_MS));
        humantime::format_rfc3339_seconds(at).to_string()
    };
    let fate = match (token.spent(now_ms()), token.expires_ms) {
        (Some(why), _) => why.trim_start_matches("the token is ").to_owned(),
        (None, Some(at)) => format!("until {}", time(at)),
        (None, None) => "without end".to_owned(),
    };
    let used = token.last_used_ms.map_or_else(|| "never used".to_owned(), |at| format!("used {}", time(at)));
    format!(
        "{}  {:8}  {}  {}  {fate}  {used}",
        token.id,
        token.grant.role_name(),
        token.name,
        token.grant.scope_json()
    )
}
