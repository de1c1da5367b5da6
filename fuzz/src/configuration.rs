//! The plugin configuration from an operator's hands, and the node's metadata from Envoy's.

use umbra_filter::flow::config::{Plugin, parse};
use umbra_filter::flow::copy::peer_address;
use umbra_filter::flow::node::attributes;
use umbra_policy::decide;
use umbra_policy::explain::explain;

use crate::input::Input;
use crate::request::Request;

/// The first bytes are metadata, the others a configuration. Either is understood within bounds, or does no harm.
pub fn check(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let metadata = input.long_bytes();
    let _ = peer_address(metadata);
    let node = attributes(|path| match path {
        ["xds", "node", "metadata"] => Some(metadata.to_vec()),
        ["xds", "node", "id"] => Some(b"node-1".to_vec()),
        _ => None,
    });
    assert!(node.metadata.len() <= 256);
    assert!(node.metadata.values().all(|value| value.len() <= 1_024 && !value.contains(char::is_control)));

    let text = input.rest();
    let parsed = parse(text, node.clone());
    let primary = match (&parsed.plugin, &parsed.error) {
        (Plugin::Shadow(_), _) => return,
        (Plugin::Primary(primary), Some(error)) => {
            assert!(primary.control_plane.is_none() && primary.fallback.is_none(), "harmless");
            assert!(!error.message.is_empty());
            return;
        }
        (Plugin::Primary(primary), None) => primary,
    };
    if let Some(control_plane) = &primary.control_plane {
        assert!((1..=123).contains(&control_plane.cluster.len()) && control_plane.max_staleness_ms >= 2_000);
        assert_eq!(control_plane.node, node);
    }
    if let Some(policy) = &primary.fallback {
        assert!(policy.revision() == 0 && policy.mesh_key().is_none());
        let request = Request::of(&mut Input::new(text));
        assert_eq!(decide(policy, &request, 0), explain(policy, &request, 0).decision);
    }
}
