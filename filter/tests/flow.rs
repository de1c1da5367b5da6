//! The parts of `flow` that workers share, over a fake of Envoy's shared data and in virtual time.
#![allow(clippy::unwrap_used, reason = "helpers of tests may stop at the first surprise, as tests do")]

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use umbra_filter::flow::limit::Limiter;
use umbra_filter::flow::pending::{MAX_ENTRIES, PATIENCE_MS, Pending};
use umbra_filter::flow::shared::census::Census;
use umbra_filter::flow::shared::freshness::{self, Freshness};
use umbra_filter::flow::shared::lease::{Lease, Standing};
use umbra_filter::flow::shared::policy::{self, Announced};
use umbra_filter::flow::shared::{SharedData, Versioned, WorkerId};
use umbra_filter::flow::time::Now;
use umbra_policy::pair::PairId;
use umbra_policy::spec::PolicySpec;
use umbra_policy::{Policy, ShadowId, Slot};

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
                limiter.tick();
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

#[test]
fn pending_copies_are_expected_once_and_never_without_bound() {
    let policy = Rc::new(Policy::build(PolicySpec::default()).unwrap());
    let pair = |number| PairId::new(number, None);
    let mut pending = Pending::default();
    pending.expect(pair(1), Rc::clone(&policy), Some(ShadowId(3)), None, 0);
    assert!(pending.seen(pair(1), Slot::Two).is_none());
    assert_eq!(pending.seen(pair(1), Slot::One).unwrap().shadow, ShadowId(3));
    assert!(pending.seen(pair(1), Slot::One).is_none(), "once");

    let mut given_up = 0;
    for number in 0..10_000 {
        given_up +=
            pending.expect(pair(number), Rc::clone(&policy), Some(ShadowId(0)), Some(ShadowId(0)), number);
    }
    assert_eq!(given_up, 2 * (10_000 - u64::try_from(MAX_ENTRIES).unwrap()));
    assert_eq!(pending.sweep(PATIENCE_MS), 0);
    assert_eq!(pending.sweep(10_000 + PATIENCE_MS), 2 * u64::try_from(MAX_ENTRIES).unwrap());
    assert_eq!(Rc::strong_count(&policy), 1, "nothing is kept");
}
