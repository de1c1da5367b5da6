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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_text_is_a_time_or_refused(text in any::<String>(), now_ms: u64) {
            let _ = moment("since", &text, now_ms);
        }

        /// What looks like a time or a span, with numbers of any size.
        #[test]
        fn what_looks_like_a_time_is_one_or_refused(text in "-?[0-9]{1,20}(y|M|w|d|h|m|s|ms|us|ns| |[-:T.Z+][0-9]{0,4}){0,6}", now_ms: u64) {
            let _ = moment("since", &text, now_ms);
        }

        #[test]
        fn a_span_is_before_now(minutes in 0..1_000_000_u64, now_ms: u64) {
            prop_assert_eq!(moment("since", &format!("{minutes}m"), now_ms).unwrap(), now_ms.saturating_sub(minutes * 60_000));
        }
    }
}
