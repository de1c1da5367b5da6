//! What commands make of a state: rules that hold whatever the commands are.

use proptest::prelude::*;
use umbra_control_plane::model::access::scope::Scope;
use umbra_control_plane::model::access::{Caller, Role};
use umbra_control_plane::model::audit::Action;
use umbra_control_plane::model::command::{Command, Precondition, Rejection};
use umbra_control_plane::model::plan::plan;
use umbra_control_plane::model::state::State;
use umbra_resource::manifest::status::Moment;
use umbra_resource::{Kind, Resource, from_value};

fn stamp(name: &str, method: &str) -> Resource {
    from_value(serde_json::json!({
        "apiVersion": "umbra/v1", "kind": "Stamp", "metadata": {"name": name}, "spec": {"match": [{"methods": [method]}]},
    }))
    .unwrap()
}

fn shadow(name: &str, stamp: &str, percent: u8) -> Resource {
    from_value(serde_json::json!({
        "apiVersion": "umbra/v1", "kind": "Shadow", "metadata": {"name": name},
        "spec": {"stamps": [stamp], "target": {"cluster": "c"}, "percent": percent},
    }))
    .unwrap()
}

fn name() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "c"]).prop_map(str::to_owned)
}

fn resource() -> impl Strategy<Value = Resource> {
    let method = prop::sample::select(vec!["GET", "PUT"]);
    prop_oneof![
        (name(), method).prop_map(|(name, method)| stamp(&name, method)),
        (name(), name(), 0..3_u8).prop_map(|(name, stamp, percent)| shadow(&name, &stamp, percent)),
    ]
}

fn precondition() -> impl Strategy<Value = Precondition> {
    prop_oneof![
        4 => Just(Precondition::None),
        1 => Just(Precondition::Absent),
        1 => Just(Precondition::Present),
        1 => prop::collection::vec(0..6_u64, 0..3).prop_map(Precondition::Revision),
    ]
}

fn command() -> impl Strategy<Value = Command> {
    let kind = prop::sample::select(vec![Kind::Stamp, Kind::Shadow]);
    prop_oneof![
        (resource(), precondition())
            .prop_map(|(resource, precondition)| Command::Put { resource: Box::new(resource), precondition }),
        (kind, name(), precondition()).prop_map(|(kind, name, precondition)| Command::Delete {
            kind,
            name,
            precondition
        }),
        (prop::collection::vec(resource(), 0..4), any::<bool>())
            .prop_map(|(resources, dry_run)| Command::Apply { resources, dry_run }),
        (
            name(),
            prop::option::of(-10.0..120.0_f64),
            prop::option::of(any::<bool>()),
            prop::option::of(0..10_u64),
            precondition()
        )
            .prop_map(|(shadow, percent, enabled, until, precondition)| Command::Valve {
                shadow,
                percent: percent.map(f64::round),
                enabled,
                until: until.map(Moment::from_ms),
                precondition,
                by: Box::new(Caller::dev()),
            }),
        (name(), 0..10_u64).prop_map(|(shadow, now)| Command::Expire { shadow, now: Moment::from_ms(now) }),
    ]
}

fn all(state: &State) -> Vec<Resource> {
    [Kind::Stamp, Kind::Shadow]
        .into_iter()
        .flat_map(|kind| state.list(kind).map(|resource| Resource::clone(resource)).collect::<Vec<_>>())
        .collect()
}

proptest! {
    #[test]
    fn every_change_is_one_revision_and_accounts_for_itself(commands in prop::collection::vec(command(), 1..40)) {
        let mut state = State::new(0, Vec::new()).unwrap();
        for command in commands {
            let before = all(&state);
            let Ok(planned) = plan(&state, &command, "now") else { continue };
            prop_assert_eq!(&all(&state), &before, "a plan changes nothing by itself");
            let Some(change) = planned.change else {
                prop_assert_eq!(planned.outcome.revision, state.revision());
                continue;
            };
            let dry = matches!(command, Command::Apply { dry_run: true, .. });
            prop_assert!(!dry);
            prop_assert_eq!(change.state.revision(), state.revision() + 1);
            prop_assert_eq!(planned.outcome.revision, change.state.revision());

            // The edits, done to what was there, are what is there: the audit trail tells the whole story.
            let mut replayed = before.clone();
            for edit in &change.edits {
                prop_assert_ne!(&edit.before, &edit.after);
                let place = replayed.iter().position(|one| one.kind() == edit.kind && one.name() == edit.name);
                prop_assert_eq!(place.map(|place| replayed[place].clone()), edit.before.clone());
                if let Some(place) = place {
                    replayed.remove(place);
                }
                if let Some(after) = &edit.after {
                    prop_assert_eq!(after.metadata().revision, Some(change.state.revision()));
                    replayed.push(after.clone());
                }
                let action = match (&edit.before, &edit.after, &command) {
                    (_, _, Command::Valve { .. }) => Action::Valve,
                    (_, _, Command::Expire { .. }) => Action::Expire,
                    (None, _, _) => Action::Create,
                    (_, None, _) => Action::Delete,
                    (Some(_), Some(_), _) => Action::Update,
                };
                prop_assert_eq!(edit.action, action);
            }
            replayed.sort_by(|a, b| (a.kind(), a.name()).cmp(&(b.kind(), b.name())));
            prop_assert_eq!(replayed, all(&change.state));
            // What is kept can be read back: it is valid as a whole.
            prop_assert!(State::new(change.state.revision(), all(&change.state)).is_ok());

            if let Command::Put { .. } | Command::Apply { .. } = &command {
                let mut again = command.clone();
                if let Command::Put { precondition, .. } = &mut again {
                    *precondition = Precondition::None;
                }
                prop_assert!(plan(&change.state, &again, "later").unwrap().change.is_none(), "twice is once");
            }
            state = change.state;
        }
    }
}

#[test]
fn what_is_moved_is_in_the_movers_scope_as_it_is_then() {
    let scope = Scope::shadows(["mine".to_owned()]).unwrap();
    let by = Caller { name: "token:op".to_owned(), role: Role::Operator, scope, ..Caller::dev() };
    let resources = vec![stamp("a", "GET"), shadow("mine", "a", 1), shadow("other", "a", 1)];
    let state = State::new(3, resources).unwrap();
    let valve = |shadow: &str| {
        let command = Command::Valve {
            shadow: shadow.to_owned(),
            percent: Some(2.0),
            enabled: None,
            until: None,
            precondition: Precondition::None,
            by: Box::new(by.clone()),
        };
        plan(&state, &command, "now").map_err(|rejection| rejection.to_string())
    };
    valve("mine").unwrap();
    let words = "token:op may move the shadows mine, and other is not among them";
    assert_eq!(valve("other").unwrap_err(), words);
    assert_eq!(valve("none").unwrap_err(), "there is no Shadow \"none\"");
}

#[test]
fn a_stamp_in_use_stays_and_its_users_are_named() {
    let resources = vec![stamp("a", "GET"), stamp("b", "GET"), shadow("x", "a", 1), shadow("y", "a", 1)];
    let state = State::new(3, resources).unwrap();
    let delete = |name: &str| {
        let command =
            Command::Delete { kind: Kind::Stamp, name: name.to_owned(), precondition: Precondition::None };
        plan(&state, &command, "now")
    };
    let by = vec!["x".to_owned(), "y".to_owned()];
    assert_eq!(delete("a").unwrap_err(), Rejection::InUse { name: "a".to_owned(), by });
    delete("b").unwrap();
    assert!(matches!(delete("c").unwrap_err(), Rejection::NotFound { .. }));
}
