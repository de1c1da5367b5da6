//! Envoys: which nodes a stream or a report may be of.

use std::sync::Arc;

use tonic::Status;

use crate::access::{Access, Refused, bearer, now_ms};
use crate::listener::Peer;
use crate::model::access::node::{NodeScope, SanPattern};
use crate::model::access::token::Grant;

/// What is asked of nodes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeRules {
    /// The names that certificates may have; with none, the client CA's word is enough.
    pub sans: Vec<SanPattern>,
    /// Whether each must show a token. One that is shown is looked at either way.
    pub require_token: bool,
}

/// Who opened a stream or sends a report.
#[derive(Clone, Debug, Default)]
pub struct NodeIdentity {
    /// **Invariant:** a node id must be in all of these.
    scopes: Vec<NodeScope>,
    token: Option<Arc<str>>,
}

impl NodeIdentity {
    /// Whether it may be the node of this id.
    pub fn may_be(&self, id: &str) -> bool {
        self.scopes.iter().all(|scope| scope.holds(id))
    }
}

impl Access {
    /// Who a node is, by its certificate and by the token in its metadata.
    ///
    /// # Errors
    /// It is nobody who may be a node.
    pub fn node(&self, authorization: Option<&[u8]>, peer: Option<&Peer>) -> Result<NodeIdentity, Refused> {
        if self.dev {
            return Ok(NodeIdentity::default());
        }
        let mut identity = NodeIdentity::default();
        let certificate = peer.filter(|peer| peer.identity.is_some());
        if let Some(peer) = certificate
            && !self.nodes.sans.is_empty()
        {
            let fits = |name: &Arc<str>| self.nodes.sans.iter().find_map(|pattern| pattern.scope(name));
            let scope = peer.names.iter().find_map(fits);
            let scope =
                scope.ok_or_else(|| self.refuse("no name in the certificate is allowed", Some(peer)))?;
            identity.scopes.push(scope);
        }
        match authorization {
            Some(value) => {
                let wrong = |why: &str| self.refuse(why, peer);
                let text = bearer(value).ok_or_else(|| wrong("authorization is not Bearer and a token"))?;
                let held = self.check(text, now_ms()).map_err(wrong)?;
                let Grant::Node(scope) = &held.token.grant else {
                    return Err(wrong("the token is not one of a node"));
                };
                identity.scopes.push(scope.clone());
                identity.token = Some(held.token.id.as_str().into());
            }
            None if self.nodes.require_token => return Err(Refused::Nobody),
            None => {}
        }
        Ok(identity)
    }

    /// Whether it is still who it was when it came: nobody revoked its token, nor has that expired.
    pub fn still_holds(&self, identity: &NodeIdentity) -> bool {
        let Some(id) = &identity.token else { return true };
        self.tokens.get(id).is_some_and(|held| held.token.spent(now_ms()).is_none())
    }
}

impl From<Refused> for Status {
    fn from(refused: Refused) -> Status {
        match refused {
            Refused::TooMany(_) => Status::resource_exhausted(refused.to_string()),
            refused => Status::unauthenticated(refused.to_string()),
        }
    }
}
