//! `umbractl verdict`: may the shadow go live?

use std::time::Duration;

use umbra_compare::report::words::carrier as carried;
use umbra_resource::Kind;

use super::{patience::Patience, suggest};
use crate::{
    client::{
        Client,
        answer::{Carrier, Verdict},
    },
    failure::{Failure, Outcome},
    output::Output,
    words::gate,
};

/// How often the control plane is asked again: filters report once a second.
const POLL_EVERY: Duration = Duration::from_secs(1);

/// Asks for the verdict; with `wait`, until it is `go` or `no-go`, or that long has passed.
///
/// # Errors
/// Where there is no such shadow, or the control plane cannot be asked.
pub(super) async fn run(
    client: &Client,
    shadow: &str,
    wait: Option<Duration>,
    output: &Output,
) -> Result<Outcome, Failure> {
    let mut patience = Patience::new(output, POLL_EVERY, wait.unwrap_or_default());
    loop {
        let verdict = match patience.ask(|| client.verdict(shadow)).await {
            Ok(verdict) => verdict,
            // Whoever asks in a script must not take a misspelt name for a no-go.
            Err(error) => return Err(suggest(client, Kind::Shadow, shadow, error).await.into_error()),
        };
        let outcome = outcome(&verdict)?;
        if outcome != Outcome::Unsettled || patience.left().is_zero() {
            if wait.is_some() {
                output.progress("");
            }
            output.show(&verdict, || text(&verdict))?;
            return Ok(outcome);
        }
        output.progress(&verdict.summary);
        patience.pause().await;
    }
}

/// An answer that umbractl does not know is never taken for a yes.
fn outcome(verdict: &Verdict) -> Result<Outcome, Failure> {
    match verdict.verdict.as_str() {
        "go" => Ok(Outcome::Yes),
        "no-go" => Ok(Outcome::No),
        "not-enough-evidence" => Ok(Outcome::Unsettled),
        other => Err(Failure::error(format!(
            "the control plane answers `{other}`: go, no-go and not-enough-evidence are known"
        ))),
    }
}

fn text(verdict: &Verdict) -> String {
    let mut text = format!("{}: {}\n\n", verdict.verdict, verdict.summary);
    for reason in &verdict.reasons {
        let state = if reason.state == "fail" { "FAIL" } else { &reason.state };
        let carriers = reason.carriers.iter().map(|carrier| {
            let Carrier { endpoint, field, kind, pairs, of } = carrier;
            carried(endpoint, field.as_deref().zip(kind.as_deref()), *pairs, *of)
        });
        text += &gate(state, &reason.gate, &reason.words, carriers, &reason.examples);
    }
    text
}
