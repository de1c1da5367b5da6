//! Evidence as it is kept, put together into a report.

use umbra_compare::report::{EXAMPLES, Report};
use umbra_resource::Shadow;
use umbra_resource::manifest::shadow::ShadowSpec;

use crate::analysis::assemble::{Example, assemble};
use crate::analysis::plan;
use crate::model::window::{Span, Stretch};
use crate::store::error::StoreError;
use crate::store::pairs::FoundPair;
use crate::store::telemetry::Telemetry;

/// Pairs of each outcome that examples are taken from: a few for each of some hundred fields. However many pairs match, those
/// that fail a gate are shown.
const EXAMPLES_FROM: u32 = 100 * EXAMPLES as u32;
/// The same of pairs that match or are noise: they show what is slow, and what differs without counting.
const ALIKE_FROM: u32 = 20 * EXAMPLES as u32;

/// The stretch that is all of the evidence.
pub const ALL: Stretch = Stretch { span: Span::All, from_ms: 0, until_ms: 1 };

/// A report of a part of the evidence.
pub struct Gathered {
    /// Requests of which copies were sent.
    pub sent: u64,
    /// Requests that were not mirrored because the shadow fails or hangs.
    pub shed: u64,
    /// What their pairs add up to.
    pub report: Report,
}

/// When a shadow's evidence began: the revision, and the time in milliseconds since 1970. `None` for one that is older than
/// its evidence.
///
/// # Errors
/// The store failed.
pub async fn began(telemetry: &Telemetry, shadow: &str) -> Result<Option<(u64, u64)>, StoreError> {
    Ok(telemetry.epochs().await?.remove(shadow).and_then(|epochs| epochs.last().copied()))
}

/// What the evidence since `epoch` adds up to in these stretches of time.
///
/// # Errors
/// The store failed.
pub async fn gather(
    telemetry: &Telemetry,
    name: &str,
    spec: &ShadowSpec,
    epoch: u64,
    stretches: &[Stretch],
) -> Result<Gathered, StoreError> {
    let sum = telemetry.sum(name, epoch, stretches).await?;
    let found = telemetry.found(name, epoch, ALIKE_FROM, EXAMPLES_FROM).await?;
    let examples: Vec<Example> = found
        .into_iter()
        .filter_map(|FoundPair { pair, endpoint, found }| {
            Some(Example { pair, endpoint, found: serde_json::from_str(&found).ok()? })
        })
        .collect();
    let report = assemble(&sum.traffic, &sum.endpoints, &examples, plan::is_by_digest(spec));
    Ok(Gathered { sent: sum.traffic.mirrored, shed: sum.traffic.shed, report })
}

/// What all of a shadow's evidence adds up to.
///
/// # Errors
/// The store failed.
pub async fn whole(telemetry: &Telemetry, shadow: &Shadow) -> Result<Report, StoreError> {
    let name = &shadow.metadata.name;
    let epoch = began(telemetry, name).await?.map_or(0, |(epoch, _)| epoch);
    Ok(gather(telemetry, name, &shadow.spec, epoch, &[ALL]).await?.report)
}
