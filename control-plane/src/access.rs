//! Who is at the other end, and what they may do: tokens, the console's sessions, and nodes.
//!
//! **Invariant:** what is on disk proves nothing without the server's key, which is in a file of its own; and nothing
//! in here is logged that would let its reader in.

pub mod bootstrap;
mod change;
mod failures;
mod keep;
pub mod key;
pub mod nodes;
pub mod oidc;
pub mod pace;
pub mod random;
pub mod sessions;
pub mod text;
mod tokens;

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::http::{HeaderMap, header};
use subtle::ConstantTimeEq;
use tokio::sync::watch;

use crate::access::change::Changes;
use crate::access::failures::Failures;
use crate::access::key::{KeyError, Purpose, ServerKey};
use crate::access::nodes::NodeRules;
use crate::access::oidc::keys::NoKeys;
use crate::access::oidc::{NotBelieved, Oidc, OidcOptions};
use crate::access::pace::Pace;
use crate::access::random::NoRandom;
use crate::access::sessions::{Begun, SessionTimes, Sessions};
use crate::access::text::Shown;
use crate::access::tokens::{Held, Tokens};
use crate::listener::Peer;
use crate::model::access::token::{Grant, Token};
use crate::model::access::{Caller, Via};
use crate::store::access::AccessStore;
use crate::store::error::StoreError;

/// The name of the console's cookie.
pub const COOKIE: &str = "umbra_session";
/// Tokens that there may be, spent ones included.
const MAX_TOKENS: usize = 10_000;

/// How people and nodes get in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessOptions {
    /// Ask nobody.
    pub dev: bool,
    /// The API speaks TLS, so that cookies are for TLS alone.
    pub is_tls: bool,
    /// The file of the server's key; made at the first start.
    pub key_file: PathBuf,
    /// How long the console's sessions last.
    pub sessions: SessionTimes,
    /// What is asked of nodes.
    pub nodes: NodeRules,
    /// How many writes a second one caller may make; `None` is any number.
    pub writes: Option<NonZeroU32>,
    /// The identity provider whose tokens are believed too.
    pub oidc: Option<OidcOptions>,
}

/// Decides who somebody is.
pub struct Access {
    dev: bool,
    is_tls: bool,
    key: ServerKey,
    store: AccessStore,
    tokens: Tokens,
    sessions: Sessions,
    failures: Failures,
    pace: Option<Pace>,
    oidc: Option<Oidc>,
    nodes: NodeRules,
    changes: Changes,
    changed: watch::Sender<()>,
}

/// Somebody who is believed.
#[derive(Clone, Debug)]
pub struct Known {
    /// Who.
    pub caller: Caller,
    /// What each write has to carry, if it was a cookie that said who they are.
    pub csrf: Option<String>,
}

/// Somebody who is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// They did not say who they are.
    #[error("say who you are: authorization: Bearer umbra_…")]
    Nobody,
    /// What they said is wrong.
    #[error("{0}")]
    Wrong(String),
    /// What they said is wrong, once too often.
    #[error("too many failed attempts from there")]
    TooMany(Duration),
}

/// Why somebody is not believed, before it is counted.
enum Wrong {
    Nobody,
    /// No attempt to get in.
    Quiet(String),
    Attempt(String),
}

/// Whether a look at a session counts as its use.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    Uses,
    Aside,
}

/// A session that was begun.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// Whose.
    pub known: Known,
    /// The value of `set-cookie`.
    pub cookie: String,
}

/// Why tokens cannot be had or made.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// The server's key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The database is one of another key.
    #[error(
        "{} is not the key that the tokens in the database were made with: restore that file, or forget every token \
         with  umbra token revoke --all", path.display()
    )]
    OtherKey {
        /// The key's file.
        path: PathBuf,
    },
    /// No admin, and no way to hand somebody a token.
    #[error(
        "nobody could come in: there is no admin token yet, and no terminal to print one to. Give \
         --bootstrap-token-file FILE (read, or written if it is not there) or UMBRA_BOOTSTRAP_TOKEN, \
         or make one first with  umbra token create --role admin"
    )]
    NoAdmin,
    /// The file of the first admin's token.
    #[error("cannot read or write the bootstrap token {}", path.display())]
    BootstrapFile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The first admin's token, as it was given.
    #[error("{place}: {detail}")]
    Given {
        /// Where it was given.
        place: String,
        /// What is wrong with it.
        detail: String,
    },
    /// The first admin's token is one that was revoked, or has expired.
    #[error("{place}: it is revoked or expired, and stays so: make another with another id")]
    Spent {
        /// Where it was given.
        place: String,
    },
    /// There are too many.
    #[error("there are {MAX_TOKENS} tokens: revoke some; they go 90 days later")]
    TooMany,
    /// Not believed.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// No token can be made.
    #[error(transparent)]
    Random(#[from] NoRandom),
    /// The identity provider's keys.
    #[error("no tokens of the identity provider can be believed")]
    Oidc(#[from] NoKeys),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Access {
    /// Reads the key, the tokens and the sessions.
    ///
    /// # Errors
    /// One of them cannot be read, or they do not belong together.
    pub async fn open(store: AccessStore, options: AccessOptions) -> Result<Access, AccessError> {
        const CHECK: &str = "token_key_check";
        let AccessOptions { dev, is_tls, key_file, sessions, nodes, writes, oidc } = options;
        let known = store.setting(CHECK).await?;
        if known.is_some() && !key_file.exists() {
            return Err(AccessError::OtherKey { path: key_file });
        }
        let key = ServerKey::load_or_make(&key_file)?;
        let check = random::hex(&key.tag(Purpose::Check, b""));
        match known {
            None => store.set(CHECK, &check).await?,
            Some(known) if known == check => {}
            Some(_) => return Err(AccessError::OtherKey { path: key_file }),
        }
        let oidc = match oidc {
            Some(options) => Some(Oidc::open(options).await?),
            None => None,
        };
        Ok(Access {
            dev,
            is_tls,
            key,
            tokens: Tokens::new(store.tokens().await?),
            sessions: Sessions::new(sessions, store.sessions().await?),
            store,
            failures: Failures::new(),
            pace: writes.map(Pace::new),
            oidc,
            nodes,
            changes: Changes::default(),
            changed: watch::Sender::new(()),
        })
    }

    /// Who sent a request with these headers from there.
    ///
    /// # Errors
    /// It is nobody who is believed. A wrong answer is counted, and noted for the audit trail.
    pub async fn authenticate(&self, headers: &HeaderMap, peer: Option<&Peer>) -> Result<Known, Refused> {
        self.known(headers, Look::Uses).await.map_err(|wrong| match wrong {
            Wrong::Nobody => Refused::Nobody,
            Wrong::Quiet(why) => Refused::Wrong(why),
            Wrong::Attempt(why) => self.refuse(&why, peer),
        })
    }

    /// Whoever sent a request with these headers before, if they are still let in. It counts neither as a use nor as an
    /// attempt.
    pub async fn still(&self, headers: &HeaderMap) -> Option<Known> {
        self.known(headers, Look::Aside).await.ok()
    }

    async fn known(&self, headers: &HeaderMap, look: Look) -> Result<Known, Wrong> {
        if self.dev {
            return Ok(Known { caller: Caller::dev(), csrf: None });
        }
        let now_ms = now_ms();
        let attempt = |why: &str| Wrong::Attempt(why.to_owned());
        if let Some(value) = headers.get(header::AUTHORIZATION) {
            let text =
                bearer(value.as_bytes()).ok_or_else(|| attempt("authorization is not Bearer and a token"))?;
            if let Some(oidc) = self.oidc.as_ref().filter(|_| Oidc::is_one(text)) {
                let caller = oidc.check(text).await.map_err(|why| match why {
                    NotBelieved::Wrong(why) => Wrong::Attempt(why),
                    NotBelieved::NoKeys => {
                        Wrong::Quiet("the identity provider's keys cannot be had now".to_owned())
                    }
                })?;
                return Ok(Known { caller, csrf: None });
            }
            let held = self.check(text, now_ms).map_err(attempt)?;
            let caller = caller(&held.token, Via::Token, held.token.expires_ms);
            let caller = caller.ok_or_else(|| attempt("a node's token is for its stream and its reports"))?;
            return Ok(Known { caller, csrf: None });
        }
        let cookie = cookie(headers).ok_or(Wrong::Nobody)?;
        // A cookie that is too old is no attack, and a browser sends it again and again.
        let ended = || Wrong::Quiet("the session has ended: sign in again".to_owned());
        let session = match look {
            Look::Uses => self.sessions.check(&self.key, cookie, now_ms),
            Look::Aside => self.sessions.look(&self.key, cookie, now_ms),
        };
        let session = session.ok_or_else(ended)?;
        let held = self.tokens.get(&session.token).filter(|held| held.token.spent(now_ms).is_none());
        let held = held.ok_or_else(ended)?;
        let ends_ms = self.sessions.ends_ms(&session).min(held.token.expires_ms.unwrap_or(u64::MAX));
        let caller = caller(&held.token, Via::Session, Some(ends_ms)).ok_or_else(ended)?;
        Ok(Known { caller, csrf: Some(sessions::csrf(&self.key, cookie)) })
    }

    /// Notes a write of this caller; how long to wait, if it was one too many.
    pub fn note_write(&self, caller: &Caller) -> Option<Duration> {
        self.pace.as_ref()?.note(&caller.identity)
    }

    /// Begins a session with a token.
    ///
    /// # Errors
    /// The token is not good for one, or the session cannot be kept.
    pub async fn sign_in(self: &Arc<Self>, text: &str, peer: Option<&Peer>) -> Result<SignedIn, AccessError> {
        let now_ms = now_ms();
        let wrong = |why: &str| self.refuse(why, peer);
        let held = self.check(text.trim(), now_ms).map_err(wrong)?;
        let Begun { kept, cookie } = Sessions::begin(&self.key, &held.token.id, now_ms)?;
        let ends_ms = held.token.expires_ms.unwrap_or(u64::MAX);
        let caller = caller(&held.token, Via::Session, Some(ends_ms).filter(|at| *at < u64::MAX))
            .ok_or_else(|| wrong("a node's token is for its stream and its reports"))?;
        let own = Arc::clone(self);
        let begun = self.to_its_end(async move {
            own.store.begin_session(&kept).await?;
            own.sessions.put(kept);
            Ok(())
        });
        begun.await?;
        let csrf = Some(sessions::csrf(&self.key, &cookie));
        let cookie = self.set_cookie(&cookie, self.sessions.most_seconds());
        Ok(SignedIn { known: Known { caller, csrf }, cookie })
    }

    /// Ends the session of these headers, if there is one. The value of `set-cookie` makes the browser forget it in any
    /// case.
    ///
    /// # Errors
    /// The database failed. The session has ended, and is looked for on disk until it is gone from there; if the server
    /// ends before that, it is back.
    pub async fn sign_out(self: &Arc<Self>, headers: &HeaderMap) -> (String, Result<(), AccessError>) {
        let session = cookie(headers).and_then(|text| self.sessions.look(&self.key, text, now_ms()));
        let ended = match session {
            Some(session) => {
                self.sessions.end(&session.id);
                let own = Arc::clone(self);
                self.to_its_end(async move { Ok(own.forget_sessions().await?) }).await
            }
            None => Ok(()),
        };
        (self.set_cookie("", 0), ended)
    }

    /// Every token, the youngest first.
    pub fn tokens(&self) -> Vec<Token> {
        self.tokens.list()
    }

    /// Told whenever somebody may have lost what they had: look again with [`Access::still_holds`].
    pub fn watch(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// The token of this text, if it is good.
    fn check(&self, text: &str, now_ms: u64) -> Result<Arc<Held>, &'static str> {
        let shown = Shown::parse(text).ok_or("the token is not known here")?;
        self.tokens.check(&self.key, shown, now_ms)
    }

    /// Counts a failed attempt.
    fn refuse(&self, why: &str, peer: Option<&Peer>) -> Refused {
        match self.failures.note(peer.map(|peer| peer.address.ip())) {
            Some(wait) => Refused::TooMany(wait),
            None => Refused::Wrong(why.to_owned()),
        }
    }

    fn set_cookie(&self, value: &str, seconds: u64) -> String {
        let secure = if self.is_tls { "; Secure" } else { "" };
        format!("{COOKIE}={value}; HttpOnly; SameSite=Strict; Path=/; Max-Age={seconds}{secure}")
    }
}

impl Known {
    /// Whether a write that carries `shown` was made by the console's own page. What came with a token was not made by
    /// a browser of its own accord, and needs nothing.
    pub fn is_own_write(&self, shown: Option<&[u8]>) -> bool {
        match &self.csrf {
            None => true,
            Some(csrf) => shown.is_some_and(|shown| csrf.as_bytes().ct_eq(shown).into()),
        }
    }
}

/// In milliseconds since 1970.
pub fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}

/// Whoever holds this token; `None` for a node's.
fn caller(token: &Token, via: Via, expires_ms: Option<u64>) -> Option<Caller> {
    let Grant::Person { role, scope } = &token.grant else { return None };
    Some(Caller {
        name: format!("token:{}", token.name),
        identity: format!("token:{}", token.id),
        role: *role,
        scope: scope.clone(),
        via,
        expires_ms,
    })
}

/// What follows `Bearer` (RFC 6750; the scheme is compared without case).
fn bearer(value: &[u8]) -> Option<&str> {
    let (scheme, token) = std::str::from_utf8(value).ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The value of the console's cookie.
fn cookie(headers: &HeaderMap) -> Option<&str> {
    let lines = headers.get_all(header::COOKIE).into_iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE).map(|(_, value)| value)
}
