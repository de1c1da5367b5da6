//! What pairs add to the evidence of their shadow, whatever else happens to their requests.

use crate::fixtures::{compiled, resources};
use crate::pairs::{COMPARED, Fixture, fixture};
use crate::reports::{Received, acknowledge};
use umbra_compare::evidence::Evidence;
use umbra_compare::outcome::Outcome;

/// A stamp for `/cart` and two shadows without a control for it, compared like this.
fn two_shadows(compare: [&str; 2]) -> Fixture {
    let [one, two] = ["one", "two"].map(|name| (name, compare[usize::from(name == "two")])).map(|(name, compare)| {
        format!(
            r#"{{"apiVersion": "umbra/v1", "kind": "Shadow", "metadata": {{"name": "{name}"}},
                "spec": {{"stamps": ["cart"], "target": {{"cluster": "{name}"}}, "percent": 100, "compare": {compare}}}}}"#
        )
    });
    Fixture::of(&format!(
        r#"[{{"apiVersion": "umbra/v1", "kind": "Stamp", "metadata": {{"name": "cart"}},
             "spec": {{"match": [{{"path": {{"prefix": "/cart"}}}}]}}}}, {one}, {two}]"#
    ))
}

/// What all reports together say of a shadow's pairs.
pub(crate) fn evidence(received: &Received, shadow: &str) -> Evidence {
    let mut sum = Evidence::default();
    for report in received.reports.iter().filter_map(|report| report.shadows.get(shadow)) {
        report.endpoints.values().for_each(|endpoint| sum.merge(&endpoint.evidence));
    }
    sum
}

#[test]
fn a_shadow_without_bodies_is_not_judged_by_those_of_another() {
    for (body, examined) in [("digest", false), ("full", true)] {
        let other = format!(r#"{{"body": "{body}", "headers": ["x-version"]}}"#);
        let mut f = two_shadows([r#"{"body": "none"}"#, &other]);
        let mirrored = f.mirror("/cart");
        f.answer(mirrored.copies[0], "200", "1", b"other bytes");
        let (version, bytes) = if examined { ("2", &b"other bytes"[..]) } else { ("1", &b"same bytes"[..]) };
        f.answer(mirrored.copies[1], "200", version, bytes);
        f.answer(mirrored.primary, "200", "1", b"same bytes");
        let received = f.report();
        let (without, with) = (evidence(&received, "one"), evidence(&received, "two"));
        assert_eq!((without.pairs, without.bodies.compared, without.bodies.unequal), (1, 0, 0));
        assert_eq!((with.pairs, with.bodies.unequal), (1, u64::from(examined)));
        let pair = received.reports[0].pairs.iter().find(|pair| pair.shadow == "one");
        assert_eq!(pair.map(|pair| (pair.primary.digest, pair.candidate.digest)), Some((None, None)));
    }
}

/// On a route whose timeout allows it, a copy ends long after its pair was given up.
#[test]
fn a_shadow_that_hangs_is_in_error_however_long_it_takes() {
    let connected = [("upstream.local_address", &b"127.0.0.1:1"[..])];
    for (circumstances, rounds, outcome) in [
        (&[][..], 1, Outcome::ConnectFailure),
        (&connected, 1, Outcome::NoAnswer),
        (&connected, 10, Outcome::NoAnswer),
    ] {
        let mut f = fixture(COMPARED);
        let path = format!("/cart/7/x?q={}", "a".repeat(5_000));
        let mirrored = f.mirror(&path);
        f.answer(mirrored.primary, "200", "1", b"hello");
        f.answer(mirrored.copies[1], "200", "1", b"hello");
        f.vm().circumstances(circumstances);
        let mut received = Received::default();
        for _ in 0..rounds {
            f.workers.run(61_000);
            received.merge(f.report());
        }
        f.vm().delete(mirrored.copies[0]);
        received.merge(f.reports());
        let case = format!("{outcome:?} after {rounds} min");
        let evidence = evidence(&received, "next");
        assert_eq!((evidence.pairs, evidence.errors.candidate_only), (1, 1), "{case}");
        assert_eq!((evidence.statuses.trials, evidence.bodies.compared), (0, 0), "{case}");
        let (_, candidate, control) = received.sum("next");
        assert_eq!((candidate.count(outcome), control.count(Outcome::Answered)), (1, 1), "{case}");
        assert_eq!(received.dropped("unpaired"), 0, "{case}");
        let endpoints: Vec<_> =
            received.reports.iter().filter_map(|report| report.shadows.get("next")).collect();
        assert!(endpoints.iter().any(|shadow| shadow.endpoints.contains_key("GET /cart/{item}/x")), "{case}");
        let pairs: Vec<_> = received.reports.iter().flat_map(|report| &report.pairs).collect();
        let [pair] = pairs.as_slice() else { panic!("{case}: {pairs:?}") };
        assert_eq!((pair.primary.status, pair.primary.body_length, pair.primary.body.len()), (200, 5, 0));
    }
}

#[test]
fn a_shadow_that_hangs_takes_no_pair_from_another() {
    let mut f = two_shadows([r#"{"body": "digest"}"#, r#"{"body": "digest"}"#]);
    let mirrored = f.mirror("/cart");
    f.answer(mirrored.copies[0], "200", "1", b"other");
    f.answer(mirrored.primary, "200", "1", b"hello");
    f.workers.run(61_000);
    f.vm().delete(mirrored.copies[1]);
    let received = f.reports();
    let (well, hangs) = (evidence(&received, "one"), evidence(&received, "two"));
    assert_eq!((well.pairs, well.errors.candidate_only, well.bodies.unequal), (1, 0, 1));
    assert_eq!((hangs.pairs, hangs.errors.candidate_only, hangs.bodies.compared), (1, 1, 0));
}

#[test]
fn a_control_that_hangs_leaves_open_what_an_answer_says() {
    for (answered, pairs, unpaired) in [(true, 0, 1), (false, 1, 0)] {
        let mut f = fixture(COMPARED);
        let mirrored = f.mirror("/cart");
        f.answer(mirrored.primary, "200", "1", b"hello");
        if answered {
            f.answer(mirrored.copies[0], "200", "2", b"other");
        } else {
            f.vm().delete(mirrored.copies[0]);
        }
        f.workers.run(61_000);
        f.vm().delete(mirrored.copies[1]);
        let received = f.reports();
        let evidence = evidence(&received, "next");
        assert_eq!((evidence.pairs, evidence.errors.candidate_only), (pairs, pairs), "{answered}");
        assert_eq!((evidence.bodies.compared, received.dropped("unpaired")), (0, unpaired), "{answered}");
    }
}

/// Production's answers may take long, as streams of events do: their copies are under way only until they end themselves.
#[test]
fn a_slow_primary_makes_no_slow_shadow() {
    let mut f = fixture(COMPARED);
    let mut open = Vec::new();
    for second in 0..4 {
        for _ in 0..200 {
            let mirrored = f.mirror("/cart");
            for copy in mirrored.copies {
                f.answer(copy, "200", "1", b"hello");
            }
            open.push(mirrored.primary);
        }
        f.workers.run(1_000);
        assert_eq!(f.workers.envoy.metric("umbra.skipped.shed"), 0, "second {second}");
    }
    for _ in 0..30 {
        let mirrored = f.mirror("/cart");
        mirrored.copies.iter().for_each(|copy| f.vm().delete(*copy));
        open.push(mirrored.primary);
    }
    f.workers.run(1_100);
    for _ in 0..200 {
        let mirrored = f.mirror("/cart");
        mirrored.copies.iter().for_each(|copy| f.vm().delete(*copy));
        open.push(mirrored.primary);
    }
    let shed = f.metric("umbra.skipped.shed");
    assert!((50..150).contains(&shed), "one that fails is spared while the primaries go on: {shed}");
    open.into_iter().for_each(|primary| f.vm().delete(primary));
    let received = f.reports();
    let (pairs, candidate, _) = received.sum("next");
    assert_eq!((candidate.total(), pairs + received.dropped("unpaired")), (1_030 - shed, 1_030 - shed));
}

#[test]
fn a_copy_leaves_once() {
    let mut f = fixture(COMPARED);
    let mut ended = Vec::new();
    for _ in 0..100 {
        let mirrored = f.mirror("/cart");
        mirrored.copies.iter().for_each(|copy| f.answer(*copy, "200", "1", b"hello"));
        ended.push(mirrored.primary);
    }
    let open: Vec<_> = (0..256).map(|_| f.mirror("/cart")).collect();
    ended.into_iter().for_each(|primary| f.answer(primary, "200", "1", b"hello"));
    f.mirror("/cart");
    assert_eq!(f.metric("umbra.skipped.shed"), 1, "the others are still under way");
    f.answer(open[0].primary, "200", "1", b"hello");
    open[0].copies.iter().for_each(|copy| f.answer(*copy, "200", "1", b"hello"));
    f.mirror("/cart");
    f.mirror("/cart");
    assert_eq!(f.metric("umbra.skipped.shed"), 2, "room for one");
}

#[test]
fn many_shadows_share_the_room_for_samples() {
    const SHADOWS: usize = 60;
    let resource = |kind: &str, number: usize, spec: &str| {
        let name = format!("r{number}");
        format!(
            r#"{{"apiVersion": "umbra/v1", "kind": "{kind}", "metadata": {{"name": "{name}"}}, "spec": {spec}}}"#
        )
    };
    let all: Vec<String> = (0..SHADOWS)
        .flat_map(|number| {
            let stamp = format!(r#"{{"match": [{{"path": {{"exact": "/{number}"}}}}]}}"#);
            let shadow = format!(
                r#"{{"stamps": ["r{number}"], "target": {{"cluster": "next"}}, "percent": 100,
                    "compare": {{"body": "full", "max_body_bytes": 1000000}}}}"#
            );
            [resource("Stamp", number, &stamp), resource("Shadow", number, &shadow)]
        })
        .collect();
    let mut f = Fixture::of(&format!("[{}]", all.join(",")));
    for number in 0..SHADOWS {
        for _ in 0..2 {
            let mirrored = f.mirror(&format!("/{number}"));
            f.answer(mirrored.copies[0], "200", "1", &[b'c'; 300_000]);
            f.answer(mirrored.primary, "200", "1", &[b'p'; 300_000]);
        }
    }
    let received = f.reports();
    assert_eq!((received.dropped("samples"), received.dropped("reports")), (0, 0));
    let pairs: Vec<_> = received.reports.iter().flat_map(|report| &report.pairs).collect();
    assert_eq!(pairs.len(), SHADOWS, "each has one");
    let bytes: usize = pairs.iter().map(|pair| pair.primary.body.len() + pair.candidate.body.len()).sum();
    assert!((3 << 20..=4 << 20).contains(&bytes), "half of the room is for unequal pairs: {bytes}");
}

/// While no report is taken, policies follow one another.
#[test]
fn the_samples_of_two_policies_are_held() {
    let mut f = fixture(COMPARED);
    let pair = |f: &mut Fixture| {
        let mirrored = f.mirror("/cart/7/x");
        for (context, body) in
            [(mirrored.primary, b"p"), (mirrored.copies[0], b"c"), (mirrored.copies[1], b"p")]
        {
            f.answer(context, "200", "1", body);
        }
    };
    pair(&mut f);
    f.workers.run(1_200);
    pair(&mut f);
    for version in ["v2", "v3"] {
        f.workers.send(version, umbra_wire::encode(&compiled(&resources(100.0, COMPARED), 8)));
        f.workers.run(200);
        pair(&mut f);
    }
    let first = acknowledge(&mut f.workers);
    assert_eq!(first.reports[0].pairs.len(), 1);
    let received = f.reports();
    let (pairs, ..) = received.sum("next");
    assert_eq!((pairs, received.dropped("samples")), (3, 1));
    let sampled = received.reports.iter().map(|report| (report.policy_version.as_str(), report.pairs.len()));
    assert_eq!(sampled.collect::<Vec<_>>(), [("v1", 0), ("v2", 1), ("v3", 1)]);
}
