//! Who talks to the control plane, and that everybody follows.

use crate::fixtures::{FOLLOWER, Workers, compiled, resources};
use crate::host::StreamState;

#[test]
fn one_worker_leads_and_all_follow() {
    let mut workers = Workers::new(4, FOLLOWER);
    workers.serve("v1", &resources(100.0, ""), 7);
    assert_eq!(workers.mirrors(), [true; 4]);
    workers.run(5_000);
    assert_eq!(workers.envoy.get().streams.len(), 1, "one stream for the whole Envoy, from first to last");
    assert_eq!(workers.envoy.metric("umbra.policy_revision"), 7);
}

#[test]
fn the_first_request_names_the_node_and_what_it_wants() {
    let mut workers = Workers::new(1, FOLLOWER);
    workers
        .envoy
        .get_mut()
        .properties
        .insert("xds.node.metadata".to_owned(), b"\x01\0\0\0\x04\0\0\0\x04\0\0\0team\0cart\0".to_vec());
    workers.list.clear();
    workers.add(FOLLOWER);
    workers.run_until_stream(1_000);
    let [request] = workers.requests().try_into().expect("one request");
    assert_eq!(request.subscribe, ["primary"]);
    assert!(request.initial_versions.is_empty());
    let node = request.node.expect("the first request names the node");
    assert_eq!((node.id.as_str(), node.cluster.as_str(), node.zone.as_str()), ("node-1", "edge", "z1"));
    assert_eq!(node.metadata.get("team").map(String::as_str), Some("cart"));
}

#[test]
fn a_policy_is_acknowledged_when_the_last_worker_runs_it() {
    let mut workers = Workers::new(3, FOLLOWER);
    workers.serve("v1", &resources(0.0, ""), 1);
    workers.send("v2", umbra_wire::encode(&compiled(&resources(100.0, ""), 2)));
    let (leader, ..) = workers.leader();
    let slow = (leader + 1) % 3;
    for _ in 0..10 {
        workers.envoy.advance(100);
        for (position, worker) in workers.list.iter_mut().enumerate() {
            if position != slow {
                worker.tick();
            }
        }
    }
    assert_eq!(workers.requests(), [], "one worker still runs v1");
    workers.run(200);
    let answers = workers.requests();
    assert!(matches!(answers.as_slice(), [ack] if ack.nonce == "v2" && ack.error.is_none()), "{answers:?}");
}

#[test]
fn a_worker_that_went_quiet_is_not_waited_for() {
    let mut workers = Workers::new(3, FOLLOWER);
    workers.serve("v1", &resources(0.0, ""), 1);
    let (leader, ..) = workers.leader();
    workers.list.remove((leader + 1) % 3);
    workers.send("v2", umbra_wire::encode(&compiled(&resources(100.0, ""), 2)));
    workers.run(2_000);
    assert_eq!(workers.requests(), []);
    workers.run(2_000);
    assert_eq!(workers.requests().len(), 1);
}

#[test]
fn another_worker_leads_within_3_s_when_the_leader_falls_silent() {
    let mut workers = Workers::new(3, FOLLOWER);
    workers.serve("v1", &resources(100.0, ""), 1);
    let (leader, ..) = workers.leader();
    workers.list.remove(leader);
    // Nobody closes a stream whose worker hangs.
    workers.envoy.get_mut().streams[0].state = StreamState::Closed;
    let took_ms = workers.run_until_stream(3_000);
    assert!(took_ms >= 1_500, "a leader that still renews its lease keeps it: {took_ms} ms");
    let [request] = workers.requests().try_into().expect("one request");
    assert_eq!(
        request.initial_versions.get("primary").map(String::as_str),
        Some("v1"),
        "nothing need be sent again"
    );
    assert_eq!(workers.mirrors(), [true; 2]);
}

#[test]
fn a_clock_that_is_set_changes_no_leader() {
    for step_ns in [-3_600_000_000_000_i64, 3_600_000_000_000] {
        let mut workers = Workers::new(3, FOLLOWER);
        workers.serve("v1", &resources(100.0, ""), 1);
        let leader = workers.leader();
        {
            let mut process = workers.envoy.get_mut();
            process.wall_ns = process.wall_ns.wrapping_add_signed(step_ns);
        }
        workers.run(5_000);
        assert_eq!(workers.leader(), leader);
        assert_eq!(workers.envoy.get().streams.len(), 1);
        assert_eq!(workers.mirrors(), [true; 3], "and no policy turns stale");
    }
}

#[test]
fn a_leader_that_ends_in_good_order_hands_over_at_once() {
    let mut workers = Workers::new(3, FOLLOWER);
    workers.serve("v1", &resources(100.0, ""), 1);
    let (leader, root, _) = workers.leader();
    let mut gone = workers.list.remove(leader);
    gone.vm.delete(root);
    assert_eq!(workers.envoy.open_streams(), 0, "it ends its stream");
    let took_ms = workers.run_until_stream(1_000);
    assert!(took_ms <= 400, "{took_ms} ms");
    workers.accept();
    workers.requests();
    workers.send("v2", umbra_wire::encode(&compiled(&resources(0.0, ""), 2)));
    workers.run(300);
    assert_eq!(workers.requests().len(), 1, "and need not be waited for");
}

/// What a leader says on its first request stands for all of them.
#[test]
fn a_new_leader_claims_no_policy_that_a_worker_lacks() {
    let mut workers = Workers::new(3, FOLLOWER);
    workers.serve("v1", &resources(0.0, ""), 1);
    let second = umbra_wire::encode(&compiled(&resources(100.0, ""), 2));
    workers.send("v2", second.clone());
    let (leader, root, _) = workers.leader();
    workers.list.remove(leader).vm.delete(root);
    let mut slow = workers.list.remove(1);
    workers.run_until_stream(1_000);
    let [request] = workers.requests().try_into().expect("one request");
    assert!(request.initial_versions.is_empty(), "one worker still runs v1: {request:?}");
    workers.accept();
    workers.send("v2", second);
    workers.run(200);
    assert_eq!(workers.requests(), []);
    slow.tick();
    workers.list.push(slow);
    workers.run(200);
    let answers = workers.requests();
    assert!(matches!(answers.as_slice(), [ack] if ack.nonce == "v2" && ack.error.is_none()), "{answers:?}");
    assert_eq!(workers.mirrors(), [true; 2]);
}

#[test]
fn a_deposed_leader_steps_down_without_overwriting_its_successor() {
    let mut workers = Workers::new(2, FOLLOWER);
    workers.serve("v1", &resources(100.0, ""), 1);
    let (leader, root, token) = workers.leader();
    let mut stalled = workers.list.remove(leader);
    workers.run(3_000);
    assert_eq!(workers.envoy.open_streams(), 2, "the stalled leader's and its successor's");
    let late = umbra_wire::delta::Response {
        type_url: umbra_wire::TYPE_URL.to_owned(),
        nonce: "late".to_owned(),
        resources: Vec::new(),
        removed: vec!["primary".to_owned()],
    };
    stalled.vm.grpc_message(root, token, &late.encode());
    assert_eq!(workers.envoy.open_streams(), 1);
    workers.run(300);
    assert_eq!(workers.mirrors(), [true], "what the deposed leader heard last changed nothing");
}

/// A leader's view of the census grows old when it leads no longer: it must not strike the living off by it.
#[test]
fn a_deposed_leader_leaves_the_census_to_its_successor() {
    for stall_ms in [3_000, 40_000] {
        let mut workers = Workers::new(3, FOLLOWER);
        workers.serve("v1", &resources(0.0, ""), 1);
        let (leader, ..) = workers.leader();
        let mut stalled = workers.list.remove(leader);
        workers.run(stall_ms);
        stalled.tick();
        workers.list.push(stalled);
        workers.run(100);
        workers.accept();
        workers.requests();
        for (version, rest_ms) in [("v2", 40_000), ("v3", 0)] {
            let (leader, ..) = workers.leader();
            let slow = (leader + 1) % 2;
            workers.send(version, umbra_wire::encode(&compiled(&resources(0.0, ""), 2)));
            for _ in 0..20 {
                workers.envoy.advance(100);
                for (position, worker) in workers.list.iter_mut().enumerate() {
                    if position != slow {
                        worker.tick();
                    }
                }
            }
            assert_eq!(workers.requests(), [], "{version}: one worker still runs the last one");
            workers.run(200);
            assert_eq!(workers.requests().len(), 1, "{version}");
            workers.run(rest_ms);
            workers.requests();
        }
    }
}

#[test]
fn a_reload_in_the_same_vm_starts_from_what_is_there() {
    let mut workers = Workers::new(1, FOLLOWER);
    workers.serve("v1", &resources(100.0, ""), 1);
    let old = workers.list[0].root;
    let new = workers.list[0].vm.plugin(&FOLLOWER.replace("10s", "20s"));
    workers.list[0].root = new;
    assert_eq!(workers.mirrors(), [true], "from the first request on");
    // Both instances tick while the old one's requests end.
    for _ in 0..10 {
        workers.envoy.advance(100);
        workers.list[0].vm.tick(old);
        workers.list[0].vm.tick(new);
    }
    assert_eq!(workers.leader().1, new, "the new instance has the stream");
    workers.list[0].vm.delete(old);
    workers.run(500);
    assert_eq!(workers.leader().1, new);
    assert_eq!(workers.mirrors(), [true]);
}

#[test]
fn a_new_vm_starts_from_the_policy_in_the_shared_data() {
    let mut workers = Workers::new(1, FOLLOWER);
    workers.serve("v1", &resources(100.0, ""), 1);
    workers.add(FOLLOWER);
    assert_eq!(workers.mirrors(), [true; 2], "before its first tick");
}

#[test]
fn two_instances_of_one_vm_keep_one_stream() {
    let mut workers = Workers::new(1, FOLLOWER);
    let second = workers.list[0].vm.plugin(FOLLOWER);
    for _ in 0..30 {
        workers.envoy.advance(100);
        workers.list[0].tick();
        workers.list[0].vm.tick(second);
    }
    assert_eq!(workers.envoy.get().streams.len(), 1);
}
