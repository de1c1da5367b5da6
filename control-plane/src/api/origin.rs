//! Who asks for a write.

use axum::http::Extensions;

use crate::listener::Peer;
use crate::model::audit::Origin;

/// Who asks, from the connection that the request came by: the name in the client's certificate, or `anonymous`.
pub(crate) fn of(extensions: &Extensions, reason: Option<String>) -> Origin {
    let peer = extensions.get::<Peer>();
    let identity = peer.and_then(|peer| peer.identity.as_deref());
    Origin {
        actor: identity.unwrap_or("anonymous").to_owned(),
        source: peer.map_or_else(|| "unknown".to_owned(), |peer| peer.address.to_string()),
        reason,
    }
}
