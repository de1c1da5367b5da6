//! Delta xDS, spoken by a real client, and what operators see of it.

use serde_json::{Value, json};
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::delta::{Delta, PRIMARY, endpoint, hello, hello_from, hello_with};
use crate::support::{CHECKOUT, TestServer, folder, soon, until};

fn is(state: &str) -> impl Fn(&Value) -> bool {
    move |node| node["state"] == state
}

/// The share of `checkout-v2`, in parts per million.
fn ppm(policy: &umbra_policy::spec::PolicySpec) -> u32 {
    policy.shadows[0].share_ppm
}

#[tokio::test]
async fn a_policy_reaches_the_node_and_its_answer_the_operator() {
    let folder = folder();
    let server = TestServer::start(folder.path()).await;
    server.api.apply(CHECKOUT).await;
    // Only once the write is answered must a new stream see it, so that this waits for it to be published.
    let mut stream = Delta::open(server.xds, hello("a")).await.unwrap();
    let mut first = stream.pushed().await;
    if first.policy.revision == 0 {
        stream.ack(&first.nonce).await;
        first = stream.pushed().await;
    }
    assert_eq!((first.policy.revision, ppm(&first.policy)), (1, 50_000));
    assert!(first.policy.mesh_key.is_some());
    assert_eq!(first.version.len(), 32);
    let node = server.api.node(is("STALE")).await;
    assert_eq!(node["desired"], json!({"version": first.version, "revision": 1}));

    stream.ack(&first.nonce).await;
    let node = server.api.node(is("SYNCED")).await;
    assert_eq!((&node["id"], &node["cluster"], &node["streams"]), (&json!("a"), &json!("shop"), &json!(1)));
    assert_eq!(node["applied"], json!({"version": first.version, "revision": 1}));
    assert_eq!(node["shares"], json!({"checkout-v2": {"percent": 5.0, "enabled": true}}));
    assert!(node["connected"].as_bool().unwrap() && node["synced_at"].is_string());

    let revision = server.api.valve(10.0).await;
    let second = stream.pushed().await;
    assert_eq!((second.policy.revision, ppm(&second.policy)), (revision, 100_000));
    assert_ne!(second.nonce, first.nonce);
    let node = server.api.node(is("STALE")).await;
    assert_eq!(node["applied"]["revision"], 1);
    stream.ack(&second.nonce).await;
    let node = server.api.node(is("SYNCED")).await;
    assert_eq!(node["shares"]["checkout-v2"]["percent"], 10.0);
    assert_eq!(server.api.metric("umbra_delta_streams").await, 1.0);
    assert_eq!(
        server.api.metric("umbra_delta_acks_total").await,
        server.api.metric("umbra_delta_pushes_total").await
    );

    drop(stream);
    let node = server.api.node(|node| node["connected"] == false).await;
    assert_eq!((&node["state"], &node["streams"]), (&json!("SYNCED"), &json!(0)));
    server.api.valve(20.0).await;
    server.api.node(is("STALE")).await;
    assert_eq!(server.api.metric("umbra_delta_streams").await, 0.0);
    assert_eq!(server.api.metric(r#"umbra_nodes{state="STALE",connected="false"}"#).await, 1.0);
    assert_eq!(server.api.metric(r#"umbra_nodes{state="STALE",connected="true"}"#).await, 0.0);
}

/// A stream whose node runs what it shall run, and the version.
async fn synced(server: &TestServer, id: &str) -> (Delta, String) {
    let mut stream = Delta::open(server.xds, hello(id)).await.unwrap();
    loop {
        let pushed = stream.pushed().await;
        stream.ack(&pushed.nonce).await;
        if pushed.policy.revision == server.api.get("/api/v1/stamps").await["revision"] {
            server.api.node(is("SYNCED")).await;
            return (stream, pushed.version);
        }
    }
}

/// A node that ran the policy and is away now, and the version of it.
async fn ran(server: &TestServer, id: &str) -> String {
    let (stream, version) = synced(server, id).await;
    drop(stream);
    server.api.node(|node| node["connected"] == false).await;
    version
}

#[tokio::test]
async fn what_the_node_has_is_not_sent_again() {
    let folder = folder();
    let server = TestServer::start(folder.path()).await;
    server.api.apply(CHECKOUT).await;
    let version = ran(&server, "a").await;

    // By another run of the server too: equal policies have equal versions.
    server.ended().await.unwrap();
    let server = TestServer::start(folder.path()).await;
    let mut stream = Delta::open(server.xds, hello_with("a", &version)).await.unwrap();
    let node = server.api.node(is("SYNCED")).await;
    assert_eq!(node["applied"]["revision"], 1);
    let revision = server.api.valve(10.0).await;
    assert_eq!(stream.pushed().await.policy.revision, revision, "the first push is the change");
    assert_eq!(server.api.metric("umbra_delta_pushes_total").await, 1.0);
}

#[tokio::test]
async fn an_envoy_that_was_restarted_does_not_follow_until_it_says_so() {
    let folder = folder();
    let server = TestServer::start(folder.path()).await;
    server.api.apply(CHECKOUT).await;
    let version = ran(&server, "a").await;
    let following =
        async || server.api.get("/api/v1/board").await["shadows"][0]["in_effect"]["following"].clone();

    let mut stream = Delta::open(server.xds, hello("a")).await.unwrap();
    let pushed = stream.pushed().await;
    let node = server.api.node(|node| node["connected"] == true).await;
    assert_eq!(
        (&node["state"], &node["applied"], following().await),
        (&json!("STALE"), &Value::Null, json!(0))
    );
    stream.ack(&pushed.nonce).await;
    server.api.node(is("SYNCED")).await;
    assert_eq!((pushed.version, following().await), (version, json!(1)));
}

#[tokio::test]
async fn a_version_that_is_not_known_is_shown_without_its_revision() {
    let folder = folder();
    let server = TestServer::start(folder.path()).await;
    let _stream = Delta::open(server.xds, hello_with("a", "of-long-ago")).await.unwrap();
    let node = server.api.node(|node| node["applied"].is_object()).await;
    assert_eq!(node["applied"], json!({"version": "of-long-ago", "revision": null}));
    assert_eq!((&node["state"], &node["shares"]), (&json!("STALE"), &json!({})));
}

#[tokio::test]
async fn a_refusal_is_shown_with_its_reason_until_it_is_over() {
    let folder = folder();
    let server = TestServer::start(folder.path()).await;
    server.api.apply(CHECKOUT).await;
    let (mut stream, version) = synced(&server, "a").await;
    server.api.valve(10.0).await;
    let bad = stream.pushed().await;
    stream.nack(&bad.nonce, "shadows[0]: not today").await;
    let node = server.api.node(is("NACKED")).await;
    assert_eq!(node["applied"]["version"], version, "it runs what it ran");
    assert_eq!(node["nack"]["reason"], "shadows[0]: not today");
    assert_eq!((&node["nack"]["version"], &node["nack"]["revision"]), (&json!(bad.version), &json!(2)));
    assert_eq!(server.api.metric("umbra_delta_nacks_total").await, 1.0);

    server.api.valve(20.0).await;
    let good = stream.pushed().await;
    assert_eq!(ppm(&good.policy), 200_000, "what was refused is not sent again");
    assert_eq!(server.api.node(is("STALE")).await["nack"]["version"], bad.version);
    stream.ack(&good.nonce).await;
    assert_eq!(server.api.node(is("SYNCED")).await["nack"], Value::Null);
}

#[tokio::test]
async fn an_answer_to_what_was_superseded_is_ignored() {
    let folder = folder();
    let server = TestServer::start(folder.path()).await;
    server.api.apply(CHECKOUT).await;
    let (mut stream, version) = synced(&server, "a").await;
    server.api.valve(10.0).await;
    let first = stream.pushed().await;
    server.api.valve(20.0).await;
    let second = stream.pushed().await;
    assert_eq!(ppm(&second.policy), 200_000, "an answer is not waited for without end");
    stream.nack(&first.nonce, "too late").await;
    stream.ack("never-sent").await;
    stream.ack(&second.nonce).await;
    let node = server.api.node(is("SYNCED")).await;
    assert_ne!(node["applied"]["version"], version);
    assert_eq!(node["nack"], Value::Null);
    assert_eq!(server.api.metric("umbra_delta_nacks_total").await, 0.0);
}

#[tokio::test]
async fn what_does_not_exist_is_answered_as_removed() {
    let folder = folder();
    let server = TestServer::start(folder.path()).await;
    server.api.apply(CHECKOUT).await;
    let (mut stream, _) = synced(&server, "a").await;
    stream.subscribe("egress").await;
    let response = stream.receive().await.unwrap().unwrap();
    assert_eq!((response.removed_resources, response.resources.len()), (vec!["egress".to_owned()], 0));
    stream.ack(&response.nonce).await;
    stream.subscribe(PRIMARY).await;
    let again = stream.pushed().await;
    assert_eq!(again.policy.revision, 1, "who asks again gets it again");
    stream.ack(&again.nonce).await;
    server.api.node(is("SYNCED")).await;
}

#[tokio::test]
async fn nodes_get_the_shares_that_are_for_them() {
    let folder = folder();
    let server = TestServer::start(folder.path()).await;
    let overrides = "  percent: 5\n  overrides:\n    - {where: {zone: east}, percent: 50}";
    server.api.apply(&CHECKOUT.replace("  percent: 5", overrides)).await;
    let share = async |id: &str, zone: &str| {
        let mut stream = Delta::open(server.xds, hello_from(id, zone)).await.unwrap();
        loop {
            let pushed = stream.pushed().await;
            stream.ack(&pushed.nonce).await;
            if pushed.policy.revision == 1 {
                return (ppm(&pushed.policy), pushed.version, stream);
            }
        }
    };
    let (east, other_east) = (share("a", "east").await, share("b", "east").await);
    let (west, other_west) = (share("c", "west").await, share("d", "west").await);
    assert_eq!((east.0, other_east.0, west.0, other_west.0), (500_000, 500_000, 50_000, 50_000));
    assert_eq!((&east.1, &west.1), (&other_east.1, &other_west.1));
    assert_ne!(east.1, west.1);
    // One for revision 0 at most, if the first stream came before the policies of revision 1, and one for each zone.
    assert!(server.api.metric("umbra_policy_compilations_total").await <= 3.0, "compiled once for each zone");
    let zones = until(|| async {
        let nodes = server.api.get("/api/v1/nodes").await;
        let nodes = nodes["items"].as_array().unwrap().clone();
        nodes.iter().all(is("SYNCED")).then_some(nodes)
    })
    .await;
    let shares: Vec<_> = zones.iter().map(|node| node["shares"]["checkout-v2"]["percent"].clone()).collect();
    assert_eq!(shares, [50.0, 50.0, 5.0, 5.0]);
}

#[tokio::test]
async fn a_slow_reader_skips_to_the_newest_and_holds_up_nobody() {
    let folder = folder();
    let server = TestServer::start(folder.path()).await;
    // Far more than HTTP/2 lets a server send before it is read.
    let stamps: Vec<Value> = (0..1000)
        .map(|index| {
            json!({
                "apiVersion": "umbra/v1", "kind": "Stamp", "metadata": {"name": format!("s{index}")},
                "spec": {"match": [{"hosts": [format!("{}.example.com", "h".repeat(60))], "methods": ["GET"]}]},
            })
        })
        .collect();
    let stamps = Value::from(stamps).to_string();
    let response = server.api.send(reqwest::Method::POST, "/api/v1/apply", "application/json", &stamps);
    assert_eq!(response.await.status(), 200);
    server.api.apply(CHECKOUT).await;
    let slow = endpoint(server.xds).initial_stream_window_size(1 << 15).connect().await.unwrap();
    let mut slow = Delta::open_on(slow, hello("slow")).await.unwrap();
    let (mut quick, _) = synced_as(&server, "quick").await;
    let mut last = 0;
    for step in 1..=30 {
        last = server.api.valve(f64::from(step)).await;
        let pushed = quick.pushed().await;
        assert_eq!(pushed.policy.revision, last);
        quick.ack(&pushed.nonce).await;
    }
    let mut seen = Vec::new();
    while seen.last() != Some(&last) {
        let pushed = slow.pushed().await;
        seen.push(pushed.policy.revision);
        slow.ack(&pushed.nonce).await;
    }
    assert!(seen.is_sorted(), "{seen:?}");
    // Two may be on their way, one waits for room, one was sent for want of an answer; then comes the newest.
    assert!(seen.len() <= 6, "of 30 changes: {seen:?}");
}

/// As [`synced`], where there are several nodes.
async fn synced_as(server: &TestServer, id: &str) -> (Delta, u64) {
    let mut stream = Delta::open(server.xds, hello(id)).await.unwrap();
    let revision = server.api.get("/api/v1/stamps").await["revision"].as_u64().unwrap();
    loop {
        let pushed = stream.pushed().await;
        stream.ack(&pushed.nonce).await;
        if pushed.policy.revision == revision {
            return (stream, revision);
        }
    }
}

#[tokio::test]
async fn one_node_may_have_two_streams_for_a_moment() {
    let folder = folder();
    let server = TestServer::start(folder.path()).await;
    let (first, version) = synced(&server, "a").await;
    let second = Delta::open(server.xds, hello_with("a", &version)).await.unwrap();
    server.api.node(|node| node["streams"] == 2).await;
    drop(first);
    let node = server.api.node(|node| node["streams"] == 1).await;
    assert_eq!((&node["connected"], &node["state"]), (&json!(true), &json!("SYNCED")));
    drop(second);
    server.api.node(|node| node["connected"] == false).await;
}

#[tokio::test]
async fn what_breaks_the_protocol_ends_the_stream_and_nothing_else() {
    let folder = folder();
    let server = TestServer::start(folder.path()).await;
    let (mut good, _) = synced(&server, "good").await;
    let mut other_type = hello("a");
    other_type.type_url = "type.googleapis.com/envoy.config.cluster.v3.Cluster".to_owned();
    let mut nobody = hello("a");
    nobody.node = None;
    let mut long = hello("a");
    long.resource_names_subscribe = vec!["x".repeat(257)];
    let mut many = hello("a");
    many.resource_names_subscribe = (0..65).map(|index| format!("name-{index}")).collect();
    let mut huge = hello("a");
    huge.resource_names_subscribe = vec!["x".repeat(300 * 1024)];
    let cases = [
        (other_type, Code::InvalidArgument),
        (nobody, Code::InvalidArgument),
        (hello(""), Code::InvalidArgument),
        (long, Code::InvalidArgument),
        (many, Code::InvalidArgument),
        (huge, Code::OutOfRange),
    ];
    for (first, code) in cases {
        let mut stream = Delta::open(server.xds, first).await.unwrap();
        let status = stream.end().await;
        assert_eq!(status.code(), code, "{status:?}");
        assert!(!status.message().is_empty());
    }
    let nodes = server.api.get("/api/v1/nodes").await;
    assert_eq!(nodes["items"].as_array().unwrap().len(), 1);
    server.api.apply(CHECKOUT).await;
    assert_eq!(good.pushed().await.policy.revision, 1);
}

#[tokio::test]
async fn only_delta_is_served() {
    use envoy_types::pb::envoy::service::discovery::v3::aggregated_discovery_service_client::AggregatedDiscoveryServiceClient;
    let folder = folder();
    let server = TestServer::start(folder.path()).await;
    let mut client = AggregatedDiscoveryServiceClient::new(endpoint(server.xds).connect().await.unwrap());
    let status = client.stream_aggregated_resources(tokio_stream::empty()).await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
}

#[tokio::test]
async fn stopping_sends_nodes_elsewhere() {
    let folder = folder();
    let server = TestServer::start(folder.path()).await;
    let mut health = HealthClient::new(endpoint(server.xds).connect().await.unwrap());
    let answer = health.check(HealthCheckRequest::default()).await.unwrap();
    assert_eq!(answer.into_inner().status, 1, "SERVING");
    let (mut stream, _) = synced(&server, "a").await;
    let xds = server.xds;
    let stopped = tokio::spawn(server.ended());
    let status = stream.end().await;
    assert_eq!(status.code(), Code::Unavailable);
    soon(stopped).await.unwrap().unwrap();
    assert!(endpoint(xds).connect().await.is_err(), "the port is closed");
}
