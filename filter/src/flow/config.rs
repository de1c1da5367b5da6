//! The plugin configuration: JSON, from a person's hands.

use serde_json::{Map, Value};
use std::fmt;
use std::rc::Rc;
use std::time::Duration;
use umbra_policy::Policy;
use umbra_resource::{NodeAttributes, ResourceSet};

/// For how long a policy is followed after the control plane was last heard of, where nothing else is said. Long enough for an
/// upgrade of the control plane, short enough that nobody has to walk to a machine to stop a shadow.
pub const DEFAULT_MAX_STALENESS: Duration = Duration::from_secs(600);

/// The freshness is written every second: shorter than two of those would call a healthy policy stale.
const MIN_MAX_STALENESS: Duration = Duration::from_secs(2);

/// The longest cluster name whose service description (see `host`) is plain ASCII, in bytes.
const MAX_CLUSTER_BYTES: usize = 123;

/// The longest token, in bytes. Those of this control plane have some 90; there may be others in front of it.
const MAX_TOKEN_BYTES: usize = 4_096;

/// What one plugin instance is to do.
#[derive(Clone, Debug)]
pub enum Plugin {
    /// On a listener: strips, stamps and steers.
    Primary(Primary),
    /// On a shadow cluster: marks and scrubs copies. It may have a static policy, to know what unknown ones lose.
    Shadow(Option<Rc<Policy>>),
}

/// The configuration of role primary.
#[derive(Clone, Debug, Default)]
pub struct Primary {
    /// Where policies come from; without one the fallback alone applies.
    pub control_plane: Option<ControlPlane>,
    /// Applies until the control plane has answered for the first time.
    pub fallback: Option<Rc<Policy>>,
}

/// Where policies come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlPlane {
    /// The Envoy cluster of the control plane, 1 to 123 bytes.
    pub cluster: String,
    /// After so long without a sign of it, every share counts as 0, in milliseconds.
    pub max_staleness_ms: u64,
    /// Who asks.
    pub node: NodeAttributes,
    /// The Envoy's version, as far as it is known; nothing here depends on it.
    pub envoy_version: Box<str>,
    /// Proves it, where the control plane asks for that.
    pub token: Option<Token>,
}

/// What proves to the control plane who asks. It is written into no log.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// The value of the call's `authorization`.
    pub fn authorization(&self) -> String {
        format!("Bearer {}", self.0)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// A field of the configuration that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// Which: `max_staleness`, `policy.resources[1]: Shadow/x: spec.percent`. Empty for the text as a whole.
    pub field: String,
    /// What is wrong and what would be right.
    pub message: String,
}

impl ConfigError {
    fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.field.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        f.write_str(&self.message)
    }
}

/// A plugin configuration as far as it could be understood.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// What the plugin instance is to do.
    pub plugin: Plugin,
    /// The first field that is wrong. `plugin` is then not what the text says, but harmless.
    pub error: Option<ConfigError>,
}

/// Reads a plugin configuration for this node.
pub fn parse(text: &[u8], node: NodeAttributes) -> Parsed {
    let refused = |role, error| Parsed { plugin: inert(role), error: Some(error) };
    let document = match serde_json::from_slice(text) {
        Ok(Value::Object(document)) => document,
        Ok(_) => return refused(None, ConfigError::new("", "is not a JSON object")),
        Err(error) => return refused(None, ConfigError::new("", format!("is not JSON: {error}"))),
    };
    match plugin(&document, node) {
        Ok(plugin) => Parsed { plugin, error: None },
        Err(error) => refused(document.get("role"), error),
    }
}

/// What a plugin does whose configuration is wrong: it strips control headers, so that no client steers the
/// route's mirror policies, and does nothing else. To refuse the configuration would keep Envoy
/// from starting, or the listener from its update, whatever the failure policy: an error about copies must not stop production.
/// On a shadow cluster, where it is the copies that carry control headers, it does nothing at all.
fn inert(role: Option<&Value>) -> Plugin {
    match role.and_then(Value::as_str) {
        Some("shadow") => Plugin::Shadow(None),
        _ => Plugin::Primary(Primary::default()),
    }
}

fn plugin(document: &Map<String, Value>, node: NodeAttributes) -> Result<Plugin, ConfigError> {
    const FIELDS: [&str; 5] = ["role", "control_plane", "token", "max_staleness", "policy"];
    if let Some(unknown) = document.keys().find(|key| !FIELDS.contains(&key.as_str())) {
        let message = format!("is not a field; the fields are {}", FIELDS.join(", "));
        return Err(ConfigError::new(unknown, message));
    }
    let role = match text(document, "role")? {
        None => return Err(ConfigError::new("role", "is missing; give primary or shadow")),
        Some("primary") => "primary",
        Some("shadow") => "shadow",
        Some("egress") => {
            return Err(ConfigError::new("role", "egress is not available yet; give primary or shadow"));
        }
        Some(other) => {
            return Err(ConfigError::new("role", format!("{other:?} is not a role; give primary or shadow")));
        }
    };
    let max_staleness_ms = max_staleness_ms(document)?;
    let cluster = control_plane_cluster(document)?;
    let token = token(document)?;
    let fallback = document.get("policy").map(|policy| fallback(policy, &node)).transpose()?;
    // The others mean nothing to a shadow, but one text for both roles is allowed, and checked as a whole.
    Ok(match role {
        "shadow" => Plugin::Shadow(fallback.map(Rc::new)),
        _ => Plugin::Primary(Primary {
            control_plane: cluster.map(|cluster| ControlPlane {
                cluster,
                max_staleness_ms,
                node,
                envoy_version: Box::default(),
                token,
            }),
            fallback: fallback.map(Rc::new),
        }),
    })
}

fn text<'a>(document: &'a Map<String, Value>, field: &str) -> Result<Option<&'a str>, ConfigError> {
    match document.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(ConfigError::new(field, "is not a string")),
    }
}

fn max_staleness_ms(document: &Map<String, Value>) -> Result<u64, ConfigError> {
    let duration = match text(document, "max_staleness")? {
        None => DEFAULT_MAX_STALENESS,
        Some(text) => humantime::parse_duration(text).map_err(|error| {
            ConfigError::new("max_staleness", format!("{text:?} is not a duration such as 10m: {error}"))
        })?,
    };
    if duration < MIN_MAX_STALENESS {
        return Err(ConfigError::new("max_staleness", "is shorter than 2s"));
    }
    Ok(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

fn control_plane_cluster(document: &Map<String, Value>) -> Result<Option<String>, ConfigError> {
    match text(document, "control_plane")? {
        None => Ok(None),
        Some("") => {
            Err(ConfigError::new("control_plane", "is empty; give a cluster's name, or leave it out"))
        }
        Some(name) if name.len() > MAX_CLUSTER_BYTES => {
            Err(ConfigError::new("control_plane", format!("is longer than {MAX_CLUSTER_BYTES} bytes")))
        }
        Some(name) => Ok(Some(name.to_owned())),
    }
}

/// What is wrong with a token is said without the token.
fn token(document: &Map<String, Value>) -> Result<Option<Token>, ConfigError> {
    let Some(token) = text(document, "token")? else { return Ok(None) };
    if token.is_empty() || token.len() > MAX_TOKEN_BYTES || !token.bytes().all(|byte| byte.is_ascii_graphic())
    {
        let message = format!("is not 1 to {MAX_TOKEN_BYTES} visible ASCII characters");
        return Err(ConfigError::new("token", message));
    }
    Ok(Some(Token(token.to_owned())))
}

/// The static fallback, compiled for this node: revision 0, and no key to authenticate copies with.
fn fallback(policy: &Value, node: &NodeAttributes) -> Result<Policy, ConfigError> {
    let Value::Object(policy) = policy else {
        return Err(ConfigError::new("policy", "is not an object"));
    };
    if let Some(unknown) = policy.keys().find(|key| *key != "resources") {
        return Err(ConfigError::new(
            format!("policy.{unknown}"),
            "is not a field; the only field is resources",
        ));
    }
    let Some(Value::Array(values)) = policy.get("resources") else {
        return Err(ConfigError::new("policy.resources", "is not a list of stamps and shadows"));
    };
    let mut resources = Vec::with_capacity(values.len());
    for (position, value) in values.iter().enumerate() {
        let at = format!("policy.resources[{position}]");
        let resource = umbra_resource::from_value(value.clone()).map_err(|problems| first(problems, &at))?;
        resources.push(resource);
    }
    let set = ResourceSet::new(resources).map_err(|problems| first(problems, "policy.resources"))?;
    Policy::build(set.compile(node, 0, None)).map_err(|errors| first(errors, "policy"))
}

fn first<E: fmt::Display>(errors: Vec<E>, at: &str) -> ConfigError {
    let more = match errors.len() {
        0 | 1 => String::new(),
        count => format!(" (and {} more)", count.saturating_sub(1)),
    };
    let message = errors.first().map_or_else(|| "is wrong".to_owned(), ToString::to_string);
    ConfigError::new(at, format!("{message}{more}"))
}
