//! Reading the control plane's reports.

use crate::control_plane::ControlPlane;
use crate::eventually::{RECONNECTED, eventually};
use serde_json::Value;

/// The report on a shadow, once it is known what became of the copies of so many requests. Those that were not mirrored to spare
/// the shadow, as a slow machine may have it, count.
pub async fn report(control_plane: &ControlPlane, shadow: &str, requests: u64) -> Value {
    eventually(RECONNECTED, &format!("{requests} requests are reported on {shadow}"), async || {
        let report = control_plane.get(&format!("/api/v1/shadows/{shadow}/report")).await;
        let [sent, shed, known] =
            ["sent", "shed", "mirrored"].map(|field| report[field].as_u64().expect("a count"));
        let is_whole = sent + shed == requests && known == sent;
        if is_whole { Ok(report) } else { Err(format!("{sent} sent, {shed} shed, {known} known")) }
    })
    .await
}

/// What became of the copies to a party, `shadow` or `control`, as a report counts it.
pub fn counts(report: &Value, party: &str) -> Vec<(String, u64)> {
    let counts = report["outcomes"][party].as_array().expect("the outcomes of a party");
    let count = |count: &Value| {
        let name = count["outcome"].as_str().expect("an outcome's name");
        (name.to_owned(), count["count"].as_u64().expect("a count"))
    };
    counts.iter().map(count).collect()
}

/// What a verdict says of one of its gates.
pub fn words_on<'a>(verdict: &'a Value, gate: &str) -> &'a str {
    let mut reasons = verdict["reasons"].as_array().expect("reasons").iter();
    let reason = reasons.find(|reason| reason["gate"] == gate);
    reason.and_then(|reason| reason["words"].as_str()).unwrap_or_else(|| panic!("no {gate}: {verdict}"))
}
