//! The report that the benchmarks send.

use umbra_compare::evidence::{BodyFacts, Differs, Facts};
use umbra_compare::outcome::Outcome;
use umbra_compare::report::part::Statuses;
use umbra_wire::telemetry::{EndpointReport, Report, ShadowReport};

/// What a worker of a busy Envoy has to say after a second: ten endpoints, a hundred pairs.
pub(crate) const ENDPOINTS: u64 = 10;
/// Pairs of each endpoint.
pub(crate) const PAIRS: u64 = 10;
/// The shadow that it is about.
pub(crate) const SHADOW: &str = "checkout-v2";

/// The first report of a worker.
pub(crate) fn report(instance: u64) -> Report {
    let mut random = fastrand::Rng::with_seed(instance);
    let mut shadow = ShadowReport { mirrored: ENDPOINTS * PAIRS, ..ShadowReport::default() };
    shadow.candidate.add(Outcome::Answered, ENDPOINTS * PAIRS);
    for endpoint in 0..ENDPOINTS {
        let mut numbers = EndpointReport::default();
        for _ in 0..PAIRS {
            let (primary, shadow) = (1_000.0 * (1.0 + random.f64()), 1_000.0 * (1.0 + random.f64()));
            numbers.evidence.add(&Facts {
                candidate_error: false,
                primary_error: false,
                status: Some(Differs::default()),
                body: Some(BodyFacts::Equal),
                latency_us: Some((primary, shadow)),
            });
            numbers.latency_ratio.add(shadow / primary);
        }
        numbers.statuses.insert(Statuses { primary: 200, candidate: 200, control: 0 }, PAIRS);
        shadow.endpoints.insert(format!("GET /endpoint-{endpoint}/{{id}}"), numbers);
    }
    Report {
        node_id: "node".to_owned(),
        instance,
        sequence: 1,
        policy_revision: 1,
        requests: 1_000,
        stamped: 1_000,
        shadows: [(SHADOW.to_owned(), shadow)].into(),
        ..Report::default()
    }
}
