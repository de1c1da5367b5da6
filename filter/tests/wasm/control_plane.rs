//! What the control plane sends, and what becomes of it when it falls silent.

use crate::fixtures::{FOLLOWER, Workers, compiled, resources};
use crate::host::{get, values};
use umbra_policy::spec::PathSpec;

#[test]
fn what_cannot_be_run_is_rejected_with_the_reason_and_changes_nothing() {
    let mut bad = compiled(&resources(100.0, ""), 3);
    bad.stamps[0].clauses[0].path = Some(PathSpec::Regex("(".to_owned()));
    for (body, reason) in [
        (umbra_wire::encode(&bad), "stamps[0].clauses[0].path.regex"),
        (b"\xff\xfe\xfd".to_vec(), "not protobuf"),
        (Vec::new(), ""),
    ] {
        let mut workers = Workers::new(2, FOLLOWER);
        workers.serve("v1", &resources(100.0, ""), 1);
        workers.send("bad", body.clone());
        workers.run(300);
        let answers = workers.requests();
        let [answer] = answers.as_slice() else { panic!("{answers:?}") };
        if body.is_empty() {
            assert_eq!(answer.error, None, "an empty policy is a policy");
            assert_eq!(workers.mirrors(), [false; 2]);
            continue;
        }
        let error = answer.error.clone().expect("a NACK");
        assert!(error.message.contains(reason), "{error:?}");
        assert_eq!(workers.mirrors(), [true; 2]);
        assert_eq!(workers.envoy.logged("policy bad rejected"), 1, "{:#?}", workers.envoy.get().log);
        workers.send("v3", umbra_wire::encode(&compiled(&resources(0.0, ""), 3)));
        workers.run(300);
        assert_eq!(workers.mirrors(), [false; 2], "the next good one is followed");
    }
}

#[test]
fn a_silent_control_plane_closes_every_valve_until_it_is_back() {
    let mut workers = Workers::new(2, FOLLOWER);
    workers.serve("v1", &resources(100.0, ""), 1);
    workers.run(20_000);
    assert_eq!(workers.mirrors(), [true; 2], "an answered stream is a sign of life, also without messages");
    workers.hang_up(14);
    workers.envoy.get_mut().clusters.clear();
    workers.run(8_500);
    assert_eq!(workers.mirrors(), [true; 2], "last good");
    workers.run(3_000);
    assert_eq!(workers.mirrors(), [false; 2], "stale");
    workers.run(100);
    assert_eq!(workers.envoy.metric("umbra.skipped.stale"), 2);
    assert_eq!(values(&workers.list[0].pass(&get("/cart", &[])), "x-umbra-stamp"), ["cart"]);

    workers.envoy.get_mut().clusters.insert("umbra-control-plane".to_owned());
    workers.run_until_stream(31_000);
    workers.run(500);
    assert_eq!(workers.mirrors(), [false; 2], "a stream that nobody answered is no sign of life");
    workers.accept();
    workers.run(300);
    assert_eq!(workers.mirrors(), [true; 2], "fresh again, without a policy being sent");
}

#[test]
fn a_new_vm_knows_how_old_the_policy_is() {
    let mut workers = Workers::new(1, FOLLOWER);
    workers.serve("v1", &resources(100.0, ""), 1);
    workers.hang_up(14);
    workers.envoy.get_mut().clusters.clear();
    workers.run(12_000);
    workers.add(FOLLOWER);
    workers.run(100);
    assert_eq!(workers.mirrors(), [false; 2], "a reload does not make an old policy young");
}

#[test]
fn a_removed_policy_stops_everything_and_does_not_bring_the_fallback_back() {
    let fallback = format!(
        r#"{{"role": "primary", "control_plane": "umbra-control-plane", "policy": {{"resources": {}}}}}"#,
        resources(100.0, "")
    );
    let mut workers = Workers::new(2, &fallback);
    assert_eq!(workers.mirrors(), [true; 2], "the fallback, before the control plane was heard of");
    workers.serve("v1", &resources(0.0, ""), 1);
    assert_eq!(workers.mirrors(), [false; 2]);
    workers.respond(umbra_wire::delta::Response {
        type_url: umbra_wire::TYPE_URL.to_owned(),
        nonce: "gone".to_owned(),
        resources: Vec::new(),
        removed: vec!["primary".to_owned()],
    });
    workers.run(300);
    assert_eq!(workers.mirrors(), [false; 2]);
    assert_eq!(workers.requests().len(), 1, "acknowledged");
    let headers = workers.list[1].pass(&get("/cart", &[]));
    assert!(values(&headers, "x-umbra-stamp").is_empty());
}

#[test]
fn an_unknown_cluster_is_retried_and_said_once() {
    let mut workers = Workers::new(2, FOLLOWER);
    workers.envoy.get_mut().clusters.clear();
    workers.run(60_000);
    assert_eq!(workers.envoy.logged("control plane not reachable"), 1, "{:#?}", workers.envoy.get().log);
    workers.envoy.get_mut().clusters.insert("umbra-control-plane".to_owned());
    workers.run_until_stream(31_000);
}
