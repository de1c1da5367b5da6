//! What workers report, and that it is counted once, whatever happens on the way.

use crate::fixtures::{FOLLOWER, Workers, resources};
use crate::host::{get, headers};
use std::collections::BTreeMap;
use umbra_compare::outcome::Outcomes;
use umbra_wire::telemetry::{self, Report};

/// What a control plane has committed.
#[derive(Debug, Default)]
pub(crate) struct Received {
    pub(crate) reports: Vec<Report>,
}

impl Received {
    pub(crate) fn merge(&mut self, other: Received) {
        self.reports.extend(other.reports);
    }

    /// The pairs of a shadow, and what became of its copies.
    pub(crate) fn sum(&self, shadow: &str) -> (u64, Outcomes, Outcomes) {
        let mut sum = (0, Outcomes::default(), Outcomes::default());
        for shadow in self.reports.iter().filter_map(|report| report.shadows.get(shadow)) {
            sum.0 += shadow.endpoints.values().map(|endpoint| endpoint.evidence.pairs).sum::<u64>();
            sum.1.merge(&shadow.candidate);
            sum.2.merge(&shadow.control);
        }
        sum
    }

    pub(crate) fn mirrored(&self, shadow: &str) -> u64 {
        self.reports
            .iter()
            .filter_map(|report| report.shadows.get(shadow))
            .map(|shadow| shadow.mirrored)
            .sum()
    }

    pub(crate) fn dropped(&self, reason: &str) -> u64 {
        self.reports.iter().filter_map(|report| report.dropped.get(reason)).sum()
    }
}

/// Takes the reports that are under way, and acknowledges each.
pub(crate) fn acknowledge(workers: &mut Workers) -> Received {
    allow(workers, 0)
}

/// The same, and so many unequal pairs may be in the next reports; 0 says nothing of them.
pub(crate) fn allow(workers: &mut Workers, samples: u64) -> Received {
    let mut received = Received::default();
    for (_, report) in answer(workers, samples, |report| Some(report.sequence)) {
        received.reports.push(report);
    }
    received
}

/// Answers the calls that are under way: with a number, or with the status UNAVAILABLE. Returns those with a number.
fn answer(
    workers: &mut Workers,
    samples: u64,
    acknowledged: impl Fn(&Report) -> Option<u64>,
) -> Vec<(Vec<u8>, Report)> {
    let open: Vec<_> = {
        let mut process = workers.envoy.get_mut();
        let calls = process.calls.iter_mut().filter(|call| call.is_open);
        calls
            .map(|call| {
                call.is_open = false;
                call.clone()
            })
            .collect()
    };
    let mut taken = Vec::new();
    for call in open {
        let report = telemetry::decode(&call.message).expect("a control plane takes the report");
        let worker =
            workers.list.iter_mut().find(|worker| worker.vm.number() == call.vm).expect("its worker");
        match acknowledged(&report) {
            Some(number) => {
                let mut bytes = vec![8];
                prost_varint(number, &mut bytes);
                if samples > 0 {
                    bytes.push(16);
                    prost_varint(samples, &mut bytes);
                }
                worker.vm.grpc_answer(call.root, call.token, &bytes);
                taken.push((call.message, report));
            }
            None => worker.vm.grpc_close(call.root, call.token, 14),
        }
    }
    taken
}

/// A number in the answer, by hand: the filter's decoder is what is tested.
fn prost_varint(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// So many requests at a worker, answered, whose copies are never made.
fn requests(workers: &mut Workers, worker: usize, count: usize) {
    let worker = &mut workers.list[worker];
    worker.vm.circumstances(&[("upstream.address", b"a")]);
    for _ in 0..count {
        let exchange = worker.vm.request(worker.root, &get("/cart", &[]), true);
        worker.vm.respond_with(exchange.context, &headers(&[(":status", "200")]), &[]);
        worker.vm.end(&exchange);
    }
}

#[test]
fn every_worker_reports_for_itself() {
    let mut workers = Workers::new(3, FOLLOWER);
    workers.serve("v1", &resources(100.0, ""), 1);
    for worker in 0..3 {
        requests(&mut workers, worker, worker + 1);
    }
    workers.run(1_200);
    let received = acknowledge(&mut workers);
    let by_instance: BTreeMap<u64, u64> =
        received.reports.iter().map(|report| (report.instance, report.shadows["next"].mirrored)).collect();
    let mut counts: Vec<u64> = by_instance.into_values().collect();
    counts.sort_unstable();
    assert_eq!(counts, [1, 2, 3], "three instances, one report each");
    workers.run(5_000);
    assert_eq!(acknowledge(&mut workers).reports, [], "nothing to report is not reported");
}

#[test]
fn a_report_is_sent_again_as_the_same_bytes_until_it_is_acknowledged() {
    let mut workers = Workers::new(1, FOLLOWER);
    workers.serve("v1", &resources(100.0, ""), 1);
    requests(&mut workers, 0, 3);
    let mut sent: Vec<Vec<u8>> = Vec::new();
    for _ in 0..5 {
        let before = workers.envoy.get().calls.len();
        while workers.envoy.get().calls.len() == before {
            workers.run(100);
        }
        sent.push(workers.envoy.get().calls.last().expect("a call").message.clone());
        assert!(answer(&mut workers, 0, |_| None).is_empty());
        requests(&mut workers, 0, 1);
    }
    assert!(sent.windows(2).all(|two| two[0] == two[1]), "the same bytes");
    let mut received = Received::default();
    for _ in 0..60 {
        workers.run(1_000);
        received.merge(acknowledge(&mut workers));
    }
    let told = received.reports.iter().filter(|report| !report.shadows.is_empty());
    let sequences: Vec<u64> = told.map(|report| report.sequence).collect();
    assert_eq!(sequences, [1, 2], "what came meanwhile is in the next one, whole");
    assert_eq!(received.mirrored("next"), 8);
    assert_eq!(workers.envoy.metric("umbra.telemetry_dropped"), 0);
}

#[test]
fn a_report_that_is_refused_for_good_is_counted_and_dropped() {
    let mut workers = Workers::new(1, FOLLOWER);
    workers.serve("v1", &resources(100.0, ""), 1);
    requests(&mut workers, 0, 3);
    workers.run(1_200);
    let call = workers.envoy.get().calls.last().expect("a call").clone();
    workers.envoy.get_mut().calls.last_mut().expect("a call").is_open = false;
    workers.list[0].vm.grpc_close(call.root, call.token, 3);
    workers.run(1_200);
    assert_eq!(workers.envoy.metric("umbra.telemetry_dropped"), 1);
    let received = acknowledge(&mut workers);
    assert_eq!((received.mirrored("next"), received.dropped("reports")), (0, 1), "and says so");
}

#[test]
fn a_policys_numbers_are_reported_under_that_policy() {
    let mut workers = Workers::new(1, FOLLOWER);
    workers.serve("v1", &resources(100.0, ""), 1);
    requests(&mut workers, 0, 2);
    workers.send("v2", umbra_wire::encode(&crate::fixtures::compiled(&resources(50.0, ""), 2)));
    workers.run(200);
    requests(&mut workers, 0, 40);
    let mut received = Received::default();
    for _ in 0..4 {
        workers.run(1_000);
        received.merge(acknowledge(&mut workers));
    }
    let versions: Vec<_> = received
        .reports
        .iter()
        .map(|report| (report.policy_version.as_str(), report.policy_revision))
        .collect();
    assert_eq!(versions, [("v1", 1), ("v2", 2)]);
    assert_eq!(received.reports[0].shadows["next"].mirrored, 2);
}

/// What a worker holds does not follow how often its policy changes while its reports are not taken; what goes is counted.
#[test]
fn the_numbers_of_few_policies_are_held_while_no_report_is_taken() {
    const POLICIES: u64 = 100;
    let mut workers = Workers::new(1, FOLLOWER);
    workers.serve("v0", &resources(100.0, ""), 1);
    requests(&mut workers, 0, 1);
    workers.run(1_200);
    assert_eq!(answer(&mut workers, 0, |_| None), []);
    for number in 1..=POLICIES {
        let policy = crate::fixtures::compiled(&resources(100.0, ""), number + 1);
        workers.send(&format!("v{number}"), umbra_wire::encode(&policy));
        workers.run(200);
        requests(&mut workers, 0, 1);
        answer(&mut workers, 0, |_| None);
    }
    let mut received = Received::default();
    for _ in 0..90 {
        workers.run(1_000);
        received.merge(acknowledge(&mut workers));
    }
    let (mirrored, lost) = (received.mirrored("next"), received.dropped("reports"));
    assert_eq!(mirrored + lost, POLICIES + 1, "one request under each policy");
    assert!((10..=20).contains(&mirrored), "{mirrored} were held, and {lost} lost");
    assert_eq!(workers.envoy.metric("umbra.telemetry_dropped"), lost);
}

#[test]
fn a_reload_takes_over_what_is_under_way() {
    let mut workers = Workers::new(1, FOLLOWER);
    workers.serve("v1", &resources(100.0, ""), 1);
    requests(&mut workers, 0, 3);
    workers.run(1_200);
    let first = workers.envoy.get().calls.last().expect("a call").clone();
    let old = workers.list[0].root;
    workers.list[0].root = workers.list[0].vm.plugin(FOLLOWER);
    workers.list[0].vm.tick(old);
    workers.list[0].vm.delete(old);
    workers.run(3_000);
    let again = workers.envoy.get().calls.last().expect("a call").clone();
    assert_ne!((first.root, first.token), (again.root, again.token));
    assert_eq!(first.message, again.message);
    assert_eq!(acknowledge(&mut workers).mirrored("next"), 3);
}

#[test]
fn without_a_control_plane_there_are_metrics_alone() {
    let envoy = crate::host::Envoy::new();
    let mut vm = envoy.vm();
    let policy = resources(100.0, "");
    let root = vm.plugin(&format!(r#"{{"role": "primary", "policy": {{"resources": {policy}}}}}"#));
    for _ in 0..30 {
        vm.pass(root, &get("/cart", &[]));
        envoy.advance(100);
        vm.tick(root);
    }
    assert_eq!(envoy.metric("umbra.pairs.not_routed"), 60);
    assert!(envoy.get().calls.is_empty());
}

#[test]
fn a_worker_with_nothing_to_report_says_so() {
    let mut workers = Workers::new(2, FOLLOWER);
    workers.serve("v1", &resources(0.0, ""), 1);
    acknowledge(&mut workers);
    workers.envoy.get_mut().calls.clear();
    requests(&mut workers, 1, 3);
    workers.run(29_000);
    assert!(acknowledge(&mut workers).reports.len() <= 2, "some 30 s after the one before");
    let mut heard = Received::default();
    for _ in 0..4 {
        workers.run(15_000);
        heard.merge(acknowledge(&mut workers));
    }
    let by: std::collections::BTreeSet<u64> = heard.reports.iter().map(|report| report.instance).collect();
    assert_eq!(by.len(), 2, "each worker");
    assert!(heard.reports.len() <= 6, "and not often: {}", heard.reports.len());
    for report in &heard.reports {
        assert_eq!((report.policy_version.as_str(), report.policy_revision), ("v1", 1));
        assert!(report.shadows.is_empty() && report.pairs.is_empty());
    }
}
