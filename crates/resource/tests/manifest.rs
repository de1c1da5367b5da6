//! Reading resources: what comes back, and what is said of what is wrong.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may stop at the first surprise"
)]

use umbra_resource::{Kind, Problem, Resource, from_json, from_value, from_yaml};

/// Every field that is documented.
const WHOLE: &str = include_str!("data/whole.yaml");

fn json(resources: &[Resource]) -> String {
    serde_json::to_string_pretty(resources).unwrap()
}

fn lines(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("{problem}\n")).collect()
}

fn problems(yaml: &str) -> String {
    lines(&from_yaml(yaml).expect_err("it should have been refused"))
}

#[test]
fn reads_every_documented_field() {
    let resources = from_yaml(WHOLE).map_err(|problems| lines(&problems)).unwrap();
    assert_eq!(resources.iter().map(Resource::kind).collect::<Vec<_>>(), [Kind::Stamp, Kind::Shadow]);
    assert_eq!(resources[1].name(), "checkout-v2");
    insta::assert_snapshot!(json(&resources));
}

#[test]
fn what_is_read_back_is_what_was_written() {
    #[track_caller]
    fn check(yaml: &str) {
        let resources = from_yaml(yaml).map_err(|problems| lines(&problems)).unwrap();
        let text = json(&resources);
        assert_eq!(from_json(&text).unwrap(), resources);
        assert_eq!(from_yaml(&text).unwrap(), resources, "JSON is YAML");
        assert_eq!(json(&from_json(&text).unwrap()), text);
        for resource in &resources {
            let value = serde_json::to_value(resource).unwrap();
            assert_eq!(&from_value(value.clone()).unwrap(), resource);
            assert_eq!(&serde_json::from_value::<Resource>(value).unwrap(), resource);
        }
    }
    check(WHOLE);
    check("{apiVersion: umbra/v1, kind: Stamp, metadata: {name: a}, spec: {match: [{hosts: ['*']}]}}");
    check(
        "{apiVersion: umbra/v1, kind: Shadow, metadata: {name: a}, spec: {stamps: [a], target: {cluster: b}}}",
    );
    check("{apiVersion: umbra/v1, kind: Stamp, metadata: {name: a}, spec: {match: [{}]}}");
    // What is empty is not what was left out.
    check(
        "{apiVersion: umbra/v1, kind: Shadow, metadata: {name: a}, \
         spec: {stamps: [a], target: {cluster: b}, guard: {methods: []}, sample: {}, compare: {}, gates: {}}}",
    );
}

#[test]
fn what_was_left_out_stays_out() {
    let text = r#"{"apiVersion":"umbra/v1","kind":"Shadow","metadata":{"name":"a"},"spec":{"stamps":["a"],"target":{"cluster":"b"}}}"#;
    let resources = from_json(text).unwrap();
    assert_eq!(serde_json::to_string(&resources[0]).unwrap(), text);
}

#[test]
fn the_servers_fields_are_dropped_from_what_operators_send() {
    let text = r#"{"apiVersion":"umbra/v1","kind":"Stamp","metadata":{"name":"a","revision":7,"updated_at":"2026-01-02T03:04:05Z"},"spec":{"match":[{"hosts":["*"]}]}}"#;
    let sent = from_json(text).unwrap().remove(0);
    assert_eq!((sent.metadata().revision, sent.metadata().updated_at.as_deref()), (None, None));
    let answered: Resource = serde_json::from_str(text).unwrap();
    assert_eq!(answered.metadata().revision, Some(7));
    assert_eq!(serde_json::to_string(&answered).unwrap(), text);
    assert_eq!(answered.without_server_fields(), sent);
}

#[test]
fn lists_every_problem_of_a_stamp() {
    insta::assert_snapshot!(problems(include_str!("data/bad-stamp.yaml")));
}

#[test]
fn lists_every_problem_of_a_shadow() {
    insta::assert_snapshot!(problems(include_str!("data/bad-shadow.yaml")));
}

#[test]
fn lists_what_is_wrong_with_the_envelope() {
    insta::assert_snapshot!(problems(include_str!("data/bad-envelope.yaml")));
}

#[test]
fn says_where_the_text_is_broken() {
    #[track_caller]
    fn check(yaml: &str, expected: &str) {
        let found = problems(yaml);
        assert!(found.contains(expected), "{found}");
    }
    check(
        "a: 1\n---\nkind: Stamp\nkind: Stamp\n",
        "document 2: line 4, column 1: the field `kind` stands here twice\n",
    );
    check("a: [1\n", "document 1: line 1, column 4: unclosed bracket '['\n");
    check("a: .nan\n", "document 1: line 1, column 4: ");
    check("a: &x {b: c}\nd: {<<: *x}\n", "document 1: line 2, column 5: ");
    check("a: *x\n", "document 1: line 1, column 4: ");
    check("\0", "document 1: line 1, column 1: ");
    check(
        &"a: {".repeat(100_000),
        "document 1: line 1, column 128: nests too deeply: give at most 32 levels\n",
    );
    check(&"[".repeat(100_000), "document 1: line 1, column 33: ");
    check(&"---\n".repeat(10_001), "has more than 10000 documents: give fewer at a time\n");
    check(&" ".repeat((4 << 20) + 1), "is 4194305 bytes long: give at most 4194304\n");
}

#[test]
fn refuses_what_aliases_blow_up() {
    let mut bomb = "a: &a [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for (name, before) in ["b", "c", "d", "e", "f", "g", "h"].iter().zip(["a", "b", "c", "d", "e", "f", "g"])
    {
        let aliases = vec![format!("*{before}"); 10].join(", ");
        bomb.push_str(&format!("{name}: &{name} [{aliases}]\n"));
    }
    let found = problems(&bomb);
    assert!(found.contains("holds too much, or too much by aliases"), "{found}");
}

#[test]
fn refuses_broken_json() {
    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(lines(&from_json(text).unwrap_err()), expected);
    }
    check("{\n  \"a\": }", "line 2, column 8: expected value\n");
    check("{\"a\": 1, \"a\": 2}", "line 1, column 12: the field `a` stands here twice\n");
    check(&"[".repeat(1000), "line 1, column 128: recursion limit exceeded\n");
    check("[1]", "[0]: expected a mapping, found the number 1\n");
    check("{\"items\": [1]}", "items[0]: expected a mapping, found the number 1\n");
    check(&" ".repeat((4 << 20) + 1), "is 4194305 bytes long: give at most 4194304\n");
}

#[test]
fn lists_no_more_problems_than_somebody_reads() {
    let many = "---\nkind: Nothing\n".repeat(2000);
    let found = from_yaml(&many).unwrap_err();
    assert_eq!(found.len(), 501);
    assert_eq!(found[500].to_string(), "more than 500 problems: only the first are listed");
    let many = "[".to_owned() + &"1,".repeat(10_000) + "1]";
    assert_eq!(
        lines(&from_json(&many).unwrap_err()),
        "has more than 10000 resources: give fewer at a time\n"
    );
}
