//! What the server says of a shadow: its own fields, which are ignored in what operators send.

use std::fmt;
use std::time::{Duration, UNIX_EPOCH};

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::percent::Percent;

/// What the server says of a shadow.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ShadowStatus {
    /// What goes back by itself next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expiry: Option<Expiry>,
    /// What goes back after that: the valve and the switch may have times of their own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub then: Option<Expiry>,
}

/// A change for a limited time: when it ends, and what is again then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Expiry {
    /// When.
    pub at: Moment,
    /// What the valve goes back to; `None` if it stays.
    pub percent: Option<Percent>,
    /// What the switch goes back to; `None` if it stays.
    pub enabled: Option<bool>,
    /// The revision of the change that it takes back.
    pub revision: u64,
}

/// A point in time, in milliseconds since 1970, written as RFC 3339 in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(u64);

/// The last millisecond of the year 9999, beyond which RFC 3339 has no words.
const LAST_MS: u64 = 253_402_300_799_999;

impl ShadowStatus {
    /// Whether there is nothing to say.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.expiry.is_none() && self.then.is_none()
    }

    /// As the server wrote it. Whatever else stands there is as if it did not: it is not the operator's to write.
    pub(crate) fn read(value: &Value) -> Self {
        let expiry = |name| value.get(name).and_then(Expiry::read);
        ShadowStatus { expiry: expiry("expiry"), then: expiry("then") }
    }
}

impl Expiry {
    fn read(value: &Value) -> Option<Self> {
        let field = |name| value.get(name).filter(|value| !value.is_null());
        Some(Expiry {
            at: Moment::parse(field("at")?.as_str()?)?,
            percent: field("percent").and_then(Value::as_f64).and_then(|percent| Percent::new(percent).ok()),
            enabled: field("enabled").and_then(Value::as_bool),
            revision: field("revision")?.as_u64()?,
        })
    }
}

impl Moment {
    /// So long after 1970 began; at most the end of the year 9999.
    #[must_use]
    pub fn from_ms(ms: u64) -> Self {
        Moment(ms.min(LAST_MS))
    }

    /// From RFC 3339; `None` if it is none, or before 1970.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let since = humantime::parse_rfc3339(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
        u64::try_from(since.as_millis()).ok().map(Self::from_ms)
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub fn ms(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = UNIX_EPOCH.checked_add(Duration::from_millis(self.0)).unwrap_or(UNIX_EPOCH);
        humantime::format_rfc3339_millis(time).fmt(f)
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
