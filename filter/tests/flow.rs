//! The parts of `flow` that workers share, over a fake of Envoy's shared data and in virtual time.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests may stop at the first surprise, as tests do"
)]

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use umbra_compare::evidence::{BodyFacts, Differs};
use umbra_compare::outcome::Outcome;
use umbra_filter::flow::facts::Triple;
use umbra_filter::flow::limit::Limiter;
use umbra_filter::flow::observation::{Answer, Observation, Wanted};
use umbra_filter::flow::pairs::{MAX_ENTRIES, Mirrored, Origin, PATIENCE_MS, Pairs, Planned};
use umbra_filter::flow::shared::census::Census;
use umbra_filter::flow::shared::freshness::{self, Freshness};
use umbra_filter::flow::shared::lease::{Lease, Standing};
use umbra_filter::flow::shared::policy::{self, Announced};
use umbra_filter::flow::shared::{SharedData, Versioned, WorkerId};
use umbra_filter::flow::time::Now;
use umbra_policy::pair::PairId;
use umbra_policy::spec::{BodySpec, CompareSpec, PolicySpec};
use umbra_policy::{MirrorRole, Policy, ShadowId, Slot};

#[derive(Default)]
struct Fake(RefCell<(HashMap<String, Versioned>, u32)>);

impl SharedData for Fake {
    fn get(&self, key: &str) -> Option<Versioned> {
        self.0.borrow().0.get(key).cloned()
    }

    fn set(&self, key: &str, value: &[u8], version: Option<u32>) -> bool {
        let mut inner = self.0.borrow_mut();
        if let (Some(version), Some(current)) = (version, inner.0.get(key))
            && current.version != version
        {
            return false;
        }
        inner.1 += 1;
        let version = inner.1;
        inner.0.insert(key.to_owned(), Versioned { value: value.to_vec(), version });
        true
    }
}

/// Workers whose clocks start anywhere and that tick or hang at random.
#[test]
fn at_most_one_worker_leads_and_one_always_comes_back() {
    let mut random = fastrand::Rng::with_seed(1);
    for _ in 0..200 {
        let shared = Fake::default();
        let mut workers: Vec<_> =
            (1..=4).map(|id| (Lease::new(WorkerId::new(id)), random.u64(0..1 << 40), 0_u64)).collect();
        let mut last_led_ms = 0;
        for now_ms in (0..60_000).step_by(100) {
            let mut leaders = 0;
            for (lease, offset_ms, hangs_until_ms) in &mut workers {
                if now_ms < *hangs_until_ms {
                    continue;
                }
                if random.u32(0..300) == 0 {
                    *hangs_until_ms = now_ms + random.u64(0..8_000);
                }
                leaders += usize::from(lease.tick(*offset_ms + now_ms, &shared) == Standing::Leader);
            }
            assert!(leaders <= 1, "at {now_ms} ms");
            let all_hang = workers.iter().all(|(_, _, until_ms)| now_ms < *until_ms);
            if leaders == 1 || all_hang {
                last_led_ms = now_ms;
            }
            assert!(now_ms - last_led_ms <= 9_000, "no leader since {last_led_ms} ms, at {now_ms} ms");
        }
    }
}

#[test]
fn a_silent_leader_is_replaced_within_3_s() {
    let shared = Fake::default();
    let [mut first, mut second] = [1, 2].map(|id| Lease::new(WorkerId::new(id)));
    for now_ms in (0..1_000).step_by(100) {
        first.tick(now_ms, &shared);
        assert_eq!(second.tick(now_ms + 77, &shared), Standing::Follower);
    }
    let mut now_ms = 1_000;
    while second.tick(now_ms + 77, &shared) == Standing::Follower {
        now_ms += 100;
        assert!(now_ms < 4_000);
    }
    assert!(now_ms >= 2_500, "{now_ms}");
    assert_eq!(first.tick(now_ms + 100, &shared), Standing::Follower, "the first one wakes up too late");
}

#[test]
fn of_two_workers_that_create_the_lease_at_once_one_leads() {
    // Neither has seen the other's write: Envoy has no "only if absent".
    struct Blind<'a>(&'a Fake);
    impl SharedData for Blind<'_> {
        fn get(&self, _key: &str) -> Option<Versioned> {
            None
        }
        fn set(&self, key: &str, value: &[u8], version: Option<u32>) -> bool {
            self.0.set(key, value, version)
        }
    }
    let shared = Fake::default();
    let [mut one, mut two] = [1, 2].map(|id| Lease::new(WorkerId::new(id)));
    one.tick(0, &Blind(&shared));
    two.tick(0, &Blind(&shared));
    assert_eq!((one.tick(100, &shared), two.tick(100, &shared)), (Standing::Follower, Standing::Leader));
}

#[test]
fn the_census_waits_for_the_living_alone() {
    let shared = Fake::default();
    let [mut leader, mut other] = [1, 2].map(|id| Census::new(WorkerId::new(id)));
    assert!(!leader.agrees_on("=v1", 0, &shared), "not even this worker has reported");
    leader.report("=v1", 0, &shared);
    assert!(leader.agrees_on("=v1", 0, &shared));
    other.report("", 0, &shared);
    assert!(!leader.agrees_on("=v1", 100, &shared));
    other.report("=v1", 200, &shared);
    assert!(leader.agrees_on("=v1", 200, &shared));
    leader.report("=v2", 300, &shared);
    assert!(!leader.agrees_on("=v2", 3_200, &shared));
    assert!(leader.agrees_on("=v2", 3_201, &shared), "the other was last seen to change at 200 ms");
    other.report("=v2", 3_300, &shared);
    other.leave(&shared);
    leader.report("=v3", 3_300, &shared);
    assert!(leader.agrees_on("=v3", 3_300, &shared));
}

#[test]
fn freshness_is_measured_without_the_time_of_day() {
    let at = |monotonic_ms, wall_ms| Now { monotonic_ms, wall_ms };
    let shared = Fake::default();
    let mut view = Freshness::default();
    assert_eq!(view.tick(at(500, 1_000_000), &shared), 0);
    freshness::beat(at(7, 1_000_000), &shared);
    assert_eq!(
        view.tick(at(600, 1_000_100), &shared),
        100,
        "of an unknown worker's clock only the difference counts"
    );
    assert_eq!(view.tick(at(1_600, 400_000), &shared), 1_100, "set back");
    assert_eq!(view.tick(at(2_600, 9_000_000), &shared), 2_100, "set forth");
    freshness::beat(at(8, 400_000), &shared);
    assert_eq!(view.tick(at(3_000, 9_000_400), &shared), 0);
    let mut late = Freshness::default();
    assert_eq!(
        late.tick(at(1, 403_000), &shared),
        3_000,
        "a VM that starts later goes by the time of day, once"
    );
    assert_eq!(late.tick(at(1_001, 9_000_000), &shared), 4_000);
}

#[test]
fn what_is_published_is_read_and_what_is_withdrawn_is_gone() {
    let shared = Fake::default();
    assert_eq!(policy::announced(&shared), Announced::Never);
    policy::publish("v1", b"bytes", &shared);
    assert_eq!(policy::announced(&shared), Announced::Version("v1".to_owned()));
    let published = policy::read(&shared).unwrap();
    assert_eq!((published.version.as_str(), published.bytes.as_slice()), ("v1", b"bytes".as_slice()));
    policy::withdraw(&shared);
    assert_eq!(policy::announced(&shared), Announced::Removed);
}

#[test]
fn the_rate_holds_over_any_number_of_workers_and_clock_steps() {
    for (workers, rate) in [(1, 1), (1, 1_000), (8, 1), (8, 7), (8, 1_000)] {
        let shared = Fake::default();
        let mut limiters: Vec<Limiter> = (0..workers).map(|_| Limiter::default()).collect();
        let mut wall_ms: u64 = 1_000_000;
        let mut allowed = 0;
        for tick in 0..600 {
            if tick == 200 {
                wall_ms -= 500_000;
            }
            for limiter in &mut limiters {
                limiter.tick(100 * (tick + 1));
                for _ in 0..300 {
                    allowed += u32::from(limiter.allow("s", rate, wall_ms, &shared));
                }
            }
            wall_ms += 100;
        }
        let burst = rate / 4 + 1;
        assert!(
            (rate * 58..=rate * 60 + burst).contains(&allowed),
            "{workers} workers at {rate}/s: {allowed} in 60 s"
        );
    }
}

/// Two plugin instances in one VM, as two listeners have them, each bring a tick.
#[test]
fn a_second_plugin_instance_takes_nothing_from_a_limit() {
    let shared = Fake::default();
    let mut limiter = Limiter::default();
    let mut allowed = 0;
    for now_ms in (0..60_000).step_by(100) {
        limiter.tick(now_ms);
        limiter.tick(now_ms + 3);
        for _ in 0..90 {
            allowed += u32::from(limiter.allow("s", 1_000, now_ms, &shared));
        }
    }
    assert_eq!(allowed, 900 * 60, "all, at nine tenths of the rate");
}

/// A request with a copy in each slot, for one shadow.
fn mirrored(policy: &Rc<Policy>) -> Mirrored {
    let planned = |role| Some(Planned { shadow: ShadowId(3), role, compared: None });
    Mirrored {
        origin: Origin { policy: Rc::clone(policy), version: None },
        copies: [planned(MirrorRole::Candidate), planned(MirrorRole::Control)],
        request: None,
    }
}

/// How many copies finished with which outcome since the last look.
fn outcomes(pairs: &mut Pairs) -> BTreeMap<Outcome, usize> {
    let mut counts = BTreeMap::new();
    while let Some(finished) = pairs.next_finished() {
        for copy in finished.copies.iter().flatten() {
            *counts.entry(copy.outcome).or_default() += 1;
        }
    }
    counts
}

#[test]
fn copies_are_expected_once_and_never_without_bound() {
    let policy = Rc::new(Policy::build(PolicySpec::default()).unwrap());
    let pair = |number| PairId::new(number, None);
    let unasked = || -> u64 { panic!("the clock costs a host call") };
    let mut pairs = Pairs::new([0; 16]);
    pairs.expect(pair(1), mirrored(&policy), 0);
    assert_eq!(pairs.seen(pair(1), Slot::One, unasked).unwrap().shadow, ShadowId(3));
    assert!(pairs.seen(pair(1), Slot::One, unasked).is_none(), "once");
    pairs.on_failed(pair(1), Slot::One, Outcome::Reset);
    assert_eq!(outcomes(&mut pairs), BTreeMap::new(), "told when all is known");
    assert_eq!(pairs.next_left().map(|left| left.outcome), Some(Some(Outcome::Reset)), "no longer under way");
    pairs.on_primary_gone(pair(1), || true);
    assert!(pairs.next_left().is_none(), "once");
    assert_eq!(outcomes(&mut pairs), BTreeMap::from([(Outcome::Reset, 1), (Outcome::NeverSeen, 1)]));
    assert!(pairs.is_empty() && pairs.bytes() == 0);

    let most = u64::try_from(MAX_ENTRIES).unwrap();
    for number in 0..most + 100 {
        pairs.expect(pair(number), mirrored(&policy), number);
        assert!(pairs.len() <= MAX_ENTRIES);
    }
    assert_eq!(outcomes(&mut pairs), BTreeMap::from([(Outcome::Dropped, 200)]));
    pairs.sweep(100 + PATIENCE_MS - 1);
    assert_eq!(outcomes(&mut pairs), BTreeMap::new());
    pairs.sweep(100 + PATIENCE_MS);
    assert_eq!(outcomes(&mut pairs), BTreeMap::from([(Outcome::NeverSeen, 2)]));
    pairs.sweep(2 * most + PATIENCE_MS);
    assert_eq!(outcomes(&mut pairs), BTreeMap::from([(Outcome::NeverSeen, 2 * (MAX_ENTRIES - 1))]));
    assert_eq!((pairs.len(), pairs.bytes(), Rc::strong_count(&policy)), (0, 0, 1), "nothing is kept");
}

/// A slow copy among thousands of quick ones is not the oldest of many: the others are gone.
#[test]
fn a_slow_copy_is_not_crowded_out_by_quick_ones() {
    let policy = Rc::new(Policy::build(PolicySpec::default()).unwrap());
    let pair = |number| PairId::new(number, None);
    let mut pairs = Pairs::new([0; 16]);
    for number in 0..3 * u64::try_from(MAX_ENTRIES).unwrap() {
        pairs.expect(pair(number), mirrored(&policy), 0);
        for slot in [Slot::One, Slot::Two] {
            pairs.seen(pair(number), slot, || 0);
            if number > 0 {
                pairs.on_failed(pair(number), slot, Outcome::Reset);
            }
        }
    }
    assert_eq!(pairs.len(), 1);
    pairs.sweep(PATIENCE_MS);
    pairs.on_failed(pair(0), Slot::One, Outcome::Timeout);
    pairs.on_answered(pair(0), umbra_filter::flow::pairs::Party::Copy(Slot::Two), None);
    let told = outcomes(&mut pairs);
    assert_eq!((told[&Outcome::Timeout], told[&Outcome::Late], pairs.len()), (1, 1, 0));
}

#[test]
fn what_a_pair_says() {
    let answer = |status, version: &str, digest: u8| Answer {
        status,
        headers: vec![("x-version".to_owned(), version.into())],
        digest: Some([digest; 16]),
        end_us: 100,
        ..Answer::default()
    };
    let (plain, other, newer, failed) =
        (answer(200, "1", 0), answer(200, "1", 1), answer(200, "2", 0), answer(500, "1", 2));
    let with = |headers: &[&str]| CompareSpec {
        headers: headers.iter().map(|name| (*name).to_owned()).collect(),
        body: BodySpec::Digest,
        ..CompareSpec::default()
    };
    let differs = |candidate, control| BodyFacts::Examined(Differs { candidate, control });
    let none = [].as_slice();
    for (candidate, control, headers, body, candidate_error, equal) in [
        (Some(&plain), None, none, Some(BodyFacts::Equal), false, true),
        (Some(&other), None, none, Some(differs(true, false)), false, false),
        (Some(&newer), None, none, Some(BodyFacts::Equal), false, true),
        (Some(&newer), None, &["x-version"], Some(differs(true, false)), false, false),
        (Some(&other), Some(Some(&other)), none, Some(differs(true, true)), false, false),
        (Some(&plain), Some(Some(&other)), none, Some(differs(false, true)), false, false),
        (Some(&failed), None, none, None, true, false),
        (Some(&plain), Some(None), none, None, false, false),
        (Some(&plain), Some(Some(&failed)), none, None, false, false),
        (None, None, none, None, true, false),
    ] {
        let triple = Triple { primary: &plain, candidate, control, routed_us: 0 };
        let judged = triple.judge(&with(headers));
        let case = format!("{candidate:?} {control:?} {headers:?}");
        assert_eq!(
            (judged.facts.body, judged.facts.candidate_error, judged.equal),
            (body, candidate_error, equal),
            "{case}"
        );
        assert_eq!(judged.facts.latency_us.is_some(), candidate.is_some(), "{case}");
    }
}

#[test]
fn a_body_is_kept_up_to_its_bound_and_digested_whole() {
    for (body, kept_bytes, kept) in
        [(BodySpec::Full, 3, "abc"), (BodySpec::Full, 9, "abcdef"), (BodySpec::Digest, 0, "")]
    {
        let mut observation = Observation::new(Wanted { body, kept_bytes, headers: true }, &[1; 16]);
        let lines = [(":status", "200"), ("grpc-status", "nonsense"), ("a", "b"), ("c", "d")];
        let lines: Vec<_> =
            lines.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect();
        assert_eq!(observation.on_headers(&lines, |name| name == "c", 5), 2);
        assert_eq!(observation.on_body(b"abcd") + observation.on_body(b"ef"), kept.len());
        let answer = observation.on_end(9);
        assert_eq!((answer.status, answer.grpc_status, answer.body.as_slice()), (200, None, kept.as_bytes()));
        assert_eq!((answer.headers.len(), answer.headers_us, answer.end_us), (1, 5, 9));
        let mut whole = Observation::new(Wanted { body, kept_bytes, headers: true }, &[1; 16]);
        whole.on_body(b"abcdef");
        assert_eq!(whole.on_end(0).digest, answer.digest);
    }
    let nothing = Observation::new(Wanted::default(), &[1; 16]);
    assert_eq!((nothing.reads_body(), nothing.on_end(0).digest), (false, None));
}
