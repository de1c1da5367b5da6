//! The copy is marked and scrubbed; the request that it was made from is not.

use serde_json::json;
use umbra_e2e::client::{Request, send};
use umbra_e2e::mesh::Mesh;
use umbra_e2e::resources::shadow_all;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_copy_is_scrubbed_and_the_request_is_not() {
    let request = json!({"request": {
        "remove_headers": ["authorization", "Cookie"],
        "set_headers": {"x-env": "shadow", "x-new": "made"},
    }});
    let mesh = Mesh::start(&shadow_all(100.0, request)).await;
    let request = Request::get("/scrubbed?a=1")
        .header("authorization", "Bearer secret")
        .header("cookie", "a=1")
        .header("cookie", "b=2")
        .header("x-env", "live")
        .header("x-env", "twice")
        .header("x-kept", "1")
        .header("x-kept", "2");
    send(mesh.envoy.port(), &request).await;

    let copy = mesh.shadow.request("/scrubbed?a=1").await;
    assert_eq!(copy.header("authorization"), None);
    assert_eq!(copy.header("cookie"), None);
    assert_eq!(copy.values("x-env"), ["shadow"], "replaced, every line of it");
    assert_eq!(copy.values("x-new"), ["made"]);
    assert_eq!(copy.values("x-kept"), ["1", "2"]);
    assert_eq!(copy.authority, "shop.example.com", "as the client sent it");
    let marks = ["x-umbra-pair", "x-umbra-shadow", "x-umbra-slot", "x-umbra-stamp"];
    assert_eq!(copy.umbra_headers(), marks);
    assert_eq!(copy.values("x-umbra-shadow"), ["main"]);
    assert_eq!(copy.values("x-umbra-stamp"), ["all"]);

    let original = mesh.primary.request("/scrubbed?a=1").await;
    assert_eq!(original.values("authorization"), ["Bearer secret"]);
    assert_eq!(original.values("cookie").join("; "), "a=1; b=2");
    assert_eq!(original.values("x-env"), ["live", "twice"]);
    assert_eq!(original.header("x-new"), None);
    assert_eq!(original.header("x-umbra-shadow"), None);
    assert_eq!(original.header("x-umbra-slot"), None);
}
