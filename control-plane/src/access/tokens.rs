//! The tokens that there are, in memory: a look at one costs one HMAC, and a revocation holds from the next look on.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use crate::access::key::{Purpose, ServerKey};
use crate::access::text::Shown;
use crate::model::access::token::Token;
use crate::store::access::KeptToken;

/// The tokens that there are.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    held: RwLock<HashMap<String, Arc<Held>>>,
}

/// One of them.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) token: Token,
    tag: Vec<u8>,
    /// Goes on when the rest is replaced.
    used: Arc<Used>,
}

/// When something was last used, and whether that is on disk.
#[derive(Debug)]
pub(super) struct Used {
    at_ms: AtomicU64,
    is_new: AtomicBool,
}

impl Tokens {
    pub(super) fn new(kept: Vec<KeptToken>) -> Tokens {
        let tokens = Tokens::default();
        kept.into_iter().for_each(|kept| tokens.put(kept));
        tokens
    }

    /// Adds one, or puts it in place of what it was.
    pub(super) fn put(&self, KeptToken { token, tag }: KeptToken) {
        let mut all = self.held.write().unwrap_or_else(PoisonError::into_inner);
        let used = match all.get(&token.id) {
            Some(held) => Arc::clone(&held.used),
            None => Arc::new(Used::at(token.last_used_ms.unwrap_or_default())),
        };
        all.insert(token.id.clone(), Arc::new(Held { token, tag, used }));
    }

    /// From now on it is revoked.
    pub(super) fn revoke(&self, id: &str, now_ms: u64) {
        let Some(held) = self.get(id) else { return };
        let token = Token { revoked_ms: Some(now_ms), ..held.token.clone() };
        self.put(KeptToken { token, tag: held.tag.clone() });
    }

    /// Forgets those for which `is_gone` holds.
    pub(super) fn forget(&self, is_gone: impl Fn(&Token) -> bool) {
        let mut all = self.held.write().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, held| !is_gone(&held.token));
    }

    pub(super) fn get(&self, id: &str) -> Option<Arc<Held>> {
        self.held.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    /// All of them, the youngest first.
    pub(super) fn list(&self) -> Vec<Token> {
        let all = self.held.read().unwrap_or_else(PoisonError::into_inner);
        let mut tokens: Vec<Token> = all.values().map(|held| held.shown()).collect();
        tokens.sort_by(|a, b| (b.created_ms, &b.id).cmp(&(a.created_ms, &a.id)));
        tokens
    }

    pub(super) fn len(&self) -> usize {
        self.held.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// The token that was shown, if its secret is right and it is not spent.
    ///
    /// # Errors
    /// Why not. Whoever has the secret is told that it is spent; anybody else, that it is not known.
    pub(super) fn check(
        &self,
        key: &ServerKey,
        shown: Shown<'_>,
        now_ms: u64,
    ) -> Result<Arc<Held>, &'static str> {
        const UNKNOWN: &str = "the token is not known here";
        let held = self.get(shown.id).ok_or(UNKNOWN)?;
        if !key.proves(Purpose::Token, &proof(&held.token, shown.secret), &held.tag) {
            return Err(UNKNOWN);
        }
        if let Some(why) = held.token.spent(now_ms) {
            return Err(why);
        }
        held.used.now(now_ms);
        Ok(held)
    }

    /// Those that were used since the last call, and when.
    pub(super) fn take_used(&self) -> Vec<(String, u64)> {
        let all = self.held.read().unwrap_or_else(PoisonError::into_inner);
        all.values().filter_map(|held| Some((held.token.id.clone(), held.used.take()?))).collect()
    }

    /// These could not be written down: they are to be taken again.
    pub(super) fn keep_used(&self, taken: &[(String, u64)]) {
        taken.iter().filter_map(|(id, _)| self.get(id)).for_each(|held| held.used.keep());
    }
}

/// What the tag of a token is of: its secret, and what it is good for, so that nobody who can write to the database can
/// make more of a token than it is.
pub(super) fn proof(token: &Token, secret: &str) -> Vec<u8> {
    let (role, scope) = (token.grant.role_name(), token.grant.scope_json());
    let expires = token.expires_ms.unwrap_or(u64::MAX);
    format!("{}\0{role}\0{scope}\0{expires}\0{secret}", token.id).into_bytes()
}

impl Held {
    fn shown(&self) -> Token {
        let last_used_ms = Some(self.used.ms()).filter(|at| *at > 0);
        Token { last_used_ms, ..self.token.clone() }
    }
}

impl Used {
    pub(super) fn at(at_ms: u64) -> Used {
        Used { at_ms: AtomicU64::new(at_ms), is_new: AtomicBool::new(false) }
    }

    pub(super) fn now(&self, now_ms: u64) {
        self.at_ms.store(now_ms, Ordering::Relaxed);
        self.is_new.store(true, Ordering::Relaxed);
    }

    pub(super) fn ms(&self) -> u64 {
        self.at_ms.load(Ordering::Relaxed)
    }

    /// The time, if it is newer than what was taken last.
    pub(super) fn take(&self) -> Option<u64> {
        self.is_new.swap(false, Ordering::Relaxed).then(|| self.ms())
    }

    /// What was taken is not on disk.
    pub(super) fn keep(&self) {
        self.is_new.store(true, Ordering::Relaxed);
    }
}
