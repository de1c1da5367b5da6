//! Resources as a whole, and what they come to on a node.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may stop at the first surprise"
)]

use std::collections::BTreeMap;

use umbra_policy::Policy;
use umbra_policy::spec::{SampleBy, ShadowSpec};
use umbra_resource::{NodeAttributes, Problem, ResourceSet, from_yaml};

fn lines(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("{problem}\n")).collect()
}

#[track_caller]
fn set(yaml: &str) -> ResourceSet {
    ResourceSet::new(from_yaml(yaml).map_err(|problems| lines(&problems)).unwrap())
        .map_err(|problems| lines(&problems))
        .unwrap()
}

/// A stamp `a` and a shadow `s` with more in its `spec`.
fn with(spec: &str) -> String {
    format!(
        "apiVersion: umbra/v1\nkind: Stamp\nmetadata: {{name: a}}\nspec: {{match: [{{path: {{prefix: /}}}}]}}\n---\n\
         apiVersion: umbra/v1\nkind: Shadow\nmetadata: {{name: s}}\nspec:\n  stamps: [a]\n  target: {{cluster: t}}\n{spec}\n"
    )
}

fn shadow(spec: &str, node: &NodeAttributes) -> ShadowSpec {
    set(&with(spec)).compile(node, 0, None).shadows.remove(0)
}

#[test]
fn refuses_what_does_not_hold_together() {
    let yaml = "
- {apiVersion: umbra/v1, kind: Stamp, metadata: {name: checkout}, spec: {match: [{hosts: ['*']}]}}
- {apiVersion: umbra/v1, kind: Stamp, metadata: {name: checkout}, spec: {match: [{hosts: [a.example]}]}}
- {apiVersion: umbra/v1, kind: Stamp, metadata: {name: checkout}, spec: {match: [{hosts: [b.example]}]}}
- {apiVersion: umbra/v1, kind: Shadow, metadata: {name: x}, spec: {stamps: [chekout, other, checkout], target: {cluster: t}}}
- {apiVersion: umbra/v1, kind: Shadow, metadata: {name: x}, spec: {stamps: [checkout], target: {cluster: t}}}
- {apiVersion: umbra/v1, kind: Shadow, metadata: {name: checkout}, spec: {stamps: [checkout], target: {cluster: t}}}
";
    insta::assert_snapshot!(lines(&ResourceSet::new(from_yaml(yaml).unwrap()).unwrap_err()));
}

#[test]
fn compiles_defaults() {
    let node = NodeAttributes::default();
    let shadow = shadow("", &node);
    assert!(shadow.enabled);
    assert_eq!(shadow.share_ppm, 0);
    assert_eq!(shadow.control_cluster, None);
    assert_eq!((shadow.sample.by, shadow.sample.salt.as_str()), (SampleBy::Request, "s"));
    assert_eq!(shadow.guard.methods, ["GET", "HEAD"]);
    assert_eq!(shadow.guard.max_request_bytes, 262_144);
    assert!(!shadow.guard.allow_unknown_length);
    assert_eq!(shadow.guard.max_rps, None);
    assert_eq!(shadow.request, umbra_policy::spec::CopySpec::default());
}

#[test]
fn compiles_every_documented_field() {
    let policy = set(include_str!("data/whole.yaml")).compile(&NodeAttributes::default(), 7, Some([9; 16]));
    insta::assert_debug_snapshot!(policy);
    let policy = Policy::build(policy).unwrap();
    assert_eq!((policy.revision(), policy.mesh_key()), (7, Some(&[9; 16])));
}

#[test]
fn an_empty_list_of_methods_means_all() {
    let shadow = shadow("  guard: {methods: []}", &NodeAttributes::default());
    assert_eq!(shadow.guard.methods, Vec::<String>::new());
}

#[test]
fn the_first_override_that_fits_wins() {
    const OVERRIDES: &str = "
  percent: 1
  overrides:
    - {where: {zone: z1, metadata.tier: canary}, percent: 2}
    - {where: {zone: z1}, percent: 3}
    - {where: {node: n1}, percent: 4}
    - {where: {cluster: c1, region: r1}, percent: 5}
    - {where: {metadata.tier: canary}, percent: 6}
    - {where: {region: r1}, percent: 0}";

    #[track_caller]
    fn check(attributes: &[(&str, &str)], expected_percent: u32) {
        let mut node = NodeAttributes::default();
        for (name, value) in attributes {
            let value = (*value).to_owned();
            match *name {
                "id" => node.id = value,
                "cluster" => node.cluster = value,
                "zone" => node.zone = value,
                "region" => node.region = value,
                key => drop(node.metadata.insert(key.to_owned(), value)),
            }
        }
        assert_eq!(shadow(OVERRIDES, &node).share_ppm, expected_percent * 10_000, "{attributes:?}");
    }
    check(&[], 1);
    check(&[("zone", "z2")], 1);
    check(&[("zone", "z1")], 3);
    check(&[("zone", "Z1")], 1);
    check(&[("zone", "z1"), ("tier", "canary")], 2);
    check(&[("zone", "z1"), ("tier", "stable")], 3);
    check(&[("tier", "canary")], 6);
    check(&[("id", "n1")], 4);
    check(&[("id", "n1"), ("zone", "z1")], 3);
    check(&[("cluster", "c1")], 1);
    check(&[("cluster", "c1"), ("region", "r1")], 5);
    check(&[("cluster", "c2"), ("region", "r1")], 0);
    // A metadata key is not an attribute of the same name.
    check(&[("metadata.tier", "canary"), ("node", "n1")], 1);
}

#[test]
fn nodes_with_the_same_shares_have_the_same_policy() {
    let set = set(&(with(
        "  percent: 1
  overrides:
    - {where: {zone: z1, node: n1}, percent: 2}
    - {where: {zone: z1}, percent: 3}
    - {where: {node: n2}, percent: 3}
    - {where: {node: n3}, percent: 1}",
    ) + "---\n"
        + include_str!("data/whole.yaml")));
    let node = |id: &str, zone: &str| NodeAttributes {
        id: id.to_owned(),
        zone: zone.to_owned(),
        ..NodeAttributes::default()
    };
    let nodes = ["n1", "n2", "n3", "envoy-7"].map(|id| ["z1", "z2"].map(|zone| node(id, zone)));
    let nodes = nodes.as_flattened();
    let compiled = |node| set.compile(node, 1, None);
    for (a, b) in nodes.iter().flat_map(|a| nodes.iter().map(move |b| (a, b))) {
        assert_eq!(set.shares(a) == set.shares(b), compiled(a) == compiled(b), "{a:?} {b:?}");
    }
    assert_eq!(set.shares(&nodes[0]).len(), 2, "one for each shadow that has overrides");
}

#[test]
fn the_policy_does_not_depend_on_the_order_of_the_resources() {
    let mut resources = from_yaml(&(with("") + "---\n" + include_str!("data/whole.yaml"))).unwrap();
    let node = NodeAttributes { metadata: BTreeMap::new(), ..NodeAttributes::default() };
    let forward = ResourceSet::new(resources.clone()).unwrap().compile(&node, 1, None);
    resources.reverse();
    let backward = ResourceSet::new(resources).unwrap().compile(&node, 1, None);
    assert_eq!(forward, backward);
    assert_eq!(forward.shadows.iter().map(|s| s.name.as_str()).collect::<Vec<_>>(), ["checkout-v2", "s"]);
}

#[test]
fn no_resources_are_a_set() {
    assert!(set("").stamps().is_empty());
    Policy::build(set("").compile(&NodeAttributes::default(), 0, None)).unwrap();
}
