//! Nodes: a policy for those that may have it, and reports of those that they are.

use rcgen::SanType;
use serde_json::json;
use tonic::Code;
use umbra_control_plane::app::options::ServeOptions;

use crate::delta::{Delta, hello};
use crate::support::{CHECKOUT, TestServer, folder, soon};
use crate::telemetry::{Worker, report};
use crate::tls::{Authority, write, xds};

async fn refused(opened: Result<Delta, tonic::Status>) -> Code {
    match opened {
        Ok(mut stream) => stream.end().await.code(),
        Err(status) => status.code(),
    }
}

#[tokio::test]
async fn a_token_is_for_its_nodes_and_ends_their_streams_with_it() {
    let folder = folder();
    let options = ServeOptions { xds_require_token: Some("true".to_owned()), ..ServeOptions::default() };
    let server = TestServer::guarded(folder.path(), options).await;
    server.api.apply(CHECKOUT).await;
    let made =
        server.api.token(json!({"name": "web", "role": "node", "scope": {"nodes": ["node", "web-*"]}})).await;
    let token = made["token"].as_str().unwrap();
    assert!(token.starts_with("umbra_node_"), "{token}");
    let viewer = server.api.token(json!({"name": "v", "role": "viewer"})).await;

    let open = async |id: &str, token: &str| Delta::open_with(server.xds, hello(id), token).await;
    let mut stream = open("web-1", token).await.unwrap();
    stream.pushed().await;
    assert_eq!(refused(open("db-1", token).await).await, Code::PermissionDenied);
    assert_eq!(refused(open("web-1", viewer["token"].as_str().unwrap()).await).await, Code::Unauthenticated);
    let guess = format!("umbra_node_{}_{}", made["id"].as_str().unwrap(), "0".repeat(64));
    assert_eq!(refused(open("web-1", &guess).await).await, Code::Unauthenticated);
    assert_eq!(refused(Delta::open(server.xds, hello("web-1")).await).await, Code::Unauthenticated);

    let mut worker = Worker::at(server.xds);
    let of = |node: &str, sequence| umbra_wire::telemetry::Report {
        node_id: node.to_owned(),
        ..report(1, sequence, 3)
    };
    assert_eq!(worker.send_with(&of("node", 1), token).await.unwrap(), 1);
    let code = async |worker: &mut Worker, node: &str, token: &str| {
        worker.send_with(&of(node, 2), token).await.unwrap_err().code()
    };
    assert_eq!(code(&mut worker, "db-1", token).await, Code::PermissionDenied);
    assert_eq!(code(&mut worker, "node", &guess).await, Code::Unauthenticated);
    assert_eq!(worker.send(&of("node", 2)).await.unwrap_err().code(), Code::Unauthenticated);
    let counted = server.api.get("/api/v1/shadows/checkout-v2/report").await;
    assert_eq!(counted["mirrored"], 3, "what was refused is not counted");
    let nodes = server.api.get("/api/v1/nodes").await;
    assert_eq!(nodes["items"].as_array().unwrap().len(), 1, "{nodes}");

    let path = format!("/api/v1/tokens/{}", made["id"].as_str().unwrap());
    server.api.request(reqwest::Method::DELETE, &path).send().await.unwrap();
    assert_eq!(stream.end().await.code(), Code::Unauthenticated, "a stream that is open ends");
    assert_eq!(code(&mut worker, "node", token).await, Code::Unauthenticated);
}

#[tokio::test]
async fn a_token_that_is_shown_is_looked_at_also_where_none_is_asked_for() {
    let folder = folder();
    let server = TestServer::guarded(folder.path(), ServeOptions::default()).await;
    Delta::open(server.xds, hello("a")).await.unwrap().pushed().await;
    let guess = format!("umbra_node_a_{}", "0".repeat(64));
    assert_eq!(refused(Delta::open_with(server.xds, hello("a"), &guess).await).await, Code::Unauthenticated);
}

#[tokio::test]
async fn a_certificate_is_for_the_node_that_it_names() {
    let folder = folder();
    let (authority, mesh) = (Authority::new("server"), Authority::new("mesh"));
    let pair = authority.server();
    let options = ServeOptions {
        xds_tls_cert: Some(write(folder.path(), "cert.pem", &pair.cert)),
        xds_tls_key: Some(write(folder.path(), "key.pem", &pair.key)),
        xds_tls_client_ca: Some(write(folder.path(), "ca.pem", &mesh.pem)),
        xds_allowed_sans: Some(
            "spiffe://mesh/envoy/{node}, spiffe://mesh/gateway/*, edge.example.org".to_owned(),
        ),
        ..ServeOptions::default()
    };
    let server = TestServer::guarded(folder.path(), options).await;
    let open = async |name: SanType, id: &str| {
        let pair = mesh.client("envoy", vec![name]);
        let channel = soon(xds(server.xds, &authority, Some(&pair)).connect()).await.unwrap();
        let mut stream = Delta::open_on(channel, hello(id)).await?;
        stream.receive().await.map(|_| ())
    };
    let uri = |text: &str| SanType::URI(text.try_into().unwrap());
    let dns = |text: &str| SanType::DnsName(text.try_into().unwrap());
    for (name, id, outcome) in [
        (uri("spiffe://mesh/envoy/a"), "a", Ok(())),
        (uri("spiffe://mesh/envoy/a"), "b", Err(Code::PermissionDenied)),
        (uri("spiffe://mesh/gateway/1"), "anything", Ok(())),
        (dns("edge.example.org"), "anything", Ok(())),
        (uri("spiffe://mesh/other/a"), "a", Err(Code::Unauthenticated)),
        (dns("evil.example.org"), "a", Err(Code::Unauthenticated)),
    ] {
        assert_eq!(open(name.clone(), id).await.map_err(|status| status.code()), outcome, "{name:?} as {id}");
    }
}
