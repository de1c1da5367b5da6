//! What the API says about evidence is what its description says that it says: every answer fits its schema, and every
//! field that is described is served.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use umbra_compare::difference::Kind;
use umbra_compare::outcome::Outcome;
use umbra_control_plane::api::schema::pairs::PairPageDocument;
use umbra_control_plane::api::schema::report::ReportDocument;
use umbra_control_plane::api::schema::verdict::VerdictDocument;
use umbra_control_plane::api::schema::words::{KindWord, OutcomeWord};
use umbra_wire::telemetry::answer::SampledAnswer;

use super::{IN_FULL, Worker, answer, differs, report};
use crate::openapi::properties;
use crate::support::{CHECKOUT, TestServer, folder};

/// Answers, and the description that they are held to.
struct Described {
    description: Value,
    served: String,
}

impl Described {
    async fn by(server: &TestServer) -> Described {
        Described { description: server.api.get("/api/v1/openapi.json").await, served: String::new() }
    }

    /// Holds the three answers to their schemas.
    async fn check(&mut self, server: &TestServer) -> [Value; 3] {
        let get = async |route: &str| server.api.get(&format!("/api/v1/shadows/checkout-v2/{route}")).await;
        let answers = [get("report?since=1h").await, get("verdict").await, get("pairs?limit=100").await];
        let [report, verdict, pairs] = &answers;
        self.fits::<ReportDocument>("Report", report);
        self.fits::<VerdictDocument>("Verdict", verdict);
        self.fits::<PairPageDocument>("PairPage", pairs);
        answers
    }

    fn fits<Document: DeserializeOwned + Serialize>(&mut self, name: &str, answer: &Value) {
        let schema = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$ref": format!("#/components/schemas/{name}"),
            "components": self.description["components"],
        });
        let validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
        let wrong: Vec<String> = validator
            .iter_errors(answer)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(wrong.is_empty(), "{name}: {wrong:#?}");
        let document: Document = serde_json::from_value(answer.clone()).unwrap();
        assert_eq!(&serde_json::to_value(document).unwrap(), answer, "{name}");
        self.served += &answer.to_string();
    }
}

#[tokio::test]
async fn answers_about_evidence_are_as_described() {
    let folder = folder();
    let server = TestServer::start(folder.path()).await;
    server.api.apply(&format!("{CHECKOUT}{IN_FULL}")).await;
    let mut described = Described::by(&server).await;

    let [report_of_nothing, ..] = described.check(&server).await;
    assert_eq!(report_of_nothing["latency_ms"]["primary"]["p99"], Value::Null);
    assert_eq!(report_of_nothing["error_rates"]["primary"], Value::Null);

    let mut worker = Worker::at(server.xds);
    for sequence in 1..=20 {
        let mut sent = report(1, sequence, 400);
        for number in 0..20 {
            let candidate = r#"{"price":"1","long":9007199254740993}"#;
            differs(&mut sent, u128::from(sequence) * 100 + number, r#"{"price":1}"#, candidate);
        }
        sent.pairs[0].primary.body = vec![0xff];
        sent.pairs[1].candidate.grpc_status = Some(13);
        worker.send(&sent).await.unwrap();
    }
    let [_, verdict, _] = described.check(&server).await;
    assert_eq!(verdict["verdict"], "no-go");
    assert!(verdict["reasons"][0]["carriers"][0]["field"].is_string());

    let with_control =
        "  control: {cluster: checkout-v1}\n  compare: {body: full, redact: {fields: [\"$.price\"]}}\n";
    server.api.apply(&format!("{CHECKOUT}{with_control}")).await;
    let mut sent = report(1, 21, 30);
    sent.policy_revision = 2;
    let shadow = sent.shadows.get_mut("checkout-v2").unwrap();
    shadow.control.add(Outcome::Answered, 29);
    shadow.control.add(Outcome::Reset, 1);
    differs(&mut sent, 9_001, r#"{"price":1,"at":1}"#, r#"{"price":"1","at":2}"#);
    differs(&mut sent, 9_002, "price=1", "price=2");
    differs(&mut sent, 9_003, "{}", "{}");
    sent.pairs[0].control = Some(answer(r#"{"price":1,"at":3}"#));
    sent.pairs[2].candidate = SampledAnswer { outcome: Outcome::Timeout, ..SampledAnswer::default() };
    worker.send(&sent).await.unwrap();
    let [report, _, pairs] = described.check(&server).await;
    assert_eq!(report["outcomes"]["control"][1], json!({"outcome": "reset", "count": 1}));
    let of = |path: &str| {
        let items = pairs["items"].as_array().unwrap();
        items.iter().find(|pair| pair["path"] == path).unwrap_or_else(|| panic!("{path}: {pairs:#}"))
    };
    assert!(of("/cart/9001")["noise"][0]["path"].is_string() && of("/cart/9001")["control"].is_object());
    assert_eq!(of("/cart/9001")["differences"][0]["primary"], Value::Null, "redacted");
    assert!(of("/cart/9002")["primary"]["body"]["left_out"].is_string());
    assert_eq!(of("/cart/9003")["shadow"].get("status"), None);

    server.api.apply(CHECKOUT).await;
    let mut sent = super::report(1, 22, 30);
    sent.policy_revision = 3;
    differs(&mut sent, 9_004, "a", "b");
    worker.send(&sent).await.unwrap();
    let [.., pairs] = described.check(&server).await;
    assert!(pairs["items"][0]["primary"]["body"]["digest"].is_string(), "{pairs:#}");

    let mut fields = Vec::new();
    for root in ["Report", "Verdict", "PairPage"] {
        properties(&described.description["components"]["schemas"], root, &mut fields);
    }
    assert!(fields.len() > 100, "{fields:?}");
    for field in fields {
        assert!(
            described.served.contains(&format!("\"{field}\":")),
            "{field} is described and was never served"
        );
    }
}

#[test]
fn every_word_is_described() {
    for outcome in Outcome::ALL {
        serde_json::from_value::<OutcomeWord>(outcome.name().into()).unwrap();
    }
    for kind in Kind::ALL {
        serde_json::from_value::<KindWord>(kind.name().into()).unwrap();
    }
}
