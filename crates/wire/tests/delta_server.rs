//! The rules of the control plane's end, one by one.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may stop at once")]

use umbra_wire::TYPE_URL;
use umbra_wire::delta::server::{
    Action, MAX_NAME_BYTES, MAX_NODE_BYTES, MAX_SUBSCRIPTIONS, Refusal, SUPERSEDE_AFTER_MS, Stream,
};
use umbra_wire::delta::{MAX_REASON_BYTES, Node, Rejection, Request, Resource, Response};

fn first(subscribe: &[&str], versions: &[(&str, &str)]) -> Request {
    Request {
        node: Some(Node { id: "envoy-1".to_owned(), ..Node::default() }),
        initial_versions: versions.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
        ..later(subscribe, &[])
    }
}

fn later(subscribe: &[&str], unsubscribe: &[&str]) -> Request {
    Request {
        type_url: TYPE_URL.to_owned(),
        subscribe: subscribe.iter().map(|name| (*name).to_owned()).collect(),
        unsubscribe: unsubscribe.iter().map(|name| (*name).to_owned()).collect(),
        ..Request::default()
    }
}

fn ack(response: &Response) -> Request {
    Request { nonce: response.nonce.clone(), ..later(&[], &[]) }
}

fn nack(response: &Response, reason: &str) -> Request {
    Request { error: Some(Rejection { code: 3, message: reason.to_owned() }), ..ack(response) }
}

fn resources(wanted: &[(&str, &str)]) -> Vec<Resource> {
    let resource = |(name, version): &(&str, &str)| Resource {
        name: (*name).to_owned(),
        version: (*version).to_owned(),
        type_url: TYPE_URL.to_owned(),
        body: version.as_bytes().to_vec().into(),
    };
    wanted.iter().map(resource).collect()
}

/// A stream after its first request, and all actions so far.
fn stream(request: Request, wanted: &[(&str, &str)]) -> (Stream, Vec<Action>) {
    let mut stream = Stream::new("s");
    let mut actions = stream.on_request(request, 0).unwrap();
    actions.extend(stream.on_desired(resources(wanted), 0));
    (stream, actions)
}

fn sent(actions: &[Action]) -> Response {
    let responses: Vec<&Response> = actions
        .iter()
        .filter_map(|action| if let Action::Send(response) = action { Some(response) } else { None })
        .collect();
    assert_eq!(responses.len(), 1, "{actions:?}");
    responses[0].clone()
}

/// What a response says: `name=version` or `-name`, in order.
fn says(response: &Response) -> String {
    let resources =
        response.resources.iter().map(|resource| format!("{}={}", resource.name, resource.version));
    let removed = response.removed.iter().map(|name| format!("-{name}"));
    resources.chain(removed).collect::<Vec<_>>().join(" ")
}

fn acked(name: &str, version: Option<&str>) -> Action {
    Action::Acked { name: name.to_owned(), version: version.map(str::to_owned) }
}

fn nacked(name: &str, version: &str, reason: &str) -> Action {
    Action::Nacked { name: name.to_owned(), version: Some(version.to_owned()), reason: reason.to_owned() }
}

#[test]
fn what_a_first_request_is_answered_with() {
    // (subscribed, versions that the node has, what there is) → the response, or nothing
    type Pairs = &'static [(&'static str, &'static str)];
    let cases: &[(&[&str], Pairs, Pairs, &str)] = &[
        (&["primary"], &[], &[("primary", "1")], "primary=1"),
        (&["primary"], &[("primary", "0")], &[("primary", "1")], "primary=1"),
        (&["primary"], &[("primary", "1")], &[("primary", "1")], ""),
        (&["primary"], &[], &[], "-primary"),
        (&["primary"], &[("primary", "1")], &[], "-primary"),
        (&["primary"], &[], &[("egress", "1")], "-primary"),
        (&["primary", "egress"], &[("egress", "2")], &[("primary", "1"), ("egress", "2")], "primary=1"),
        (&["primary", "nothing"], &[], &[("primary", "1")], "primary=1 -nothing"),
        // The wildcard, said or implied: all there is, and nothing about what the node never had.
        (&[], &[], &[("egress", "2"), ("primary", "1")], "egress=2 primary=1"),
        (&["*"], &[], &[("egress", "2"), ("primary", "1")], "egress=2 primary=1"),
        (&["*"], &[], &[], ""),
        (&["*"], &[("primary", "1")], &[("egress", "2"), ("primary", "1")], "egress=2"),
        (&["*"], &[("old", "1")], &[("primary", "1")], "primary=1 -old"),
        (&["*", "nothing"], &[], &[("primary", "1")], "primary=1 -nothing"),
        // A version of something that is not subscribed says nothing.
        (&["primary"], &[("egress", "1")], &[("primary", "1")], "primary=1"),
    ];
    for (subscribe, has, wanted, expected) in cases {
        let (_, actions) = stream(first(subscribe, has), wanted);
        let responses = actions.iter().filter(|action| matches!(action, Action::Send(_))).count();
        let said = if responses == 0 { String::new() } else { says(&sent(&actions)) };
        assert_eq!(said, *expected, "{subscribe:?} with {has:?} of {wanted:?}");
    }
}

#[test]
fn nothing_is_sent_before_it_is_known_what_is_wanted() {
    let mut stream = Stream::new("s");
    assert_eq!(stream.on_request(first(&["primary"], &[]), 0).unwrap(), []);
    assert_eq!(stream.on_tick(1_000_000), []);
    assert_eq!(stream.wake_at_ms(), None);
    assert_eq!(stream.node().unwrap().id, "envoy-1");
}

#[test]
fn what_is_wanted_may_be_known_before_the_first_request() {
    let mut stream = Stream::new("s");
    assert_eq!(stream.on_desired(resources(&[("primary", "1")]), 0), []);
    assert_eq!(says(&sent(&stream.on_request(first(&["primary"], &[]), 0).unwrap())), "primary=1");
}

#[test]
fn a_response_carries_type_nonce_and_body() {
    let (_, actions) = stream(first(&["primary"], &[]), &[("primary", "1")]);
    let response = sent(&actions);
    assert_eq!(response.type_url, TYPE_URL);
    assert_eq!(response.nonce, "s-1");
    assert_eq!(response.resources, resources(&[("primary", "1")]));
}

#[test]
fn the_versions_that_a_node_has_count_as_acknowledged() {
    let (_, actions) = stream(first(&["primary"], &[("primary", "1")]), &[("primary", "1")]);
    assert_eq!(actions, [acked("primary", Some("1"))]);
}

#[test]
fn initial_versions_count_in_the_first_request_only() {
    let (mut stream, actions) = stream(first(&["primary"], &[]), &[("primary", "1")]);
    let response = sent(&actions);
    let mut request = first(&[], &[("primary", "9")]);
    request.nonce = response.nonce;
    assert_eq!(stream.on_request(request, 1).unwrap(), [acked("primary", Some("1"))]);
}

#[test]
fn an_ack_is_an_ack_and_no_subscription() {
    let (mut stream, actions) = stream(first(&["primary"], &[]), &[("egress", "1"), ("primary", "1")]);
    let response = sent(&actions);
    assert_eq!(stream.on_request(ack(&response), 1).unwrap(), [acked("primary", Some("1"))]);
    assert_eq!(stream.on_request(ack(&response), 2).unwrap(), [], "again");
}

#[test]
fn an_ack_of_an_earlier_stream_is_no_wildcard() {
    let request = Request { nonce: "earlier-7".to_owned(), ..first(&[], &[]) };
    let (_, actions) = stream(request, &[("primary", "1")]);
    assert_eq!(actions, []);
}

#[test]
fn an_acknowledged_removal_is_not_repeated_and_may_be_undone() {
    let (mut stream, actions) = stream(first(&["primary"], &[]), &[]);
    assert_eq!(stream.on_request(ack(&sent(&actions)), 1).unwrap(), [acked("primary", None)]);
    assert_eq!(stream.on_desired(vec![], 2), []);
    assert_eq!(says(&sent(&stream.on_desired(resources(&[("primary", "1")]), 3))), "primary=1");
}

#[test]
fn a_nack_is_told_and_its_version_not_repeated() {
    let (mut stream, actions) = stream(first(&["primary"], &[("primary", "1")]), &[("primary", "2")]);
    let response = sent(&actions);
    assert_eq!(
        stream.on_request(nack(&response, "bad regex"), 1).unwrap(),
        [nacked("primary", "2", "bad regex")]
    );
    assert_eq!(stream.on_desired(resources(&[("primary", "2")]), 2), [], "wanted still");
    assert_eq!(stream.on_tick(1_000_000), []);
    assert_eq!(stream.on_desired(resources(&[("primary", "1")]), 3), [], "the node has that");
    assert_eq!(stream.on_desired(resources(&[("primary", "2")]), 4), [], "refused already");
    assert_eq!(says(&sent(&stream.on_desired(resources(&[("primary", "3")]), 5))), "primary=3");
}

#[test]
fn a_node_may_ask_for_what_it_refused() {
    let (mut stream, actions) = stream(first(&["primary"], &[]), &[("primary", "1")]);
    stream.on_request(nack(&sent(&actions), "no memory"), 1).unwrap();
    assert_eq!(says(&sent(&stream.on_request(later(&["primary"], &[]), 2).unwrap())), "primary=1");
}

#[test]
fn a_refused_version_takes_nothing_else_back() {
    let (mut stream, actions) = stream(first(&["primary"], &[]), &[("primary", "1")]);
    stream.on_request(nack(&sent(&actions), "no"), 1).unwrap();
    let second = sent(&stream.on_desired(resources(&[("primary", "2")]), 2));
    // Wanted again while the answer to 2 is outstanding: the node would refuse it, so that 2 may stand.
    assert_eq!(stream.on_desired(resources(&[("primary", "1")]), 3), []);
    assert_eq!(stream.wake_at_ms(), None);
    assert_eq!(stream.on_tick(1_000_000), []);
    let actions = stream.on_request(ack(&second), 1_000_001).unwrap();
    assert_eq!(actions[0], acked("primary", Some("2")));
    assert_eq!(says(&sent(&actions)), "primary=1", "2 was acknowledged, so that 1 is a change again");
}

#[test]
fn one_response_is_outstanding_and_the_newest_follows() {
    let (mut stream, actions) = stream(first(&["primary"], &[]), &[("primary", "1")]);
    let response = sent(&actions);
    for version in ["2", "3", "4"] {
        assert_eq!(stream.on_desired(resources(&[("primary", version)]), 10), []);
    }
    let actions = stream.on_request(ack(&response), 20).unwrap();
    assert_eq!(actions[0], acked("primary", Some("1")));
    assert_eq!(says(&sent(&actions)), "primary=4");
}

#[test]
fn an_unanswered_response_is_superseded_after_a_while() {
    let (mut stream, actions) = stream(first(&["primary"], &[]), &[("primary", "1")]);
    let old = sent(&actions);
    assert_eq!(stream.wake_at_ms(), None, "nothing newer");
    assert_eq!(stream.on_desired(resources(&[("primary", "2")]), 50), []);
    assert_eq!(stream.wake_at_ms(), Some(SUPERSEDE_AFTER_MS));
    assert_eq!(stream.on_tick(SUPERSEDE_AFTER_MS - 1), []);
    let new = sent(&stream.on_tick(SUPERSEDE_AFTER_MS));
    assert_eq!((says(&new).as_str(), new.nonce.as_str()), ("primary=2", "s-2"));
    assert_eq!(stream.on_request(ack(&old), 300).unwrap(), [], "a stale nonce");
    assert_eq!(stream.on_request(nack(&old, "late"), 300).unwrap(), [], "a stale nonce");
    assert_eq!(stream.on_request(ack(&new), 301).unwrap(), [acked("primary", Some("2"))]);
}

#[test]
fn going_back_is_said_when_the_answer_to_the_change_was_given_up() {
    // The node may run 2 although it never said so: that it had 1 is no longer known.
    let (mut stream, actions) = stream(first(&["primary"], &[("primary", "1")]), &[("primary", "2")]);
    let old = sent(&actions);
    assert_eq!(stream.on_desired(resources(&[("primary", "1")]), 1), []);
    assert_eq!(says(&sent(&stream.on_tick(SUPERSEDE_AFTER_MS))), "primary=1");
    assert_eq!(stream.on_request(ack(&old), 300).unwrap(), []);
}

#[test]
fn a_removal_reaches_a_wildcard_that_did_not_answer() {
    let (mut stream, _) = stream(first(&["*"], &[]), &[("primary", "1")]);
    assert_eq!(stream.on_desired(vec![], 1), []);
    assert_eq!(says(&sent(&stream.on_tick(SUPERSEDE_AFTER_MS))), "-primary");
}

#[test]
fn a_stale_nonce_leaves_its_subscriptions_valid() {
    let (mut stream, actions) = stream(first(&["primary"], &[]), &[("egress", "1"), ("primary", "1")]);
    stream.on_request(ack(&sent(&actions)), 1).unwrap();
    let request = Request { nonce: "stale".to_owned(), ..later(&["egress"], &[]) };
    assert_eq!(says(&sent(&stream.on_request(request, 2).unwrap())), "egress=1");
}

#[test]
fn an_ack_and_a_subscription_may_travel_together() {
    let (mut stream, actions) = stream(first(&["primary"], &[]), &[("egress", "1"), ("primary", "1")]);
    let request = Request { nonce: sent(&actions).nonce, ..later(&["egress"], &[]) };
    let actions = stream.on_request(request, 1).unwrap();
    assert_eq!(actions[0], acked("primary", Some("1")));
    assert_eq!(says(&sent(&actions)), "egress=1");
}

#[test]
fn a_resubscription_is_sent_again() {
    let (mut stream, actions) = stream(first(&["primary"], &[]), &[("primary", "1")]);
    let response = sent(&actions);
    assert_eq!(stream.on_request(later(&["primary"], &[]), 1).unwrap(), [], "one is outstanding");
    let actions = stream.on_request(ack(&response), 2).unwrap();
    assert_eq!(says(&sent(&actions)), "primary=1");
    let actions = stream.on_request(ack(&sent(&actions)), 3).unwrap();
    assert_eq!(actions, [acked("primary", Some("1"))]);
}

#[test]
fn what_is_unsubscribed_is_no_longer_sent() {
    let (mut stream, actions) = stream(first(&["primary"], &[]), &[("primary", "1")]);
    stream.on_request(ack(&sent(&actions)), 1).unwrap();
    assert_eq!(stream.on_request(later(&[], &["primary"]), 2).unwrap(), []);
    assert_eq!(stream.on_desired(resources(&[("primary", "2")]), 3), []);
    assert_eq!(says(&sent(&stream.on_request(later(&["primary"], &[]), 4).unwrap())), "primary=2");
}

#[test]
fn the_wildcard_follows_what_there_is_until_it_is_unsubscribed() {
    let (mut stream, actions) = stream(first(&[], &[]), &[("a", "1"), ("b", "1")]);
    stream.on_request(ack(&sent(&actions)), 1).unwrap();
    let response = sent(&stream.on_desired(resources(&[("b", "1"), ("c", "1")]), 2));
    assert_eq!(says(&response), "c=1 -a");
    let actions = stream.on_request(ack(&response), 3).unwrap();
    assert_eq!(actions, [acked("a", None), acked("c", Some("1"))]);
    // A name taken back out of the wildcard is dropped by the node, and sent anew.
    assert_eq!(says(&sent(&stream.on_request(later(&[], &["b"]), 4).unwrap())), "b=1");
    assert_eq!(stream.on_request(later(&[], &["*"]), 5).unwrap(), []);
    assert_eq!(stream.on_desired(resources(&[("b", "2"), ("d", "1")]), 1_000), []);
}

#[test]
fn a_name_in_both_lists_ends_up_subscribed() {
    let (mut stream, actions) = stream(first(&["primary"], &[]), &[("primary", "1")]);
    stream.on_request(ack(&sent(&actions)), 1).unwrap();
    let actions = stream.on_request(later(&["primary"], &["primary"]), 2).unwrap();
    assert_eq!(says(&sent(&actions)), "primary=1");
}

#[test]
fn what_breaks_the_protocol_is_refused_by_name() {
    let other = "type.googleapis.com/envoy.config.cluster.v3.Cluster".to_owned();
    let many: Vec<String> = (0..=MAX_SUBSCRIPTIONS).map(|number| format!("name-{number}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let long = "x".repeat(MAX_NAME_BYTES + 1);
    let wordy = |metadata: usize| {
        let metadata = [("k".to_owned(), "v".repeat(metadata))].into();
        Some(Node { id: "e".to_owned(), metadata, ..Node::default() })
    };
    let versions: Vec<(&str, &str)> = many.iter().map(|name| (*name, "1")).collect();
    let cases = [
        (Request { type_url: other.clone(), ..first(&["a"], &[]) }, Some(Refusal::Type { type_url: other })),
        (
            Request { type_url: String::new(), ..first(&["a"], &[]) },
            Some(Refusal::Type { type_url: String::new() }),
        ),
        (later(&["a"], &[]), Some(Refusal::NoNode)),
        (Request { node: Some(Node::default()), ..later(&["a"], &[]) }, Some(Refusal::NoNode)),
        (Request { node: wordy(MAX_NODE_BYTES - 2), ..later(&["a"], &[]) }, None),
        (Request { node: wordy(MAX_NODE_BYTES - 1), ..later(&["a"], &[]) }, Some(Refusal::NodeTooLong)),
        (first(&[""], &[]), Some(Refusal::Name)),
        (first(&[&long[1..]], &[]), None),
        (first(&[&long], &[]), Some(Refusal::Name)),
        (first(&["a"], &[("a", "")]), Some(Refusal::Name)),
        (first(&["a"], &[("a", &long)]), Some(Refusal::Name)),
        (first(&many[1..], &[]), None),
        (first(&many, &[]), Some(Refusal::TooManyNames)),
        (first(&["*"], &versions), Some(Refusal::TooManyNames)),
    ];
    for (request, refusal) in cases {
        let result = Stream::new("s").on_request(request.clone(), 0);
        assert_eq!(result.err(), refusal, "{request:?}");
    }
    let refusal = Refusal::Type { type_url: "x".to_owned() };
    assert_eq!(
        refusal.to_string(),
        "type \"x\" is not served here, only type.googleapis.com/umbra.policy.v1.Policy"
    );
}

#[test]
fn a_long_reason_is_cut_between_characters() {
    let (mut stream, actions) = stream(first(&["primary"], &[]), &[("primary", "1")]);
    let reason = format!("x{}", "é".repeat(MAX_REASON_BYTES));
    let actions = stream.on_request(nack(&sent(&actions), &reason), 1).unwrap();
    let Action::Nacked { reason: kept, .. } = &actions[0] else { panic!("{actions:?}") };
    assert_eq!(kept.len(), MAX_REASON_BYTES - 1);
    assert!(reason.starts_with(kept));
}
