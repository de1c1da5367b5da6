//! Plugin configurations, good and bad.

use crate::fixtures::{FOLLOWER, Workers, resources};
use crate::host::{Envoy, get, values};

fn check_refused(configuration: &str, says: &str) {
    let envoy = Envoy::new();
    let mut vm = envoy.vm();
    let root = vm.plugin(configuration);
    assert_eq!(envoy.get().log.len(), 1, "one line: {:#?}", envoy.get().log);
    assert_eq!(envoy.logged(says), 1, "{configuration}: {:#?}", envoy.get().log);
    let headers = vm.pass(root, &get("/cart", &[("x-umbra-mirror-1", "stolen"), ("x-other", "stays")]));
    assert!(values(&headers, "x-umbra-mirror-1").is_empty(), "a client must not steer a mirror either way");
    assert_eq!(values(&headers, "x-other"), ["stays"]);
    vm.tick(root);
    assert_eq!(envoy.metric("umbra.configuration_refused"), 1);
}

#[test]
fn a_bad_configuration_names_the_field_and_stops_no_traffic() {
    check_refused("", "is not JSON");
    check_refused("[]", "is not a JSON object");
    check_refused("{}", "role: is missing");
    check_refused(r#"{"role": "egress"}"#, "role: egress is not available yet");
    check_refused(r#"{"role": "secondary"}"#, "role: \"secondary\" is not a role");
    check_refused(r#"{"role": "primary", "max_stalness": "1m"}"#, "max_stalness: is not a field");
    check_refused(
        r#"{"role": "primary", "max_staleness": "soon"}"#,
        "max_staleness: \"soon\" is not a duration",
    );
    check_refused(r#"{"role": "primary", "max_staleness": "1s"}"#, "max_staleness: is shorter than 2s");
    check_refused(r#"{"role": "primary", "control_plane": ""}"#, "control_plane: is empty");
    check_refused(
        &format!(r#"{{"role": "primary", "control_plane": "{}"}}"#, "c".repeat(124)),
        "control_plane: is longer than 123 bytes",
    );
    check_refused(r#"{"role": "primary", "token": ""}"#, "token: is not 1 to 4096 visible ASCII characters");
    check_refused(r#"{"role": "primary", "policy": {"resources": {}}}"#, "policy.resources: is not a list");
    let bad = resources(101.0, "");
    let configuration = format!(r#"{{"role": "primary", "policy": {{"resources": {bad}}}}}"#);
    check_refused(&configuration, "policy.resources[1]: Shadow/next: spec.percent");
}

#[test]
fn a_shadow_with_a_bad_configuration_touches_nothing() {
    let envoy = Envoy::new();
    let mut vm = envoy.vm();
    let root = vm.plugin(r#"{"role": "shadow", "colour": "red"}"#);
    assert_eq!(envoy.logged("colour: is not a field"), 1);
    let copy = get("/cart", &[("x-umbra-mirror-1", "next"), ("x-umbra-stamp", "cart")]);
    assert_eq!(vm.pass(root, &copy), copy);
}

#[test]
fn the_longest_cluster_name_can_be_reached() {
    let name = "c".repeat(123);
    let envoy = Envoy::new();
    envoy.get_mut().clusters.insert(name.clone());
    let mut vm = envoy.vm();
    let root = vm.plugin(&format!(r#"{{"role": "primary", "control_plane": "{name}"}}"#));
    for _ in 0..10 {
        envoy.advance(100);
        vm.tick(root);
    }
    assert_eq!(envoy.open_streams(), 1);
}

/// The token goes with the stream, and into no log, right or wrong.
#[test]
fn a_token_is_shown_to_the_control_plane_alone() {
    const TOKEN: &str = "umbra_node_a_s3cret";
    let with_token = |token: &str| {
        let configuration =
            serde_json::json!({"role": "primary", "control_plane": "umbra-control-plane", "token": token});
        Workers::new(1, &configuration.to_string())
    };
    let mut workers = with_token(TOKEN);
    workers.serve("v1", &resources(100.0, ""), 7);
    assert_eq!(workers.mirrors(), [true]);
    workers.run(3_000);
    let shown = format!("authorization\0Bearer {TOKEN}\0");
    let process = workers.envoy.get();
    let streams = process.streams.iter().map(|stream| &stream.metadata);
    let all: Vec<_> = streams.chain(process.calls.iter().map(|call| &call.metadata)).collect();
    assert!(all.len() >= 2, "a stream and a report: {all:?}");
    assert!(all.iter().all(|metadata| metadata.ends_with(shown.as_bytes())), "{all:?}");
    drop(process);
    assert_eq!(workers.envoy.logged("s3cret"), 0);

    let mut workers = with_token("s3cret\n");
    workers.run(3_000);
    assert_eq!((workers.envoy.logged("token: is not"), workers.envoy.logged("s3cret")), (1, 0));
    assert!(workers.envoy.get().streams.is_empty());
}

#[test]
fn a_control_plane_that_refuses_the_token_is_said_so() {
    for (status, words) in
        [(16, "refused this node's token"), (7, "refused this node's id"), (14, "not reachable")]
    {
        let mut workers = Workers::new(1, FOLLOWER);
        workers.run_until_stream(3_000);
        workers.hang_up(status);
        assert_eq!(workers.envoy.logged(words), 1, "{status}");
    }
}
