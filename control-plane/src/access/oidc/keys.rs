//! The identity provider's keys (JWKS, RFC 7517): fetched when one is not known or they are old, and not too often.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use jsonwebtoken::jwk::{Jwk, JwkSet, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use tokio::sync::Mutex;
use tracing::{info, warn};

/// Keys that are older are fetched again, while they go on being used: a provider publishes a key long before it signs
/// with it, and takes one back within hours.
const OLD: Duration = Duration::from_secs(3_600);
/// Keys that could not be fetched again for so long are used no more: one of them may have been taken back.
const TOO_OLD: Duration = Duration::from_secs(24 * 3_600);
/// Between two fetches, whatever key ids strangers make up.
const PAUSE: Duration = Duration::from_secs(10);
/// A provider that takes longer is taken for one that is down.
const PATIENCE: Duration = Duration::from_secs(5);
/// Providers have some keys of a kilobyte each.
const MAX_BYTES: usize = 1 << 20;
const MAX_KEYS: usize = 100;

/// Where the keys are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// At this address: `https`, or `http` on loopback.
    Url(String),
    /// In this file.
    File(PathBuf),
}

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub enum NoKeys {
    /// They cannot be fetched.
    #[error("cannot fetch {url}")]
    Fetch {
        /// From where.
        url: String,
        /// Why.
        source: reqwest::Error,
    },
    /// They cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// They are none.
    #[error("{place} is no set of keys (JWKS): {detail}")]
    Unreadable {
        /// From where.
        place: String,
        /// Why.
        detail: String,
    },
}

/// The keys.
pub(super) struct Keys {
    source: Source,
    client: reqwest::Client,
    held: RwLock<Held>,
    /// When it was tried last; held while it is tried, so that one tries for all.
    tried: Arc<Mutex<Option<Instant>>>,
}

#[derive(Default)]
struct Held {
    keys: Arc<Vec<Key>>,
    since: Option<Instant>,
}

struct Key {
    id: Option<String>,
    algorithm: Option<Algorithm>,
    key: DecodingKey,
}

/// A key that was asked for, as far as it can be had.
pub(super) enum Found {
    Key(Box<DecodingKey>),
    /// The provider has none of this id, or several without one.
    Unknown,
    /// The keys cannot be had now.
    NoKeys,
}

impl Keys {
    pub(super) fn new(source: Source) -> Result<Keys, NoKeys> {
        // TLS of this process is ring's, whoever is the first to say so.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().timeout(PATIENCE).redirect(reqwest::redirect::Policy::none());
        let client = client.build().map_err(|source| NoKeys::Fetch { url: "keys".to_owned(), source })?;
        Ok(Keys { source, client, held: RwLock::default(), tried: Arc::default() })
    }

    /// The key with this id, or the only one that fits if the token names none.
    pub(super) async fn find(self: &Arc<Self>, id: Option<&str>, algorithm: Algorithm) -> Found {
        let (keys, age) = self.current();
        let known = pick(&keys, id, algorithm);
        match (known, age) {
            (Some(key), Some(age)) if age < OLD => Found::Key(Box::new(key)),
            (Some(key), Some(age)) if age < TOO_OLD => {
                // Nobody waits for what is there.
                let own = Arc::clone(self);
                tokio::spawn(async move { own.refresh().await });
                Found::Key(Box::new(key))
            }
            _ => {
                self.refresh().await;
                let (keys, age) = self.current();
                match (pick(&keys, id, algorithm), age) {
                    (Some(key), Some(age)) if age < TOO_OLD => Found::Key(Box::new(key)),
                    (None, Some(age)) if age < TOO_OLD => Found::Unknown,
                    _ => Found::NoKeys,
                }
            }
        }
    }

    /// Fetches the keys, unless that was just tried. Whoever waits for it and hangs up does not keep the others from it,
    /// nor make it count for nothing.
    async fn refresh(self: &Arc<Self>) {
        let mut tried = Arc::clone(&self.tried).lock_owned().await;
        if tried.is_some_and(|at| at.elapsed() < PAUSE) {
            return;
        }
        *tried = Some(Instant::now());
        let own = Arc::clone(self);
        let fetched = tokio::spawn(async move {
            match own.load().await {
                Ok(()) => info!(keys = own.current().0.len(), "the identity provider's keys are here"),
                Err(error) => {
                    warn!(error = &error as &dyn std::error::Error, "no keys of the identity provider");
                }
            }
            drop(tried);
        });
        drop(fetched.await);
    }

    /// The keys at their source.
    pub(super) async fn load(&self) -> Result<(), NoKeys> {
        let keys = self.fetch().await?;
        let held = Held { keys: Arc::new(keys), since: Some(Instant::now()) };
        *self.held.write().unwrap_or_else(PoisonError::into_inner) = held;
        Ok(())
    }

    async fn fetch(&self) -> Result<Vec<Key>, NoKeys> {
        match &self.source {
            Source::File(path) => {
                let text = tokio::fs::read(path).await;
                let text = text.map_err(|source| NoKeys::Read { path: path.clone(), source })?;
                parse(&text, &path.display().to_string())
            }
            Source::Url(url) => {
                let failed = |source| NoKeys::Fetch { url: url.clone(), source };
                let response = self.client.get(url).send().await.map_err(failed)?;
                let mut response = response.error_for_status().map_err(failed)?;
                let mut text = Vec::new();
                while let Some(chunk) = response.chunk().await.map_err(failed)? {
                    text.extend_from_slice(&chunk);
                    if text.len() > MAX_BYTES {
                        let detail = format!("it has more than {MAX_BYTES} bytes");
                        return Err(NoKeys::Unreadable { place: url.clone(), detail });
                    }
                }
                parse(&text, url)
            }
        }
    }

    fn current(&self) -> (Arc<Vec<Key>>, Option<Duration>) {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        (Arc::clone(&held.keys), held.since.map(|since| since.elapsed()))
    }
}

/// The keys of a set that tokens may be signed with. Others are passed over: a set may hold keys for encryption, and of
/// kinds that are yet to come.
fn parse(text: &[u8], place: &str) -> Result<Vec<Key>, NoKeys> {
    let unreadable = |detail: String| NoKeys::Unreadable { place: place.to_owned(), detail };
    let set: JwkSet = serde_json::from_slice(text).map_err(|error| unreadable(error.to_string()))?;
    if set.keys.len() > MAX_KEYS {
        return Err(unreadable(format!("it has more than {MAX_KEYS} keys")));
    }
    Ok(set.keys.iter().filter_map(key).collect())
}

fn key(jwk: &Jwk) -> Option<Key> {
    if jwk.common.public_key_use.as_ref().is_some_and(|usage| *usage != PublicKeyUse::Signature) {
        return None;
    }
    let key = DecodingKey::from_jwk(jwk).ok()?;
    let algorithm = match jwk.common.key_algorithm {
        None => None,
        Some(named) => Some(taken(named)?),
    };
    // A secret in a set that is public is none.
    (key.family() != jsonwebtoken::AlgorithmFamily::Hmac).then(|| Key {
        id: jwk.common.key_id.clone(),
        algorithm,
        key,
    })
}

fn taken(named: KeyAlgorithm) -> Option<Algorithm> {
    named.to_string().parse().ok().filter(|algorithm| super::ring::is_taken(*algorithm))
}

fn pick(keys: &[Key], id: Option<&str>, algorithm: Algorithm) -> Option<DecodingKey> {
    let fits = |key: &&Key| {
        key.key.family() == algorithm.family()
            && key.algorithm.is_none_or(|own| own == algorithm)
            && id.is_none_or(|id| key.id.as_deref() == Some(id))
    };
    let mut fitting = keys.iter().filter(fits);
    let only = fitting.next()?;
    fitting.next().is_none().then(|| only.key.clone())
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use serde_json::json;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// Strangers who ask and hang up, again and again, would have had the provider asked as often.
    #[tokio::test]
    async fn whoever_hangs_up_has_asked_all_the_same() {
        let provider = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/keys", provider.local_addr().unwrap());
        let keys = Arc::new(Keys::new(Source::Url(url)).unwrap());
        let mut asked = tokio::select! {
            _ = keys.find(Some("one"), Algorithm::RS256) => panic!("nobody has answered yet"),
            asked = provider.accept() => asked.unwrap().0,
        };
        let rsa = json!({"keys": [{"kty": "RSA", "use": "sig", "kid": "one", "n": "AQAB", "e": "AQAB"}]});
        let rsa = rsa.to_string();
        let answer =
            format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{rsa}", rsa.len());
        let _ = asked.read(&mut [0; 4096]).await.unwrap();
        asked.write_all(answer.as_bytes()).await.unwrap();
        assert!(matches!(keys.find(Some("one"), Algorithm::RS256).await, Found::Key(_)));
        assert!(matches!(keys.find(Some("two"), Algorithm::RS256).await, Found::Unknown));
        assert!(provider.accept().now_or_never().is_none(), "it was asked once");
    }
}
