//! What a command would make of a state.

use std::collections::BTreeSet;
use std::sync::Arc;

use umbra_resource::manifest::shadow::ShadowSpec;
use umbra_resource::manifest::status::Moment;
use umbra_resource::{Kind, Percent, Problem, Resource, Shadow};

use crate::model::access::Caller;
use crate::model::audit::{Action, Edit};
use crate::model::command::{Command, Effect, Outcome, Precondition, Rejection, Written};
use crate::model::expiry::{self, Named};
use crate::model::state::{Resources, State};

/// What a command comes to.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What the client is told once the change is kept.
    pub outcome: Outcome,
    /// What is to be kept; `None` if everything is so already, or if it was a dry run.
    pub change: Option<Change>,
}

/// A change that is to be kept, whole.
#[derive(Clone, Debug)]
pub struct Change {
    /// The state after it. **Invariant:** its revision is one more than that of the state it was planned on.
    pub state: State,
    /// The resources it touches; at least one.
    pub edits: Vec<Edit>,
}

/// Plans `command` on `state`. `now` is RFC 3339, UTC.
///
/// # Errors
/// Why the command is refused.
pub fn plan(state: &State, command: &Command, now: &str) -> Result<Plan, Rejection> {
    let mut draft = Draft::on(state, now);
    match command {
        Command::Put { resource, precondition } => {
            draft.check(resource.kind(), resource.name(), precondition)?;
            draft.put(Resource::clone(resource), How::default());
        }
        Command::Delete { kind, name, precondition } => draft.delete(*kind, name, precondition)?,
        Command::Apply { resources, .. } => {
            let twice = named_twice(resources);
            if !twice.is_empty() {
                return Err(Rejection::Invalid(twice));
            }
            for resource in resources {
                draft.put(Resource::clone(resource), How::default());
            }
        }
        Command::Valve { shadow, percent, enabled, until, precondition, by } => {
            let shadow = draft.movable(shadow, by)?;
            draft.check(Kind::Shadow, &shadow.metadata.name, precondition)?;
            let moved = valve(shadow, *percent, *enabled)?;
            let named = Named { percent: percent.is_some(), enabled: enabled.is_some(), until: *until };
            draft.put(moved, How { action: Some(Action::Valve), named });
        }
        Command::Expire { shadow, now } => draft.expire(shadow, *now)?,
    }
    draft.finish(matches!(command, Command::Apply { dry_run: true, .. }))
}

/// The next state, while it is made.
struct Draft<'a> {
    state: &'a State,
    now: &'a str,
    revision: u64,
    resources: Resources,
    edits: Vec<Edit>,
    results: Vec<Written>,
}

/// How a resource is put in place.
#[derive(Default)]
struct How {
    /// What the audit trail calls it, if not by whether it was there before.
    action: Option<Action>,
    /// Which fields the operator moved, and for how long.
    named: Named,
}

impl<'a> Draft<'a> {
    fn on(state: &'a State, now: &'a str) -> Self {
        Draft {
            state,
            now,
            revision: state.revision().saturating_add(1),
            resources: state.resources().clone(),
            edits: Vec::new(),
            results: Vec::new(),
        }
    }

    fn check(&self, kind: Kind, name: &str, precondition: &Precondition) -> Result<(), Rejection> {
        let current = self.state.get(kind, name).and_then(|resource| resource.metadata().revision);
        if precondition.holds(current) {
            Ok(())
        } else {
            Err(Rejection::Stale { kind, name: name.to_owned(), current })
        }
    }

    /// Puts `wanted` in place, as far as that changes anything.
    fn put(&mut self, wanted: Resource, how: How) {
        let mut wanted = wanted.without_server_fields();
        let before = self.state.get(wanted.kind(), wanted.name()).map(AsRef::as_ref);
        let is_same = before.is_some_and(|before| before.clone().without_server_fields() == wanted);
        let (mut note, mut goes_back_as_before) = (None, true);
        if let (Some(Resource::Shadow(before)), Resource::Shadow(wanted)) = (before, &mut wanted) {
            (wanted.status, note) = expiry::carry(before, &wanted.spec, how.named, self.revision);
            goes_back_as_before = before.status == wanted.status;
        }
        if let Some(before) = before.filter(|_| is_same && goes_back_as_before) {
            self.results.push(Written { effect: Effect::Unchanged, resource: before.clone() });
            return;
        }
        self.write(wanted, how.action, note);
    }

    /// Takes back what is due.
    fn expire(&mut self, name: &str, now: Moment) -> Result<(), Rejection> {
        let Some(Resource::Shadow(shadow)) = self.state.get(Kind::Shadow, name).map(AsRef::as_ref) else {
            return Err(Rejection::NotFound { kind: Kind::Shadow, name: name.to_owned() });
        };
        if let Some((spec, status, words)) = expiry::restore(shadow, now) {
            let shadow = Shadow { metadata: shadow.metadata.clone(), spec, status };
            self.write(shadow.into(), Some(Action::Expire), Some(words));
        }
        Ok(())
    }

    /// Puts `after` in place; the audit trail calls it `action`, or says whether it was there before.
    fn write(&mut self, mut after: Resource, action: Option<Action>, note: Option<String>) {
        let before = self.state.get(after.kind(), after.name()).map(|before| Resource::clone(before));
        let effect = if before.is_some() { Effect::Updated } else { Effect::Created };
        let metadata = after.metadata_mut();
        metadata.revision = Some(self.revision);
        metadata.updated_at = Some(self.now.to_owned());
        let made = if before.is_some() { Action::Update } else { Action::Create };
        self.resources.insert((after.kind(), after.name().to_owned()), Arc::new(after.clone()));
        self.results.push(Written { effect, resource: after.clone() });
        self.edits.push(Edit {
            action: action.unwrap_or(made),
            kind: after.kind(),
            name: after.name().to_owned(),
            before,
            after: Some(after),
            note,
        });
    }

    fn delete(&mut self, kind: Kind, name: &str, precondition: &Precondition) -> Result<(), Rejection> {
        let Some(before) = self.resources.get(&(kind, name.to_owned())).map(|before| Resource::clone(before))
        else {
            return Err(Rejection::NotFound { kind, name: name.to_owned() });
        };
        self.check(kind, name, precondition)?;
        if kind == Kind::Stamp {
            let by: Vec<String> = self
                .state
                .shadows()
                .filter(|shadow| shadow.spec.stamps.iter().any(|stamp| stamp == name))
                .map(|shadow| shadow.metadata.name.clone())
                .collect();
            if !by.is_empty() {
                return Err(Rejection::InUse { name: name.to_owned(), by });
            }
        }
        self.resources.remove(&(kind, name.to_owned()));
        self.results.push(Written { effect: Effect::Deleted, resource: before.clone() });
        self.edits.push(Edit {
            action: Action::Delete,
            kind,
            name: name.to_owned(),
            before: Some(before),
            after: None,
            note: None,
        });
        Ok(())
    }

    /// The shadow, if it may be moved by this caller as it is now.
    fn movable(&self, name: &str, by: &Caller) -> Result<&'a Shadow, Rejection> {
        let Some(Resource::Shadow(shadow)) = self.state.get(Kind::Shadow, name).map(AsRef::as_ref) else {
            return Err(Rejection::NotFound { kind: Kind::Shadow, name: name.to_owned() });
        };
        if by.may_move(&shadow.metadata) {
            return Ok(shadow);
        }
        let Caller { name: caller, scope, .. } = by;
        let (caller, scope) = (caller.clone(), scope.clone());
        Err(Rejection::OutOfScope { name: caller, scope, shadow: name.to_owned() })
    }

    fn finish(self, dry_run: bool) -> Result<Plan, Rejection> {
        if self.edits.is_empty() {
            let outcome = Outcome { revision: self.state.revision(), results: self.results };
            return Ok(Plan { outcome, change: None });
        }
        let state = State::of(self.revision, self.resources).map_err(Rejection::Invalid)?;
        if dry_run {
            let outcome = Outcome { revision: self.state.revision(), results: self.results };
            return Ok(Plan { outcome, change: None });
        }
        let outcome = Outcome { revision: self.revision, results: self.results };
        Ok(Plan { outcome, change: Some(Change { state, edits: self.edits }) })
    }
}

fn valve(shadow: &Shadow, percent: Option<f64>, enabled: Option<bool>) -> Result<Resource, Rejection> {
    let mut spec = shadow.spec.clone();
    if let Some(percent) = percent {
        let percent = Percent::new(percent).map_err(|message| {
            let resource = Some(format!("Shadow/{}", shadow.metadata.name));
            Rejection::Invalid(vec![Problem { resource, field: "percent".to_owned(), message }])
        })?;
        move_valve(&mut spec, percent);
    }
    if let Some(enabled) = enabled
        && spec.is_enabled() != enabled
    {
        spec.enabled = Some(enabled);
    }
    Ok(Shadow { metadata: shadow.metadata.clone(), spec, status: shadow.status.clone() }.into())
}

/// Leaves a valve alone that stands there already, so that writing down a default is not a change.
fn move_valve(spec: &mut ShadowSpec, percent: Percent) {
    if spec.share() != percent {
        spec.percent = Some(percent);
    }
}

/// Of two documents for one resource the second would win in silence.
fn named_twice(resources: &[Resource]) -> Vec<Problem> {
    let mut seen = BTreeSet::new();
    let mut problems = Vec::new();
    for resource in resources {
        if !seen.insert((resource.kind(), resource.name())) {
            problems.push(Problem {
                resource: Some(format!("{}/{}", resource.kind(), resource.name())),
                field: "metadata.name".to_owned(),
                message: "appears twice: give each resource once".to_owned(),
            });
        }
    }
    problems
}
