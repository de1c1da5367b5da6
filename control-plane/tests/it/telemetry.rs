//! Telemetry from outside: a client that sends reports as a filter does, and what the API makes of them.

mod abandoned;
mod described;
pub(crate) mod hostile;
mod killed;
mod reports;
mod secrets;
mod windows;

use std::net::SocketAddr;

use tonic::transport::{Channel, Endpoint};
use umbra_compare::evidence::{BodyFacts, Differs, Facts};
use umbra_compare::outcome::Outcome;
use umbra_compare::report::part::Statuses;
use umbra_policy::pair::PairId;
use umbra_wire::proto::telemetry::v1::telemetry_service_client::TelemetryServiceClient;
use umbra_wire::proto::telemetry::v1::{ReportRequest, ReportResponse};
use umbra_wire::telemetry::answer::{SampledAnswer, SampledPair};
use umbra_wire::telemetry::{EndpointReport, Report, ShadowReport, encode};

use crate::support::soon;

/// Behind a shadow of which the answers are compared word for word.
pub(crate) const IN_FULL: &str = "  compare: {body: full}\n";

/// A worker of an Envoy.
pub(crate) struct Worker {
    client: TelemetryServiceClient<Channel>,
}

impl Worker {
    pub(crate) fn at(address: SocketAddr) -> Worker {
        let channel = Endpoint::from_shared(format!("http://{address}")).unwrap().connect_lazy();
        Worker { client: TelemetryServiceClient::new(channel) }
    }

    pub(crate) async fn send_with(&mut self, report: &Report, token: &str) -> Result<u64, tonic::Status> {
        let mut request = tonic::Request::new(message(report));
        request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        let ReportResponse { acknowledged, .. } = soon(self.client.report(request)).await?.into_inner();
        Ok(acknowledged)
    }

    pub(crate) async fn send(&mut self, report: &Report) -> Result<u64, tonic::Status> {
        let answer = soon(self.client.report(message(report))).await?;
        let ReportResponse { acknowledged, .. } = answer.into_inner();
        Ok(acknowledged)
    }
}

pub(crate) fn message(report: &Report) -> ReportRequest {
    prost::Message::decode(encode(report).as_slice()).unwrap()
}

pub(crate) fn now_ms() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    u64::try_from(now.as_millis()).unwrap()
}

/// A report of `pairs` answered pairs of `checkout-v2` that are all alike.
pub(crate) fn report(instance: u64, sequence: u64, pairs: u64) -> Report {
    let mut endpoint = EndpointReport::default();
    for _ in 0..pairs {
        endpoint.evidence.add(&Facts {
            candidate_error: false,
            primary_error: false,
            status: Some(Differs::default()),
            body: Some(BodyFacts::Equal),
            latency_us: Some((1_000.0, 1_000.0)),
        });
        endpoint.latency_ratio.add(1.0);
    }
    endpoint.statuses.insert(Statuses { primary: 200, candidate: 200, control: 0 }, pairs);
    let mut shadow = ShadowReport { mirrored: pairs, ..ShadowReport::default() };
    shadow.candidate.add(Outcome::Answered, pairs);
    shadow.endpoints.insert("GET /cart/{id}".to_owned(), endpoint);
    Report {
        node_id: "node".to_owned(),
        instance,
        sequence,
        policy_revision: 1,
        policy_version: "v".to_owned(),
        started_ms: now_ms() - 1_000,
        ended_ms: now_ms(),
        requests: pairs,
        stamped: pairs,
        shadows: [("checkout-v2".to_owned(), shadow)].into(),
        ..Report::default()
    }
}

/// Marks one of the report's pairs as one whose bodies differ, and samples it.
pub(crate) fn differs(report: &mut Report, number: u128, primary: &str, candidate: &str) {
    let shadow = report.shadows.get_mut("checkout-v2").unwrap();
    let endpoint = shadow.endpoints.get_mut("GET /cart/{id}").unwrap();
    let bodies = &mut endpoint.evidence.bodies;
    bodies.unequal += 1;
    bodies.examined.add(true, false);
    report.pairs.push(SampledPair {
        pair: PairId::from_bytes(number.to_be_bytes()),
        shadow: "checkout-v2".to_owned(),
        endpoint: "GET /cart/{id}".to_owned(),
        method: "GET".to_owned(),
        path: format!("/cart/{number}"),
        at_ms: report.ended_ms,
        weight: 1.0,
        primary: answer(primary),
        candidate: answer(candidate),
        control: None,
    });
}

pub(crate) fn answer(body: &str) -> SampledAnswer {
    let mut digest = [0; 16];
    for (index, byte) in body.bytes().enumerate() {
        digest[index % 16] ^= byte.rotate_left(u32::try_from(index / 16 % 8).unwrap());
    }
    SampledAnswer {
        status: 200,
        headers_us: 900,
        end_us: 1_000,
        headers: vec![
            ("content-type".to_owned(), b"application/json".to_vec()),
            ("x-key".to_owned(), b"header-s3cret".to_vec()),
            ("x-other".to_owned(), b"not asked for".to_vec()),
        ],
        body: body.as_bytes().to_vec(),
        body_length: body.len() as u64,
        digest: Some(digest),
        ..SampledAnswer::default()
    }
}
