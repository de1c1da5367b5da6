//! The control plane's end of one stream.
//!
//! The caller owns the socket and the policies. It passes on every request ([`Stream::on_request`]), says
//! what the node should have whenever that may have changed ([`Stream::on_desired`]), and calls
//! [`Stream::on_tick`] at [`Stream::wake_at_ms`]. Until it has said what the node should have, which it can
//! only know once the first request has named the node, nothing is sent.
//!
//! **Invariant:** at most one response waits for its answer, and nothing is queued behind it: when it is
//! answered, what is sent next is computed from what is wanted *then*. A node that is slow sees fewer
//! versions, never old ones.
//! **Invariant:** no nonce is used twice, on this stream or (given distinct stream ids) on any other.

mod subscription;

use std::collections::BTreeMap;

use crate::TYPE_URL;
use crate::delta::server::subscription::{Has, Subscription};
use crate::delta::{Node, Request, Resource, Response, bounded};

/// How long a response may wait for its answer, in milliseconds, before a newer one takes its place. The
/// filter answers when its last worker has applied the policy; one that is stuck must not hold up a valve
/// that is being closed. At most five responses a second go to a node that answers none of them.
pub const SUPERSEDE_AFTER_MS: u64 = 200;

/// How many names a stream may subscribe to. Umbra has a handful of roles.
pub const MAX_SUBSCRIPTIONS: usize = 64;
/// The longest name of a resource, and the longest version, in bytes.
pub const MAX_NAME_BYTES: usize = 256;
/// The most text that a node may tell about itself, in bytes.
pub const MAX_NODE_BYTES: usize = 64 * 1024;

/// The name that stands for all resources.
const WILDCARD: &str = "*";

/// What the caller must do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send this on the stream.
    Send(Response),
    /// The node has this: it acknowledged it, or said so when it connected.
    Acked {
        /// The resource.
        name: String,
        /// Its version; `None` when the node acknowledged that there is none.
        version: Option<String>,
    },
    /// The node refused this and keeps what it had. It is not sent again on this stream until something else
    /// is wanted or the node asks for it.
    Nacked {
        /// The resource.
        name: String,
        /// Its version; `None` when the node refused that there is none.
        version: Option<String>,
        /// The node's words, at most [`crate::delta::MAX_REASON_BYTES`].
        reason: String,
    },
}

/// Why the stream must be ended, with the gRPC status `INVALID_ARGUMENT` and this as its message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The request is about another type.
    #[error("type {type_url:?} is not served here, only {TYPE_URL}")]
    Type {
        /// The type it is about.
        type_url: String,
    },
    /// The stream's first request names no node, or one without an id.
    #[error("the first request of a stream must carry a node with an id")]
    NoNode,
    /// The node tells more about itself than [`MAX_NODE_BYTES`].
    #[error("the node tells more than {MAX_NODE_BYTES} bytes about itself")]
    NodeTooLong,
    /// A name or a version is empty or longer than [`MAX_NAME_BYTES`].
    #[error("names and versions have 1 to {MAX_NAME_BYTES} bytes")]
    Name,
    /// More than [`MAX_SUBSCRIPTIONS`] names.
    #[error("more than {MAX_SUBSCRIPTIONS} names on one stream")]
    TooManyNames,
}

/// One stream.
#[derive(Debug)]
pub struct Stream {
    id: String,
    responses: u64,
    node: Option<Node>,
    wildcard: bool,
    subscriptions: BTreeMap<String, Subscription>,
    desired: Option<BTreeMap<String, Resource>>,
    outstanding: Option<Outstanding>,
}

/// The response that waits for its answer.
#[derive(Debug)]
struct Outstanding {
    nonce: String,
    sent_at_ms: u64,
    /// What it said of each name: the version, or that there is none.
    sent: BTreeMap<String, Option<String>>,
}

impl Stream {
    /// A stream that has just been opened. `id` must be of this stream alone, among all that the node has
    /// had with any control plane: it starts the nonces.
    #[must_use]
    pub fn new(id: impl Into<String>) -> Stream {
        Stream {
            id: id.into(),
            responses: 0,
            node: None,
            wildcard: false,
            subscriptions: BTreeMap::new(),
            desired: None,
            outstanding: None,
        }
    }

    /// Who is at the other end; `None` before the first request.
    #[must_use]
    pub fn node(&self) -> Option<&Node> {
        self.node.as_ref()
    }

    /// A request arrived. After a refusal the stream must not be used any more.
    ///
    /// # Errors
    /// When the request breaks the protocol or a bound: see [`Refusal`].
    pub fn on_request(&mut self, request: Request, now_ms: u64) -> Result<Vec<Action>, Refusal> {
        check_bounds(&request)?;
        let first = self.node.is_none();
        let mut actions = Vec::new();
        // An answer may come together with subscriptions, and a stale answer does not make them void:
        // they are not repeated.
        if !request.nonce.is_empty()
            && let Some(outstanding) = self.outstanding.take_if(|response| response.nonce == request.nonce)
        {
            let rejection = request.error.as_ref().map(|error| bounded(&error.message));
            self.on_answer(outstanding, rejection, &mut actions);
        }
        // Subscribing comes last, so that a name in both lists ends up subscribed.
        for name in &request.unsubscribe {
            self.unsubscribe(name);
        }
        if first && request.subscribe.is_empty() && request.nonce.is_empty() {
            // A first request that names nothing asks for everything. One with a nonce is an answer to some
            // earlier stream, and an answer is never a subscription.
            self.wildcard = true;
        }
        for name in &request.subscribe {
            self.subscribe(name)?;
        }
        if first {
            self.node = Some(request.node.filter(|node| !node.id.is_empty()).ok_or(Refusal::NoNode)?);
            self.on_initial_versions(request.initial_versions, &mut actions)?;
        }
        actions.extend(self.respond(now_ms));
        Ok(actions)
    }

    /// These are all the resources that the node should have, now; names that are not among them do not
    /// exist for it. May be called as often as wanted: nothing is sent for what is the same.
    pub fn on_desired(&mut self, desired: Vec<Resource>, now_ms: u64) -> Vec<Action> {
        self.desired = Some(desired.into_iter().map(|resource| (resource.name.clone(), resource)).collect());
        self.respond(now_ms).into_iter().collect()
    }

    /// Time passes.
    pub fn on_tick(&mut self, now_ms: u64) -> Vec<Action> {
        self.respond(now_ms).into_iter().collect()
    }

    /// When [`Stream::on_tick`] is next of use; `None` when only a request or a change can move the stream.
    #[must_use]
    pub fn wake_at_ms(&self) -> Option<u64> {
        let outstanding = self.outstanding.as_ref()?;
        self.is_outdated(outstanding).then(|| outstanding.sent_at_ms.saturating_add(SUPERSEDE_AFTER_MS))
    }

    fn subscribe(&mut self, name: &str) -> Result<(), Refusal> {
        if name == WILDCARD {
            self.wildcard = true;
            return Ok(());
        }
        if !self.subscriptions.contains_key(name) && self.subscriptions.len() >= MAX_SUBSCRIPTIONS {
            return Err(Refusal::TooManyNames);
        }
        self.subscriptions.entry(name.to_owned()).or_default().ask();
        Ok(())
    }

    fn unsubscribe(&mut self, name: &str) {
        if name == WILDCARD {
            self.wildcard = false;
            self.subscriptions.retain(|_, subscription| subscription.by_name);
        } else {
            // With the wildcard it comes back in `respond`, and is sent anew: the node has dropped it.
            self.subscriptions.remove(name);
        }
    }

    /// What the node says it has from an earlier stream. Names that it does not ask for are of no use here.
    fn on_initial_versions(
        &mut self,
        versions: BTreeMap<String, String>,
        actions: &mut Vec<Action>,
    ) -> Result<(), Refusal> {
        for (name, version) in versions {
            if self.wildcard && !self.subscriptions.contains_key(&name) {
                if self.subscriptions.len() >= MAX_SUBSCRIPTIONS {
                    return Err(Refusal::TooManyNames);
                }
                self.subscriptions.insert(name.clone(), Subscription::default());
            }
            if let Some(subscription) = self.subscriptions.get_mut(&name) {
                subscription.has_initially(version.clone());
                actions.push(Action::Acked { name, version: Some(version) });
            }
        }
        Ok(())
    }

    fn on_answer(&mut self, outstanding: Outstanding, rejection: Option<&str>, actions: &mut Vec<Action>) {
        for (name, version) in outstanding.sent {
            // The name may be unsubscribed by now; the answer is still true.
            if let Some(subscription) = self.subscriptions.get_mut(&name) {
                match rejection {
                    None => subscription.acked(version.clone()),
                    Some(_) => subscription.nacked(version.clone()),
                }
            }
            actions.push(match rejection {
                None => Action::Acked { name, version },
                Some(reason) => Action::Nacked { name, version, reason: reason.to_owned() },
            });
        }
    }

    /// The next response, if one is due and may be sent.
    fn respond(&mut self, now_ms: u64) -> Option<Action> {
        self.follow_wildcard();
        if let Some(outstanding) = &self.outstanding {
            let waited_ms = now_ms.saturating_sub(outstanding.sent_at_ms);
            if waited_ms < SUPERSEDE_AFTER_MS || !self.is_outdated(outstanding) {
                return None;
            }
            // Its answer will be ignored, so that nothing is known of what the node made of it.
            for name in outstanding.sent.keys() {
                if let Some(subscription) = self.subscriptions.get_mut(name) {
                    subscription.has = Has::Unsure;
                }
            }
            self.outstanding = None;
        }
        let desired = self.desired.as_ref()?;
        let mut sent = BTreeMap::new();
        let mut resources = Vec::new();
        let mut removed = Vec::new();
        for (name, subscription) in &mut self.subscriptions {
            let resource = desired.get(name);
            let version = resource.map(|resource| resource.version.as_str());
            if !subscription.needs(version) {
                continue;
            }
            subscription.asked_again = false;
            sent.insert(name.clone(), version.map(str::to_owned));
            match resource {
                Some(resource) => resources.push(resource.clone()),
                None => removed.push(name.clone()),
            }
        }
        if sent.is_empty() {
            return None;
        }
        self.responses += 1;
        let nonce = format!("{}-{}", self.id, self.responses);
        self.outstanding = Some(Outstanding { nonce: nonce.clone(), sent_at_ms: now_ms, sent });
        Some(Action::Send(Response { type_url: TYPE_URL.to_owned(), nonce, resources, removed }))
    }

    /// Whether there is something to say now that this response did not say.
    fn is_outdated(&self, outstanding: &Outstanding) -> bool {
        let Some(desired) = &self.desired else { return false };
        self.subscriptions.iter().any(|(name, subscription)| {
            let version = desired.get(name).map(|resource| resource.version.as_str());
            match outstanding.sent.get(name) {
                // What the node refused cannot take the place of what it may be about to accept.
                Some(sent) => {
                    subscription.asked_again || sent.as_deref() != version && !subscription.refuses(version)
                }
                None => subscription.needs(version),
            }
        })
    }

    /// With the wildcard the subscriptions follow what there is.
    fn follow_wildcard(&mut self) {
        let Some(desired) = &self.desired else { return };
        if self.wildcard {
            for name in desired.keys() {
                self.subscriptions.entry(name.clone()).or_default();
            }
        }
        self.subscriptions.retain(|name, subscription| {
            let in_flight =
                self.outstanding.as_ref().is_some_and(|response| response.sent.contains_key(name));
            let to_take_back = in_flight || !matches!(subscription.has, Has::Untold | Has::Nothing);
            subscription.by_name || desired.contains_key(name) || to_take_back
        });
    }
}

fn check_bounds(request: &Request) -> Result<(), Refusal> {
    if request.type_url != TYPE_URL {
        return Err(Refusal::Type { type_url: bounded(&request.type_url).to_owned() });
    }
    if request.node.as_ref().is_some_and(|node| node_bytes(node) > MAX_NODE_BYTES) {
        return Err(Refusal::NodeTooLong);
    }
    let initial = request.initial_versions.iter().flat_map(|(name, version)| [name, version]);
    for name in request.subscribe.iter().chain(&request.unsubscribe).chain(initial) {
        if name.is_empty() || name.len() > MAX_NAME_BYTES {
            return Err(Refusal::Name);
        }
    }
    Ok(())
}

fn node_bytes(node: &Node) -> usize {
    let own = [&node.id, &node.cluster, &node.region, &node.zone, &node.sub_zone, &node.envoy_version];
    let metadata = node.metadata.iter().flat_map(|(key, value)| [key, value]);
    own.into_iter().chain(metadata).map(String::len).sum()
}
