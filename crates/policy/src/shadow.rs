//! A shadow, validated, and whether it takes a request that has one of its stamps.

use crate::cookie;
use crate::decide::Skip;
use crate::policy::StampId;
use crate::request::{BodyLength, RequestView};
use crate::share::{Salt, Share};
use crate::spec::{CompareSpec, CopySpec, GuardSpec, SampleBy, SampleSpec, ShadowSpec};
use crate::validate::{
    At, Errors, check_cluster, check_cookie_name, check_header_value, check_method, check_name, header_name,
};

/// The most items in each of a shadow's lists of methods and headers.
const MAX_ITEMS: usize = 100;

/// The longest salt, in bytes.
const MAX_SALT_BYTES: usize = 253;

/// The most compared headers and endpoint templates.
const MAX_COMPARED: usize = 1_000;

/// Several bodies of this length are held in a worker's memory at once.
const MAX_BODY_BYTES: u64 = 16 << 20;

/// The longest endpoint template, in bytes.
const MAX_TEMPLATE_BYTES: usize = 2_048;

/// Headers that say where the message ends or what becomes of its connection. Changing one on a copy would
/// make it a different message, or two.
const FRAMING: [&str; 5] = ["connection", "content-length", "te", "transfer-encoding", "upgrade"];

/// A shadow's position among the policy's shadows, which is the order of their names.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ShadowId(pub u16);

/// A validated shadow.
#[derive(Clone, Debug)]
pub struct Shadow {
    name: String,
    stamps: Vec<StampId>,
    target_cluster: String,
    control_cluster: Option<String>,
    enabled: bool,
    share: Share,
    sample: SampleSpec,
    salt: Salt,
    guard: GuardSpec,
    copy: CopySpec,
    compare: Option<CompareSpec>,
}

impl Shadow {
    /// Unique among the shadows.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Ascending, without repetition.
    pub fn stamps(&self) -> &[StampId] {
        &self.stamps
    }

    /// The Envoy cluster of the candidate.
    pub fn target_cluster(&self) -> &str {
        &self.target_cluster
    }

    /// The Envoy cluster of the control, where there is one.
    pub fn control_cluster(&self) -> Option<&str> {
        self.control_cluster.as_deref()
    }

    /// The switch.
    pub fn enabled(&self) -> bool {
        self.enabled
    }

    /// The valve.
    pub fn share(&self) -> Share {
        self.share
    }

    /// What the share is a share of. A header's name is in lower case.
    pub fn sample(&self) -> &SampleSpec {
        &self.sample
    }

    /// The hash key that the sample's salt stands for.
    pub fn salt(&self) -> &Salt {
        &self.salt
    }

    /// What is never mirrored. `max_rps` is not looked at here: it needs a clock and memory, which the filter has.
    pub fn guard(&self) -> &GuardSpec {
        &self.guard
    }

    /// What happens to the headers of a copy. Names are in lower case.
    pub fn copy(&self) -> &CopySpec {
        &self.copy
    }

    /// What is observed of the answers, where anything is. Names of headers are in lower case.
    pub fn compare(&self) -> Option<&CompareSpec> {
        self.compare.as_ref()
    }

    /// Whether the answers to a request of this shadow are observed, by the request's own random number, uniform in all 64
    /// bits. Independent of the share by which the request was mirrored: take another number than that one.
    pub fn compares(&self, random: u64) -> bool {
        let share = self.compare.as_ref().and_then(|compare| Share::from_ppm(compare.share_ppm));
        share.is_some_and(|share| share.takes(random))
    }

    /// Validates; everything wrong is noted in `errors`, and the result is then of no use.
    pub(crate) fn build(
        spec: ShadowSpec,
        at: At<'_>,
        stamp_named: impl Fn(&str) -> Option<StampId>,
        errors: &mut Errors,
    ) -> Shadow {
        errors.keep(at.field("name"), check_name(&spec.name));
        let stamps = build_stamps(&spec.stamps, at, stamp_named, errors);
        errors.keep(at.field("target_cluster"), check_cluster(&spec.target_cluster));
        if let Some(control) = &spec.control_cluster {
            errors.keep(at.field("control_cluster"), check_cluster(control));
        }
        let out_of_range = || format!("{} is out of range: give 0 to 1000000", spec.share_ppm);
        let share = Share::from_ppm(spec.share_ppm).ok_or_else(out_of_range);
        let share = errors.keep(at.field("share_ppm"), share).unwrap_or(Share::ZERO);
        let sample = build_sample(spec.sample, at.field("sample"), errors);
        check_guard(&spec.guard, at.field("guard"), errors);
        Shadow {
            name: spec.name,
            stamps,
            target_cluster: spec.target_cluster,
            control_cluster: spec.control_cluster,
            enabled: spec.enabled,
            share,
            salt: Salt::new(&sample.salt),
            sample,
            guard: spec.guard,
            copy: build_copy(spec.request, at.field("request"), errors),
            compare: spec.compare.and_then(|compare| build_compare(compare, at.field("compare"), errors)),
        }
    }

    /// Why this shadow takes no copy of a request that has one of its stamps; the order of the conditions
    /// is the order in which reasons are reported. Slots are given out afterwards.
    pub(crate) fn refuses(&self, request: &impl RequestView, upgrade: bool, random: u64) -> Option<Skip> {
        if !self.enabled {
            return Some(Skip::Off);
        }
        if self.share == Share::ZERO {
            return Some(Skip::ZeroShare);
        }
        if upgrade {
            return Some(Skip::Upgrade);
        }
        let methods = &self.guard.methods;
        if !methods.is_empty() && !methods.iter().any(|method| method.as_bytes() == request.method()) {
            return Some(Skip::Method);
        }
        match request.body() {
            BodyLength::Known(bytes) if bytes > self.guard.max_request_bytes => {
                return Some(Skip::BodyTooLarge);
            }
            BodyLength::Unknown if !self.guard.allow_unknown_length => return Some(Skip::UnknownLength),
            BodyLength::None | BodyLength::Known(_) | BodyLength::Unknown => {}
        }
        match self.bucket(request, random) {
            None => Some(Skip::NoKey),
            Some(bucket) if self.share.takes(bucket) => None,
            Some(_) => Some(Skip::NotSampled),
        }
    }

    /// The bucket of the request's sampling key, or `None` when it has none or an empty one.
    pub(crate) fn bucket(&self, request: &impl RequestView, random: u64) -> Option<u64> {
        let key = match &self.sample.by {
            SampleBy::Request => return Some(self.salt.bucket_of_random(random)),
            SampleBy::Header(name) => request.header(name).next(),
            SampleBy::Cookie(name) => cookie::values(request.header("cookie"), name).next(),
            SampleBy::SourceIp => {
                // An IPv4 address that came over an IPv6 socket is the same peer.
                return match request.source_ip()?.to_canonical() {
                    std::net::IpAddr::V4(address) => Some(self.salt.bucket(&address.octets())),
                    std::net::IpAddr::V6(address) => Some(self.salt.bucket(&address.octets())),
                };
            }
        };
        key.filter(|key| !key.is_empty()).map(|key| self.salt.bucket(key))
    }
}

fn build_stamps(
    names: &[String],
    at: At<'_>,
    stamp_named: impl Fn(&str) -> Option<StampId>,
    errors: &mut Errors,
) -> Vec<StampId> {
    if names.is_empty() {
        errors.add(at.field("stamps"), "is empty: name the stamps whose requests the shadow gets");
    }
    let mut stamps = Vec::with_capacity(names.len());
    for (position, name) in names.iter().enumerate() {
        let stamp = stamp_named(name).ok_or_else(|| format!("there is no stamp {name:?}"));
        stamps.extend(errors.keep(at.item("stamps", position), stamp));
    }
    stamps.sort_unstable();
    stamps.dedup();
    stamps
}

fn build_sample(mut sample: SampleSpec, at: At<'_>, errors: &mut Errors) -> SampleSpec {
    if !(1..=MAX_SALT_BYTES).contains(&sample.salt.len()) {
        errors.add(at.field("salt"), format!("is not 1 to {MAX_SALT_BYTES} bytes long"));
    }
    match &mut sample.by {
        SampleBy::Header(name) => {
            if let Some(lower_case) = errors.keep(at.field("header"), header_name(name)) {
                *name = lower_case;
            }
        }
        SampleBy::Cookie(name) => {
            errors.keep(at.field("cookie"), check_cookie_name(name));
        }
        SampleBy::Request | SampleBy::SourceIp => {}
    }
    sample
}

fn check_guard(guard: &GuardSpec, at: At<'_>, errors: &mut Errors) {
    if errors.at_most(at.field("methods"), guard.methods.len(), MAX_ITEMS) {
        for (position, method) in guard.methods.iter().enumerate() {
            errors.keep(at.item("methods", position), check_method(method));
        }
    }
    if guard.max_rps == Some(0) {
        errors
            .add(at.field("max_rps"), "is 0: use the switch to mirror nothing, or leave it out for no limit");
    }
}

fn build_copy(mut copy: CopySpec, at: At<'_>, errors: &mut Errors) -> CopySpec {
    let name_of = |name: &str| {
        let name = header_name(name)?;
        if FRAMING.contains(&name.as_str()) {
            return Err("frames the message or its connection, and cannot be changed on a copy");
        }
        Ok(name)
    };
    if errors.at_most(at.field("remove_headers"), copy.remove_headers.len(), MAX_ITEMS) {
        for (position, name) in copy.remove_headers.iter_mut().enumerate() {
            if let Some(lower_case) = errors.keep(at.item("remove_headers", position), name_of(name)) {
                *name = lower_case;
            }
        }
    }
    if errors.at_most(at.field("set_headers"), copy.set_headers.len(), MAX_ITEMS) {
        for (position, (name, value)) in copy.set_headers.iter_mut().enumerate() {
            let at = at.item("set_headers", position);
            if let Some(lower_case) = errors.keep(at.field("name"), name_of(name)) {
                *name = lower_case;
            }
            errors.keep(at.field("value"), check_header_value(value));
        }
    }
    copy
}

/// `None` also where nothing is ever compared, so that nobody has to ask again.
fn build_compare(mut compare: CompareSpec, at: At<'_>, errors: &mut Errors) -> Option<CompareSpec> {
    let ppm = compare.share_ppm;
    if Share::from_ppm(ppm).is_none() {
        errors.add(at.field("share_ppm"), format!("{ppm} is out of range: give 0 to 1000000"));
    }
    if compare.max_body_bytes > MAX_BODY_BYTES {
        errors.add(at.field("max_body_bytes"), format!("is over {MAX_BODY_BYTES}"));
    }
    if errors.at_most(at.field("headers"), compare.headers.len(), MAX_COMPARED) {
        for (position, name) in compare.headers.iter_mut().enumerate() {
            if let Some(lower_case) = errors.keep(at.item("headers", position), header_name(name)) {
                *name = lower_case;
            }
        }
    }
    if errors.at_most(at.field("endpoints"), compare.endpoints.len(), MAX_COMPARED) {
        for (position, template) in compare.endpoints.iter().enumerate() {
            if !template.starts_with('/') || template.len() > MAX_TEMPLATE_BYTES {
                let message = format!("is not a path of at most {MAX_TEMPLATE_BYTES} bytes");
                errors.add(at.item("endpoints", position), message);
            }
        }
    }
    (ppm > 0).then_some(compare)
}
