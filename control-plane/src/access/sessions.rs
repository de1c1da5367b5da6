//! The console's sessions: each begun with a token, carried by a cookie, and ended by time, by its holder, or with its
//! token.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::access::key::{Purpose, ServerKey};
use crate::access::random::{self, NoRandom};
use crate::access::tokens::Used;
use crate::store::access::KeptSession;

/// People, not crowds. One more ends the one that was used longest ago.
const MAX_SESSIONS: usize = 1_000;

/// How long sessions last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionTimes {
    /// Without a request.
    pub idle: Duration,
    /// In all.
    pub most: Duration,
}

impl Default for SessionTimes {
    /// A working day without a click, and a week.
    fn default() -> Self {
        SessionTimes { idle: Duration::from_secs(8 * 3_600), most: Duration::from_secs(7 * 24 * 3_600) }
    }
}

/// The sessions that there are.
#[derive(Debug)]
pub(super) struct Sessions {
    times: SessionTimes,
    held: Mutex<HashMap<String, Arc<Session>>>,
    /// Ids of those that have ended and may still be on disk, where a restart would find them.
    left: Mutex<BTreeSet<String>>,
}

/// One of them.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) id: String,
    /// The id of the token that it was begun with.
    pub(super) token: String,
    tag: Vec<u8>,
    began_ms: u64,
    used: Used,
}

/// A session that was just begun.
pub(super) struct Begun {
    pub(super) kept: KeptSession,
    /// The cookie's value, for its holder's browser alone.
    pub(super) cookie: String,
}

impl Sessions {
    pub(super) fn new(times: SessionTimes, kept: Vec<KeptSession>) -> Sessions {
        let sessions = Sessions { times, held: Mutex::default(), left: Mutex::default() };
        for kept in kept {
            sessions.hold(kept);
        }
        sessions
    }

    /// Makes one. It holds once it is put in with [`Sessions::put`].
    pub(super) fn begin(key: &ServerKey, token: &str, now_ms: u64) -> Result<Begun, NoRandom> {
        let (id, secret): ([u8; 16], [u8; 32]) = (random::bytes()?, random::bytes()?);
        let (id, secret) = (random::hex(&id), random::hex(&secret));
        let tag = key.tag(Purpose::Session, &proof(&id, token, &secret)).to_vec();
        let cookie = format!("{id}.{secret}");
        let kept = KeptSession { id, tag, token: token.to_owned(), began_ms: now_ms, used_ms: now_ms };
        Ok(Begun { kept, cookie })
    }

    /// Puts one in, for which another may have to go.
    pub(super) fn put(&self, kept: KeptSession) {
        self.hold(kept);
        let mut held = self.lock();
        while held.len() > MAX_SESSIONS {
            let Some(oldest) = held.values().min_by_key(|session| session.used.ms()) else { break };
            let id = oldest.id.clone();
            held.remove(&id);
            self.left().insert(id);
        }
    }

    fn hold(&self, KeptSession { id, tag, token, began_ms, used_ms }: KeptSession) {
        let session = Session { id: id.clone(), tag, token, began_ms, used: Used::at(used_ms) };
        self.lock().insert(id, Arc::new(session));
    }

    /// The session of this cookie, if it is one and has not ended.
    pub(super) fn check(&self, key: &ServerKey, cookie: &str, now_ms: u64) -> Option<Arc<Session>> {
        let session = self.look(key, cookie, now_ms)?;
        session.used.now(now_ms);
        Some(session)
    }

    /// The same, and it does not count as a use.
    pub(super) fn look(&self, key: &ServerKey, cookie: &str, now_ms: u64) -> Option<Arc<Session>> {
        let (id, secret) = cookie.split_once('.')?;
        let session = Arc::clone(self.lock().get(id)?);
        if !key.proves(Purpose::Session, &proof(id, &session.token, secret), &session.tag)
            || self.ends_ms(&session) <= now_ms
        {
            return None;
        }
        Some(session)
    }

    /// When it ends if nobody uses it again.
    pub(super) fn ends_ms(&self, session: &Session) -> u64 {
        let after = |from: u64, time: Duration| {
            from.saturating_add(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
        };
        after(session.used.ms(), self.times.idle).min(after(session.began_ms, self.times.most))
    }

    /// In whole seconds, for the cookie.
    pub(super) fn most_seconds(&self) -> u64 {
        self.times.most.as_secs()
    }

    /// Ends one.
    pub(super) fn end(&self, id: &str) {
        self.lock().remove(id);
        self.left().insert(id.to_owned());
    }

    /// Ends those that were begun with this token; on disk they have ended with it.
    pub(super) fn end_of(&self, token: &str) {
        self.lock().retain(|_, session| session.token != token);
    }

    /// Ends those whose time is over.
    pub(super) fn sweep(&self, now_ms: u64) {
        let mut held = self.lock();
        held.retain(|id, session| {
            let goes_on = self.ends_ms(session) > now_ms;
            if !goes_on {
                self.left().insert(id.clone());
            }
            goes_on
        });
    }

    /// Ids of those that have ended and may still be on disk.
    pub(super) fn still_on_disk(&self) -> Vec<String> {
        self.left().iter().cloned().collect()
    }

    /// They are on disk no more.
    pub(super) fn gone_from_disk(&self, ids: &[String]) {
        let mut left = self.left();
        for id in ids {
            left.remove(id);
        }
    }

    /// Those that were used since the last call, and when.
    pub(super) fn take_used(&self) -> Vec<(String, u64)> {
        self.lock().values().filter_map(|session| Some((session.id.clone(), session.used.take()?))).collect()
    }

    /// These could not be written down: they are to be taken again.
    pub(super) fn keep_used(&self, taken: &[(String, u64)]) {
        let held = self.lock();
        taken.iter().filter_map(|(id, _)| held.get(id)).for_each(|session| session.used.keep());
    }

    fn left(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Session>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the tag of a session is of: its secret, and whose it is.
fn proof(id: &str, token: &str, secret: &str) -> Vec<u8> {
    format!("{id}\0{token}\0{secret}").into_bytes()
}

/// What a page of the console sends beside the cookie, which no other site's page can read.
pub(super) fn csrf(key: &ServerKey, cookie: &str) -> String {
    random::hex(&key.tag(Purpose::Csrf, cookie.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> ServerKey {
        let folder = tempfile::tempdir().unwrap();
        ServerKey::load_or_make(&folder.path().join("key")).unwrap()
    }

    #[test]
    fn a_session_ends_when_idle_and_after_its_time() {
        let (key, times) =
            (key(), SessionTimes { idle: Duration::from_secs(10), most: Duration::from_secs(25) });
        let sessions = Sessions::new(times, Vec::new());
        let Begun { kept, cookie } = Sessions::begin(&key, "a", 1_000).unwrap();
        assert!(sessions.check(&key, &cookie, 1_000).is_none(), "not put in yet");
        sessions.put(kept.clone());
        assert!(sessions.check(&key, &cookie, 10_999).is_some());
        assert!(sessions.check(&key, &cookie, 20_998).is_some());
        assert!(sessions.check(&key, &cookie, 26_000).is_none(), "25 seconds in all");
        let sessions = Sessions::new(times, vec![kept.clone()]);
        assert!(sessions.check(&key, &cookie, 11_000).is_none(), "10 seconds without use");
        sessions.sweep(11_000);
        assert_eq!(sessions.still_on_disk(), [kept.id]);
        sessions.gone_from_disk(&sessions.still_on_disk());
        assert!(sessions.still_on_disk().is_empty());
    }

    #[test]
    fn uses_that_are_not_on_disk_are_taken_again() {
        let (key, sessions) = (key(), Sessions::new(SessionTimes::default(), Vec::new()));
        let Begun { kept, cookie } = Sessions::begin(&key, "a", 1_000).unwrap();
        let id = kept.id.clone();
        sessions.put(kept);
        sessions.check(&key, &cookie, 2_000).unwrap();
        let taken = sessions.take_used();
        assert_eq!((taken.as_slice(), sessions.take_used().len()), (&[(id, 2_000)][..], 0));
        sessions.keep_used(&taken);
        assert_eq!(sessions.take_used(), taken);
        sessions.end(&taken[0].0);
        sessions.keep_used(&taken);
        assert!(sessions.take_used().is_empty());
    }

    /// A clock that is set ends what it says is over, and nobody who goes on using a session is let in for longer than it lasts.
    #[test]
    fn a_clock_that_is_set_shortens_and_does_not_extend() {
        let times = SessionTimes { idle: Duration::from_secs(10), most: Duration::from_secs(25) };
        let (key, sessions) = (key(), Sessions::new(times, Vec::new()));
        let Begun { kept, cookie } = Sessions::begin(&key, "a", 100_000).unwrap();
        sessions.put(kept);
        assert!(sessions.check(&key, &cookie, 900_000).is_none(), "set forth: it is over by this clock");
        assert!(sessions.check(&key, &cookie, 105_000).is_some(), "and set right: it was never swept");
        assert!(sessions.check(&key, &cookie, 50_000).is_some(), "set back");
        assert!(sessions.check(&key, &cookie, 60_000).is_none(), "idle is counted by the new time");
        assert!(sessions.check(&key, &cookie, 105_000).is_none(), "set right: it was idle for longer");
    }

    #[test]
    fn only_the_whole_cookie_counts() {
        let key = key();
        let sessions = Sessions::new(SessionTimes::default(), Vec::new());
        let Begun { kept, cookie } = Sessions::begin(&key, "a", 0).unwrap();
        let id = kept.id.clone();
        sessions.put(kept);
        let other = Sessions::begin(&key, "a", 0).unwrap().cookie;
        let mixed = format!("{id}.{}", other.split_once('.').unwrap().1);
        for wrong in ["", ".", &id, &format!("{id}."), &mixed, &other, &cookie[1..]] {
            assert!(sessions.check(&key, wrong, 0).is_none(), "{wrong}");
        }
        assert!(sessions.check(&key, &cookie, 0).is_some());
        sessions.end_of("b");
        assert!(sessions.check(&key, &cookie, 0).is_some());
        sessions.end_of("a");
        assert!(sessions.check(&key, &cookie, 0).is_none());
    }

    #[test]
    fn one_too_many_ends_the_one_used_longest_ago() {
        let key = key();
        let sessions = Sessions::new(SessionTimes::default(), Vec::new());
        let mut first = None;
        for at in 0..=MAX_SESSIONS as u64 {
            let kept = Sessions::begin(&key, "a", at + 1).unwrap().kept;
            let first = first.get_or_insert_with(|| kept.id.clone());
            sessions.put(kept);
            assert_eq!(sessions.still_on_disk().first() == Some(first), at == MAX_SESSIONS as u64, "{at}");
        }
    }
}
