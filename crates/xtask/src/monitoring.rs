//! The alert rules under `docs/monitoring`, by Prometheus' own promtool.

use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use crate::checkout::Checkout;
use crate::run;

const LIMIT: Duration = Duration::from_secs(60);

/// Checks the rules, and runs their unit tests. That every metric they name exists is for a test of the control plane.
///
/// # Errors
/// When a rule is wrong or does not fire as it should, or when there is no promtool.
pub(crate) fn check(checkout: &Checkout) -> Result<()> {
    let promtool = run::need("promtool", "it is in Debian's package prometheus")?;
    let folder = checkout.root.join("docs/monitoring");
    for arguments in [["check", "rules", "alerts.yaml"], ["test", "rules", "alerts_test.yaml"]] {
        run::show(Command::new(&promtool).args(arguments).current_dir(&folder), LIMIT)?;
    }
    Ok(())
}
