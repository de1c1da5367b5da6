//! Plain reports → protobuf.

use umbra_compare::evidence::{BodyEvidence, Discordance};
use umbra_compare::outcome::Outcomes;

use crate::proto::telemetry::v1 as proto;
use crate::telemetry::answer::{SampledAnswer, SampledPair};
use crate::telemetry::{EndpointReport, Report, ShadowReport, histogram, outcome};

pub(super) fn report(report: &Report) -> proto::ReportRequest {
    let dropped = |(reason, count): (&String, &u64)| proto::Dropped { reason: reason.clone(), count: *count };
    proto::ReportRequest {
        node_id: report.node_id.clone(),
        instance: report.instance,
        sequence: report.sequence,
        policy_revision: report.policy_revision,
        policy_version: report.policy_version.clone(),
        started_ms: report.started_ms,
        ended_ms: report.ended_ms,
        requests: report.requests,
        stamped: report.stamped,
        shadows: report.shadows.iter().map(|(name, numbers)| shadow(name, numbers)).collect(),
        pairs: report.pairs.iter().map(pair).collect(),
        dropped: report.dropped.iter().map(dropped).collect(),
    }
}

fn shadow(name: &str, report: &ShadowReport) -> proto::ShadowReport {
    proto::ShadowReport {
        shadow: name.to_owned(),
        mirrored: report.mirrored,
        shed: report.shed,
        candidate: outcomes(&report.candidate),
        control: outcomes(&report.control),
        endpoints: report.endpoints.iter().map(|(name, numbers)| numbers.to_proto(name)).collect(),
    }
}

fn outcomes(outcomes: &Outcomes) -> Option<proto::Outcomes> {
    (outcomes.total() > 0).then(|| outcome::counts(outcomes))
}

impl EndpointReport {
    /// As it is sent, under the name of its endpoint.
    #[must_use]
    pub fn to_proto(&self, endpoint: &str) -> proto::EndpointReport {
        let evidence = &self.evidence;
        let statuses = self.statuses.iter().map(|(statuses, count)| proto::Statuses {
            primary: statuses.primary.into(),
            candidate: statuses.candidate.into(),
            control: statuses.control.into(),
            count: *count,
        });
        let moments = evidence.log_latency_ratio;
        proto::EndpointReport {
            endpoint: endpoint.to_owned(),
            pairs: evidence.pairs,
            statuses: statuses.collect(),
            errors: discordance(&evidence.errors),
            status: discordance(&evidence.statuses),
            digests: digests(&evidence.bodies),
            primary_latency: Some(histogram::to_proto(&evidence.primary_latency)),
            shadow_latency: Some(histogram::to_proto(&evidence.shadow_latency)),
            log_latency_ratio: (moments.count > 0).then_some(proto::Moments {
                count: moments.count,
                mean: moments.mean,
                sum_of_squares: moments.sum_of_squares,
            }),
            latency_ratio: Some(histogram::to_proto(&self.latency_ratio)),
            control_errors: self.control_errors,
        }
    }
}

fn discordance(discordance: &Discordance) -> Option<proto::Discordance> {
    let Discordance { trials, candidate_only, other_only, both } = *discordance;
    (trials > 0).then_some(proto::Discordance { trials, candidate_only, other_only, both })
}

/// The pairs whose digests are equal are trials in which nobody differs.
fn digests(bodies: &BodyEvidence) -> Option<proto::Discordance> {
    discordance(&Discordance { trials: bodies.compared, ..bodies.examined })
}

fn pair(pair: &SampledPair) -> proto::SampledPair {
    proto::SampledPair {
        pair: pair.pair.to_bytes().to_vec(),
        shadow: pair.shadow.clone(),
        endpoint: pair.endpoint.clone(),
        method: pair.method.clone(),
        path: pair.path.clone(),
        at_ms: pair.at_ms,
        weight: pair.weight,
        primary: Some(answer(&pair.primary)),
        candidate: Some(answer(&pair.candidate)),
        control: pair.control.as_ref().map(answer),
    }
}

fn answer(answer: &SampledAnswer) -> proto::SampledAnswer {
    let header =
        |(name, value): &(String, Vec<u8>)| proto::Header { name: name.clone(), value: value.clone() };
    proto::SampledAnswer {
        outcome: outcome::to_proto(answer.outcome) as i32,
        status: answer.status.into(),
        grpc_status: answer.grpc_status,
        headers_us: answer.headers_us,
        end_us: answer.end_us,
        headers: answer.headers.iter().map(header).collect(),
        body: answer.body.clone(),
        body_length: answer.body_length,
        truncated: answer.truncated,
        digest: answer.digest.map(|digest| digest.to_vec()).unwrap_or_default(),
    }
}
