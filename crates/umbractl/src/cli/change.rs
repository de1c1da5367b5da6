//! What goes with a change.

use std::time::Duration;

use clap::Args;

/// The words that the audit trail keeps with a change.
#[derive(Args, Debug)]
pub(crate) struct Reason {
    /// Why, for the audit trail
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
}

/// Whether to see a change through.
#[derive(Args, Debug)]
pub(crate) struct Wait {
    /// Wait until every connected node has the change in effect, for at most this long (10s without a value)
    #[arg(long, num_args = 0..=1, default_missing_value = "10s", value_parser = humantime::parse_duration, value_name = "TIME")]
    pub(crate) wait: Option<Duration>,
}

/// For how long.
#[derive(Args, Debug)]
pub(crate) struct Lasts {
    /// Only for so long (`2h`): then it goes back by itself to what it was for good
    #[arg(long = "for", value_parser = length, value_name = "TIME")]
    pub(crate) lasts: Option<String>,
}

/// A length of time, as it was written: the control plane reads it.
fn length(text: &str) -> Result<String, humantime::DurationError> {
    humantime::parse_duration(text).map(|_| text.to_owned())
}
