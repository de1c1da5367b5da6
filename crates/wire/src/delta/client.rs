//! The filter's end: subscribes to one policy on one stream at a time, and opens the next when it is lost.
//!
//! The caller owns the socket. It calls `on_…` for what happened, carries out the returned actions in order,
//! and answers every [`Action::Apply`] and [`Action::Remove`] when the whole Envoy runs the change: only then
//! does the server hear of it. An answer may take as long as it wants, and may come after the stream that
//! brought the change is gone; it then counts as a version that the client has.
//!
//! **Invariant:** the client acknowledges only what the caller said is applied.
//! **Invariant:** of the responses that concern the policy, only the newest is ever answered.
//! **Invariant:** its memory is bounded: one change that is not yet answered, and no body of any.

pub mod backoff;

use std::collections::BTreeMap;

use prost::bytes::Bytes;

use crate::delta::client::backoff::Backoff;
use crate::delta::{Node, Rejection, Request, Response, bounded};
use crate::{MAX_POLICY_BYTES, TYPE_URL, unfold};

/// How long a stream may stay without any sign of the server before it is given up, in milliseconds.
/// Longer than a slow TLS handshake, shorter than an operator's patience.
pub const ANSWER_TIMEOUT_MS: u64 = 10_000;

/// How long a stream must have been answered, in milliseconds, before its loss counts as the first failure
/// again. A server that has nothing to send sends no response, so that a response cannot be the only sign;
/// one that accepts each stream and ends it at once must not be asked ten times a second.
pub const STABLE_AFTER_MS: u64 = 10_000;

/// The longest response that is looked at, in bytes: the longest policy, and room for what surrounds it.
/// A policy that is too long for [`crate::decode`] alone can so be rejected by name.
pub const MAX_RESPONSE_BYTES: usize = MAX_POLICY_BYTES + 64 * 1024;

/// The longest version that is taken, in bytes. A version is written where each worker reads it and is reported back; one
/// that does not fit whole would never be seen to be applied.
pub const MAX_VERSION_BYTES: usize = 256;

/// `INVALID_ARGUMENT` of gRPC: what a rejected policy is.
const INVALID_ARGUMENT: i32 = 3;

/// What the caller must do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Open a stream; then call [`Client::on_opened`], or [`Client::on_closed`] if it cannot be opened.
    Open,
    /// Send this on the open stream.
    Send(Box<Request>),
    /// Close the open stream and forget it: no further event of it may be passed on.
    Close {
        /// Why, for the log.
        reason: String,
    },
    /// Run this policy; then call [`Client::on_applied`], or [`Client::on_rejected`] and change nothing.
    /// Replaces any change that was not yet answered.
    Apply {
        /// Names the policy in the answer.
        version: String,
        /// An encoded policy, for [`crate::decode`].
        body: Bytes,
    },
    /// Run no policy at all, so that nothing is stamped or mirrored; then call [`Client::on_removed`].
    /// The control plane says that it has none for this node, which is not the same as a control plane that
    /// cannot be reached. Replaces any change that was not yet answered.
    Remove,
}

/// One policy's subscription.
#[derive(Debug)]
pub struct Client {
    node: Node,
    name: String,
    link: Link,
    backoff: Backoff,
    /// The last change of which the caller said that it is in effect; `None` before any.
    applied: Option<Change>,
    /// Whether the caller runs exactly `applied`: false from when it is given a change until it answers.
    settled: bool,
    offer: Option<Offer>,
}

/// The present stream.
#[derive(Debug)]
enum Link {
    /// There is none, and none is to be opened before then.
    Closed { retry_at_ms: u64 },
    /// Asked for, or open; the server has not shown itself.
    Opening { since_ms: u64 },
    /// The server has answered.
    Answered { since_ms: u64 },
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Change {
    Apply { version: String },
    Remove,
}

/// The newest change that was handed out and not yet answered.
#[derive(Debug)]
struct Offer {
    change: Change,
    /// The response to answer; `None` when its stream is gone or a newer response took its place.
    nonce: Option<String>,
    /// What `settled` was before: what it is again if this is rejected.
    settled_before: bool,
}

impl Client {
    /// A client that has no stream yet; the first tick asks for one. `name` is the policy's name, which is
    /// the filter's role. `applied` is the version that the Envoy runs already, from an earlier leader.
    #[must_use]
    pub fn new(node: Node, name: impl Into<String>, applied: Option<String>) -> Client {
        Client {
            node,
            name: name.into(),
            link: Link::Closed { retry_at_ms: 0 },
            backoff: Backoff::default(),
            applied: applied.map(|version| Change::Apply { version }),
            settled: true,
            offer: None,
        }
    }

    /// Whether there is a stream and the server has answered on it: what the Envoy runs is then what the
    /// server wants, or will soon be.
    #[must_use]
    pub fn is_answered(&self) -> bool {
        matches!(self.link, Link::Answered { .. })
    }

    /// The version that was applied last; `None` when there was none or it was removed.
    #[must_use]
    pub fn applied_version(&self) -> Option<&str> {
        match &self.applied {
            Some(Change::Apply { version }) => Some(version),
            Some(Change::Remove) | None => None,
        }
    }

    /// Time passes. `now_ms` is any clock that does not run backwards; `random` is uniform over all of `u64`.
    pub fn on_tick(&mut self, now_ms: u64, random: u64) -> Vec<Action> {
        match self.link {
            Link::Closed { retry_at_ms } if now_ms >= retry_at_ms => {
                self.link = Link::Opening { since_ms: now_ms };
                vec![Action::Open]
            }
            Link::Opening { since_ms } if now_ms.saturating_sub(since_ms) >= ANSWER_TIMEOUT_MS => {
                let reason = format!("no answer within {ANSWER_TIMEOUT_MS} ms");
                self.close(reason, now_ms, random)
            }
            Link::Answered { since_ms } if now_ms.saturating_sub(since_ms) >= STABLE_AFTER_MS => {
                self.backoff.reset();
                Vec::new()
            }
            Link::Closed { .. } | Link::Opening { .. } | Link::Answered { .. } => Vec::new(),
        }
    }

    /// The stream that [`Action::Open`] asked for exists; requests may be sent on it.
    pub fn on_opened(&mut self) -> Vec<Action> {
        let mut initial_versions = BTreeMap::new();
        // While a change is on its way the Envoy runs neither, or some of both: then the server sends what it wants.
        if let Some(version) = self.applied_version().filter(|_| self.settled) {
            initial_versions.insert(self.name.clone(), version.to_owned());
        }
        vec![Action::Send(Box::new(Request {
            node: Some(self.node.clone()),
            type_url: TYPE_URL.to_owned(),
            subscribe: vec![self.name.clone()],
            initial_versions,
            ..Request::default()
        }))]
    }

    /// The server accepted the stream: its initial metadata arrived.
    pub fn on_accepted(&mut self, now_ms: u64) {
        if matches!(self.link, Link::Opening { .. }) {
            self.link = Link::Answered { since_ms: now_ms };
        }
    }

    /// A message arrived on the stream. One that is not a response, or too large to look at, ends the
    /// stream: it has no nonce with which it could be rejected.
    pub fn on_message(&mut self, bytes: &[u8], now_ms: u64, random: u64) -> Vec<Action> {
        if bytes.len() > MAX_RESPONSE_BYTES || !unfold::fits(bytes, unfold::Kind::Response) {
            return self.close(format!("a response of {} bytes is too large", bytes.len()), now_ms, random);
        }
        match Response::decode(bytes) {
            Ok(response) => self.on_response(response, now_ms, random),
            Err(error) => self.close(format!("not a response: {error}"), now_ms, random),
        }
    }

    /// A response arrived on the stream. One about another type is ignored: it was not asked for.
    pub fn on_response(&mut self, response: Response, now_ms: u64, random: u64) -> Vec<Action> {
        if matches!(self.link, Link::Closed { .. }) {
            return Vec::new();
        }
        self.on_accepted(now_ms);
        if response.type_url != TYPE_URL {
            return Vec::new();
        }
        if response.nonce.is_empty() {
            return self.close("a response without a nonce".to_owned(), now_ms, random);
        }
        self.backoff.reset();
        let nonce = response.nonce;
        let mut mentioned = response.resources.into_iter().filter(|resource| resource.name == self.name);
        let resource = mentioned.next();
        let again = mentioned.next().is_some();
        let removed = response.removed.contains(&self.name);
        let (change, body) = match resource {
            // Nothing about the policy: nothing to wait for.
            None if !removed => return vec![answer(nonce, None)],
            None => (Change::Remove, Bytes::new()),
            Some(_) if again || removed => return self.refuse(nonce, "the policy is there more than once"),
            Some(resource) if resource.type_url != TYPE_URL => {
                let reason = format!("a resource of type {:?} is not a policy", bounded(&resource.type_url));
                return self.refuse(nonce, &reason);
            }
            Some(resource) if resource.version.is_empty() => {
                return self.refuse(nonce, "the policy has no version");
            }
            Some(resource) if resource.version.len() > MAX_VERSION_BYTES => {
                let length = resource.version.len();
                let reason =
                    format!("the policy's version has {length} bytes: at most {MAX_VERSION_BYTES} are taken");
                return self.refuse(nonce, &reason);
            }
            Some(resource) => (Change::Apply { version: resource.version }, resource.body),
        };
        self.offer(change, body, nonce)
    }

    /// The stream ended, or could not be opened. Ignored when there is none.
    pub fn on_closed(&mut self, now_ms: u64, random: u64) {
        if matches!(self.link, Link::Closed { .. }) {
            return;
        }
        self.link = Link::Closed { retry_at_ms: now_ms.saturating_add(self.backoff.next_ms(random)) };
        self.abandon_nonce();
    }

    /// The whole Envoy runs this version, which came with an [`Action::Apply`].
    pub fn on_applied(&mut self, version: &str) -> Vec<Action> {
        self.done(Change::Apply { version: version.to_owned() })
    }

    /// The whole Envoy runs no policy, as [`Action::Remove`] asked.
    pub fn on_removed(&mut self) -> Vec<Action> {
        self.done(Change::Remove)
    }

    /// This version, which came with an [`Action::Apply`], cannot be run, and nothing was changed. Ignored
    /// when a newer change was handed out since.
    pub fn on_rejected(&mut self, version: &str, reason: &str) -> Vec<Action> {
        let rejected =
            |offer: &mut Offer| matches!(&offer.change, Change::Apply { version: v } if v == version);
        let Some(offer) = self.offer.take_if(rejected) else { return Vec::new() };
        self.settled = offer.settled_before;
        offer.nonce.map(|nonce| answer(nonce, Some(reason))).into_iter().collect()
    }

    /// Hands a change out, unless it is in effect or on its way already.
    fn offer(&mut self, change: Change, body: Bytes, nonce: String) -> Vec<Action> {
        if let Some(offer) = &mut self.offer
            && offer.change == change
        {
            offer.nonce = Some(nonce);
            return Vec::new();
        }
        if self.settled && self.applied.as_ref() == Some(&change) {
            return vec![answer(nonce, None)];
        }
        let action = match &change {
            Change::Apply { version } => Action::Apply { version: version.clone(), body },
            Change::Remove => Action::Remove,
        };
        self.offer = Some(Offer { change, nonce: Some(nonce), settled_before: self.settled });
        self.settled = false;
        vec![action]
    }

    /// A change is in effect. It may be an older one than the newest that was handed out: then it is what
    /// the Envoy has, but not what the server waits for.
    fn done(&mut self, change: Change) -> Vec<Action> {
        let offer = self.offer.take_if(|offer| offer.change == change);
        self.applied = Some(change);
        let Some(offer) = offer else { return Vec::new() };
        self.settled = true;
        offer.nonce.map(|nonce| answer(nonce, None)).into_iter().collect()
    }

    /// Rejects a response that the caller need not see.
    fn refuse(&mut self, nonce: String, reason: &str) -> Vec<Action> {
        self.abandon_nonce();
        vec![answer(nonce, Some(reason))]
    }

    fn close(&mut self, reason: String, now_ms: u64, random: u64) -> Vec<Action> {
        self.on_closed(now_ms, random);
        vec![Action::Close { reason }]
    }

    fn abandon_nonce(&mut self) {
        if let Some(offer) = &mut self.offer {
            offer.nonce = None;
        }
    }
}

/// An ACK, or with a reason a NACK.
fn answer(nonce: String, rejection: Option<&str>) -> Action {
    let error =
        rejection.map(|reason| Rejection { code: INVALID_ARGUMENT, message: bounded(reason).to_owned() });
    Action::Send(Box::new(Request { type_url: TYPE_URL.to_owned(), nonce, error, ..Request::default() }))
}
