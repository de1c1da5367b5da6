//! Which Envoys somebody may be: by a token's scope, or by the names in a certificate.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// A mesh that names its nodes one by one gives each a token of its own.
const MAX_NODES: usize = 1_000;

/// Which node ids somebody may use.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Written", try_from = "Written")]
pub enum NodeScope {
    /// Every one.
    #[default]
    All,
    /// These; one that ends in `*` stands for all that begin so.
    Nodes(BTreeSet<String>),
}

/// An entry of the list of names that certificates may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SanPattern {
    /// This name; its holder may be any node.
    Exact(String),
    /// What begins so and goes on; its holder may be any node.
    Prefix(String),
    /// What stands between these is the id of the node that its holder is.
    Node {
        /// Before the id.
        before: String,
        /// After the id.
        after: String,
    },
}

impl NodeScope {
    /// Whether the node of this id is one of them.
    pub fn holds(&self, id: &str) -> bool {
        match self {
            NodeScope::All => true,
            NodeScope::Nodes(nodes) => nodes.iter().any(|node| match node.strip_suffix('*') {
                Some(prefix) => id.starts_with(prefix),
                None => node == id,
            }),
        }
    }
}

impl SanPattern {
    /// Reads `envoy.example.com`, `spiffe://mesh/ns/web/*` or `spiffe://mesh/envoy/{node}`.
    ///
    /// # Errors
    /// In words, what is wrong with it.
    pub fn parse(text: &str) -> Result<SanPattern, String> {
        const NODE: &str = "{node}";
        let plain = |text: &str| !text.contains(['*', '{', '}', ' ']) && !text.chars().any(char::is_control);
        let wrong = || {
            format!(
                "{text:?} is not a name: give one as it is in the certificate, one that ends in *, or one with {NODE}"
            )
        };
        if let Some((before, after)) = text.split_once(NODE) {
            if !plain(before) || !plain(after) || before.is_empty() {
                return Err(wrong());
            }
            return Ok(SanPattern::Node { before: before.to_owned(), after: after.to_owned() });
        }
        let (name, is_prefix) = text.strip_suffix('*').map_or((text, false), |name| (name, true));
        if name.is_empty() || !plain(name) {
            return Err(wrong());
        }
        Ok(if is_prefix { SanPattern::Prefix(name.to_owned()) } else { SanPattern::Exact(name.to_owned()) })
    }

    /// Which nodes the holder of a certificate with this name may be; `None` if the name does not fit.
    pub fn scope(&self, name: &str) -> Option<NodeScope> {
        match self {
            SanPattern::Exact(exact) => (exact == name).then_some(NodeScope::All),
            SanPattern::Prefix(prefix) => {
                name.strip_prefix(prefix.as_str()).filter(|rest| !rest.is_empty()).map(|_| NodeScope::All)
            }
            SanPattern::Node { before, after } => {
                let id = name.strip_prefix(before.as_str())?.strip_suffix(after.as_str())?;
                // A wildcard in a certificate must not become one here.
                let is_id = !id.is_empty() && !id.contains(['/', '*']);
                is_id.then(|| NodeScope::Nodes(BTreeSet::from([id.to_owned()])))
            }
        }
    }
}

/// As kept and as shown: exactly one of these.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    all: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nodes: Option<BTreeSet<String>>,
}

impl From<NodeScope> for Written {
    fn from(scope: NodeScope) -> Written {
        match scope {
            NodeScope::All => Written { all: Some(true), nodes: None },
            NodeScope::Nodes(nodes) => Written { all: None, nodes: Some(nodes) },
        }
    }
}

impl TryFrom<Written> for NodeScope {
    type Error = String;

    fn try_from(written: Written) -> Result<NodeScope, String> {
        match written {
            Written { all: Some(true), nodes: None } => Ok(NodeScope::All),
            Written { all: None, nodes: Some(nodes) }
                if (1..=MAX_NODES).contains(&nodes.len()) && nodes.iter().all(|node| !node.is_empty()) =>
            {
                Ok(NodeScope::Nodes(nodes))
            }
            _ => Err(format!(
                "a node's scope is {{\"all\": true}} or {{\"nodes\": […]}} with 1 to {MAX_NODES} ids"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(ids: &[&str]) -> NodeScope {
        NodeScope::Nodes(ids.iter().map(|id| (*id).to_owned()).collect())
    }

    #[test]
    fn a_scope_holds_its_nodes_and_no_others() {
        let scope = nodes(&["a", "web-*"]);
        for (id, held) in
            [("a", true), ("ab", false), ("web-1", true), ("web-", true), ("web", false), ("", false)]
        {
            assert_eq!(scope.holds(id), held, "{id}");
        }
        assert!(NodeScope::All.holds("x"));
    }

    #[test]
    fn names_of_certificates_say_which_node_it_is() {
        for (pattern, name, scope) in [
            ("envoy.example.com", "envoy.example.com", Some(NodeScope::All)),
            ("envoy.example.com", "envoy.example.com.evil.org", None),
            ("spiffe://mesh/ns/web/*", "spiffe://mesh/ns/web/sa/envoy", Some(NodeScope::All)),
            ("spiffe://mesh/ns/web/*", "spiffe://mesh/ns/web/", None),
            ("spiffe://mesh/ns/web/*", "spiffe://mesh/ns/webmail/x", None),
            ("spiffe://mesh/envoy/{node}", "spiffe://mesh/envoy/a", Some(nodes(&["a"]))),
            ("spiffe://mesh/envoy/{node}", "spiffe://mesh/envoy/a/b", None),
            ("spiffe://mesh/envoy/{node}", "spiffe://mesh/envoy/*", None),
            ("spiffe://mesh/envoy/{node}", "spiffe://mesh/envoy/", None),
            ("envoy-{node}.example.com", "envoy-7.example.com", Some(nodes(&["7"]))),
        ] {
            assert_eq!(SanPattern::parse(pattern).unwrap().scope(name), scope, "{pattern} {name}");
        }
        for wrong in ["", "*", "{node}", "a*b", "*.example.com", "a{node}{node}", "a {node}", "a{node}*"] {
            SanPattern::parse(wrong).unwrap_err();
        }
    }
}
