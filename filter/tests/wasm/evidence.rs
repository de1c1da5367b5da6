//! What pairs add to the evidence of their shadow, whatever else happens to their requests.

use crate::pairs::Fixture;
use crate::reports::Received;
use umbra_compare::evidence::Evidence;

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

/// What all reports together say of a shadow's one endpoint.
fn evidence(received: &Received, shadow: &str) -> Evidence {
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
