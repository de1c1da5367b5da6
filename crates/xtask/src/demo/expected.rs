//! What is known of the two releases of json-server, found by asking both by hand: against this the report and the
//! verdict are held.

use std::collections::BTreeSet;

use serde_json::Value;

/// Every field in which 1.0 answers otherwise than 0.17 what the clients ask: endpoint, field, kind of difference.
/// 1.0 has ids as strings, says why a record is missing, and no longer knows `_limit`, `_order` and `title_like`; with
/// `_page`, it puts the list into an envelope and the total there too.
const FIELDS: [(&str, &str, &str); 9] = [
    ("GET /products/{id}", "$.id", "type"),
    ("GET /products/{id}", "$.error", "extra"),
    ("GET /products", "$", "type"),
    ("GET /products", "$", "length"),
    ("GET /products", "$[*]", "missing"),
    ("GET /products", "$[*].id", "type"),
    ("GET /products", "header:link", "missing"),
    ("GET /products", "header:x-total-count", "missing"),
    ("GET /reviews", "$[*].id", "type"),
];

/// Every endpoint that 1.0 answers with another status: it has no lists inside of records, and refuses
/// HEAD.
const STATUSES: [(&str, u64, u64); 2] =
    [("GET /products/{id}/reviews", 200, 404), ("HEAD /products/{id}", 200, 400)];

/// What both answer alike.
const UNCHANGED: &str = "GET /shop";

/// What is wrong with the report and the verdict on 1.0, in words; empty when they name what changed and nothing else.
pub(crate) fn of_the_successor(report: &Value, verdict: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    let fields = BTreeSet::from(FIELDS.map(|(endpoint, path, kind)| format!("{endpoint} {path} ({kind})")));
    differ(&mut wrong, "fields", &fields, &named_fields(report));
    let statuses = STATUSES.map(|(endpoint, primary, shadow)| format!("{endpoint} {primary} {shadow}"));
    differ(&mut wrong, "statuses", &BTreeSet::from(statuses), &named_statuses(report));

    let unchanged = list(report, "endpoints").iter().find(|one| text(one, "endpoint") == UNCHANGED);
    if unchanged.is_none_or(|one| one.get("pairs").and_then(Value::as_u64).unwrap_or_default() == 0) {
        wrong.push(format!("{UNCHANGED} was not compared"));
    }
    let known: BTreeSet<_> =
        fields.into_iter().chain(STATUSES.map(|(endpoint, ..)| endpoint.to_owned())).collect();
    for gate in ["max_status_mismatch", "max_body_mismatch"] {
        let carriers = failed(verdict, gate).flat_map(|reason| list(reason, "carriers"));
        let named: BTreeSet<_> = carriers.map(carrier).collect();
        if named.is_empty() {
            wrong.push(format!("{gate} did not fail by anything"));
        }
        wrong.extend(
            named.difference(&known).map(|name| format!("{gate} fails by {name}, which did not change")),
        );
    }
    wrong
}

/// What is wrong with the report on another instance of what production runs, in words.
pub(crate) fn of_a_twin(report: &Value, _verdict: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    differ(&mut wrong, "fields", &BTreeSet::new(), &named_fields(report));
    differ(&mut wrong, "statuses", &BTreeSet::new(), &named_statuses(report));
    let unequal = report.pointer("/answers/unequal").and_then(Value::as_u64);
    if unequal != Some(0) {
        wrong.push(format!("{unequal:?} answers of the same program on the same data are not equal"));
    }
    wrong
}

fn differ(wrong: &mut Vec<String>, what: &str, known: &BTreeSet<String>, named: &BTreeSet<String>) {
    wrong.extend(known.difference(named).map(|name| format!("{what}: {name} is not named")));
    wrong.extend(named.difference(known).map(|name| format!("{what}: {name} is named, and did not change")));
}

/// `GET /products $ (length)`, for all fields that an example shows.
fn named_fields(report: &Value) -> BTreeSet<String> {
    let endpoints = list(report, "endpoints").iter();
    let fields = endpoints.flat_map(|one| list(one, "fields").iter().map(move |field| (one, field)));
    fields
        .filter(|(_, field)| !list(field, "examples").is_empty())
        .map(|(one, field)| {
            format!("{} {} ({})", text(one, "endpoint"), text(field, "path"), text(field, "kind"))
        })
        .collect()
}

/// `GET /shop 200 404`, where the shadow's status is another than the primary's, or the control's is.
fn named_statuses(report: &Value) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    for one in list(report, "endpoints") {
        for statuses in list(one, "statuses") {
            let of = |party: &str| statuses.get(party).and_then(Value::as_u64);
            let Some(primary) = of("primary") else { continue };
            // One that did not answer has no status.
            for (party, whose) in [("shadow", ""), ("control", " of the control")] {
                if let Some(status) = of(party).filter(|status| *status != primary) {
                    named.insert(format!("{} {primary} {status}{whose}", text(one, "endpoint")));
                }
            }
        }
    }
    named
}

fn failed<'a>(verdict: &'a Value, gate: &'a str) -> impl Iterator<Item = &'a Value> {
    let reasons = list(verdict, "reasons").iter();
    reasons.filter(move |reason| text(reason, "gate") == gate && text(reason, "state") == "fail")
}

fn carrier(carrier: &Value) -> String {
    let endpoint = text(carrier, "endpoint");
    match (text(carrier, "field"), text(carrier, "kind")) {
        ("", _) => endpoint.to_owned(),
        (field, kind) => format!("{endpoint} {field} ({kind})"),
    }
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn report() -> Value {
        let mut endpoints = vec![json!({"endpoint": UNCHANGED, "pairs": 7, "fields": [], "statuses": []})];
        for (endpoint, path, kind) in FIELDS {
            let field = json!({"path": path, "kind": kind, "examples": [{"pair": "a"}]});
            endpoints.push(json!({"endpoint": endpoint, "pairs": 7, "fields": [field], "statuses": []}));
        }
        for (endpoint, primary, shadow) in STATUSES {
            let statuses = json!({"primary": primary, "shadow": shadow, "control": primary, "count": 7});
            endpoints.push(json!({"endpoint": endpoint, "pairs": 7, "fields": [], "statuses": [statuses]}));
        }
        json!({"endpoints": endpoints, "answers": {"unequal": 70}})
    }

    fn verdict(status_carrier: &str) -> Value {
        let field = json!({"endpoint": "GET /products/{id}", "field": "$.id", "kind": "type"});
        json!({"reasons": [
            {"gate": "max_body_mismatch", "state": "fail", "carriers": [field]},
            {"gate": "max_status_mismatch", "state": "fail", "carriers": [{"endpoint": status_carrier}]},
            {"gate": "min_pairs", "state": "pass", "carriers": []},
        ]})
    }

    #[test]
    fn what_changed_and_nothing_else_is_right() {
        let found = of_the_successor(&report(), &verdict("HEAD /products/{id}"));
        assert_eq!(found, Vec::<String>::new());
    }

    #[test]
    fn whatever_is_named_wrongly_or_not_at_all_is_told() {
        let mut other = report();
        other["endpoints"][0]["fields"] = json!([{"path": "$.name", "kind": "value", "examples": [{}]}]);
        other["endpoints"][1]["fields"] = json!([]);
        other["endpoints"][10]["statuses"][0]["shadow"] = json!(500);
        let found = of_the_successor(&other, &verdict("GET /shop"));
        assert_eq!(
            found,
            [
                "fields: GET /products/{id} $.id (type) is not named",
                "fields: GET /shop $.name (value) is named, and did not change",
                "statuses: GET /products/{id}/reviews 200 404 is not named",
                "statuses: GET /products/{id}/reviews 200 500 is named, and did not change",
                "max_status_mismatch fails by GET /shop, which did not change",
            ]
        );
        let empty = json!({});
        assert_eq!(of_the_successor(&empty, &empty).len(), FIELDS.len() + STATUSES.len() + 3);
    }

    #[test]
    fn a_twin_differs_in_nothing() {
        assert_eq!(of_a_twin(&json!({"answers": {"unequal": 0}}), &json!({})), Vec::<String>::new());
        assert_eq!(of_a_twin(&report(), &json!({})).len(), FIELDS.len() + STATUSES.len() + 1);
    }
}
