//! The answers to one request meet, and every copy's fate is counted once.

use crate::evidence::evidence;
use crate::fixtures::{FOLLOWER, Workers, resources};
use crate::generate::Random;
use crate::host::{Headers, Vm, get, headers, values};
use crate::reports::{Received, acknowledge, allow};
use umbra_compare::outcome::Outcome;
use umbra_wire::telemetry::answer::SampledPair;

/// The request of a whole policy: `next` is compared in full, with a control.
pub(crate) const COMPARED: &str = r#""compare": {"body": "full", "max_body_bytes": 8, "headers": ["x-version"], "endpoints": ["/cart/{item}/x"]}"#;

/// A worker with both roles, under a policy with these fields of the shadow.
pub(crate) struct Fixture {
    pub(crate) workers: Workers,
    pub(crate) shadow: u32,
}

pub(crate) fn fixture(more: &str) -> Fixture {
    Fixture::of(&resources(100.0, more))
}

/// A mirrored request and the contexts of its answers.
pub(crate) struct Mirrored {
    pub(crate) primary: u32,
    pub(crate) copies: [u32; 2],
}

impl Fixture {
    pub(crate) fn of(resources: &str) -> Self {
        let mut workers = Workers::new(1, FOLLOWER);
        workers.serve("v1", resources, 7);
        let shadow = workers.list[0].vm.plugin(r#"{"role": "shadow"}"#);
        Self { workers, shadow }
    }

    pub(crate) fn vm(&mut self) -> &mut Vm {
        &mut self.workers.list[0].vm
    }

    /// A request for this path, routed and copied.
    pub(crate) fn mirror(&mut self, path: &str) -> Mirrored {
        let root = self.workers.list[0].root;
        let shadow = self.shadow;
        let primary = self.vm().request(root, &get(path, &[]), true);
        let copies = ["1", "2"].map(|slot| {
            let copy = copy_of(&primary.headers, slot);
            self.vm().request(shadow, &copy, true).context
        });
        Mirrored { primary: primary.context, copies }
    }

    pub(crate) fn answer(&mut self, context: u32, status: &str, version: &str, body: &[u8]) {
        let lines = headers(&[
            (":status", status),
            ("content-type", "text/plain"),
            ("x-version", version),
            ("set-cookie", "s=1"),
        ]);
        self.vm().respond_with(context, &lines, &[body, b""]);
        self.vm().delete(context);
    }

    /// All that is reported from now on, when everything has ended.
    pub(crate) fn report(&mut self) -> Received {
        self.workers.run(1_200);
        acknowledge(&mut self.workers)
    }

    /// The same, with all that was to be reported before.
    pub(crate) fn reports(&mut self) -> Received {
        let mut received = Received::default();
        (0..3).for_each(|_| received.merge(self.report()));
        received
    }

    pub(crate) fn metric(&mut self, name: &str) -> u64 {
        self.workers.run(100);
        self.workers.envoy.metric(name)
    }
}

/// What Envoy's mirror policy makes of a request for one slot.
pub(crate) fn copy_of(request: &Headers, slot: &str) -> Headers {
    let mut copy = request.clone();
    copy.retain(|(name, _)| !name.starts_with(b"x-umbra-mirror-"));
    copy.extend(headers(&[("x-umbra-slot", slot), ("x-envoy-expected-rq-timeout-ms", "1000")]));
    copy
}

#[test]
fn three_answers_make_a_triple() {
    let mut f = fixture(COMPARED);
    let mirrored = f.mirror("/cart/7/x?q=1");
    f.workers.envoy.advance(20);
    f.answer(mirrored.copies[1], "200", "1", b"hello");
    f.workers.envoy.advance(20);
    f.answer(mirrored.primary, "200", "1", b"hello");
    f.workers.envoy.advance(40);
    f.answer(mirrored.copies[0], "200", "2", b"hello, world");
    let received = f.report();
    let [report] = received.reports.as_slice() else { panic!("{received:?}") };
    assert_eq!((report.policy_version.as_str(), report.policy_revision), ("v1", 7));
    assert_eq!(
        (report.node_id.as_str(), report.sequence, report.requests, report.stamped),
        ("node-1", 1, 1, 1)
    );
    let shadow = &report.shadows["next"];
    assert_eq!((shadow.mirrored, shadow.candidate.count(Outcome::Answered)), (1, 1));
    assert_eq!(shadow.control.count(Outcome::Answered), 1);
    let endpoint = &shadow.endpoints["GET /cart/{item}/x"];
    assert_eq!((endpoint.evidence.pairs, endpoint.evidence.bodies.unequal), (1, 1));
    assert_eq!(endpoint.evidence.bodies.examined.candidate_only, 1);
    let ratio = endpoint.evidence.log_latency_ratio.mean;
    assert!((ratio - 2.0_f64.ln()).abs() < 0.01, "80 ms over 40 ms: {ratio}");

    let [pair] = report.pairs.as_slice() else { panic!("{report:?}") };
    assert_eq!((pair.method.as_str(), pair.path.as_str(), pair.weight), ("GET", "/cart/7/x?q=1", 1.0));
    assert_eq!((pair.primary.body.as_slice(), pair.primary.truncated), (&b"hello"[..], false));
    assert_eq!((pair.candidate.body.as_slice(), pair.candidate.truncated), (&b"hello, w"[..], true));
    assert_eq!((pair.candidate.body_length, pair.candidate.end_us), (12, 80_000));
    let control = pair.control.as_ref().expect("a control");
    assert_eq!(control.digest, pair.primary.digest);
    assert_ne!(pair.candidate.digest, pair.primary.digest);
    let names: Vec<&str> = pair.candidate.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["content-type", "x-version"], "no header that nobody asked for");
}

/// Pairs whose bodies have such lengths, and differ.
fn unequal(f: &mut Fixture, lengths: impl Iterator<Item = usize>) {
    for length in lengths {
        let mirrored = f.mirror("/cart/7/x");
        for (context, letter) in
            [(mirrored.primary, b'p'), (mirrored.copies[0], b'c'), (mirrored.copies[1], b'k')]
        {
            f.answer(context, "200", "1", &vec![letter; length]);
        }
    }
}

#[test]
fn the_control_plane_says_how_many_pairs_it_has_time_for() {
    let mut f = fixture(COMPARED);
    // Pairs for the next report are being drawn when the answer to the last one comes.
    for (allowed, sampled) in [(50, 20), (50, 20), (100_000, 50), (0, 50), (0, 200), (0, 20)] {
        unequal(&mut f, std::iter::repeat_n(8, 300));
        f.workers.run(1_200);
        let received = allow(&mut f.workers, allowed);
        let [report] = received.reports.as_slice() else { panic!("{received:?}") };
        assert_eq!(report.pairs.len(), sampled);
        assert!(report.pairs.iter().all(|pair| pair.weight == 300.0 / sampled as f64));
    }
}

#[test]
fn large_pairs_are_as_likely_to_be_sampled_as_small_ones() {
    let mut f = fixture(r#""compare": {"body": "full"}"#);
    unequal(&mut f, std::iter::once(1));
    f.workers.run(1_200);
    allow(&mut f.workers, 200);
    let (mut large, mut sampled) = (0, 0);
    for _ in 0..5 {
        unequal(&mut f, (0..120).map(|number| if number % 2 == 0 { 60_000 } else { 1 }));
        f.workers.run(1_200);
        let received = allow(&mut f.workers, 200);
        assert_eq!(received.dropped("samples"), 0);
        let [report] = received.reports.as_slice() else { panic!("{} reports", received.reports.len()) };
        let bytes = |pair: &SampledPair| pair.primary.body.len() * 3;
        assert!(report.pairs.iter().map(bytes).sum::<usize>() <= 2 << 20);
        large += report.pairs.iter().filter(|pair| bytes(pair) > 3).count();
        sampled += report.pairs.len();
    }
    // Five reports have room for some 12 large pairs each.
    assert!(sampled >= 30, "{sampled}");
    assert!((0.3..0.6).contains(&(large as f64 / sampled as f64)), "{large} of {sampled}");
}

/// Three bodies of a megabyte have no room among the samples, and are not left out for it.
#[test]
fn the_largest_pairs_are_sampled_with_less_of_their_bodies() {
    let mut f = fixture(r#""compare": {"body": "full", "max_body_bytes": 1000000}"#);
    for (lengths, dropped) in [(&[1_000_000][..], 0), (&[8, 8, 8, 1_000_000, 1_000_000, 8, 8], 0)] {
        unequal(&mut f, lengths.iter().copied());
        let received = f.report();
        assert_eq!(received.dropped("samples"), dropped);
        let pairs: Vec<_> = received.reports.iter().flat_map(|report| &report.pairs).collect();
        assert!(!pairs.is_empty());
        let weights: f64 = pairs.iter().map(|pair| pair.weight).sum();
        assert!((weights - lengths.len() as f64).abs() < 1e-9, "they stand for all: {weights}");
        for pair in pairs {
            let answers = [&pair.primary, &pair.candidate, pair.control.as_ref().unwrap()];
            let kept = if pair.primary.body_length == 8 { 8 } else { (2 << 20) / 3 - 500 };
            for answer in answers {
                assert!((kept..=kept + 500).contains(&answer.body.len()), "{}", answer.body.len());
                assert_eq!(answer.truncated, (answer.body.len() as u64) < answer.body_length);
            }
        }
    }
}

#[test]
fn a_digest_does_not_depend_on_the_chunks() {
    let mut f = fixture(r#""compare": {"body": "digest"}"#);
    let body: Vec<u8> = (0..200_000_u32).map(|number| (number % 251) as u8).collect();
    let mirrored = f.mirror("/cart");
    let lines = headers(&[(":status", "200")]);
    f.vm().respond_with(mirrored.primary, &lines, &[&body]);
    let pieces: Vec<&[u8]> = body.chunks(777).collect();
    f.vm().respond_with(mirrored.copies[0], &lines, &pieces);
    let mut with_trailers: Vec<&[u8]> = body.chunks(70_001).collect();
    f.vm().response_headers(mirrored.copies[1], &lines, false);
    for chunk in with_trailers.drain(..) {
        f.vm().response_body(mirrored.copies[1], chunk, false);
    }
    f.vm().response_trailers(mirrored.copies[1], &headers(&[("grpc-status", "0")]));
    for context in [mirrored.primary, mirrored.copies[0], mirrored.copies[1]] {
        f.vm().delete(context);
    }
    let report = f.report();
    let endpoint = &report.reports[0].shadows["next"].endpoints["GET /cart"];
    assert_eq!(endpoint.evidence.pairs, 1);
    assert_eq!(endpoint.evidence.statuses.both, 0);
    let pair = &report.reports[0].pairs[0];
    assert_eq!(pair.primary.digest, pair.candidate.digest);
    assert_eq!(pair.control.as_ref().unwrap().digest, pair.primary.digest);
    assert_eq!(pair.control.as_ref().unwrap().grpc_status, Some(0), "of the trailers");
    assert!(pair.primary.body.is_empty() && pair.primary.body_length == 200_000);
}

/// gRPC answers with an error alone come without trailers: the status is among the headers, which are not all read here.
#[test]
fn a_grpc_error_is_seen_without_trailers() {
    let mut f = fixture(r#""compare": {"body": "digest"}"#);
    let mirrored = f.mirror("/cart");
    let answers = [(mirrored.primary, "0"), (mirrored.copies[0], "14"), (mirrored.copies[1], "0")];
    for (context, status) in answers {
        f.vm().response_headers(context, &headers(&[(":status", "200"), ("grpc-status", status)]), true);
        f.vm().delete(context);
    }
    let report = f.report();
    let endpoint = &report.reports[0].shadows["next"].endpoints["GET /cart"];
    assert_eq!((endpoint.evidence.pairs, endpoint.evidence.statuses.candidate_only), (1, 1));
    let pair = &report.reports[0].pairs[0];
    assert_eq!((pair.primary.grpc_status, pair.candidate.grpc_status), (Some(0), Some(14)));
}

#[test]
fn copies_that_are_never_made_are_counted_by_the_cause() {
    for (circumstances, metric) in [
        (&[("upstream.address", &b"127.0.0.1:1"[..])][..], "umbra.pairs.never_seen"),
        (&[], "umbra.pairs.not_routed"),
    ] {
        let mut f = fixture("");
        f.vm().circumstances(circumstances);
        let root = f.workers.list[0].root;
        f.vm().pass(root, &get("/cart", &[]));
        assert_eq!(f.metric(metric), 2);
    }
}

#[test]
fn copies_that_fail_are_counted_by_the_cause() {
    let connected = ("upstream.local_address", &b"127.0.0.1:1"[..]);
    let started = |f: &Fixture| f.workers.envoy.get().wall_ns.to_le_bytes();
    for (connects, waits_ms, expected) in [
        (false, 0, Outcome::ConnectFailure),
        (false, 1_000, Outcome::ConnectFailure),
        (true, 10, Outcome::Reset),
        (true, 890, Outcome::Reset),
        (true, 905, Outcome::Timeout),
        (true, 1_003, Outcome::Timeout),
    ] {
        // By the timeout that Envoy states, also where copies lose it.
        let mut f =
            Fixture::of(&resources(100.0, "").replace("\"cookie\"", "\"x-envoy-expected-rq-timeout-ms\""));
        let mirrored = f.mirror("/cart");
        let started = started(&f);
        f.answer(mirrored.primary, "200", "1", b"");
        f.answer(mirrored.copies[1], "200", "1", b"");
        f.workers.envoy.advance(waits_ms);
        let mut circumstances = vec![("request.time", &started[..])];
        circumstances.extend(connects.then_some(connected));
        f.vm().circumstances(&circumstances);
        // Whether the answer began makes no difference.
        if waits_ms == 890 {
            f.vm().response_headers(mirrored.copies[0], &headers(&[(":status", "200")]), false);
        }
        f.vm().delete(mirrored.copies[0]);
        let report = f.report();
        let shadow = &report.reports[0].shadows["next"];
        assert_eq!(shadow.candidate.count(expected), 1, "{connects} {waits_ms}: {shadow:?}");
        let endpoint = &shadow.endpoints["GET /cart"].evidence;
        assert_eq!((endpoint.pairs, endpoint.errors.candidate_only), (1, 1));
        assert_eq!(f.metric(&format!("umbra.pairs.{}", expected.name())), 1);
    }
}

#[test]
fn an_answer_after_the_pair_was_given_up_is_late() {
    let mut f = fixture("");
    let mirrored = f.mirror("/cart");
    f.answer(mirrored.primary, "200", "1", b"");
    f.answer(mirrored.copies[1], "200", "1", b"");
    f.workers.run(61_000);
    assert_eq!(f.metric("umbra.pairs.answered"), 1, "the control's");
    f.answer(mirrored.copies[0], "200", "1", b"");
    assert_eq!(f.metric("umbra.pairs.late"), 1);
    let evidence = evidence(&f.reports(), "next");
    assert_eq!((evidence.pairs, evidence.errors.candidate_only), (1, 1), "it counts as an error");
}

#[test]
fn a_copy_that_envoy_forgets_is_counted_in_the_end() {
    let mut f = fixture("");
    let mirrored = f.mirror("/cart");
    f.answer(mirrored.primary, "200", "1", b"");
    f.answer(mirrored.copies[1], "200", "1", b"");
    for _ in 0..9 {
        f.workers.run(61_000);
        acknowledge(&mut f.workers);
    }
    assert_eq!(f.metric("umbra.pairs.no_answer"), 0, "its end may still come");
    f.workers.run(61_000);
    assert_eq!(f.metric("umbra.pairs.no_answer"), 1);
    f.answer(mirrored.copies[0], "200", "1", b"");
    assert_eq!((f.metric("umbra.pairs.late"), f.metric("umbra.pairs.answered")), (0, 1), "once");
}

#[test]
fn copies_beyond_the_bound_are_dropped_and_counted() {
    const MOST: u64 = 16_384;
    // As many as a shadow may have under way, of one shadow more than fit.
    const EACH: u64 = 256;
    let shadows = MOST / EACH + 1;
    let resource = |kind: &str, number: u64, spec: &str| {
        let name = format!("r{number}");
        format!(
            r#"{{"apiVersion": "umbra/v1", "kind": "{kind}", "metadata": {{"name": "{name}"}}, "spec": {spec}}}"#
        )
    };
    let all: Vec<String> = (0..shadows)
        .flat_map(|number| {
            let stamp = format!(r#"{{"match": [{{"path": {{"exact": "/{number}"}}}}]}}"#);
            let shadow = format!(
                r#"{{"stamps": ["r{number}"], "target": {{"cluster": "next"}}, "control": {{"cluster": "base"}},
                    "percent": 100, "compare": {{"percent": 0}}}}"#
            );
            [resource("Stamp", number, &stamp), resource("Shadow", number, &shadow)]
        })
        .collect();
    let mut f = Fixture::of(&format!("[{}]", all.join(",")));
    let root = f.workers.list[0].root;
    for number in 0..shadows {
        for _ in 0..EACH {
            f.vm().request(root, &get(&format!("/{number}"), &[]), true);
        }
    }
    assert_eq!(f.metric("umbra.skipped.shed"), 0);
    assert_eq!(f.metric("umbra.pairs.dropped"), 2 * EACH, "the oldest requests, of two copies each");
    f.vm().request(root, &get("/1", &[]), true);
    assert_eq!(f.metric("umbra.skipped.shed"), 1, "the second shadow has all that it may have");
    f.workers.run(61_000);
    assert_eq!(f.metric("umbra.pairs.never_seen"), 2 * MOST);
}

#[test]
fn bodies_beyond_the_bound_are_dropped_and_counted() {
    let mut f = fixture(r#""compare": {"body": "full", "max_body_bytes": 1000000}"#);
    let body = vec![b'a'; 1_000_000];
    let lines = headers(&[(":status", "200")]);
    for _ in 0..50 {
        let mirrored = f.mirror("/cart");
        f.vm().response_headers(mirrored.primary, &lines, false);
        f.vm().response_body(mirrored.primary, &body, false);
    }
    let dropped = f.metric("umbra.pairs.dropped");
    assert!((30..=40).contains(&dropped), "some 33 of 50 MB fit: {dropped}");
}

#[test]
fn what_is_not_compared_costs_no_host_call() {
    let mut f = fixture(r#""compare": {"percent": 0}"#);
    let mirrored = f.mirror("/cart");
    let before = f.workers.envoy.get().host_calls;
    f.answer(mirrored.primary, "200", "1", b"hello");
    f.answer(mirrored.copies[0], "200", "1", b"other");
    f.answer(mirrored.copies[1], "200", "1", b"other");
    assert_eq!(f.workers.envoy.get().host_calls - before, 0);
    let report = f.report();
    let shadow = &report.reports[0].shadows["next"];
    assert_eq!(shadow.candidate.count(Outcome::Answered), 1, "what became of it is known all the same");
    assert!(shadow.endpoints.is_empty() && report.reports[0].pairs.is_empty());
    assert!(report.reports[0].dropped.is_empty());
}

#[test]
fn a_share_of_the_shadowed_requests_is_compared() {
    let mut f = fixture(r#""compare": {"percent": 30}"#);
    for _ in 0..1_000 {
        let mirrored = f.mirror("/cart");
        for context in [mirrored.primary, mirrored.copies[0], mirrored.copies[1]] {
            f.answer(context, "200", "1", b"");
        }
    }
    let report = f.report();
    let shadow = &report.reports[0].shadows["next"];
    assert_eq!((shadow.mirrored, shadow.candidate.count(Outcome::Answered)), (1_000, 1_000));
    let pairs = shadow.endpoints["GET /cart"].evidence.pairs;
    assert!((240..360).contains(&pairs), "{pairs}");
}

/// Workers, some in the middle of a request, in any order of events; then everything ends.
#[test]
fn pairs_and_counted_losses_are_the_mirrored_copies() {
    for seed in 0..6 {
        let mut random = Random::new(seed);
        let mut workers = Workers::new(3, FOLLOWER);
        workers.serve("v1", &resources(100.0, COMPARED), 1);
        let shadows: Vec<u32> =
            workers.list.iter_mut().map(|worker| worker.vm.plugin(r#"{"role": "shadow"}"#)).collect();
        let mut open: Vec<(usize, u32)> = Vec::new();
        let mut mirrored = 0;
        let mut received = Received::default();
        for step in 0..3_000 {
            let number = random.below(3);
            let worker = &mut workers.list[number];
            match random.below(10) {
                0..=1 => {
                    let request = worker.vm.request(worker.root, &get("/cart/1", &[]), true);
                    // Too many under way, or too many that failed: its shadow is spared.
                    if values(&request.headers, "x-umbra-mirror-1").is_empty() {
                        worker.vm.end(&request);
                        continue;
                    }
                    mirrored += 1;
                    for slot in ["1", "2"] {
                        if random.percent(90) {
                            let copy = copy_of(&request.headers, slot);
                            open.push((number, worker.vm.request(shadows[number], &copy, true).context));
                        }
                    }
                    open.push((number, request.context));
                }
                2..=8 if !open.is_empty() => {
                    let (number, context) = open.swap_remove(random.below(open.len()));
                    let vm = &mut workers.list[number].vm;
                    let status = *random.pick(&[&"200", &"500"]);
                    let lines = headers(&[(":status", status)]);
                    match random.below(5) {
                        0 => {}
                        1 => vm.response_headers(context, &lines, false),
                        2 => vm.respond_with(context, &lines, &[]),
                        _ => vm.respond_with(
                            context,
                            &lines,
                            &[b"some", *random.pick(&[&b"thing", &b"times"])],
                        ),
                    }
                    if random.percent(50) {
                        vm.circumstances(&[("upstream.address", b"a"), ("upstream.local_address", b"a")]);
                    } else {
                        vm.circumstances(&[]);
                    }
                    vm.delete(context);
                }
                _ => {
                    workers.run(if step % 100 == 99 { 61_000 } else { 100 });
                    received.merge(acknowledge(&mut workers));
                }
            }
        }
        for (number, context) in open {
            workers.list[number].vm.delete(context);
        }
        workers.run(62_000);
        for _ in 0..3 {
            received.merge(acknowledge(&mut workers));
            workers.run(1_200);
        }
        let (pairs, candidate, control) = received.sum("next");
        assert_eq!(received.mirrored("next"), mirrored);
        assert_eq!((candidate.total(), control.total()), (mirrored, mirrored), "each copy once");
        let unobserved: u64 =
            candidate.seen().filter(|(outcome, _)| !outcome.is_evidence()).map(|(_, count)| count).sum();
        assert_eq!(pairs + received.dropped("unpaired") + unobserved, mirrored, "{received:?}");
        assert!(pairs > mirrored / 10, "{pairs} of {mirrored}");
        for outcome in Outcome::ALL {
            let counted = candidate.count(outcome) + control.count(outcome);
            assert_eq!(
                workers.envoy.metric(&format!("umbra.pairs.{}", outcome.name())),
                counted,
                "{outcome:?}"
            );
        }
    }
}
