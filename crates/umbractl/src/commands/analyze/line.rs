//! One line of a file of pairs.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer};
use serde_json::{Value, value::RawValue};
use umbra_compare::{
    answer::Answer,
    outcome::Outcome,
    report::triple::{Party, Triple},
};

use super::settings::Settings;

/// A pair, or a triple, as it was recorded. What else a line has is not looked at.
#[derive(Deserialize)]
pub(super) struct Line<'a> {
    endpoint: Option<String>,
    method: Option<String>,
    path: Option<String>,
    id: Option<Value>,
    at_ms: Option<f64>,
    #[serde(borrow)]
    primary: Recorded<'a>,
    #[serde(borrow, default, deserialize_with = "given")]
    shadow: Option<Option<Recorded<'a>>>,
    #[serde(borrow, default, deserialize_with = "given")]
    control: Option<Option<Recorded<'a>>>,
}

#[derive(Deserialize)]
struct Recorded<'a> {
    outcome: Option<String>,
    status: Option<u16>,
    grpc_status: Option<u32>,
    latency_ms: Option<f64>,
    headers: Option<Value>,
    #[serde(borrow)]
    body: Option<&'a RawValue>,
    #[serde(default)]
    truncated: bool,
}

/// Tells `null` from nothing.
fn given<'de: 'a, 'a, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<Recorded<'a>>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

impl<'a> Line<'a> {
    /// Reads a line.
    pub(super) fn parse(text: &'a [u8]) -> Result<Line<'a>, String> {
        serde_json::from_slice(text).map_err(|error| {
            let column = error.column();
            let message = error.to_string();
            let message = message.split(" at line ").next().unwrap_or_default();
            format!("{message} (column {column})")
        })
    }

    /// Takes the line as a mirrored request. `number` stands for a pair that has no id.
    pub(super) fn with<T>(
        &self,
        number: u64,
        settings: &Settings,
        take: impl FnOnce(&Triple<'_>) -> T,
    ) -> Result<T, String> {
        let endpoint = match (&self.endpoint, &self.path) {
            (Some(endpoint), _) => endpoint.clone(),
            (None, Some(path)) => settings.endpoints.of(self.method.as_deref().unwrap_or("GET"), path),
            (None, None) => {
                return Err("`endpoint` is missing, and so is `path`: give one of them".to_owned());
            }
        };
        let id = match &self.id {
            Some(Value::String(id)) => id.clone(),
            Some(id) if !id.is_null() => id.to_string(),
            _ => format!("line {number}"),
        };
        let Some(shadow) = &self.shadow else {
            return Err("`shadow` is missing: give null where there was no answer".to_owned());
        };
        let primary = Kept::of("primary", Some(&self.primary), settings)?;
        if primary.outcome != Outcome::Answered {
            return Err("primary.outcome: a pair needs an answer of the primary".to_owned());
        }
        let candidate = Kept::of("shadow", shadow.as_ref(), settings)?;
        let control = self.control.as_ref().map(|control| Kept::of("control", control.as_ref(), settings));
        let control = control.transpose()?;
        let heads = [Some(&primary), Some(&candidate), control.as_ref()].map(|kept| {
            kept.map(|kept| {
                kept.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect()
            })
        });
        let [on_primary, on_candidate, on_control]: [Option<Vec<_>>; 3] = heads;
        Ok(take(&Triple {
            id: &id,
            endpoint: &endpoint,
            // Negative times and fractions of a millisecond are cut off.
            at_ms: self.at_ms.map(|at| at as u64),
            primary: primary.party(on_primary.as_deref().unwrap_or_default()),
            candidate: candidate.party(on_candidate.as_deref().unwrap_or_default()),
            control: control.as_ref().map(|control| control.party(on_control.as_deref().unwrap_or_default())),
        }))
    }
}

/// What a line says of one party, checked.
struct Kept<'a> {
    outcome: Outcome,
    status: u16,
    grpc_status: Option<u32>,
    latency_us: Option<f64>,
    headers: Vec<(String, String)>,
    body: Option<Cow<'a, [u8]>>,
    truncated: bool,
}

impl<'a> Kept<'a> {
    fn of(who: &str, recorded: Option<&Recorded<'a>>, settings: &Settings) -> Result<Kept<'a>, String> {
        let wrong = |field: &str, message: &str| Err(format!("{who}.{field}: {message}"));
        let outcome = match recorded.map(|recorded| recorded.outcome.as_deref()) {
            None => Outcome::NoAnswer,
            Some(None) => Outcome::Answered,
            Some(Some(name)) => match Outcome::from_name(name) {
                Some(outcome) => outcome,
                None => {
                    let known = Outcome::ALL.map(Outcome::name).join(", ");
                    return wrong("outcome", &format!("`{name}` is unknown: give one of {known}"));
                }
            },
        };
        let mut kept = Kept {
            outcome,
            status: 0,
            grpc_status: None,
            latency_us: None,
            headers: Vec::new(),
            body: None,
            truncated: false,
        };
        let Some(recorded) = recorded.filter(|_| outcome == Outcome::Answered) else { return Ok(kept) };
        kept.status = match recorded.status {
            Some(status @ 100..=999) => status,
            Some(status) => return wrong("status", &format!("{status} is no HTTP status")),
            None => return wrong("status", "is missing"),
        };
        kept.grpc_status = recorded.grpc_status;
        if let Some(ms) = recorded.latency_ms {
            if ms < 0.0 {
                return wrong("latency_ms", &format!("{ms} is negative"));
            }
            kept.latency_us = Some(ms * 1_000.0);
        }
        if let Some(value) = &recorded.headers {
            kept.headers = match headers(value) {
                Some(headers) => headers,
                None => {
                    return wrong(
                        "headers",
                        "give an object of names and values, or a list of [name, value]",
                    );
                }
            };
        }
        kept.body = recorded.body.filter(|_| settings.bodies).map(body);
        kept.truncated = recorded.truncated;
        if let Some(body) = &mut kept.body
            && body.len() > settings.max_body_bytes
        {
            *body = Cow::Owned(body.iter().take(settings.max_body_bytes).copied().collect());
            kept.truncated = true;
        }
        Ok(kept)
    }

    fn party<'k>(&'k self, headers: &'k [(&'k str, &'k [u8])]) -> Party<'k> {
        Party {
            outcome: self.outcome,
            answer: Answer {
                status: self.status,
                headers,
                body: self.body.as_deref().unwrap_or_default(),
                truncated: self.truncated,
            },
            has_body: self.body.is_some(),
            grpc_status: self.grpc_status,
            latency_us: self.latency_us,
        }
    }
}

/// A string is the body's text; `null` is an empty body; any other value is a JSON document, as it is written.
fn body(raw: &RawValue) -> Cow<'_, [u8]> {
    match raw.get() {
        "null" => Cow::Borrowed(&[]),
        text if text.starts_with('"') => match serde_json::from_str::<Cow<'_, str>>(text) {
            Ok(text) => Cow::Owned(text.into_owned().into_bytes()),
            // A string with half of a surrogate pair is no text; it is compared as it is written.
            Err(_) => Cow::Borrowed(text.as_bytes()),
        },
        text => Cow::Borrowed(text.as_bytes()),
    }
}

/// `{"name": "value"}`, `{"name": ["value", "value"]}` or `[["name", "value"]]`; names in lower case.
fn headers(value: &Value) -> Option<Vec<(String, String)>> {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let mut lines = Vec::new();
    let mut add = |name: &str, value: &Value| {
        lines.push((name.to_ascii_lowercase(), text(value)?));
        Some(())
    };
    match value {
        Value::Null => {}
        Value::Object(headers) => {
            for (name, value) in headers {
                match value {
                    Value::Array(values) => values.iter().try_for_each(|value| add(name, value))?,
                    value => add(name, value)?,
                }
            }
        }
        Value::Array(headers) => {
            for header in headers {
                match header.as_array()?.as_slice() {
                    [Value::String(name), value] => add(name, value)?,
                    _ => return None,
                }
            }
        }
        _ => return None,
    }
    Some(lines)
}
