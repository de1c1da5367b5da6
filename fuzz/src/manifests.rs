//! Manifests as operators write them, in YAML and JSON, and where in them a problem is.

#[path = "../../crates/umbractl/src/manifest/lines.rs"]
mod lines;

use umbra_policy::Policy;
use umbra_resource::{Problem, Resource, ResourceSet, from_json, from_yaml};

use crate::node;

/// More problems than these are not listed, and one says so.
const MOST_PROBLEMS: usize = 501;

/// What is read is written and read again, and is the same; a set of it that holds together is a policy for any node.
pub fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (yaml, json) = (from_yaml(text), from_json(text));
    if let (Ok(yaml), Ok(json)) = (&yaml, &json) {
        assert_eq!(yaml, json, "the two readers agree");
    }
    placed(text, yaml.as_ref().err());
    for read in [yaml, json] {
        match read {
            Ok(resources) => holds(resources),
            Err(problems) => {
                assert!((1..=MOST_PROBLEMS).contains(&problems.len()));
                assert!(problems.iter().all(|problem| problem.to_string().len() < 4_096));
            }
        }
    }
}

fn holds(resources: Vec<Resource>) {
    let text = serde_json::to_string(&resources).expect("a resource is written");
    assert_eq!(from_json(&text).as_ref(), Ok(&resources), "{text}");
    assert_eq!(from_yaml(&text).as_ref(), Ok(&resources), "{text}");
    if let Ok(set) = ResourceSet::new(resources) {
        let spec = set.compile(&node::attributes(), 1, Some([7; 16]));
        assert_eq!(umbra_wire::decode(&umbra_wire::encode(&spec)).as_ref(), Ok(&spec));
        assert!(Policy::build(spec).is_ok(), "{text}");
    }
}

/// Every problem has a line of the text, whether its field is there or not.
fn placed(text: &str, problems: Option<&Vec<Problem>>) {
    // YAML 1.2 ends lines at a carriage return too, and an end may be told as the line behind it.
    let last = text.chars().filter(|letter| matches!(letter, '\n' | '\r')).count() as u64 + 2;
    let documents = lines::of_documents(text);
    for problem in problems.into_iter().flatten() {
        for document in &documents {
            assert!((1..=last).contains(&document.line_of(&problem.field)), "{problem}");
        }
    }
    for (name, lines) in documents.into_iter().flat_map(lines::Lines::into_resources) {
        let line = lines.line_of("spec.match[0]");
        assert!((1..=last).contains(&line), "{name} in line {line} of {last}");
    }
}
