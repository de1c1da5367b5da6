//! Node tokens between Envoy and the control plane.

use serde_json::json;
use umbra_e2e::alone::in_company;
use umbra_e2e::client::{Request, repeat};
use umbra_e2e::control_plane::ControlPlane;
use umbra_e2e::environment;
use umbra_e2e::envoy::Envoy;
use umbra_e2e::envoy::config::{Cluster, ControlPlaneLink, EnvoyOptions};
use umbra_e2e::eventually::{SOON, eventually};
use umbra_e2e::reports::report;
use umbra_e2e::resources::shadow_all;
use umbra_e2e::upstream::Upstream;

/// What the filter says of a token that is not good, as docs/operating.md has it.
const REFUSED: &str = "control plane refused this node's token or certificate";

/// What it says of a good token that is another node's.
const OTHERS: &str = "control plane refused this node's id: its token or certificate is another node's";

async fn envoy(
    node: &str,
    control_plane: &ControlPlane,
    token: Option<String>,
    upstreams: [&Upstream; 2],
) -> Envoy {
    let clusters = vec![
        Cluster::primary("primary", upstreams[0].port()),
        Cluster::shadow("shadow", upstreams[1].port()),
    ];
    let mut options = EnvoyOptions::new(node, clusters);
    options.control_plane = Some(ControlPlaneLink { port: control_plane.xds_port(), tls: None });
    options.token = token;
    Envoy::start(options).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_known_token_gets_policies() {
    let _turn = in_company().await;
    let control_plane = ControlPlane::start_with_tokens().await;
    control_plane.apply(&shadow_all(100.0, json!({}))).await;
    let (primary, shadow) = (Upstream::start("primary").await, Upstream::start("shadow").await);
    let upstreams = [&primary, &shadow];

    let token = control_plane.node_token(&["web-*"]).await;
    let known = envoy("web-1", &control_plane, Some(token.clone()), upstreams).await;
    let node = control_plane.synced("web-1").await;
    assert_eq!(node["envoy_version"], environment::envoy_version(), "{node}");
    repeat(known.port(), 20, &Request::get("/")).await;
    known.umbra_reaches("mirrored", 20).await;
    report(&control_plane, "main", 20).await;

    let mut guess = token.clone();
    guess.truncate(token.len() - 8);
    guess.push_str("00000000");
    let strangers =
        [("web-2", Some(guess), REFUSED), ("web-3", None, REFUSED), ("db-1", Some(token.clone()), OTHERS)];
    for (node, token, words) in strangers {
        let refused = envoy(node, &control_plane, token, upstreams).await;
        eventually(SOON, &format!("{node} is told why"), async || {
            let log = refused.log();
            if log.contains(words) { Ok(()) } else { Err(log) }
        })
        .await;
        repeat(refused.port(), 20, &Request::get("/refused")).await;
        refused.umbra_reaches("requests", 20).await;
        assert_eq!(refused.umbra("mirrored").await, 0, "{node}");
        assert!(control_plane.node(node).await.is_none(), "{node} got in");
        assert!(!refused.log().contains("umbra_node_"), "the token is in Envoy's log");
    }
    let counted = report(&control_plane, "main", 20).await;
    assert_eq!(counted["sent"], 20, "what strangers did is not counted");
    assert!(!known.log().contains(&token), "the token is in Envoy's log");
}
