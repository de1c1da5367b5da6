//! What the structural difference finds.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use proptest::prelude::*;
use umbra_compare::json::diff::diff;
use umbra_compare::json::rules::Rules;
use umbra_compare::json::tree::parse;

/// The differences as `kind at path: primary -> shadow`, a line each.
fn differences(primary: &str, shadow: &str, rules: &Rules) -> Vec<String> {
    let (mut left, mut right) = (parse(primary.as_bytes()).unwrap(), parse(shadow.as_bytes()).unwrap());
    rules.mark(&mut left);
    rules.mark(&mut right);
    let shown = |text: Option<String>| text.unwrap_or_else(|| "nothing".to_owned());
    diff(&left, &right, 100, 256)
        .first
        .into_iter()
        .map(|d| format!("{} at {}: {} -> {}", d.kind, d.at, shown(d.primary), shown(d.shadow)))
        .collect()
}

fn check(primary: &str, shadow: &str, expected: &[&str]) {
    assert_eq!(differences(primary, shadow, &Rules::default()), expected, "{primary} and {shadow}");
}

#[test]
fn values_types_and_members() {
    check("1", "1.0", &[]);
    check(r#"{"a":1,"b":2}"#, r#"{"b":2,"a":1}"#, &[]);
    check(r#"{"id":1}"#, r#"{"id":"1"}"#, &[r#"type at $.id: 1 -> "1""#]);
    check(r#"{"a":{"b":true}}"#, r#"{"a":{"b":false}}"#, &["value at $.a.b: true -> false"]);
    check(
        r#"{"a":1,"b":null}"#,
        r#"{"c":[],"a":1}"#,
        &["missing at $.b: null -> nothing", "extra at $.c: nothing -> []"],
    );
    check(r#"{"9007199254740993":1}"#, r#"{}"#, &["missing at $['9007199254740993']: 1 -> nothing"]);
    check(r#"{"it's":1}"#, r#"{"it's":2}"#, &[r"value at $['it\'s']: 1 -> 2"]);
    check("9007199254740993", "9007199254740992", &["value at $: 9007199254740993 -> 9007199254740992"]);
    check("[NaN]", "[NaN]", &[]);
    check("[NaN]", "[null]", &[r#"type at $[0]: "NaN" -> null"#]);
}

#[test]
fn equal_names_are_compared_in_turn() {
    check(r#"{"a":1,"a":2}"#, r#"{"a":1,"a":2}"#, &[]);
    check(r#"{"a":1,"a":2}"#, r#"{"a":2,"a":1}"#, &["value at $.a: 1 -> 2", "value at $.a: 2 -> 1"]);
    check(r#"{"a":1,"a":2}"#, r#"{"a":1}"#, &["missing at $.a: 2 -> nothing"]);
}

#[test]
fn arrays() {
    check("[1,2,3]", "[1,2,3]", &[]);
    check("[1,2,3]", "[0,1,2,3]", &["length at $: 3 -> 4", "extra at $[0]: nothing -> 0"]);
    check("[1,2,3]", "[1,3]", &["length at $: 3 -> 2", "missing at $[1]: 2 -> nothing"]);
    check("[1,2,3]", "[1,9,3]", &["value at $[1]: 2 -> 9"]);
    check("[1,2,3]", "[3,1,2]", &["order at $: [1,2,3] -> [3,1,2]"]);
    check(
        r#"[{"a":1,"b":2},3]"#,
        r#"[3,{"b":2,"a":1}]"#,
        &[r#"order at $: [{"a":1,"b":2},3] -> [3,{"b":2,"a":1}]"#],
    );
}

#[test]
fn rules_leave_out_reorder_and_allow() {
    let rules = |ignore: &[&str], unordered: &[&str], tolerance: &[(&str, f64)]| {
        let owned = |paths: &[&str]| paths.iter().map(|path| (*path).to_owned()).collect::<Vec<_>>();
        let tolerance: Vec<_> = tolerance.iter().map(|(path, by)| ((*path).to_owned(), *by)).collect();
        Rules::new(&owned(ignore), &owned(unordered), &tolerance).unwrap()
    };
    let found = |l, r, rules: &Rules| differences(l, r, rules);
    let ignore = rules(&["$..updatedAt"], &[], &[]);
    assert!(found(r#"{"x":[{"updatedAt":1}]}"#, r#"{"x":[{"updatedAt":2}]}"#, &ignore).is_empty());
    assert!(found(r#"{"x":[{"updatedAt":1}]}"#, r#"{"x":[{}]}"#, &ignore).is_empty());
    assert!(found(r#"{"x":[{}]}"#, r#"{"x":[{"updatedAt":2}]}"#, &ignore).is_empty());

    let unordered = rules(&["$..at"], &["$.items", "$.items[*].tags"], &[]);
    let left = r#"{"items":[{"id":1,"at":5,"tags":["a","b"]},{"id":2,"tags":[]}]}"#;
    let right = r#"{"items":[{"id":2,"tags":[]},{"id":1,"at":6,"tags":["b","a"]}]}"#;
    assert!(found(left, right, &unordered).is_empty());
    let right = r#"{"items":[{"id":2,"tags":[]},{"id":1,"tags":["b","c"]}]}"#;
    assert_eq!(found(left, right, &unordered), [r#"value at $.items[0].tags[0]: "a" -> "c""#]);

    let tolerance = rules(&[], &["$"], &[("$[*].price", 0.01)]);
    assert!(
        found(r#"[{"price":1.00},{"price":2}]"#, r#"[{"price":2.005},{"price":1.01}]"#, &tolerance)
            .is_empty()
    );
    assert_eq!(
        found(r#"[{"price":1.00}]"#, r#"[{"price":1.02}]"#, &tolerance),
        ["value at $[0].price: 1.00 -> 1.02"]
    );
}

#[test]
fn deep_nesting_is_compared_in_bounded_time() {
    let nested = |inner: &str| format!("{}{inner}{}", "[".repeat(120), "]".repeat(120));
    let rules = Rules::new(&[], &["$..*".to_owned(), "$".to_owned()], &[("$..*".to_owned(), 0.5)]).unwrap();
    for rules in [&Rules::default(), &rules] {
        let found = differences(&nested("1"), &nested("2"), rules);
        assert_eq!(found, [format!("value at ${}: 1 -> 2", "[0]".repeat(120))]);
        assert!(differences(&nested("1"), &nested("1.0"), rules).is_empty());
    }
}

#[test]
fn only_the_first_are_kept_and_all_are_counted() {
    let many = |value: u32| format!("[{}]", vec![value.to_string(); 20_000].join(","));
    let (left, right) = (many(1), many(2));
    let found = diff(&parse(left.as_bytes()).unwrap(), &parse(right.as_bytes()).unwrap(), 3, 256);
    assert_eq!((found.first.len(), found.total), (3, 20_000));
    assert_eq!(found.first.first().unwrap().path, "$[*]");
}

#[test]
fn no_field_hides_behind_the_differences_before_it() {
    let document = |noise: usize, total: u32| {
        format!(r#"{{"n":[{}],"total":{total}}}"#, vec![noise.to_string(); 20_000].join(","))
    };
    let (left, right) = (document(1, 1), document(2, 2));
    let found = diff(&parse(left.as_bytes()).unwrap(), &parse(right.as_bytes()).unwrap(), 3, 256);
    let fields: Vec<_> = found.fields().map(|field| field.path.to_owned()).collect();
    assert_eq!(fields, ["$.n[*]", "$.total"]);
}

#[test]
fn what_only_a_tolerance_might_make_the_same_is_no_other_order() {
    let rules = Rules::new(&[], &[], &[("$[*].price".to_owned(), 0.01)]).unwrap();
    let item = |id: u32, price: f64| format!(r#"{{"id":{id},"price":{price}}}"#);
    let list = |items: &[String]| format!("[{}]", items.join(","));
    let before = list(&[item(1, 10.0), item(2, 20.0), item(3, 30.0)]);
    let shuffled = list(&[item(3, 30.001), item(1, 10.0), item(2, 20.0)]);
    let dearer = list(&[item(3, 30.0), item(1, 999.0), item(2, 20.0)]);
    assert!(differences(&before, &shuffled, &rules).first().unwrap().starts_with("order at $:"));
    assert!(differences(&before, &dearer, &rules).iter().any(|found| found.contains("999")));
}

/// Arrays that ask twice at every level whether their elements are the same would never come to an end here.
#[test]
fn what_nests_to_the_bound_is_compared_in_time() {
    let deep = |inner: &str| format!("{}{inner}{}", "[".repeat(128), "]".repeat(128));
    let everywhere = || vec!["$..*".to_owned()];
    let tolerance = [("$..*".to_owned(), 0.5)];
    for rules in [Rules::default(), Rules::new(&[], &everywhere(), &tolerance).unwrap()] {
        assert_eq!(differences(&deep("1"), &deep("2"), &rules).len(), 1);
        assert!(differences(&deep("1"), &deep("1.0"), &rules).is_empty());
    }
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i32>().prop_map(Into::into),
        "[a-c]{0,2}".prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Into::into),
            prop::collection::btree_map("[a-c]", inner, 0..4).prop_map(|m| m.into_iter().collect()),
        ]
    })
}

proptest! {
    #[test]
    fn finds_a_difference_exactly_when_there_is_one(left in json(), right in json()) {
        let same = differences(&left.to_string(), &right.to_string(), &Rules::default()).is_empty();
        prop_assert_eq!(same, left == right);
        prop_assert!(differences(&left.to_string(), &left.to_string(), &Rules::default()).is_empty());
    }

    #[test]
    fn a_shuffle_is_no_difference_where_order_does_not_matter(elements in prop::collection::vec(json(), 0..8), seed: u64) {
        let rules = Rules::new(&[], &["$".to_owned()], &[]).unwrap();
        let mut shuffled = elements.clone();
        fastrand::Rng::with_seed(seed).shuffle(&mut shuffled);
        let (left, right) = (serde_json::Value::from(elements), serde_json::Value::from(shuffled));
        prop_assert!(differences(&left.to_string(), &right.to_string(), &rules).is_empty());
    }
}
