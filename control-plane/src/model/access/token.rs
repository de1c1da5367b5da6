//! Tokens, as far as they may be shown: whose, for what, until when. Never what proves them.

use serde_json::{Value, json};

use crate::model::access::Role;
use crate::model::access::node::NodeScope;
use crate::model::access::scope::Scope;

/// Longer names push everything else out of a table.
const MAX_NAME_CHARACTERS: usize = 64;

/// A token, as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Stands in the token itself, and finds it.
    pub id: String,
    /// What it is called in the audit trail. Several may have one name.
    pub name: String,
    /// What it is good for.
    pub grant: Grant,
    /// When it was made, in milliseconds since 1970, as are the others.
    pub created_ms: u64,
    /// Who made it.
    pub created_by: String,
    /// From when on it is good for nothing; `None`: never.
    pub expires_ms: Option<u64>,
    /// When it was last used, to the minute; `None`: never.
    pub last_used_ms: Option<u64>,
    /// Since when it is good for nothing, because somebody said so.
    pub revoked_ms: Option<u64>,
}

/// What a token is good for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grant {
    /// The API.
    Person {
        /// What its holder may do.
        role: Role,
        /// Which shadows its holder may move, being an operator.
        scope: Scope,
    },
    /// The stream of policies, and reports.
    Node(NodeScope),
}

/// A token that is to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewToken {
    /// As of [`Token::name`]. **Invariant:** [`sound_name`] takes it.
    pub name: String,
    /// What it shall be good for.
    pub grant: Grant,
    /// As of [`Token::expires_ms`].
    pub expires_ms: Option<u64>,
}

impl Grant {
    /// `viewer`, `operator`, `admin` or `node`.
    pub fn role_name(&self) -> &'static str {
        match self {
            Grant::Person { role, .. } => role.as_str(),
            Grant::Node(_) => "node",
        }
    }

    /// The scope as kept and shown.
    pub fn scope_json(&self) -> Value {
        match self {
            Grant::Person { scope, .. } => json!(scope),
            Grant::Node(scope) => json!(scope),
        }
    }

    /// The grant of this role and this scope; without one, everything that the role could reach.
    ///
    /// # Errors
    /// In words: there is no such role, or the scope is none of that role.
    pub fn of(role: &str, scope: Option<Value>) -> Result<Grant, String> {
        let scope = scope.unwrap_or_else(|| json!({"all": true}));
        if role == "node" {
            return serde_json::from_value(scope).map(Grant::Node).map_err(|error| format!("scope: {error}"));
        }
        let role = Role::parse(role)
            .ok_or_else(|| format!("role: {role:?} is none: give viewer, operator, admin or node"))?;
        let scope = serde_json::from_value(scope).map_err(|error| format!("scope: {error}"))?;
        Ok(Grant::Person { role, scope })
    }
}

impl Token {
    /// Why it is good for nothing at `now_ms`, if it is.
    pub fn spent(&self, now_ms: u64) -> Option<&'static str> {
        if self.revoked_ms.is_some() {
            return Some("the token is revoked");
        }
        let expired = self.expires_ms.is_some_and(|at| at <= now_ms);
        expired.then_some("the token is expired")
    }

    /// For the audit trail.
    pub fn document(&self) -> Value {
        json!({
            "id": self.id, "name": self.name, "role": self.grant.role_name(), "scope": self.grant.scope_json(),
            "expires_ms": self.expires_ms,
        })
    }
}

/// Whether a token may be called so.
///
/// # Errors
/// In words, what would be right.
pub fn sound_name(name: &str) -> Result<(), String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '@' | '+');
    if name.is_empty() || name.chars().count() > MAX_NAME_CHARACTERS || !name.chars().all(allowed) {
        return Err(format!(
            "name: {name:?} is none: give 1 to {MAX_NAME_CHARACTERS} letters, digits and . _ - @ +"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_is_read_as_it_is_shown() {
        for (role, scope) in [
            ("viewer", None),
            ("operator", Some(json!({"shadows": ["a"]}))),
            ("operator", Some(json!({"selector": "team=cart"}))),
            ("node", None),
            ("node", Some(json!({"nodes": ["sidecar-1", "web-*"]}))),
        ] {
            let grant = Grant::of(role, scope).unwrap();
            assert_eq!(grant.role_name(), role);
            assert_eq!(Grant::of(role, Some(grant.scope_json())), Ok(grant));
        }
        assert!(Grant::of("root", None).is_err());
        assert!(Grant::of("viewer", Some(json!({"nodes": ["a"]}))).is_err());
        assert!(Grant::of("node", Some(json!({"shadows": ["a"]}))).is_err());
    }

    #[test]
    fn a_token_is_spent_at_its_last_millisecond() {
        let token = Token {
            id: "a".to_owned(),
            name: "a".to_owned(),
            grant: Grant::of("viewer", None).unwrap(),
            created_ms: 0,
            created_by: String::new(),
            expires_ms: Some(10),
            last_used_ms: None,
            revoked_ms: None,
        };
        assert_eq!((token.spent(9), token.spent(10)), (None, Some("the token is expired")));
        let revoked = Token { revoked_ms: Some(1), expires_ms: None, ..token };
        assert_eq!(revoked.spent(0), Some("the token is revoked"));
    }

    #[test]
    fn names_fit_a_line_of_a_log() {
        for name in ["deploy-bot", "ann@example.com", "a.b_c+d"] {
            sound_name(name).unwrap();
        }
        for name in ["", "a b", "a\n", "é", &"x".repeat(65)] {
            sound_name(name).unwrap_err();
        }
    }
}
