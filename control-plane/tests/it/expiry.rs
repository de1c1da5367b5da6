//! Changes for a limited time: what goes back, when, and what keeps it from doing so.

use proptest::prelude::*;
use reqwest::Method;
use serde_json::{Value, json};
use umbra_control_plane::model::access::Caller;
use umbra_control_plane::model::command::{Command, Precondition};
use umbra_control_plane::model::expiry::next;
use umbra_control_plane::model::plan::plan;
use umbra_control_plane::model::state::State;
use umbra_resource::manifest::status::Moment;
use umbra_resource::{Kind, Resource, from_value};

use crate::process::Umbra;
use crate::support::{Api, CHECKOUT, TestServer, folder, until};

const VALVE: &str = "/api/v1/shadows/checkout-v2/valve";

/// One shadow, `x`, at 5 % and on, and what is done to it.
struct Mesh {
    state: State,
    note: Option<String>,
}

impl Mesh {
    fn new() -> Mesh {
        let resource = |value| from_value(value).unwrap();
        let stamp = resource(json!({
            "apiVersion": "umbra/v1", "kind": "Stamp", "metadata": {"name": "s"}, "spec": {"match": [{"methods": ["GET"]}]},
        }));
        Mesh { state: State::new(1, vec![stamp, Mesh::shadow(5.0)]).unwrap(), note: None }
    }

    fn shadow(percent: f64) -> Resource {
        from_value(json!({
            "apiVersion": "umbra/v1", "kind": "Shadow", "metadata": {"name": "x"},
            "spec": {"stamps": ["s"], "target": {"cluster": "c"}, "percent": percent},
        }))
        .unwrap()
    }

    fn execute(&mut self, command: &Command) {
        let Some(change) = plan(&self.state, command, "now").unwrap().change else { return };
        self.note = change.edits[0].note.clone();
        self.state = change.state;
    }

    fn valve(
        &mut self,
        percent: impl Into<Option<f64>>,
        enabled: impl Into<Option<bool>>,
        until: impl Into<Option<u64>>,
    ) {
        self.execute(&Command::Valve {
            shadow: "x".to_owned(),
            percent: percent.into(),
            enabled: enabled.into(),
            until: until.into().map(Moment::from_ms),
            precondition: Precondition::None,
            by: Box::new(Caller::dev()),
        });
    }

    fn expire(&mut self, now: u64) {
        self.execute(&Command::Expire { shadow: "x".to_owned(), now: Moment::from_ms(now) });
    }

    /// Valve and switch, and when something goes back next.
    fn now(&self) -> (f64, bool, Option<u64>) {
        let Some(Resource::Shadow(shadow)) = self.state.get(Kind::Shadow, "x").map(AsRef::as_ref) else {
            panic!()
        };
        (shadow.spec.share().value(), shadow.spec.is_enabled(), next(&self.state).map(|(at, _)| at.ms()))
    }
}

#[test]
fn a_change_for_a_time_goes_back() {
    let mut mesh = Mesh::new();
    mesh.valve(50.0, None, 100);
    assert_eq!(mesh.now(), (50.0, true, Some(100)));
    mesh.expire(99);
    assert_eq!(mesh.now(), (50.0, true, Some(100)), "it is not time yet");
    mesh.expire(100);
    assert_eq!(mesh.now(), (5.0, true, None));
    let words =
        "the valve was at 50 % until 1970-01-01T00:00:00.100Z, by the change of revision 2: back to 5 %";
    assert_eq!(mesh.note.as_deref(), Some(words));
}

#[test]
fn valve_and_switch_have_times_of_their_own() {
    let mut mesh = Mesh::new();
    mesh.valve(50.0, None, 200);
    mesh.valve(None, false, 100);
    assert_eq!(mesh.now(), (50.0, false, Some(100)));
    mesh.expire(150);
    assert_eq!(mesh.now(), (50.0, true, Some(200)));
    mesh.expire(200);
    assert_eq!(mesh.now(), (5.0, true, None));
    mesh.valve(80.0, false, 300);
    mesh.expire(300);
    assert_eq!(mesh.now(), (5.0, true, None), "both at once");
}

#[test]
fn a_longer_time_still_goes_back_to_what_was_there_for_good() {
    let mut mesh = Mesh::new();
    mesh.valve(50.0, None, 100);
    mesh.valve(80.0, None, 200);
    mesh.expire(100);
    assert_eq!(mesh.now(), (80.0, true, Some(200)));
    mesh.expire(200);
    assert_eq!(mesh.now(), (5.0, true, None));
    // The same value for longer is a change too.
    mesh.valve(50.0, None, 300);
    mesh.valve(50.0, None, 400);
    assert_eq!(mesh.now(), (50.0, true, Some(400)));
}

#[test]
fn a_change_of_the_same_field_stands_for_good() {
    type Case = (&'static str, fn(&mut Mesh), (f64, bool, Option<u64>));
    let changes: [Case; 5] = [
        ("another value", |mesh| mesh.valve(60.0, None, None), (60.0, true, None)),
        ("the same value", |mesh| mesh.valve(50.0, None, None), (50.0, true, None)),
        (
            "by a manifest",
            |mesh| mesh.execute(&Command::Apply { resources: vec![Mesh::shadow(7.0)], dry_run: false }),
            (7.0, true, None),
        ),
        (
            "a manifest that leaves it alone",
            |mesh| mesh.execute(&Command::Apply { resources: vec![Mesh::shadow(50.0)], dry_run: false }),
            (50.0, true, Some(100)),
        ),
        ("the other field", |mesh| mesh.valve(None, false, None), (50.0, false, Some(100))),
    ];
    for (what, change, expected) in changes {
        let mut mesh = Mesh::new();
        mesh.valve(50.0, None, 100);
        change(&mut mesh);
        assert_eq!(mesh.now(), expected, "{what}");
        let words = "the valve does not go back to 5 % at 1970-01-01T00:00:00.100Z any more";
        assert_eq!(mesh.note.as_deref() == Some(words), expected.2.is_none(), "{what}: {:?}", mesh.note);
    }
}

proptest! {
    /// Whatever is done, in the end the valve and the switch are where they were last put for good.
    #[test]
    fn in_the_end_all_is_as_it_was_last_put_for_good(
        steps in prop::collection::vec(
            (prop::option::of(0..4_u8), prop::option::of(any::<bool>()), prop::option::of(1..20_u64), 0..20_u64), 1..30,
        ),
    ) {
        let mut mesh = Mesh::new();
        let (mut percent, mut enabled) = (5.0, true);
        for (to, on, until, now) in steps {
            let to = to.map(f64::from);
            mesh.valve(to, on, until);
            if until.is_none() {
                percent = to.unwrap_or(percent);
                enabled = on.unwrap_or(enabled);
            }
            mesh.expire(now);
        }
        mesh.expire(u64::MAX);
        prop_assert_eq!(mesh.now(), (percent, enabled, None));
    }
}

async fn patch(api: &Api, body: &Value) -> (u16, Value) {
    let answer = api.send(Method::PATCH, VALVE, "application/json", &body.to_string()).await;
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[tokio::test]
async fn a_valve_goes_back_by_itself_and_the_audit_trail_says_so() {
    let folder = folder();
    let server = TestServer::start(folder.path()).await;
    server.api.apply(CHECKOUT).await;
    let (status, shadow) =
        patch(&server.api, &json!({"percent": 50, "for": "300ms", "reason": "peak"})).await;
    assert_eq!((status, &shadow["spec"]["percent"]), (200, &json!(50)));
    let expiry = &shadow["status"]["expiry"];
    assert_eq!(
        (&expiry["percent"], &expiry["enabled"], &expiry["revision"]),
        (&json!(5), &Value::Null, &json!(2))
    );
    let back = until(|| async {
        let shadow = server.api.get("/api/v1/shadows/checkout-v2").await;
        (shadow["spec"]["percent"] == 5).then_some(shadow)
    })
    .await;
    assert_eq!((&back["status"], &back["metadata"]["revision"]), (&Value::Null, &json!(3)));
    let rows = server.api.get("/api/v1/audit?limit=2").await;
    let row = &rows["items"][0];
    assert_eq!((&row["actor"], &row["action"], &row["after"]), (&json!("umbra"), &json!("expire"), &back));
    assert_eq!(row["before"], shadow);
    assert!(row["reason"].as_str().unwrap().contains("by the change of revision 2: back to 5 %"), "{row}");
    assert_eq!(rows["items"][1]["reason"], "peak");
}

#[tokio::test]
async fn what_takes_the_place_of_it_is_said() {
    let folder = folder();
    let server = TestServer::start(folder.path()).await;
    server.api.apply(CHECKOUT).await;
    let refused = patch(&server.api, &json!({"percent": 50, "expires_at": "2100-01-01T00:00:00Z"})).await;
    assert_eq!(refused.0, 422, "more than a year away");
    patch(&server.api, &json!({"percent": 50, "for": "2h"})).await;
    let (_, shadow) = patch(&server.api, &json!({"percent": 60, "reason": "for good"})).await;
    assert_eq!(shadow["status"], Value::Null);
    let row = &server.api.get("/api/v1/audit?limit=1").await["items"][0];
    let reason = row["reason"].as_str().unwrap();
    assert!(reason.starts_with("for good (the valve does not go back to 5 % at "), "{reason}");
    // What is read can be written back as it is.
    patch(&server.api, &json!({"enabled": false, "for": "2h"})).await;
    let shadow = server.api.get("/api/v1/shadows/checkout-v2").await;
    let applied = server.api.apply(&shadow.to_string()).await;
    assert_eq!(applied["results"][0]["action"], "unchanged");
    assert_eq!(server.api.get("/api/v1/shadows/checkout-v2").await, shadow);
}

#[tokio::test]
async fn times_that_make_no_sense_are_refused() {
    let folder = folder();
    let server = TestServer::start(folder.path()).await;
    server.api.apply(CHECKOUT).await;
    for (wrong, field) in [
        (json!({"percent": 1, "for": "0s"}), "for"),
        (json!({"percent": 1, "for": "soon"}), "for"),
        (json!({"percent": 1, "for": "367days"}), "for"),
        (json!({"percent": 1, "for": "1h", "expires_at": "2100-01-01T00:00:00Z"}), "for"),
        (json!({"percent": 1, "expires_at": "2000-01-01T00:00:00Z"}), "expires_at"),
        (json!({"percent": 1, "expires_at": "tomorrow"}), "expires_at"),
    ] {
        let (status, problem) = patch(&server.api, &wrong).await;
        assert_eq!((status, &problem["errors"][0]["field"]), (422, &json!(field)), "{wrong}: {problem}");
    }
    assert_eq!(patch(&server.api, &json!({"for": "1h"})).await.0, 422, "there is nothing to move");
}

/// The time ends while nobody is there to see it: it is made up for before anybody is served.
#[tokio::test]
async fn it_goes_back_at_the_start_if_its_time_ended_before() {
    let folder = folder();
    let umbra = Umbra::start(folder.path());
    umbra.api().apply(CHECKOUT).await;
    let (_, shadow) = patch(&umbra.api(), &json!({"percent": 50, "enabled": false, "for": "1s"})).await;
    umbra.signal("-KILL");
    umbra.ended();
    let at = Moment::parse(shadow["status"]["expiry"]["at"].as_str().unwrap()).unwrap();
    until(|| async { (crate::telemetry::now_ms() > at.ms()).then_some(()) }).await;

    let umbra = Umbra::start(folder.path());
    let api = umbra.api();
    let shadow = api.get("/api/v1/shadows/checkout-v2").await;
    assert_eq!((&shadow["spec"]["percent"], &shadow["spec"]["enabled"]), (&json!(5), &json!(true)));
    let row = &api.get("/api/v1/audit?limit=1").await["items"][0];
    assert_eq!((&row["actor"], &row["action"], &row["after"]), (&json!("umbra"), &json!("expire"), &shadow));
    umbra.signal("-KILL");
    umbra.ended();
}
