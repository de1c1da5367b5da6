//! The API's description: reviewed as a golden file, and held to what is really read and written.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::Value;
use umbra_control_plane::api::access::{self, Need, ROUTES};
use umbra_control_plane::api::schema::{ShadowDocument, StampDocument};

use crate::support::{TestServer, folder};

#[tokio::test]
async fn the_description_is_the_reviewed_one() {
    let folder = folder();
    let server = TestServer::start(folder.path()).await;
    let mut description = server.api.get("/api/v1/openapi.json").await;
    assert_eq!(description["openapi"], "3.1.0");
    assert_eq!(description["info"]["version"], env!("CARGO_PKG_VERSION"));
    // A release is no change of the API.
    description["info"]["version"] = "[version]".into();
    insta::assert_json_snapshot!("openapi", description);
}

/// The table of routes is where roles are looked up, and what is not in it is for admins alone.
#[tokio::test]
async fn every_described_route_is_in_the_table_and_the_other_way_round() {
    let folder = folder();
    let server = TestServer::start(folder.path()).await;
    let description = server.api.get("/api/v1/openapi.json").await;
    let mut described = BTreeSet::from([("GET".to_owned(), "/api/v1/openapi.json".to_owned())]);
    for (path, item) in description["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let method = method.to_uppercase();
            let parsed = Method::from_bytes(method.as_bytes()).unwrap();
            let guarded = access::need(&parsed, path) != Need::Public;
            assert_eq!(operation.get("security").is_some(), guarded, "{method} {path}");
            described.insert((method, path.clone()));
        }
    }
    let table = ROUTES.iter().map(|route| (route.method.to_string(), route.path.to_owned()));
    assert_eq!(described, table.collect());
}

/// A reference that leads nowhere keeps clients from being generated.
#[tokio::test]
async fn every_reference_leads_to_a_schema() {
    let folder = folder();
    let server = TestServer::start(folder.path()).await;
    let description = server.api.get("/api/v1/openapi.json").await;
    let text = description.to_string();
    let references: BTreeSet<_> =
        text.split("\"$ref\":\"#").skip(1).map(|part| part.split('"').next().unwrap()).collect();
    assert!(references.len() > 20, "{references:?}");
    for reference in references {
        assert!(description.pointer(reference).is_some(), "{reference}");
    }
}

/// Every field that a resource can have, as `umbra_resource` writes it.
const EVERYTHING: &str = r#"
apiVersion: umbra/v1
kind: Stamp
metadata: {name: checkout, labels: {a: b}}
spec:
  match:
    - hosts: [shop.example.com]
      path: {prefix: /api}
      methods: [GET]
      headers: [{name: x-a, exact: a}, {name: x-b, prefix: b}, {name: x-c, suffix: c}, {name: x-d, absent: true}]
      cookies: [{name: session, present: true}, {name: c, contains: d}]
      query: [{name: page, regex: "[0-9]+"}]
    - path: {exact: /a}
    - path: {regex: "/b.*"}
    - path: {template: "/users/{id}"}
---
apiVersion: umbra/v1
kind: Shadow
metadata: {name: checkout-v2, labels: {team: cart}}
spec:
  stamps: [checkout]
  target: {cluster: checkout-v2}
  control: {cluster: checkout-v1-b}
  enabled: true
  percent: 5.25
  sample: {by: cookie, name: session, salt: shared}
  guard: {methods: [GET, HEAD], max_request_bytes: 262144, allow_unknown_length: true, max_rps: 200}
  request: {remove_headers: [authorization], set_headers: {x-env: shadow}}
  overrides:
    - where: {zone: us-east-1a, node: a, cluster: b, region: c, metadata.KEY: d}
      percent: 50
  compare:
    percent: 100
    body: full
    max_body_bytes: 65536
    headers: [content-type]
    ignore: ["$.requestId"]
    unordered: ["$.items"]
    tolerance: [{path: "$.price", absolute: 0.01}]
    noise: diffy
    endpoints: ["/users/{id}"]
    redact: {fields: ["$.card"], headers: [authorization]}
  gates:
    min_pairs: 1000
    min_duration: 10m
    max_error_excess: 0.001
    max_status_mismatch: 0.001
    max_body_mismatch: 0.005
    max_latency_ratio: {p50: 1.1, p95: 1.2, p99: 1.3}
"#;

#[tokio::test]
async fn the_described_resources_are_those_that_are_served() {
    let folder = folder();
    let server = TestServer::start(folder.path()).await;
    server.api.apply(EVERYTHING).await;
    let stamp = server.api.get("/api/v1/stamps/checkout").await;
    let described: StampDocument = serde_json::from_value(stamp.clone()).unwrap();
    assert_eq!(serde_json::to_value(described).unwrap(), stamp);
    for body in [r#"{"percent": 9, "for": "1h"}"#, r#"{"enabled": false, "for": "2h"}"#] {
        let path = "/api/v1/shadows/checkout-v2/valve";
        server.api.send(reqwest::Method::PATCH, path, "application/json", body).await;
    }
    let shadow = server.api.get("/api/v1/shadows/checkout-v2").await;
    let described: ShadowDocument = serde_json::from_value(shadow.clone()).unwrap();
    assert_eq!(serde_json::to_value(described).unwrap(), shadow);

    // The other way round: whatever is described is somewhere in what was served.
    let description = server.api.get("/api/v1/openapi.json").await;
    let mut fields = Vec::new();
    for root in ["Stamp", "Shadow"] {
        properties(&description["components"]["schemas"], root, &mut fields);
    }
    assert!(fields.len() > 50, "{fields:?}");
    let served = format!("{stamp}{shadow}");
    for field in fields {
        assert!(served.contains(&format!("\"{field}\":")), "{field} is described and not served");
    }
}

/// The names of the properties of a schema and of those that it refers to.
pub(crate) fn properties(schemas: &Value, name: &str, fields: &mut Vec<String>) {
    let schema = &schemas[name];
    let text = schema.to_string();
    fields.extend(schema["properties"].as_object().into_iter().flat_map(|these| these.keys().cloned()));
    for part in text.split("#/components/schemas/").skip(1) {
        let other = part.split('"').next().unwrap();
        properties(schemas, other, fields);
    }
}
