//! The rules of the filter's end, one by one.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may stop at once")]

use umbra_wire::TYPE_URL;
use umbra_wire::delta::client::{
    ANSWER_TIMEOUT_MS, Action, Client, MAX_RESPONSE_BYTES, MAX_VERSION_BYTES, STABLE_AFTER_MS,
};
use umbra_wire::delta::{MAX_REASON_BYTES, Node, Request, Resource, Response};

const NAME: &str = "primary";

fn node() -> Node {
    Node { id: "envoy-1".to_owned(), zone: "a".to_owned(), ..Node::default() }
}

/// A client whose stream is open and subscribed at time 0.
fn open(applied: Option<&str>) -> Client {
    let mut client = Client::new(node(), NAME, applied.map(str::to_owned));
    assert_eq!(client.on_tick(0, 0), [Action::Open]);
    assert_eq!(client.on_opened().len(), 1);
    client
}

fn resource(version: &str) -> Resource {
    Resource {
        name: NAME.to_owned(),
        version: version.to_owned(),
        type_url: TYPE_URL.to_owned(),
        body: version.as_bytes().to_vec().into(),
    }
}

fn policy(nonce: &str, version: &str) -> Response {
    Response { resources: vec![resource(version)], ..about_nothing(nonce) }
}

fn removal(nonce: &str) -> Response {
    Response { removed: vec![NAME.to_owned()], ..about_nothing(nonce) }
}

fn about_nothing(nonce: &str) -> Response {
    Response { type_url: TYPE_URL.to_owned(), nonce: nonce.to_owned(), ..Response::default() }
}

fn apply(version: &str) -> Action {
    Action::Apply { version: version.to_owned(), body: version.as_bytes().to_vec().into() }
}

fn ack(nonce: &str) -> Action {
    Action::Send(Box::new(Request {
        type_url: TYPE_URL.to_owned(),
        nonce: nonce.to_owned(),
        ..Request::default()
    }))
}

/// The nonce and the reason of a NACK.
fn nacked(actions: &[Action]) -> (String, String) {
    let [Action::Send(request)] = actions else { panic!("{actions:?}") };
    let error = request.error.clone().unwrap_or_else(|| panic!("{request:?} is no rejection"));
    assert_eq!(error.code, 3);
    (request.nonce.clone(), error.message)
}

fn initial_version(client: &mut Client) -> Option<String> {
    let actions = client.on_opened();
    let [Action::Send(request)] = &actions[..] else { panic!("{actions:?}") };
    request.initial_versions.get(NAME).cloned()
}

#[test]
fn the_first_request_subscribes_and_says_what_there_is() {
    for applied in [None, Some("7")] {
        let mut client = Client::new(node(), NAME, applied.map(str::to_owned));
        assert_eq!(client.on_tick(5, 0), [Action::Open]);
        assert_eq!(client.on_tick(6, 0), [], "one is enough");
        let request = Request {
            node: Some(node()),
            type_url: TYPE_URL.to_owned(),
            subscribe: vec![NAME.to_owned()],
            initial_versions: applied.iter().map(|v| (NAME.to_owned(), (*v).to_owned())).collect(),
            ..Request::default()
        };
        assert_eq!(client.on_opened(), [Action::Send(Box::new(request))]);
        assert_eq!(client.applied_version(), applied);
    }
}

#[test]
fn an_ack_waits_until_the_policy_is_applied() {
    let mut client = open(None);
    assert_eq!(client.on_response(policy("n1", "1"), 1, 0), [apply("1")]);
    assert_eq!(client.on_tick(1_000_000, 0), []);
    assert_eq!(client.applied_version(), None);
    assert_eq!(client.on_applied("1"), [ack("n1")]);
    assert_eq!(client.applied_version(), Some("1"));
    assert_eq!(client.on_applied("1"), [], "once");
}

#[test]
fn a_rejection_is_a_nack_and_changes_nothing() {
    let mut client = open(Some("1"));
    assert_eq!(client.on_response(policy("n1", "2"), 1, 0), [apply("2")]);
    assert_eq!(nacked(&client.on_rejected("2", "bad regex")), ("n1".to_owned(), "bad regex".to_owned()));
    assert_eq!(client.applied_version(), Some("1"));
    assert_eq!(client.on_rejected("2", "bad regex"), [], "once");
    assert_eq!(client.on_response(policy("n2", "1"), 2, 0), [ack("n2")], "1 was never left");
}

#[test]
fn a_long_reason_is_cut_between_characters() {
    let mut client = open(None);
    client.on_response(policy("n1", "1"), 1, 0);
    let (_, reason) = nacked(&client.on_rejected("1", &"€".repeat(MAX_REASON_BYTES)));
    assert_eq!(reason.len(), MAX_REASON_BYTES / 3 * 3);
}

#[test]
fn a_newer_response_takes_the_place_of_one_that_is_not_answered() {
    let mut client = open(None);
    assert_eq!(client.on_response(policy("n1", "1"), 1, 0), [apply("1")]);
    assert_eq!(client.on_response(policy("n2", "2"), 2, 0), [apply("2")]);
    assert_eq!(client.on_applied("1"), [], "too late to be said");
    assert_eq!(client.applied_version(), Some("1"), "but true");
    assert_eq!(client.on_rejected("1", "no"), [], "neither");
    assert_eq!(client.on_applied("2"), [ack("n2")]);
}

#[test]
fn going_back_is_handed_out_while_a_change_is_on_its_way() {
    // Some workers may run 2 already.
    let mut client = open(Some("1"));
    assert_eq!(client.on_response(policy("n1", "2"), 1, 0), [apply("2")]);
    assert_eq!(client.on_response(policy("n2", "1"), 2, 0), [apply("1")]);
    assert_eq!(client.on_applied("1"), [ack("n2")]);
}

#[test]
fn a_rejection_over_a_change_on_its_way_settles_nothing() {
    // 2 is still on its way to the workers when 3 is rejected: that 1 was applied last proves nothing.
    let mut client = open(Some("1"));
    client.on_response(policy("n1", "2"), 1, 0);
    client.on_response(policy("n2", "3"), 2, 0);
    nacked(&client.on_rejected("3", "no"));
    assert_eq!(client.on_response(policy("n3", "1"), 3, 0), [apply("1")]);
}

#[test]
fn the_same_version_again_is_not_applied_twice() {
    let mut client = open(None);
    assert_eq!(client.on_response(policy("n1", "1"), 1, 0), [apply("1")]);
    assert_eq!(client.on_response(policy("n2", "1"), 2, 0), [], "on its way");
    assert_eq!(client.on_applied("1"), [ack("n2")]);
    assert_eq!(client.on_response(policy("n3", "1"), 3, 0), [ack("n3")], "in effect");
}

#[test]
fn a_removal_is_handed_out_and_acknowledged_when_done() {
    let mut client = open(Some("1"));
    assert_eq!(client.on_response(removal("n1"), 1, 0), [Action::Remove]);
    assert_eq!(client.applied_version(), Some("1"));
    assert_eq!(client.on_removed(), [ack("n1")]);
    assert_eq!(client.applied_version(), None);
    assert_eq!(client.on_response(removal("n2"), 2, 0), [ack("n2")], "already");
    assert_eq!(client.on_response(policy("n3", "1"), 3, 0), [apply("1")], "back again");
}

#[test]
fn a_removal_is_handed_out_even_before_any_policy() {
    // The filter may be running its static fallback.
    assert_eq!(open(None).on_response(removal("n1"), 1, 0), [Action::Remove]);
}

#[test]
fn other_types_are_ignored_and_other_names_acknowledged() {
    let mut client = open(None);
    let cluster = Response { type_url: "type.googleapis.com/x".to_owned(), ..policy("n1", "1") };
    assert_eq!(client.on_response(cluster, 1, 0), []);
    let mut egress = policy("n2", "1");
    egress.resources[0].name = "egress".to_owned();
    egress.removed = vec!["shadow".to_owned()];
    assert_eq!(client.on_response(egress, 2, 0), [ack("n2")]);
}

#[test]
fn an_answer_that_is_outstanding_survives_a_response_about_nothing() {
    let mut client = open(None);
    client.on_response(policy("n1", "1"), 1, 0);
    assert_eq!(client.on_response(about_nothing("n2"), 2, 0), [ack("n2")]);
    assert_eq!(client.on_applied("1"), [ack("n1")]);
}

#[test]
fn a_response_that_contradicts_itself_is_rejected() {
    let twice = Response { resources: vec![resource("1"), resource("2")], ..about_nothing("n1") };
    let both = Response { removed: vec![NAME.to_owned()], ..policy("n1", "1") };
    let unnamed = policy("n1", "");
    let long = policy("n1", &"1".repeat(MAX_VERSION_BYTES + 1));
    let mut foreign = policy("n1", "1");
    foreign.resources[0].type_url = "type.googleapis.com/x".to_owned();
    let cases = [
        (twice, "the policy is there more than once"),
        (both, "the policy is there more than once"),
        (unnamed, "the policy has no version"),
        (long, "the policy's version has 257 bytes: at most 256 are taken"),
        (foreign, "a resource of type \"type.googleapis.com/x\" is not a policy"),
    ];
    for (response, reason) in cases {
        let mut client = open(None);
        assert_eq!(client.on_response(policy("n0", "0"), 1, 0), [apply("0")]);
        assert_eq!(nacked(&client.on_response(response, 2, 0)), ("n1".to_owned(), reason.to_owned()));
        assert_eq!(client.on_applied("0"), [], "the older response is not answered any more");
        assert_eq!(client.applied_version(), Some("0"));
    }
}

#[test]
fn what_cannot_be_answered_ends_the_stream() {
    let large = policy("n1", &"1".repeat(MAX_RESPONSE_BYTES / 2)).encode();
    let unfolding = [0x12, 0].repeat(1_000_000);
    for bytes in [vec![0xff; 20], policy("", "1").encode(), large, unfolding] {
        let mut client = open(Some("1"));
        client.on_accepted(1);
        let actions = client.on_message(&bytes, 1, u64::MAX);
        assert!(matches!(actions[..], [Action::Close { .. }]), "{actions:?}");
        assert!(!client.is_answered());
        assert_eq!(client.on_tick(100, 0), [], "not at once");
        assert_eq!(client.on_tick(101, 0), [Action::Open]);
    }
}

#[test]
fn an_event_of_a_stream_that_is_gone_does_nothing() {
    let mut client = open(None);
    client.on_closed(10, u64::MAX);
    client.on_closed(20, u64::MAX);
    client.on_accepted(20);
    assert_eq!(client.on_response(policy("n1", "1"), 20, 0), []);
    assert!(!client.is_answered());
    assert_eq!(client.on_tick(109, 0), []);
    assert_eq!(client.on_tick(110, 0), [Action::Open], "the second end did not count");
}

#[test]
fn what_is_applied_after_the_stream_has_gone_counts_as_had() {
    let mut client = open(Some("1"));
    client.on_response(policy("n1", "2"), 1, 0);
    client.on_closed(2, 0);
    assert_eq!(client.on_applied("2"), [], "nobody to tell");
    assert_eq!(client.on_tick(3, 0), [Action::Open]);
    assert_eq!(initial_version(&mut client).as_deref(), Some("2"));
}

#[test]
fn a_change_on_its_way_is_not_handed_out_again_after_a_reconnect() {
    let mut client = open(Some("1"));
    client.on_response(policy("n1", "2"), 1, 0);
    client.on_closed(2, 0);
    client.on_tick(3, 0);
    initial_version(&mut client);
    assert_eq!(client.on_response(policy("m1", "2"), 4, 0), []);
    assert_eq!(client.on_applied("2"), [ack("m1")], "the new stream's nonce");
}

#[test]
fn a_new_stream_claims_nothing_while_a_change_is_on_its_way() {
    // Some workers may run 2 already. A server that wants 1 again would send nothing, and they would stay with 2.
    let mut client = open(Some("1"));
    client.on_response(policy("n1", "2"), 1, 0);
    client.on_closed(2, 0);
    client.on_tick(3, 0);
    assert_eq!(initial_version(&mut client), None);
    assert_eq!(client.on_response(policy("m1", "1"), 4, 0), [apply("1")]);
    assert_eq!(client.on_applied("1"), [ack("m1")]);
}

#[test]
fn a_rejected_version_is_tried_again_on_a_new_stream() {
    let mut client = open(None);
    client.on_response(policy("n1", "1"), 1, 0);
    client.on_closed(2, 0);
    assert_eq!(client.on_rejected("1", "no"), [], "nobody to tell");
    client.on_tick(3, 0);
    client.on_opened();
    assert_eq!(client.on_response(policy("m1", "1"), 4, 0), [apply("1")]);
    assert_eq!(nacked(&client.on_rejected("1", "no")).0, "m1");
}

#[test]
fn a_server_that_does_not_show_itself_is_given_up() {
    let mut client = open(None);
    assert_eq!(client.on_tick(ANSWER_TIMEOUT_MS - 1, 0), []);
    let actions = client.on_tick(ANSWER_TIMEOUT_MS, u64::MAX);
    assert_eq!(actions, [Action::Close { reason: "no answer within 10000 ms".to_owned() }]);
    assert_eq!(client.on_tick(ANSWER_TIMEOUT_MS + 100, 0), [Action::Open]);

    let mut client = open(None);
    client.on_accepted(1);
    assert!(client.is_answered());
    assert_eq!(client.on_tick(1_000_000, 0), [], "an accepted stream may stay silent");
}

#[test]
fn failures_in_a_row_wait_longer_until_the_server_answers() {
    /// Ends the stream at `now_ms` and gives the wait before the next.
    fn wait_ms(client: &mut Client, now_ms: u64) -> u64 {
        client.on_closed(now_ms, u64::MAX);
        let wait_ms = (0..=30_000).find(|wait_ms| !client.on_tick(now_ms + wait_ms, 0).is_empty()).unwrap();
        client.on_opened();
        wait_ms
    }
    let mut client = open(None);
    assert_eq!([0, 1_000, 2_000].map(|now_ms| wait_ms(&mut client, now_ms)), [100, 200, 400]);
    client.on_accepted(3_000);
    assert_eq!(wait_ms(&mut client, 3_001), 800, "accepted and ended at once is a failure too");
    client.on_response(about_nothing("n1"), 4_000, 0);
    assert_eq!(wait_ms(&mut client, 4_001), 100, "a response is a success");
    client.on_accepted(5_000);
    client.on_tick(5_000 + STABLE_AFTER_MS, 0);
    assert_eq!(wait_ms(&mut client, 20_000), 100, "and so is a stream that stays");
}
