//! One Envoy and one of its workers, for a server that has none: `evidence 127.0.0.1:18000` takes the policy and reports
//! some pairs of the shadow `checkout-v2`, one of which differs.

use std::time::{SystemTime, UNIX_EPOCH};

use envoy_types::pb::envoy::config::core::v3::Node;
use envoy_types::pb::envoy::service::discovery::v3::DeltaDiscoveryRequest;
use envoy_types::pb::envoy::service::discovery::v3::aggregated_discovery_service_client::AggregatedDiscoveryServiceClient;
use tokio_stream::StreamExt;
use tonic::transport::Endpoint;
use umbra_compare::evidence::{BodyFacts, Differs, Facts};
use umbra_compare::outcome::Outcome;
use umbra_policy::pair::PairId;
use umbra_wire::proto::telemetry::v1::telemetry_service_client::TelemetryServiceClient;
use umbra_wire::telemetry::answer::{SampledAnswer, SampledPair};
use umbra_wire::telemetry::{EndpointReport, Report, ShadowReport, encode};

const NODE: &str = "sidecar-1";
const SHADOW: &str = "checkout-v2";
const ENDPOINT: &str = "GET /cart/{id}";
const PAIRS: u64 = 50;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let address = std::env::args().nth(1).ok_or_else(|| anyhow::anyhow!("say where: 127.0.0.1:18000"))?;
    let channel = Endpoint::from_shared(format!("http://{address}"))?.connect().await?;
    let hello = DeltaDiscoveryRequest {
        node: Some(Node { id: NODE.to_owned(), cluster: "shop".to_owned(), ..Node::default() }),
        type_url: umbra_wire::TYPE_URL.to_owned(),
        resource_names_subscribe: vec!["primary".to_owned()],
        ..DeltaDiscoveryRequest::default()
    };
    // It would end with its last request.
    let requests = tokio_stream::iter([hello]).chain(tokio_stream::pending());
    let mut stream = AggregatedDiscoveryServiceClient::new(channel.clone())
        .delta_aggregated_resources(requests)
        .await?
        .into_inner();
    anyhow::ensure!(stream.message().await?.is_some(), "the server gave no policy");
    let report = prost::Message::decode(encode(&report()?).as_slice())?;
    TelemetryServiceClient::new(channel).report(tonic::Request::<_>::new(report)).await?;
    Ok(())
}

/// Fifty answered pairs, one of them with another body.
fn report() -> anyhow::Result<Report> {
    let ended_ms = u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?;
    let mut endpoint = EndpointReport::default();
    for pair in 0..PAIRS {
        let body = if pair == 0 {
            BodyFacts::Examined(Differs { candidate: true, control: false })
        } else {
            BodyFacts::Equal
        };
        endpoint.evidence.add(&Facts {
            candidate_error: false,
            primary_error: false,
            status: Some(Differs::default()),
            body: Some(body),
            latency_us: Some((1_000.0, 1_200.0)),
        });
        endpoint.latency_ratio.add(1.2);
    }
    let mut shadow = ShadowReport { mirrored: PAIRS, ..ShadowReport::default() };
    shadow.candidate.add(Outcome::Answered, PAIRS);
    shadow.endpoints.insert(ENDPOINT.to_owned(), endpoint);
    let answer = |body: &str| SampledAnswer {
        status: 200,
        headers_us: 900,
        end_us: 1_000,
        headers: vec![("content-type".to_owned(), b"application/json".to_vec())],
        body: body.as_bytes().to_vec(),
        body_length: body.len() as u64,
        ..SampledAnswer::default()
    };
    let pair = SampledPair {
        pair: PairId::from_bytes([7; 16]),
        shadow: SHADOW.to_owned(),
        endpoint: ENDPOINT.to_owned(),
        method: "GET".to_owned(),
        path: "/cart/17".to_owned(),
        at_ms: ended_ms,
        weight: 1.0,
        primary: answer(r#"{"id": 7, "price": 1}"#),
        candidate: answer(r#"{"id": 7, "price": "1"}"#),
        control: None,
    };
    Ok(Report {
        node_id: NODE.to_owned(),
        instance: 1,
        sequence: 1,
        policy_revision: 1,
        policy_version: "v".to_owned(),
        started_ms: ended_ms.saturating_sub(1_000),
        ended_ms,
        requests: PAIRS,
        stamped: PAIRS,
        shadows: [(SHADOW.to_owned(), shadow)].into(),
        pairs: vec![pair],
        ..Report::default()
    })
}
