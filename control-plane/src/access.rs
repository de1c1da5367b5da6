//! Who is at the other end: whom the server believes, and on what ground.

use axum::http::HeaderMap;

use crate::listener::Peer;
use crate::model::access::Caller;

/// Decides who somebody is.
#[derive(Debug)]
pub struct Access(());

impl Access {
    /// Asks nobody: everybody is an admin.
    pub fn dev() -> Access {
        Access(())
    }

    /// Who sent a request with these headers from there.
    pub fn authenticate(&self, _headers: &HeaderMap, peer: Option<&Peer>) -> Caller {
        let identity = peer.and_then(|peer| peer.identity.as_deref());
        Caller { name: identity.unwrap_or("anonymous").to_owned(), ..Caller::dev() }
    }
}
