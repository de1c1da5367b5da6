//! Whether a shadow gets a copy, and by what share.

use umbra_policy::explain::ShadowExplanation as Answer;
use umbra_policy::share::WHOLE_PPM;
use umbra_policy::spec::{SampleBy, ShadowSpec};
use umbra_policy::{BodyLength, Policy, RequestView, Skip, cookie};

use super::outcome::ShadowOutcome;
use super::request::View;
use super::{
    CopyExplanation, Outcome, OverrideExplanation, SamplingExplanation, ShadowExplanation, ShareExplanation,
};
use crate::manifest::Shadow;
use crate::percent::ppm_to_percent;
use crate::read::{shorten, suggest};
use crate::set::{NodeAttributes, override_for};

/// Lets a shadow that draws a number for each request take them all, and says whether it is one.
pub(super) fn take_chance(shadow: &mut ShadowSpec) -> bool {
    let is_chance = shadow.sample.by == SampleBy::Request && (1..WHOLE_PPM).contains(&shadow.share_ppm);
    if is_chance {
        shadow.share_ppm = WHOLE_PPM;
    }
    is_chance
}

/// `policy` and `answer` are those in which chance was taken, `outcome` is what comes of it.
pub(super) fn explain(
    shadow: &Shadow,
    node: &NodeAttributes,
    policy: &Policy,
    answer: &Answer,
    outcome: ShadowOutcome,
    view: &View<'_>,
) -> ShadowExplanation {
    let share = share(shadow, node);
    let compiled = policy.shadow(answer.shadow);
    let sampling = sampling(compiled.map(umbra_policy::Shadow::sample), answer.bucket, view);
    let stamps: Vec<String> = answer
        .stamps
        .iter()
        .filter_map(|id| policy.stamp(*id))
        .map(|stamp| stamp.name().to_owned())
        .collect();
    let (decision, reason, words, copies) = match outcome {
        ShadowOutcome::NotStamped => {
            let asked: Vec<&str> = shadow.spec.stamps.iter().map(String::as_str).collect();
            let words = format!("the request does not get the stamp it asks for: {}", asked.join(", "));
            (Outcome::NotStamped, None, words, Vec::new())
        }
        ShadowOutcome::Skipped(reason) => {
            let words = compiled
                .map(|compiled| skip_words(reason, compiled, &share, &sampling, view))
                .unwrap_or_else(|| reason.name().to_owned());
            (Outcome::Skipped, Some(reason.name()), words, Vec::new())
        }
        ShadowOutcome::Taken { first_slots, by_chance, may_lack_slots } => {
            let copies = copies(shadow, &first_slots);
            let (decision, mut words) = if by_chance {
                (Outcome::Sampled, format!("{} % of requests", share.percent))
            } else if may_lack_slots {
                (Outcome::Sampled, "mirrored".to_owned())
            } else {
                (Outcome::Mirrored, "mirrored".to_owned())
            };
            if may_lack_slots {
                words.push_str(", when the shadows before it in the order of names leave it a slot");
            }
            (decision, None, words, copies)
        }
    };
    ShadowExplanation {
        name: shadow.metadata.name.clone(),
        decision,
        reason,
        words,
        stamps,
        share,
        sampling,
        copies,
        max_rps: compiled.and_then(|compiled| compiled.guard().max_rps),
    }
}

fn share(shadow: &Shadow, node: &NodeAttributes) -> ShareExplanation {
    let one = override_for(shadow, node);
    ShareExplanation {
        percent: one.map_or(shadow.spec.share(), |(_, one)| one.percent),
        enabled: shadow.spec.is_enabled(),
        from: one.map(|(index, one)| OverrideExplanation {
            field: format!("spec.overrides[{index}]"),
            place: one
                .place
                .iter()
                .map(|(attribute, value)| (attribute.to_string(), value.clone()))
                .collect(),
        }),
    }
}

fn copies(shadow: &Shadow, first_slots: &[u8]) -> Vec<CopyExplanation> {
    let candidate = CopyExplanation {
        role: "candidate",
        cluster: shadow.spec.target.cluster.clone(),
        slots: first_slots.to_vec(),
    };
    let control = shadow.spec.control.as_ref().map(|control| CopyExplanation {
        role: "control",
        cluster: control.cluster.clone(),
        slots: first_slots.iter().map(|slot| slot + 1).collect(),
    });
    std::iter::once(candidate).chain(control).collect()
}

fn sampling(
    sample: Option<&umbra_policy::spec::SampleSpec>,
    bucket: Option<u64>,
    view: &View<'_>,
) -> SamplingExplanation {
    let by = sample.map_or(&SampleBy::Request, |sample| &sample.by);
    let (word, name, key) = match by {
        SampleBy::Request => ("request", None, None),
        SampleBy::Header(name) => ("header", Some(name), view.header(name).next().map(lossy)),
        SampleBy::Cookie(name) => {
            ("cookie", Some(name), cookie::values(view.header("cookie"), name).next().map(lossy))
        }
        SampleBy::SourceIp => {
            ("source-ip", None, view.source_ip().map(|address| address.to_canonical().to_string()))
        }
    };
    SamplingExplanation {
        by: word,
        name: name.cloned(),
        salt: sample.map(|sample| sample.salt.clone()).unwrap_or_default(),
        // An empty key is a missing one.
        key: key.filter(|key| !key.is_empty()),
        // By request, the bucket is that of a number that was not drawn.
        bucket_percent: bucket.filter(|_| *by != SampleBy::Request).map(bucket_percent),
    }
}

/// Where a bucket lies in 0 .. 2^64, in percent, rounded down to four decimals: shares have no more, so one
/// takes the bucket when it is larger.
fn bucket_percent(bucket: u64) -> f64 {
    let ppm = (u128::from(bucket) * u128::from(WHOLE_PPM)) >> 64;
    // Below 1,000,000, because the bucket is below 2^64.
    ppm_to_percent(u32::try_from(ppm).unwrap_or(WHOLE_PPM))
}

fn skip_words(
    reason: Skip,
    shadow: &umbra_policy::Shadow,
    share: &ShareExplanation,
    sampling: &SamplingExplanation,
    view: &View<'_>,
) -> String {
    let key_of = match &sampling.name {
        Some(name) => format!("{} {name}", sampling.by),
        None => sampling.by.to_owned(),
    };
    match reason {
        Skip::Off => "switched off".to_owned(),
        Skip::ZeroShare => "its share is 0 %".to_owned(),
        Skip::Upgrade => "upgrades and CONNECT are never mirrored".to_owned(),
        Skip::Method => {
            let methods: Vec<&str> = shadow.guard().methods.iter().map(String::as_str).collect();
            let method = shorten(&lossy(view.method()));
            format!("the guard takes {} alone, not {method}", suggest::joined(&methods))
        }
        Skip::BodyTooLarge => match view.body() {
            BodyLength::Known(bytes) => {
                format!(
                    "the body has {bytes} bytes, and the guard takes {}",
                    shadow.guard().max_request_bytes
                )
            }
            BodyLength::None | BodyLength::Unknown => reason.name().to_owned(),
        },
        Skip::UnknownLength => "the body's length is not known, and the guard does not allow that".to_owned(),
        Skip::NoKey => format!("the request has no sampling key: {key_of} is missing or empty"),
        Skip::NotSampled => {
            let bucket = sampling.bucket_percent.unwrap_or_default();
            format!(
                "its {key_of} falls at {bucket} %, and a share of {} % takes what falls below",
                share.percent
            )
        }
        Skip::NoSlot => "the shadows before it in the order of names take the slots it needs".to_owned(),
        Skip::Stale | Skip::Shed | Skip::RateLimited | Skip::Loop => reason.name().to_owned(),
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
