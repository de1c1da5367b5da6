//! Who asks, and what they may do.

pub mod failures;
pub mod node;
pub mod scope;
pub mod token;

use std::fmt;

use umbra_resource::manifest::Metadata;

use crate::model::access::scope::Scope;

/// What somebody may do. **Invariant:** each may do all that those before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Reads everything but tokens.
    Viewer,
    /// Moves the valves and switches of the shadows in its scope.
    Operator,
    /// Changes resources, tokens and settings.
    Admin,
}

/// How somebody said who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// Not at all: the server asks nobody.
    Dev,
    /// By a token.
    Token,
    /// By the cookie of a session that was begun with a token.
    Session,
    /// By a token of the identity provider.
    Oidc,
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// For the audit trail: `dev`, `token:deploy-bot`, `oidc:ann@example.com`.
    pub name: String,
    /// Tells them apart from every other, also from others of the same name: the id of their token, or what the
    /// identity provider calls them.
    pub identity: String,
    /// What they may do.
    pub role: Role,
    /// Which shadows an operator may move. Nothing to the other roles.
    pub scope: Scope,
    /// How they said who they are.
    pub via: Via,
    /// Until when they are believed, in milliseconds since 1970; `None` is without end.
    pub expires_ms: Option<u64>,
}

impl Role {
    /// Every role, the least first.
    pub const ALL: [Role; 3] = [Role::Viewer, Role::Operator, Role::Admin];

    /// As written and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Operator => "operator",
            Role::Admin => "admin",
        }
    }

    /// The role that is written so.
    pub fn parse(text: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.as_str() == text)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Via {
    /// As shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Via::Dev => "dev",
            Via::Token => "token",
            Via::Session => "session",
            Via::Oidc => "oidc",
        }
    }
}

impl Caller {
    /// Whoever asks a server that asks nobody who they are.
    pub fn dev() -> Caller {
        Caller {
            name: "dev".to_owned(),
            identity: "dev".to_owned(),
            role: Role::Admin,
            scope: Scope::All,
            via: Via::Dev,
            expires_ms: None,
        }
    }

    /// Whether they may move the valve and the switch of the shadow that has this `metadata` now.
    pub fn may_move(&self, metadata: &Metadata) -> bool {
        match self.role {
            Role::Viewer => false,
            Role::Operator => self.scope.holds(metadata),
            Role::Admin => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_ranked_and_read_as_written() {
        assert!(Role::Viewer < Role::Operator && Role::Operator < Role::Admin);
        for role in Role::ALL {
            assert_eq!(Role::parse(role.as_str()), Some(role));
        }
        assert_eq!(Role::parse("Admin"), None);
    }

    #[test]
    fn only_operators_are_held_to_their_scope() {
        let shadow = |name: &str| Metadata { name: name.to_owned(), ..Metadata::default() };
        let scope = Scope::shadows(["mine".to_owned()]).unwrap();
        for (role, mine, others) in
            [(Role::Viewer, false, false), (Role::Operator, true, false), (Role::Admin, true, true)]
        {
            let caller = Caller { role, scope: scope.clone(), ..Caller::dev() };
            assert_eq!(caller.may_move(&shadow("mine")), mine, "{role}");
            assert_eq!(caller.may_move(&shadow("others")), others, "{role}");
        }
    }
}
