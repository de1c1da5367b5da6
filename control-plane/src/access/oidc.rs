//! Tokens of an identity provider (OpenID Connect): signed by it, for this server, and not over (RFC 7519, RFC 8725).
//!
//! **Invariant:** the algorithm is one with a public key, and one that the key is for; what a token says about its own
//! verification beyond that is not followed.

pub mod keys;
mod ring;

use std::sync::Arc;

use jsonwebtoken::{Validation, decode, decode_header};
use serde_json::{Map, Value};

use crate::access::oidc::keys::{Found, Keys, NoKeys, Source};
use crate::model::access::scope::Scope;
use crate::model::access::{Caller, Role, Via};

/// Longer than any that fits into a request's head of usual size.
const MAX_TOKEN_BYTES: usize = 16 << 10;
/// Clocks of two machines differ by so much at most, in seconds.
const LEEWAY_SECONDS: u64 = 60;
/// A name is for a line of the audit trail.
const MAX_NAME_CHARACTERS: usize = 128;

/// Which tokens are believed, and what they say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OidcOptions {
    /// `iss`: who signs.
    pub issuer: String,
    /// `aud`: whom they are for, this server.
    pub audience: String,
    /// Its keys.
    pub jwks: Source,
    /// The claim with the role, by name or as a path: `realm_access.roles`.
    pub role_claim: String,
    /// The claim with the shadows that an operator may move; `None`: all of them.
    pub scope_claim: Option<String>,
    /// The claim with the name.
    pub name_claim: String,
}

/// Decides who has a token of the identity provider.
pub(super) struct Oidc {
    options: OidcOptions,
    keys: Arc<Keys>,
}

/// A token that is not believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NotBelieved {
    /// Something is wrong with it.
    Wrong(String),
    /// The keys cannot be had now: nothing is said about the token.
    NoKeys,
}

impl Oidc {
    /// Keys in a file must be there; a provider may be down for now.
    pub(super) async fn open(options: OidcOptions) -> Result<Oidc, NoKeys> {
        ring::install();
        let keys = Keys::new(options.jwks.clone())?;
        if matches!(options.jwks, Source::File(_)) {
            keys.load().await?;
        }
        Ok(Oidc { options, keys: Arc::new(keys) })
    }

    /// Whether `text` may be one of these tokens at all: three parts with dots between them.
    pub(super) fn is_one(text: &str) -> bool {
        text.split('.').count() == 3
    }

    /// Whoever has this token.
    pub(super) async fn check(&self, text: &str) -> Result<Caller, NotBelieved> {
        let wrong = |why: &str| NotBelieved::Wrong(format!("the identity provider's token {why}"));
        if text.len() > MAX_TOKEN_BYTES {
            return Err(wrong("is too long"));
        }
        // Fails for `none` too, which is no algorithm there is.
        let header = decode_header(text).map_err(|_| wrong("cannot be read"))?;
        if !ring::is_taken(header.alg) {
            return Err(wrong("is signed with a secret, not with a key"));
        }
        // Extensions that must be understood, of which none is (RFC 7515, 4.1.11).
        if header.crit.is_some() {
            return Err(wrong("asks for an extension"));
        }
        let key = match self.keys.find(header.kid.as_deref(), header.alg).await {
            Found::Key(key) => key,
            Found::Unknown => return Err(wrong("is signed with a key that the provider does not have")),
            Found::NoKeys => return Err(NotBelieved::NoKeys),
        };
        let mut validation = Validation::new(header.alg);
        validation.leeway = LEEWAY_SECONDS;
        validation.validate_nbf = true;
        validation.set_issuer(&[&self.options.issuer]);
        validation.set_audience(&[&self.options.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        let claims = decode::<Map<String, Value>>(text, &key, &validation)
            .map_err(|error| wrong(&format!("is not good: {error}")))?
            .claims;
        self.caller(&claims).map_err(|why| wrong(&why))
    }

    fn caller(&self, claims: &Map<String, Value>) -> Result<Caller, String> {
        let OidcOptions { issuer, role_claim, scope_claim, name_claim, .. } = &self.options;
        let name = claim(claims, name_claim).and_then(Value::as_str).unwrap_or_default();
        let is_sound = !name.is_empty()
            && name.chars().count() <= MAX_NAME_CHARACTERS
            && !name.chars().any(|c| c.is_control() || c.is_whitespace());
        if !is_sound {
            return Err(format!("has no name in its claim {name_claim}"));
        }
        // Names may be shared or pass on; a provider gives a subject to one alone, if it says one at all.
        let subject = claims.get("sub").and_then(Value::as_str).filter(|subject| !subject.is_empty());
        let (claimed, who) = match subject {
            Some(subject) => ("sub", subject),
            None => (name_claim.as_str(), name),
        };
        let identity = format!("oidc:{issuer} {claimed}={who}");
        let roles = claim(claims, role_claim).map(texts).unwrap_or_default();
        let role = roles.iter().filter_map(|role| Role::parse(role)).max();
        let role =
            role.ok_or_else(|| format!("has no role in its claim {role_claim}: viewer, operator or admin"))?;
        let scope = match scope_claim {
            Some(scope_claim) if role == Role::Operator => {
                let scope = match claim(claims, scope_claim) {
                    Some(Value::String(text)) => Scope::parse(text),
                    Some(value) => Scope::shadows(texts(value).into_iter().map(str::to_owned)),
                    None => Err("is not there".to_owned()),
                };
                scope.map_err(|why| format!("has no scope in its claim {scope_claim}: {why}"))?
            }
            _ => Scope::All,
        };
        let expires_ms = claims.get("exp").and_then(Value::as_f64).map(|seconds| {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
            let ms = (seconds * 1e3) as u64;
            ms.saturating_add(LEEWAY_SECONDS * 1_000)
        });
        Ok(Caller { name: format!("oidc:{name}"), identity, role, scope, via: Via::Oidc, expires_ms })
    }
}

/// The claim of this name, or at this path of names.
fn claim<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    if let Some(value) = claims.get(name) {
        return Some(value);
    }
    let (first, rest) = name.split_once('.')?;
    rest.split('.').try_fold(claims.get(first)?, |value, part| value.get(part))
}

/// A text, or a list of them.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tokens until 2100 of a provider with an RSA key, made by OpenSSL; the key that signed them is gone.
    const RSA: &str = include_str!("oidc/rsa.json");

    #[tokio::test]
    async fn signatures_of_rsa_are_known() {
        let known: Value = serde_json::from_str(RSA).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.json");
        // What is no key of signatures is passed over.
        let mut keys = known["jwks"].clone();
        for other in [
            serde_json::json!({"kty": "oct", "kid": "secret", "k": "c2VjcmV0"}),
            serde_json::json!({"kty": "RSA", "use": "enc", "kid": "rsa", "n": "AQAB", "e": "AQAB"}),
            serde_json::json!({"kty": "XYZ", "kid": "new"}),
        ] {
            keys["keys"].as_array_mut().unwrap().push(other);
        }
        std::fs::write(&path, keys.to_string()).unwrap();
        let oidc = Oidc::open(OidcOptions {
            issuer: "https://id.example.com".to_owned(),
            audience: "umbra".to_owned(),
            jwks: Source::File(path),
            role_claim: "umbra_role".to_owned(),
            scope_claim: Some("shadows".to_owned()),
            name_claim: "sub".to_owned(),
        })
        .await
        .unwrap();
        for algorithm in ["RS256", "PS256"] {
            let token = known["tokens"][algorithm].as_str().unwrap();
            let caller = oidc.check(token).await.unwrap();
            assert_eq!((caller.name.as_str(), caller.role), ("oidc:ann", Role::Admin), "{algorithm}");
            let (message, signature) = token.rsplit_once('.').unwrap();
            let other = format!("{message}.{}", signature.chars().rev().collect::<String>());
            assert!(matches!(oidc.check(&other).await, Err(NotBelieved::Wrong(_))), "{algorithm}");
        }
    }

    /// Two people may have one name, and somebody may get another: what the provider calls them is theirs alone.
    #[test]
    fn who_somebody_is_does_not_hang_on_a_name() {
        let source = Source::File("keys.json".into());
        let options = OidcOptions {
            issuer: "https://id.example.com".to_owned(),
            audience: "umbra".to_owned(),
            jwks: source.clone(),
            role_claim: "role".to_owned(),
            scope_claim: None,
            name_claim: "mail".to_owned(),
        };
        let oidc = Oidc { options, keys: Arc::new(Keys::new(source).unwrap()) };
        let identity = |claims: Value| oidc.caller(claims.as_object().unwrap()).unwrap().identity;
        let first = identity(serde_json::json!({"role": "viewer", "mail": "ann", "sub": "1"}));
        assert_eq!(first, "oidc:https://id.example.com sub=1");
        assert_eq!(first, identity(serde_json::json!({"role": "admin", "mail": "other", "sub": "1"})));
        assert_ne!(first, identity(serde_json::json!({"role": "viewer", "mail": "ann", "sub": "2"})));
        let nameless = identity(serde_json::json!({"role": "viewer", "mail": "1"}));
        assert_eq!(nameless, "oidc:https://id.example.com mail=1");
    }
}
