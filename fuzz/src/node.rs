//! An Envoy as it describes itself.

use umbra_resource::NodeAttributes;

pub(crate) fn attributes() -> NodeAttributes {
    NodeAttributes {
        id: "node-1".to_owned(),
        cluster: "shop".to_owned(),
        zone: "z".to_owned(),
        region: "r".to_owned(),
        metadata: [("tier".to_owned(), "1".to_owned())].into(),
    }
}
