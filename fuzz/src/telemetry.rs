//! Reports of workers, as the control plane takes them, and its answers, as the filter does.

use umbra_compare::evidence::Evidence;
use umbra_compare::gates::Gates;
use umbra_compare::verdict::{self, Answer};
use umbra_wire::telemetry::{
    self, EndpointReport, MAX_COUNT, MAX_ENDPOINTS, MAX_PAIRS, MAX_STATUSES, MAX_UNEQUAL, ReportError,
    decode, encode,
};

/// What is decoded is encoded and decoded again, and is the same; its numbers add up, and a verdict on them is one.
pub fn check(bytes: &[u8]) {
    if let Some(acknowledgement) = telemetry::acknowledgement(bytes) {
        assert!(acknowledgement.samples.is_none_or(|samples| (1..=MAX_UNEQUAL).contains(&samples)));
    }
    let report = match decode(bytes) {
        Ok(report) => report,
        Err(ReportError::Fields(errors)) => {
            assert!(!errors.is_empty());
            return;
        }
        Err(_) => return,
    };
    assert_eq!(decode(&encode(&report)).as_ref(), Ok(&report));
    assert!(report.pairs.len() <= MAX_PAIRS && report.stamped <= report.requests);
    let mut sum = Evidence::default();
    for endpoints in report.shadows.values().map(|shadow| &shadow.endpoints) {
        assert!(endpoints.len() <= MAX_ENDPOINTS + 1);
        for endpoint in endpoints.values() {
            holds(endpoint);
            sum.merge(&endpoint.evidence);
        }
    }
    judged(&sum);
}

fn holds(endpoint: &EndpointReport) {
    let EndpointReport { evidence, latency_ratio, statuses, .. } = endpoint;
    assert!(evidence.pairs <= MAX_COUNT && statuses.len() <= MAX_STATUSES);
    assert!(statuses.values().sum::<u64>() <= evidence.pairs);
    assert!(
        evidence.bodies.unequal <= evidence.bodies.compared && evidence.bodies.compared <= evidence.pairs
    );
    assert!(latency_ratio.count() <= evidence.pairs);
    assert!(evidence.log_latency_ratio.variance().is_finite());
    assert_eq!(EndpointReport::of_proto(&endpoint.to_proto("x")).as_ref(), Ok(endpoint));
}

/// No data is never a pass, and the short answer is that of the long one.
fn judged(evidence: &Evidence) {
    let gates = Gates { min_pairs: 1, min_duration_ms: 0, ..Gates::default() };
    let verdict = verdict::judge(evidence, &gates);
    assert_eq!(verdict.answer, verdict::answer(evidence, &gates));
    assert!(evidence.pairs > 0 || verdict.answer == Answer::NotEnoughEvidence);
    for reason in verdict.reasons {
        assert!(reason.interval.lo <= reason.interval.hi, "{reason:?}");
    }
}
