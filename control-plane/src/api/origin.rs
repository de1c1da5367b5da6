//! Who asks for a write.

use axum::http::Extensions;

use crate::listener::Peer;
use crate::model::access::Caller;
use crate::model::audit::Origin;

/// Who asks, as the guard found it, and from where.
pub(crate) fn of(extensions: &Extensions, reason: Option<String>) -> Origin {
    let caller = extensions.get::<Caller>();
    let peer = extensions.get::<Peer>();
    Origin {
        actor: caller.map_or_else(|| "nobody".to_owned(), |caller| caller.name.clone()),
        source: peer.map_or_else(|| "unknown".to_owned(), |peer| peer.address.to_string()),
        reason,
    }
}
