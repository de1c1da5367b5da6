//! Shares, salts and buckets.

use std::collections::BTreeSet;

use proptest::prelude::*;
use umbra_policy::share::{Salt, Share, WHOLE_PPM};
use umbra_policy::spec::{SampleBy, ShadowSpec};
use umbra_policy::{RequestView, Skip, decide};

use crate::support::{TestRequest, shadow, shadowed};

fn share(ppm: u32) -> Share {
    Share::from_ppm(ppm).expect("a share")
}

/// Computed by another implementation of SipHash-2-4, which the paper's vector confirms. These values are the
/// interface: if one changes, every user of every sticky shadow moves.
#[test]
fn golden_buckets() {
    let cases: &[(&str, &[u8], u64)] = &[
        ("checkout-v2", b"alice", 0xd408_85ca_08ba_fc50),
        ("checkout-v2", b"bob", 0x5d12_41e1_bc04_6428),
        ("checkout-v2", b"", 0x82a8_35eb_ef49_e98d),
        ("checkout-v2", b"\xff\x00", 0xda53_46a6_a767_05f0),
        ("checkout-v2", &[192, 0, 2, 1], 0x63c6_1152_3834_b662),
        ("", b"", 0x91a1_2e84_0a5f_e17c),
        ("shared", b"alice", 0x8455_7394_3d4e_b8f8),
    ];
    for (salt, key, bucket) in cases {
        assert_eq!(Salt::new(salt).bucket(key), *bucket, "of {salt:?} and {}", key.escape_ascii());
    }
    assert_eq!(Salt::new("checkout-v2").bucket_of_random(42), 0x5b1c_d831_3ab7_b1be);
}

/// The worked example of `docs/matching.md`.
#[test]
fn documented_shares_take_the_documented_keys() {
    let salt = Salt::new("checkout-v2");
    for (key, ppm) in [(b"alice".as_slice(), 828_256), (b"bob", 363_560), (&[192, 0, 2, 1], 389_742)] {
        assert!(share(ppm).takes(salt.bucket(key)), "{ppm}");
        assert!(!share(ppm - 1).takes(salt.bucket(key)), "{ppm}");
    }
    assert!(share(355_909).takes(salt.bucket_of_random(42)));
    assert!(!share(355_908).takes(salt.bucket_of_random(42)));
}

#[test]
fn golden_thresholds() {
    let cases: &[(u32, u128)] = &[
        (0, 0),
        (1, 0x10c6_f7a0_b5ed),
        (50_000, 0x0ccc_cccc_cccc_cccc),
        (100_000, 0x1999_9999_9999_9999),
        (333_333, 0x5555_4fbd_ad75_18b0),
        (999_999, 0xffff_ef39_085f_4a12),
        (1_000_000, 1 << 64),
    ];
    for (ppm, threshold) in cases {
        assert_eq!(share(*ppm).threshold(), *threshold, "of {ppm}");
        assert_eq!(share(*ppm).ppm(), *ppm);
    }
    assert_eq!(Share::from_ppm(WHOLE_PPM + 1), None);
}

/// Which is asked without a division, at every edge that there is.
#[test]
fn a_share_takes_what_is_below_its_threshold() {
    for ppm in 0..=WHOLE_PPM {
        let (share, threshold) = (share(ppm), share(ppm).threshold());
        let below = threshold.checked_sub(1).and_then(|bucket| u64::try_from(bucket).ok());
        assert!(below.is_none_or(|bucket| share.takes(bucket)), "{ppm}");
        assert!(
            u64::try_from(threshold).is_ok_and(|bucket| !share.takes(bucket)) || ppm == WHOLE_PPM,
            "{ppm}"
        );
    }
}

/// What a request's key is, down to the bytes that are hashed: the shadow takes the request exactly when
/// the share reaches past the golden bucket.
#[test]
fn keys_are_hashed_as_documented() {
    let request = TestRequest {
        source_ip: Some("192.0.2.1".parse().unwrap()),
        ..TestRequest::get("/")
            .with("x-user", "alice")
            .with("x-user", "bob")
            .with("cookie", "a=1; user= bob ; user=alice")
    };
    let mapped = TestRequest { source_ip: Some("::ffff:192.0.2.1".parse().unwrap()), ..request.clone() };
    let cases = [
        (&request, SampleBy::Header("X-User".into()), b"alice".as_slice()),
        (&request, SampleBy::Cookie("user".into()), b"bob"),
        (&request, SampleBy::SourceIp, &[192, 0, 2, 1]),
        (&mapped, SampleBy::SourceIp, &[192, 0, 2, 1]),
        (&request, SampleBy::Request, &42_u64.to_le_bytes()),
    ];
    for (request, by, key) in cases {
        let bucket = Salt::new("salt").bucket(key);
        let first = (0..=WHOLE_PPM).collect::<Vec<_>>().partition_point(|ppm| !share(*ppm).takes(bucket));
        let mut spec = shadow("a");
        spec.sample.salt = "salt".into();
        spec.sample.by = by.clone();
        spec.share_ppm = u32::try_from(first).unwrap();
        assert!(takes(&spec, request, 42), "{by:?}");
        spec.share_ppm -= 1;
        assert!(!takes(&spec, request, 42), "{by:?}");
    }
}

fn takes(spec: &ShadowSpec, request: &impl RequestView, random: u64) -> bool {
    !decide(&shadowed(vec![spec.clone()]), request, random).mirrors.is_empty()
}

/// Of 200,000 keys with a fixed form, within four standard deviations of what was asked for.
#[test]
fn shares_are_what_was_asked_for() {
    const KEYS: u32 = 200_000;
    for salt in ["a", "b", "checkout-v2"] {
        let salt = Salt::new(salt);
        let buckets: Vec<u64> = (0..KEYS).map(|key| salt.bucket(format!("user-{key}").as_bytes())).collect();
        for ppm in [100, 1_000, 10_000, 50_000, 100_000, 500_000, 900_000, 999_000] {
            let taken = buckets.iter().filter(|bucket| share(ppm).takes(**bucket)).count();
            let (taken, p) = (taken as f64, f64::from(ppm) / f64::from(WHOLE_PPM));
            let (mean, deviation) = (f64::from(KEYS) * p, (f64::from(KEYS) * p * (1.0 - p)).sqrt());
            assert!((taken - mean).abs() <= 4.0 * deviation, "{taken} of {mean} at {ppm}");
        }
    }
}

/// A half and a half of two salts share a quarter: neither salt says anything about the other.
#[test]
fn salts_are_independent() {
    const KEYS: u32 = 200_000;
    let (left, right) = (Salt::new("a"), Salt::new("b"));
    let both = (0..KEYS)
        .map(|key| format!("user-{key}"))
        .filter(|key| {
            share(500_000).takes(left.bucket(key.as_bytes()))
                && share(500_000).takes(right.bucket(key.as_bytes()))
        })
        .count();
    let (mean, deviation) = (f64::from(KEYS) / 4.0, (f64::from(KEYS) * 0.25 * 0.75).sqrt());
    assert!((both as f64 - mean).abs() <= 4.0 * deviation, "{both} of {mean}");
}

/// The keys of 5 % are among those of 10 %, through the whole decision.
#[test]
fn a_growing_valve_keeps_its_users() {
    let mut spec = shadow("a");
    spec.sample.by = SampleBy::Cookie("session".into());
    let mut users_at = |ppm| {
        spec.share_ppm = ppm;
        let policy = shadowed(vec![spec.clone()]);
        let sampled = |user: &u32| {
            let request = TestRequest::get("/").with("cookie", format!("session=user-{user}"));
            !decide(&policy, &request, 0).mirrors.is_empty()
        };
        (0..2_000).filter(sampled).collect::<BTreeSet<u32>>()
    };
    let (five, ten, all) = (users_at(50_000), users_at(100_000), users_at(WHOLE_PPM));
    assert!(!five.is_empty() && five.is_subset(&ten) && five != ten);
    assert_eq!(all.len(), 2_000);
}

proptest! {
    #[test]
    fn nested(salt: String, key: Vec<u8>, ppms: [u32; 2]) {
        let [left, right] = ppms.map(|ppm| ppm % (WHOLE_PPM + 1));
        let bucket = Salt::new(&salt).bucket(&key);
        prop_assert!(!share(left.min(right)).takes(bucket) || share(left.max(right)).takes(bucket));
    }

    #[test]
    fn ends(bucket: u64) {
        for bucket in [bucket, 0, u64::MAX] {
            prop_assert!(!Share::ZERO.takes(bucket));
            prop_assert!(share(WHOLE_PPM).takes(bucket));
        }
    }

    #[test]
    fn one_salt_takes_the_same_requests(ppm in 0..=WHOLE_PPM, random: u64, key: String, by_header: bool) {
        let mut shadows = vec![shadow("a"), shadow("b")];
        for spec in &mut shadows {
            spec.share_ppm = ppm;
            spec.sample.salt = "shared".into();
            if by_header {
                spec.sample.by = SampleBy::Header("x-key".into());
            }
        }
        let request = TestRequest::get("/").with("x-key", &key);
        let decision = decide(&shadowed(shadows), &request, random);
        prop_assert!(matches!(decision.mirrors.len(), 0 | 2), "{:?}", decision);
    }

    #[test]
    fn a_missing_key_is_never_sampled(random: u64, empty: bool) {
        let mut spec = shadow("a");
        spec.sample.by = SampleBy::Header("x-key".into());
        let request = if empty { TestRequest::get("/").with("x-key", "") } else { TestRequest::get("/") };
        let decision = decide(&shadowed(vec![spec]), &request, random);
        prop_assert_eq!(decision.skipped.first().map(|(_, reason)| *reason), Some(Skip::NoKey));
        prop_assert!(decision.mirrors.is_empty());
    }

    /// Sticky shadows do not depend on the random number, and those by request on nothing else.
    #[test]
    fn only_by_request_uses_the_random_number(ppm in 0..=WHOLE_PPM, randoms: [u64; 2], paths: [String; 2]) {
        let mut spec = shadow("a");
        spec.share_ppm = ppm;
        let by_path = paths.clone().map(|path| takes(&spec, &TestRequest::get(path), randoms[0]));
        prop_assert_eq!(by_path[0], by_path[1]);
        spec.sample.by = SampleBy::Header("x-key".into());
        let sticky = randoms.map(|random| takes(&spec, &TestRequest::get("/").with("x-key", "k"), random));
        prop_assert_eq!(sticky[0], sticky[1]);
    }
}
