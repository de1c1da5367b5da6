//! Windows and retention, by a clock that is handed in.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use prometheus_client::registry::Registry;
use tokio::sync::oneshot;
use umbra_compare::confidence::mean::Moments;
use umbra_control_plane::intake::committer::{Aside, Committer, Pair, Part, Prepared, no_later};
use umbra_control_plane::intake::metrics::IntakeMetrics;
use umbra_control_plane::model::audit::Origin;
use umbra_control_plane::model::command::{Command, Precondition};
use umbra_control_plane::model::nodes::Nodes;
use umbra_control_plane::model::window::{Span, Stretch, cover};
use umbra_control_plane::store::error::StoreError;
use umbra_control_plane::store::metrics::StoreMetrics;
use umbra_control_plane::store::pairs::{NewPair, PairQuery};
use umbra_control_plane::store::telemetry::{Retention, Telemetry};
use umbra_control_plane::store::{DatabaseUrl, Store};
use umbra_resource::Kind;
use umbra_wire::telemetry::{decode, encode};

use super::report;
use crate::support::{CHECKOUT, database, folder, sql};

const HOUR: u64 = 3_600_000;
const DAY: u64 = 24 * HOUR;
/// Some day at midnight.
pub(super) const START: u64 = 20_000 * DAY;
pub(super) const ALL: Stretch = Stretch { span: Span::All, from_ms: 0, until_ms: 1 };

pub(super) fn prepared(sequence: u64, at_ms: u64, pairs: Vec<Pair>) -> Prepared {
    prepared_by(1, sequence, at_ms, pairs)
}

fn prepared_by(instance: u64, sequence: u64, at_ms: u64, pairs: Vec<Pair>) -> Prepared {
    let report = report(instance, sequence, 10).shadows.remove("checkout-v2").unwrap();
    let shadow = "checkout-v2".to_owned();
    let part = Part { shadow, epoch: 3, began_ms: 0, started_ms: at_ms - 1_000, ended_ms: at_ms, report };
    let (reply, answer) = oneshot::channel();
    // Somebody waits for it to the end.
    std::mem::forget(answer);
    Prepared { instance, sequence, parts: vec![part], pairs, aside: Aside::default(), room: None, reply }
}

fn pair(number: usize, outcome: &str) -> Pair {
    let text = |text: &str| text.to_owned();
    let kept = NewPair {
        pair: number.to_string(),
        shadow: text("checkout-v2"),
        epoch: 3,
        endpoint: text("GET /"),
        outcome: text(outcome),
        fields: vec![text("$.a")],
        found: text("{}"),
        document: text("{}"),
    };
    Pair { kept, examined: None, is_cut_off: false, weight: 1.0, began_ms: 0, at_ms: START }
}

pub(super) struct Bench {
    pub(super) telemetry: Telemetry,
    pub(super) committer: Committer,
    retention: Retention,
    pub(super) store: Store,
    folder: tempfile::TempDir,
}

pub(super) async fn bench(retention: Retention) -> Bench {
    let folder = folder();
    let mut registry = Registry::default();
    let url = DatabaseUrl::from(database(folder.path()));
    let store = Store::open(&url, [1; 16], |_| Ok(()), StoreMetrics::register(&mut registry)).await.unwrap();
    let telemetry = store.telemetry();
    let metrics = IntakeMetrics::register(&mut registry);
    let committer = Committer::new(telemetry.clone(), retention, metrics, Arc::default(), nodes());
    Bench { telemetry, committer, retention, store, folder }
}

pub(super) fn nodes() -> Arc<Mutex<Nodes>> {
    Arc::new(Mutex::new(Nodes::new(1, 1)))
}

impl Bench {
    async fn mirrored(&self, stretches: &[Stretch]) -> u64 {
        let sum = self.telemetry.sum("checkout-v2", 3, stretches).await.unwrap();
        let pairs: u64 = sum.endpoints.values().map(|tally| tally.numbers.evidence.pairs).sum();
        assert_eq!(pairs, sum.traffic.mirrored, "the endpoints add up to the shadow");
        pairs
    }

    async fn execute(&self, command: Command) {
        self.store.execute(command, Origin::default()).await.unwrap();
    }

    async fn sweep(&self, now_ms: u64) {
        while self.telemetry.sweep(&self.retention, now_ms).await.unwrap() {}
    }
}

#[tokio::test]
async fn fine_windows_add_up_to_coarse_ones_and_go_before_them() {
    let mut bench = bench(Retention::default()).await;
    // One report in each minute of 40 hours.
    let minutes = 40 * 60_u64;
    for minute in 0..minutes {
        let at_ms = START + minute * 60_000 + 30_000;
        bench.committer.commit(vec![prepared(minute + 1, at_ms, Vec::new())], at_ms).await;
    }
    let end = START + minutes * 60_000;
    assert_eq!(bench.mirrored(&[ALL]).await, minutes * 10);
    assert_eq!(bench.mirrored(&cover(START, end, 0)).await, minutes * 10);
    let sum = async |stretch| bench.telemetry.sum("checkout-v2", 3, &[stretch]).await.unwrap();
    let all = sum(ALL).await;
    for span in [Span::Fine, Span::Coarse] {
        let windows = sum(Stretch { span, from_ms: START, until_ms: end }).await;
        assert_eq!(windows.traffic, all.traffic, "{span:?}");
        assert_eq!(windows.endpoints, all.endpoints, "{span:?}");
    }
    for (since, until) in [(5, 9), (5, 11), (0, 10), (59, 601), (601, 2_000)] {
        let stretches = cover(START + since * 60_000, START + until * 60_000, 0);
        assert_eq!(bench.mirrored(&stretches).await, (until - since) * 10, "{since} to {until}");
    }
    bench.sweep(end).await;
    let fine = |from: u64, until: u64| {
        [Stretch { span: Span::Fine, from_ms: START + from * 60_000, until_ms: START + until * 60_000 }]
    };
    assert_eq!(bench.mirrored(&fine(0, 16 * 60 - 1)).await, 0, "older than a day");
    assert_eq!(bench.mirrored(&fine(16 * 60, minutes)).await, 24 * 60 * 10);
    assert_eq!(bench.mirrored(&cover(START, end, end - DAY)).await, minutes * 10);
    let resources = umbra_resource::from_yaml(CHECKOUT).unwrap();
    bench.execute(Command::Apply { resources, dry_run: false }).await;
    bench.sweep(end + 31 * DAY).await;
    assert_eq!(bench.mirrored(&cover(START, end, end)).await, 0);
    assert_eq!(bench.mirrored(&[ALL]).await, minutes * 10, "the evidence stays");
    let (kind, name) = (Kind::Shadow, "checkout-v2".to_owned());
    bench.execute(Command::Delete { kind, name, precondition: Precondition::None }).await;
    bench.sweep(end + 31 * DAY).await;
    assert_eq!(bench.mirrored(&[ALL]).await, 0, "nobody can ask for it");
    bench.store.close().await;
}

#[tokio::test]
async fn clocks_that_are_wrong_do_not_lose_reports() {
    let mut bench = bench(Retention::default()).await;
    let reports = [1_000, START - 40 * DAY, START, START + 40 * DAY];
    let reports = reports.into_iter().zip(1..).map(|(at_ms, sequence)| prepared(sequence, at_ms, Vec::new()));
    bench.committer.commit(reports.collect(), START).await;
    assert_eq!(bench.mirrored(&[ALL]).await, 40);
    assert_eq!(bench.mirrored(&cover(START - 2 * DAY, START + 1, START - DAY)).await, 40);
}

/// A worker whose clock is slow, or that claims to have looked for long, does not make evidence older than it is.
#[tokio::test]
async fn evidence_is_no_older_than_its_beginning() {
    for (started_ms, ended_ms, now_ms, expected) in [
        (START - HOUR, START - HOUR + 1_000, START + 500, (START, START)),
        (START - HOUR, START + 300, START + 500, (START, START + 300)),
        (START - 2 * DAY, START - DAY, START + 2 * DAY, (START, START + DAY)),
        (START + DAY, START + 2 * DAY, START + 500, (START, START + 500)),
        (START + 100, START + 300, START + 500, (START + 100, START + 300)),
        // The server's clock was set back.
        (START + 100, START + 300, START - 500, (START - 500, START - 500)),
    ] {
        let mut bench = bench(Retention::default()).await;
        let mut report = prepared(1, START, Vec::new());
        let part = &mut report.parts[0];
        (part.began_ms, part.started_ms, part.ended_ms) = (START, started_ms, ended_ms);
        bench.committer.commit(vec![report], now_ms).await;
        let sum = bench.telemetry.sum("checkout-v2", 3, &[ALL]).await.unwrap();
        assert_eq!(sum.traffic.seen_ms, Some(expected), "{started_ms} to {ended_ms} at {now_ms}");
    }
}

/// The server's own clock, set forth and back between reports.
#[tokio::test]
async fn a_clock_that_is_set_counts_every_report_once() {
    let mut bench = bench(Retention::default()).await;
    let times = [START, START + 40 * DAY, START + 1, 0, START - 40 * DAY, START + 2];
    for (now_ms, sequence) in times.into_iter().zip(1..) {
        // Sent twice, as after an answer that was lost.
        for _ in 0..2 {
            bench.committer.commit(vec![prepared(sequence, START, Vec::new())], now_ms).await;
        }
    }
    assert_eq!(bench.mirrored(&[ALL]).await, 60);
    for span in [Span::Fine, Span::Coarse] {
        let ever = Stretch { span, from_ms: 0, until_ms: START + 100 * DAY };
        assert_eq!(bench.mirrored(&[ever]).await, 60, "{span:?}");
    }
}

#[test]
fn what_is_too_old_is_so_by_both_clocks() {
    let began = START;
    let day = Duration::from_millis(DAY);
    for (wall_ms, passed, expected) in [
        (began + DAY, day, began + DAY),
        (began + 40 * DAY, Duration::ZERO, began),
        (began + 40 * DAY, day, began + DAY),
        (began - 40 * DAY, day, began - 40 * DAY),
        (u64::MAX, Duration::MAX, u64::MAX),
    ] {
        assert_eq!(no_later(wall_ms, began, passed), expected, "{wall_ms} after {passed:?}");
    }
}

#[tokio::test]
async fn pairs_are_kept_by_number_and_age() {
    let retention = Retention { pairs: 5, pairs_ms: HOUR, ..Retention::default() };
    let mut bench = bench(retention).await;
    let all = PairQuery { limit: 100, ..PairQuery::default() };
    let count = async |bench: &Bench| bench.telemetry.pairs("checkout-v2", &all).await.unwrap().len();
    let pairs = || (0..20).map(|n| pair(n, if n % 2 == 0 { "match" } else { "different" })).collect();
    for sequence in [1, 2] {
        bench.committer.commit(vec![prepared(sequence, START, pairs())], START).await;
        assert_eq!(count(&bench).await, 10, "no more than are kept");
    }
    assert!(!bench.committer.sweep(START).await.unwrap());
    bench.committer.commit(vec![prepared(3, START, pairs())], START).await;
    bench.committer.commit(vec![prepared(4, START, vec![pair(20, "timeout")])], START + HOUR).await;
    assert_eq!(count(&bench).await, 21, "newer ones, until the older are swept");
    bench.sweep(START + HOUR).await;
    let field = PairQuery { field: Some("$.a".to_owned()), ..all.clone() };
    assert_eq!(count(&bench).await, 11, "five of each outcome");
    assert_eq!(bench.telemetry.pairs("checkout-v2", &field).await.unwrap().len(), 11);
    bench.sweep(START + HOUR + 1).await;
    assert_eq!(count(&bench).await, 1, "the others are too old");
}

/// Pairs that match come after those that do not, and are more.
#[tokio::test]
async fn examples_are_taken_of_every_outcome() {
    let mut bench = bench(Retention::default()).await;
    let outcomes = [("different", 8), ("timeout", 1), ("match", 50), ("noise", 5)];
    let outcomes = outcomes.into_iter().flat_map(|(outcome, count)| std::iter::repeat_n(outcome, count));
    let pairs = outcomes.enumerate().map(|(number, outcome)| pair(number, outcome)).collect();
    bench.committer.commit(vec![prepared(1, START, pairs)], START).await;
    let found = bench.telemetry.found("checkout-v2", 3, 2, 5).await.unwrap();
    let found: Vec<_> = found.into_iter().map(|found| found.pair).collect();
    assert_eq!(found, ["63", "62", "58", "57", "8", "7", "6", "5", "4", "3"]);
    assert!(bench.telemetry.found("checkout-v2", 4, 2, 5).await.unwrap().is_empty(), "another evidence");
}

/// Somebody else may want to write meanwhile.
#[tokio::test]
async fn pairs_are_swept_in_parts() {
    for retention in
        [Retention { pairs_ms: HOUR, ..Retention::default() }, Retention { pairs: 0, ..Retention::default() }]
    {
        let mut bench = bench(Retention { pairs: 1_000, ..retention }).await;
        for sequence in 1..=7 {
            let pairs = (0..100).map(|number| pair(number, "different")).collect();
            bench.committer.commit(vec![prepared(sequence, START, pairs)], START).await;
        }
        let all = PairQuery { limit: 1_000, ..PairQuery::default() };
        for (more, left) in [(true, 200), (false, 0)] {
            assert_eq!(bench.telemetry.sweep(&retention, START + 2 * HOUR).await.unwrap(), more);
            assert_eq!(bench.telemetry.pairs("checkout-v2", &all).await.unwrap().len(), left);
        }
    }
}

#[tokio::test]
async fn evidence_that_began_anew_is_not_kept() {
    let mut bench = bench(Retention::default()).await;
    for target in ["cluster: checkout-v2", "cluster: another"] {
        let yaml = CHECKOUT.replace("cluster: checkout-v2", target);
        let resources = umbra_resource::from_yaml(&yaml).unwrap();
        let command = Command::Apply { resources, dry_run: false };
        bench.execute(command).await;
    }
    let epochs = bench.telemetry.epochs().await.unwrap();
    let epochs: Vec<u64> = epochs["checkout-v2"].iter().map(|(epoch, _)| *epoch).collect();
    assert_eq!(epochs, [1, 2]);
    for (sequence, epoch) in (1..).zip(epochs) {
        let mut report = prepared(sequence, START, Vec::new());
        report.parts[0].epoch = epoch;
        bench.committer.commit(vec![report], START).await;
    }
    bench.sweep(START).await;
    for (epoch, expected) in [(1, 0), (2, 10)] {
        let sum = bench.telemetry.sum("checkout-v2", epoch, &[ALL]).await.unwrap();
        assert_eq!(sum.traffic.mirrored, expected, "{epoch}");
    }
}

/// Ratios as far apart as a report may have them: no worker sees them, and whoever may report may invent them.
#[tokio::test]
async fn whatever_is_taken_can_be_read_when_it_is_added_up() {
    let mut bench = bench(Retention::default()).await;
    let mut taken = 0;
    let cases = [(-64.0, 163_840.0), (64.0, 163_840.0), (-64.0, 0.0), (64.0, 0.0), (0.0, 40_960.0)];
    for (sequence, (mean, sum_of_squares)) in (1..).zip(cases) {
        let mut sent = report(1, sequence, 10);
        let shadow = sent.shadows.get_mut("checkout-v2").unwrap();
        let endpoint = shadow.endpoints.get_mut("GET /cart/{id}").unwrap();
        endpoint.evidence.log_latency_ratio = Moments { count: 10, mean, sum_of_squares };
        let Ok(mut sent) = decode(&encode(&sent)) else { continue };
        let mut prepared = prepared(sequence, START, Vec::new());
        prepared.parts[0].report = sent.shadows.remove("checkout-v2").unwrap();
        bench.committer.commit(vec![prepared], START).await;
        taken += 1;
        assert_eq!(bench.mirrored(&[ALL]).await, taken * 10, "{mean} and {sum_of_squares}");
    }
    assert_eq!(taken, 3);
}

#[tokio::test]
async fn numbers_that_cannot_be_read_do_not_stop_those_of_others() {
    let mut bench = bench(Retention::default()).await;
    bench.committer.commit(vec![prepared(1, START, Vec::new())], START).await;
    sql(bench.folder.path(), "UPDATE tally SET numbers = x'ff' WHERE endpoint <> ''").await;
    // After a restart it remembers none of them.
    let metrics = IntakeMetrics::register(&mut Registry::default());
    bench.committer =
        Committer::new(bench.telemetry.clone(), bench.retention, metrics, Arc::default(), nodes());
    let mut reports = Vec::new();
    let mut answers = Vec::new();
    for (instance, shadow) in [(1, "checkout-v2"), (2, "another")] {
        let (reply, answer) = oneshot::channel();
        let mut prepared = Prepared { reply, ..prepared_by(instance, 2, START, Vec::new()) };
        prepared.parts[0].shadow = shadow.to_owned();
        reports.push(prepared);
        answers.push(answer);
    }
    bench.committer.commit(reports, START).await;
    for answer in answers {
        assert_eq!(answer.await.unwrap(), Ok(2));
    }
    let another = bench.telemetry.sum("another", 3, &[ALL]).await.unwrap();
    assert_eq!(another.endpoints["GET /cart/{id}"].numbers.evidence.pairs, 10);
    let damaged = bench.telemetry.sum("checkout-v2", 3, &[ALL]).await.unwrap_err();
    assert!(matches!(damaged, StoreError::Row { .. }), "{damaged}");
}

/// Ids of workers are random, and whoever may report may invent them.
#[tokio::test]
async fn so_many_workers_are_remembered_those_that_reported_last() {
    const KEPT: u32 = 100;
    const INVENTED: u64 = 12_000;
    let mut bench = bench(Retention { reporters: KEPT, ..Retention::default() }).await;
    let instances: Vec<u64> = (1..=INVENTED).collect();
    for some in instances.chunks(1_000) {
        let at_ms = START + some[0];
        let reports = some.iter().map(|instance| prepared_by(*instance, 7, at_ms, Vec::new()));
        bench.committer.commit(reports.collect(), at_ms).await;
    }
    // The first of them speaks again.
    bench.committer.commit(vec![prepared(8, START + INVENTED, Vec::new())], START + INVENTED).await;
    assert_eq!(bench.telemetry.sequences(&instances).await.unwrap().len() as u64, INVENTED);
    bench.sweep(START + INVENTED).await;
    let known = bench.telemetry.sequences(&instances).await.unwrap();
    assert_eq!(known.len(), KEPT as usize);
    assert_eq!(known.get(&1), Some(&8));
    assert!(known.keys().all(|instance| *instance == 1 || *instance > INVENTED - 1_000), "{known:?}");
}
