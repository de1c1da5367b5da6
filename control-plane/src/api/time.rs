//! Times, as they are asked for and as they are shown.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::api::problem::{Kind, Problem};

/// A time, or how long ago, in milliseconds since 1970; `name` is the parameter that it was given as.
pub(crate) fn moment(name: &str, text: &str, now_ms: u64) -> Result<u64, Problem> {
    if let Ok(time) = humantime::parse_rfc3339_weak(text) {
        return Ok(ms(time));
    }
    let ago = humantime::parse_duration(text).map_err(|_| {
        let words = "is not a time: give one such as 2030-01-31T12:00:00Z, or how long ago, such as 30m";
        Problem::new(Kind::Malformed, format!("{name} {words}"))
    })?;
    Ok(now_ms.saturating_sub(u64::try_from(ago.as_millis()).unwrap_or(u64::MAX)))
}

/// Milliseconds since 1970.
pub(crate) fn ms(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// RFC 3339, UTC, with milliseconds.
pub(crate) fn rfc3339(ms: u64) -> String {
    humantime::format_rfc3339_millis(UNIX_EPOCH + Duration::from_millis(ms)).to_string()
}
