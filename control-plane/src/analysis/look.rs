//! Looking at one sampled pair: what differs, and what is kept of it.

use std::collections::BTreeSet;
use std::time::{Duration, UNIX_EPOCH};

use umbra_compare::answer::{Answer, AnswerDifference, over_noise};
use umbra_compare::body::decode::decode;
use umbra_compare::difference::{Difference, Field, Kind};
use umbra_compare::report::triple::{Examined, Party, Triple, examine};
use umbra_resource::manifest::compare::BodyComparison;
use umbra_wire::telemetry::answer::{SampledAnswer, SampledPair};

use crate::analysis::document::{
    AnswerDocument, BodyDocument, DifferenceDocument, Found, HeaderDocument, PairDocument,
};
use crate::analysis::plan::Plan;
use crate::analysis::redact::REDACTED;

/// What was found in a pair.
#[derive(Clone, Debug)]
pub struct Looked {
    /// What is to be counted: `None` where the filter found the answers equal, or where they could not be compared.
    pub examined: Option<Examined>,
    /// The bodies were cut off too early to say whether they differ: then that is all that is counted.
    pub is_cut_off: bool,
    /// `match`, `noise`, `different`, or what became of the copy if it was not answered.
    pub outcome: String,
    /// The fields in which the candidate differs.
    pub fields: BTreeSet<String>,
    /// What an example shows, as JSON, redacted.
    pub found: String,
    /// The whole pair, as JSON, redacted.
    pub document: String,
}

/// Names that say how to read a body.
const OF_BODIES: [&str; 2] = ["content-type", "content-encoding"];
/// A value in an example is no longer than this; the document has more.
const EXAMPLE_CHARACTERS: usize = 300;

/// Looks at a pair.
///
/// # Errors
/// What is kept cannot be written as JSON, which is a defect.
pub fn look(pair: &SampledPair, plan: &Plan) -> Result<Looked, serde_json::Error> {
    let id = pair.pair.to_string();
    let parties =
        || [Some(&pair.primary), Some(&pair.candidate), pair.control.as_ref()].into_iter().flatten();
    let is_full = plan.bodies == BodyComparison::Full;
    // A body of which nothing was sent says nothing.
    let has_bodies = is_full && parties().all(|answer| !answer.body.is_empty() || answer.body_length == 0);
    let as_sent: Vec<Clean<'_>> = parties().map(Clean::as_sent).collect();
    let mut raw = compare(pair, &id, &as_sent, has_bodies, plan);
    if let Some(raw) = raw.as_mut().filter(|_| has_bodies) {
        beyond(&mut raw.candidate, &pair.primary, &pair.candidate);
        if let (Some(found), Some(control)) = (&mut raw.control, &pair.control) {
            beyond(found, &pair.primary, control);
        }
    }
    let clean: Vec<Clean<'_>> = parties().map(|answer| Clean::of(answer, plan)).collect();
    let bare = if plan.redaction.is_any() {
        let has_bodies = has_bodies && clean.iter().all(|answer| answer.body.left_out.is_none());
        compare(pair, &id, &clean, has_bodies, plan)
    } else {
        raw.clone()
    };
    let differs = raw.as_ref().map(|raw| over_noise(&raw.candidate, raw.control.as_ref(), |_| false));
    let found = found(pair, raw.as_ref(), bare.as_ref(), differs.is_some_and(|differs| differs.candidate));
    let outcome = outcome(pair, &found, raw.as_ref());
    let shown = |of: fn(&Examined) -> Option<&AnswerDifference>| {
        documents(raw.as_ref().and_then(of), bare.as_ref().and_then(of))
    };
    let remark = raw.as_ref().and_then(|raw| raw.candidate.body.remark.clone());
    let mut answers = clean.into_iter();
    let mut document = |answer: &SampledAnswer| {
        let Clean { headers, body, .. } = answers.next().unwrap_or_default();
        AnswerDocument::new(answer, headers, body)
    };
    let document = PairDocument {
        pair: &id,
        at: humantime::format_rfc3339_millis(UNIX_EPOCH + Duration::from_millis(pair.at_ms)).to_string(),
        endpoint: &pair.endpoint,
        method: &pair.method,
        path: &pair.path,
        outcome: &outcome,
        weight: pair.weight,
        primary: document(&pair.primary),
        shadow: document(&pair.candidate),
        control: pair.control.as_ref().map(document),
        differences: shown(|examined| Some(&examined.candidate)),
        noise: shown(|examined| examined.control.as_ref()),
        remark,
    };
    let document = serde_json::to_string(&document)?;
    let fields =
        raw.iter().flat_map(|raw| raw.candidate.fields()).map(|field| field.path.to_owned()).collect();
    let counts = is_full && is_unequal(pair, &plan.choice.headers) && (has_bodies || bodies_are_equal(pair));
    let is_cut_off = counts && raw.as_ref().is_some_and(|raw| is_undecided(raw, pair));
    let examined = raw.filter(|_| counts && !is_cut_off);
    let found = serde_json::to_string(&found)?;
    Ok(Looked { examined, is_cut_off, outcome, fields, found, document })
}

/// An answer as it may be seen.
#[derive(Default)]
struct Clean<'a> {
    answer: Option<&'a SampledAnswer>,
    headers: Vec<HeaderDocument>,
    body: BodyDocument,
    bytes: Vec<u8>,
    is_as_sent: bool,
}

impl<'a> Clean<'a> {
    /// Nothing was taken out.
    fn as_sent(answer: &'a SampledAnswer) -> Self {
        Clean { answer: Some(answer), is_as_sent: true, ..Clean::default() }
    }

    /// Without what is not to be kept.
    fn of(answer: &'a SampledAnswer, plan: &Plan) -> Self {
        let is_kept =
            |name: &str| OF_BODIES.contains(&name) || plan.choice.headers.iter().any(|kept| kept == name);
        let kept = answer.headers.iter().filter(|(name, _)| is_kept(name));
        let headers = kept.map(|(name, value)| HeaderDocument {
            name: name.clone(),
            value: if plan.redaction.hides_header(name) {
                REDACTED.to_owned()
            } else {
                String::from_utf8_lossy(value).into_owned()
            },
        });
        let (body, bytes) = body(answer, plan);
        Clean { answer: Some(answer), headers: headers.collect(), body, bytes, is_as_sent: false }
    }

    fn lines(&self) -> Vec<(&str, &[u8])> {
        if let Some(answer) = self.answer.filter(|_| self.is_as_sent) {
            return answer.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
        }
        // The body is decoded already.
        let lines = self.headers.iter().filter(|header| header.name != "content-encoding");
        lines.map(|header| (header.name.as_str(), header.value.as_bytes())).collect()
    }

    fn party<'p>(&'p self, lines: &'p [(&'p str, &'p [u8])], has_body: bool) -> Party<'p> {
        let Some(answer) = self.answer else { return Party::default() };
        let (body, truncated) = if self.is_as_sent {
            (answer.body.as_slice(), answer.truncated)
        } else {
            (self.bytes.as_slice(), self.body.truncated)
        };
        Party {
            outcome: answer.outcome,
            answer: Answer { status: answer.status, headers: lines, body, truncated },
            has_body,
            grpc_status: answer.grpc_status,
            latency_us: Some(answer.end_us as f64),
        }
    }
}

/// What is kept of a body: decoded, cut, redacted.
fn body(answer: &SampledAnswer, plan: &Plan) -> (BodyDocument, Vec<u8>) {
    let mut document = BodyDocument { length: answer.body_length, ..BodyDocument::default() };
    match plan.bodies {
        BodyComparison::None => return (document, Vec::new()),
        BodyComparison::Digest => {
            document.digest = answer.digest.map(|digest| hex(&digest));
            return (document, Vec::new());
        }
        BodyComparison::Full => {}
    }
    let encoding = encoding(answer);
    let (bytes, truncated) = match decode(encoding, &answer.body, plan.max_body_bytes) {
        Ok(decoded) => (decoded.bytes, decoded.truncated || answer.truncated),
        Err(error) if answer.truncated => (error.bytes, true),
        Err(_) => (answer.body.clone(), true),
    };
    document.truncated = truncated || bytes.len() > plan.max_body_bytes;
    let Some(mut bytes) = plan.redaction.body(&bytes, document.truncated) else {
        document.left_out = Some("what is redacted cannot be found in it for sure");
        return (document, Vec::new());
    };
    bytes.truncate(plan.max_body_bytes);
    match std::str::from_utf8(&bytes) {
        Ok(text) => document.text = Some(text.to_owned()),
        Err(_) => document.hex = Some(hex(&bytes)),
    }
    (document, bytes)
}

fn compare(
    pair: &SampledPair,
    id: &str,
    answers: &[Clean<'_>],
    has_body: bool,
    plan: &Plan,
) -> Option<Examined> {
    let lines: Vec<_> = answers.iter().map(Clean::lines).collect();
    let mut parties = answers.iter().zip(&lines).map(|(answer, lines)| answer.party(lines, has_body));
    let triple = Triple {
        id,
        endpoint: &pair.endpoint,
        at_ms: Some(pair.at_ms),
        primary: parties.next()?,
        candidate: parties.next()?,
        control: parties.next(),
    };
    examine(&triple, &plan.choice)
}

/// Bodies whose beginnings are the same differ further on when their digests do. Digests are of what was sent: those of
/// two encodings say nothing.
fn beyond(found: &mut AnswerDifference, primary: &SampledAnswer, other: &SampledAnswer) {
    if is_same_so_far(found, primary, other) && encoding(primary) == encoding(other) {
        let lengths = (primary.body_length, other.body_length);
        let kind = if lengths.0 == lengths.1 { Kind::Value } else { Kind::Length };
        found.body.differences.add(1, &Field { path: "body", kind }, || Difference {
            path: "body".to_owned(),
            at: "beyond what was kept".to_owned(),
            kind,
            primary: Some(lengths.0.to_string()),
            shadow: Some(lengths.1.to_string()),
        });
    }
}

/// Whether nobody can say if the bodies differ: their beginnings are the same, what was sent is not, and it is encoded in two
/// ways.
fn is_undecided(found: &Examined, pair: &SampledPair) -> bool {
    let undecided = |found: &AnswerDifference, other: &SampledAnswer| {
        is_same_so_far(found, &pair.primary, other) && encoding(&pair.primary) != encoding(other)
    };
    let control = found.control.as_ref().zip(pair.control.as_ref());
    undecided(&found.candidate, &pair.candidate)
        || control.is_some_and(|(found, other)| undecided(found, other))
}

fn is_same_so_far(found: &AnswerDifference, primary: &SampledAnswer, other: &SampledAnswer) -> bool {
    let differ = primary.digest.is_some() && other.digest.is_some() && primary.digest != other.digest;
    differ && found.body.truncated && found.body.differences.is_empty()
}

fn encoding(answer: &SampledAnswer) -> Option<&[u8]> {
    let header = answer.headers.iter().find(|(name, _)| name == "content-encoding");
    header.map(|(_, value)| value.as_slice())
}

/// As the filter decides it: by the digest and the compared headers.
fn is_unequal(pair: &SampledPair, headers: &[String]) -> bool {
    let lines = |answer: &SampledAnswer| -> Vec<(String, Vec<u8>)> {
        answer.headers.iter().filter(|(name, _)| headers.contains(name)).cloned().collect()
    };
    let others = || std::iter::once(&pair.candidate).chain(&pair.control);
    !others().all(|other| body_is_equal(&pair.primary, other))
        || others().any(|other| lines(other) != lines(&pair.primary))
}

fn bodies_are_equal(pair: &SampledPair) -> bool {
    std::iter::once(&pair.candidate).chain(&pair.control).all(|other| body_is_equal(&pair.primary, other))
}

fn body_is_equal(primary: &SampledAnswer, other: &SampledAnswer) -> bool {
    match (primary.digest, other.digest) {
        (Some(mine), Some(theirs)) => mine == theirs,
        _ => primary.body == other.body && primary.body_length == other.body_length,
    }
}

fn found(pair: &SampledPair, raw: Option<&Examined>, bare: Option<&Examined>, body: bool) -> Found {
    let party = |answer: &SampledAnswer| Party {
        outcome: answer.outcome,
        answer: Answer { status: answer.status, ..Answer::default() },
        grpc_status: answer.grpc_status,
        ..Party::default()
    };
    let (primary, candidate) = (party(&pair.primary), party(&pair.candidate));
    let control = pair.control.as_ref().map(party);
    let in_control: BTreeSet<Field<'_>> =
        raw.and_then(|raw| raw.control.as_ref()).map(AnswerDifference::fields).unwrap_or_default();
    let mut seen = BTreeSet::new();
    let alone = raw
        .into_iter()
        .flat_map(|raw| raw.candidate.differences())
        .filter(|difference| !in_control.contains(&difference.field()) && seen.insert(difference.field()));
    let shorter = |text: Option<String>| text.map(|text| shorten(&text));
    let fields = alone.map(|difference| {
        let document = with_values(difference, bare.map(|bare| &bare.candidate));
        DifferenceDocument {
            primary: shorter(document.primary),
            shadow: shorter(document.shadow),
            ..document
        }
    });
    let fields = fields.collect();
    Found {
        error: candidate.is_error() && !primary.is_error(),
        status: candidate.is_answered()
            && !candidate.same_status(&primary)
            && control.is_none_or(|control| control.is_answered() && control.same_status(&primary)),
        body,
        slower_us: if candidate.is_answered() {
            pair.candidate.end_us as f64 - pair.primary.end_us as f64
        } else {
            0.0
        },
        fields,
    }
}

fn outcome(pair: &SampledPair, found: &Found, raw: Option<&Examined>) -> String {
    let differs = |found: &AnswerDifference| found.differences().next().is_some();
    let is_noisy = || match raw {
        Some(raw) => differs(&raw.candidate) || raw.control.as_ref().is_some_and(differs),
        None => pair.candidate.status != pair.primary.status || !bodies_are_equal(pair),
    };
    if pair.candidate.outcome != umbra_compare::outcome::Outcome::Answered {
        pair.candidate.outcome.name().to_owned()
    } else if found.error || found.status || found.body {
        "different".to_owned()
    } else if is_noisy() {
        let is_alone = raw.is_none() && pair.control.is_none();
        (if is_alone { "different" } else { "noise" }).to_owned()
    } else {
        "match".to_owned()
    }
}

fn documents(raw: Option<&AnswerDifference>, bare: Option<&AnswerDifference>) -> Vec<DifferenceDocument> {
    raw.into_iter().flat_map(AnswerDifference::differences).map(|found| with_values(found, bare)).collect()
}

/// The values come from the comparison of what is left after redaction, so that no other value can be in them.
fn with_values(difference: &Difference, bare: Option<&AnswerDifference>) -> DifferenceDocument {
    let same = |other: &&Difference| other.at == difference.at && other.kind == difference.kind;
    DifferenceDocument::new(difference, bare.and_then(|bare| bare.differences().find(same)))
}

fn shorten(text: &str) -> String {
    if text.chars().count() <= EXAMPLE_CHARACTERS {
        return text.to_owned();
    }
    // A long text, or a value that was cut off before, is a string already: quoted once more, nobody could read it.
    let unquoted = serde_json::from_str::<String>(text);
    let text = unquoted.as_deref().unwrap_or(text);
    let beginning: String = text.chars().take(EXAMPLE_CHARACTERS).collect();
    serde_json::Value::from(beginning + "…").to_string()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_is_quoted_once() {
        let long = "a\"".repeat(EXAMPLE_CHARACTERS);
        let quoted = serde_json::Value::from(long.as_str()).to_string();
        for text in [&long, &quoted] {
            let short: String = serde_json::from_str(&shorten(text)).unwrap();
            assert_eq!(short.strip_suffix('…'), Some(&long[..EXAMPLE_CHARACTERS]), "{text}");
        }
        assert_eq!(shorten("1.50"), "1.50");
    }
}
