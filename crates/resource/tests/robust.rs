//! Whatever arrives is read or refused: nothing panics, and what is read is written back as it was.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may stop at the first surprise"
)]

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use umbra_resource::{NodeAttributes, Resource, ResourceSet, from_json, from_value, from_yaml};

/// The fields that there are, so that the generator gets past the first of them.
const FIELDS: &[&str] = &[
    "apiVersion",
    "kind",
    "metadata",
    "spec",
    "name",
    "labels",
    "match",
    "hosts",
    "path",
    "methods",
    "headers",
    "cookies",
    "query",
    "exact",
    "prefix",
    "suffix",
    "contains",
    "regex",
    "present",
    "absent",
    "template",
    "stamps",
    "target",
    "control",
    "cluster",
    "enabled",
    "percent",
    "sample",
    "by",
    "salt",
    "guard",
    "max_rps",
    "max_request_bytes",
    "request",
    "remove_headers",
    "set_headers",
    "overrides",
    "where",
    "zone",
    "metadata.tier",
    "compare",
    "body",
    "ignore",
    "tolerance",
    "absolute",
    "endpoints",
    "redact",
    "noise",
    "fields",
    "gates",
    "min_pairs",
    "min_duration",
    "max_latency_ratio",
    "p50",
    "items",
];

const TEXTS: &[&str] = &[
    "umbra/v1",
    "Stamp",
    "Shadow",
    "a",
    "GET",
    "get",
    "*",
    "*.x",
    "/a",
    "/{id}",
    "[",
    "(",
    "$.a",
    "10m",
    "full",
    "cookie",
    "header",
    "request",
    "x-umbra-pair",
    ":path",
    "",
];

/// Values near to what is right: known fields, known words, anything else now and then.
fn near_value() -> impl Strategy<Value = Value> {
    let number = prop_oneof![any::<i64>().prop_map(Value::from), any::<f64>().prop_map(Value::from)];
    let leaf = prop_oneof![
        6 => proptest::sample::select(TEXTS).prop_map(Value::from),
        1 => any::<String>().prop_map(Value::from),
        2 => number,
        2 => (0..=100u32).prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
    ];
    leaf.prop_recursive(6, 64, 6, |inner| {
        let name =
            prop_oneof![9 => proptest::sample::select(FIELDS).prop_map(str::to_owned), 1 => any::<String>()];
        prop_oneof![
            3 => proptest::collection::vec((name, inner.clone()), 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect::<Map<_, _>>())),
            1 => proptest::collection::vec(inner, 0..4).prop_map(Value::Array),
        ]
    })
}

/// A resource whose spec has some of these fields, each right or not.
fn near_resource() -> impl Strategy<Value = Value> {
    let right = |values: Vec<Value>| proptest::sample::select(values);
    let field = move |name: &'static str, values: Vec<Value>| {
        let value = prop_oneof![1 => Just(None), 4 => right(values).prop_map(Some)];
        value.prop_map(move |value| value.map(|value| (name.to_owned(), value)))
    };
    let shadow = vec![
        field("stamps", vec![json!(["a"]), json!(["a", "b"])]).boxed(),
        field("target", vec![json!({"cluster": "t"})]).boxed(),
        field("control", vec![json!({"cluster": "p"})]).boxed(),
        field("enabled", vec![json!(true), json!(false)]).boxed(),
        field("percent", vec![json!(0), json!(5.0), json!(0.0001), json!(33.3333), json!(100)]).boxed(),
        field("sample", vec![json!({}), json!({"by": "header", "name": "X-A"}), json!({"salt": "s"})])
            .boxed(),
        field("guard", vec![json!({}), json!({"methods": []}), json!({"max_rps": 1e3})]).boxed(),
        field("request", vec![json!({}), json!({"set_headers": {"X-B": "", "a": "b"}})]).boxed(),
        field("overrides", vec![json!([]), json!([{"where": {"zone": "z"}, "percent": 1.5}])]).boxed(),
        field("compare", vec![json!({"percent": 1, "tolerance": [{"path": "$", "absolute": 2.0}]})]).boxed(),
        field("gates", vec![json!({"min_duration": "1h 30m", "max_latency_ratio": {"p50": 2, "p99": 1.1}})])
            .boxed(),
    ];
    let spoilt = prop_oneof![4 => Just(None), 1 => near_value().prop_map(Some)];
    (shadow, spoilt, 0..11usize).prop_map(|(fields, spoilt, at)| {
        let mut spec: Map<String, Value> = fields.into_iter().flatten().collect();
        if let (Some(value), Some(name)) = (spoilt, spec.keys().nth(at).cloned()) {
            spec.insert(name, value);
        }
        json!({"apiVersion": "umbra/v1", "kind": "Shadow", "metadata": {"name": "s"}, "spec": spec})
    })
}

/// What was read is written and read again, and is the same; and a set of it, if it holds, is a policy.
fn check(resources: Vec<Resource>) {
    let text = serde_json::to_string(&resources).unwrap();
    assert_eq!(from_json(&text).unwrap(), resources, "{text}");
    assert_eq!(from_yaml(&text).unwrap(), resources, "{text}");
    if let Ok(set) = ResourceSet::new(resources) {
        umbra_policy::Policy::build(set.compile(&NodeAttributes::default(), 0, None)).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        let _ = from_json(&text);
        let _ = from_yaml(&text);
    }

    #[test]
    fn any_punctuation_is_read_or_refused(text in "[-:?{}\\[\\],#&*!|>'\"%@` \\n\\ta1.~<]{0,200}") {
        if let Ok(resources) = from_yaml(&text) {
            check(resources);
        }
    }

    #[test]
    fn any_value_is_read_or_refused(value in near_value()) {
        let _ = from_value(value.clone());
        let text = value.to_string();
        let json = from_json(&text);
        // The two readers say the same, except for what one of them cannot read at all.
        if let (Ok(yaml), Ok(json)) = (from_yaml(&text), &json) {
            prop_assert_eq!(&yaml, json);
        }
        if let Ok(resources) = json {
            check(resources);
        }
    }

    #[test]
    fn what_is_read_is_written_as_it_was(value in near_resource()) {
        match from_value(value.clone()) {
            Ok(resource) => check(vec![resource]),
            Err(problems) => prop_assert!(!problems.is_empty()),
        }
    }
}

#[test]
fn the_generator_reaches_valid_resources() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let valid =
        (0..200).filter(|_| from_value(near_resource().new_tree(&mut runner).unwrap().current()).is_ok());
    assert!(valid.count() > 40);
}
