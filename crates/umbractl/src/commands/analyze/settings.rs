//! What a shadow's manifest asks of a comparison and of a verdict, with the defaults in place of what it leaves out.

use std::path::Path;

use umbra_compare::{
    answer::Choice,
    body::Limits,
    endpoint::Endpoints,
    gates::{Gates, LatencyLimit, Noise},
    json::rules::Rules,
};
use umbra_resource::{
    Resource,
    manifest::{
        compare::{BodyComparison, Compare, Noise as NoiseName},
        gates::{Gates as GatesManifest, LatencyRatio},
        shadow::ShadowSpec,
    },
};

use crate::{cli::Files, failure::Failure, manifest};

/// How to compare, and what the gates are.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) choice: Choice,
    pub(super) gates: Gates,
    pub(super) endpoints: Endpoints,
    /// Whether bodies are looked at.
    pub(super) bodies: bool,
    /// Only so much of a body is looked at.
    pub(super) max_body_bytes: usize,
}

impl Settings {
    /// The defaults, or those of the one shadow in a file (of this name, where there are several).
    pub(super) fn read(file: Option<&Path>, name: Option<&str>) -> Result<Settings, Failure> {
        let Some(file) = file else { return settings(&Compare::default(), &GatesManifest::default()) };
        let files = Files { filename: vec![file.to_owned()], recursive: false };
        let resources = manifest::read(&files).map_err(Failure::into_error)?.resources;
        let mut shadows = Vec::new();
        for resource in resources {
            if let Resource::Shadow(shadow) = resource
                && name.is_none_or(|name| name == shadow.metadata.name)
            {
                shadows.push(shadow);
            }
        }
        let file = file.display();
        match (shadows.as_slice(), name) {
            ([shadow], _) => {
                let ShadowSpec { compare, gates, .. } = &shadow.spec;
                settings(&compare.clone().unwrap_or_default(), &gates.clone().unwrap_or_default())
            }
            ([], Some(name)) => Err(Failure::error(format!("{file}: there is no shadow {name} in it"))),
            ([], None) => Err(Failure::error(format!("{file}: there is no shadow in it"))),
            (_, _) => {
                let names: Vec<_> = shadows.iter().map(|shadow| shadow.metadata.name.as_str()).collect();
                let names = names.join(", ");
                Err(Failure::error(format!("{file}: say which shadow by --shadow: {names}")))
            }
        }
    }
}

fn settings(compare: &Compare, gates: &GatesManifest) -> Result<Settings, Failure> {
    let tolerance: Vec<_> =
        compare.tolerance.iter().map(|tolerance| (tolerance.path.clone(), tolerance.absolute)).collect();
    let rules = Rules::new(&compare.ignore, &compare.unordered, &tolerance)
        .map_err(|error| Failure::error(format!("spec.compare.{error}")))?;
    let bodies = compare.body.unwrap_or(BodyComparison::Full);
    let mut wanted = self::gates(gates);
    if compare.noise == Some(NoiseName::Diffy) {
        wanted.noise = Noise::Diffy;
    }
    // Where nothing is compared, the default limit on it would stay open for ever. One that is asked for does.
    let nothing_compared = bodies == BodyComparison::None && compare.headers.is_empty();
    if nothing_compared && gates.max_body_mismatch.is_none() {
        wanted.max_body_mismatch = None;
    }
    Ok(Settings {
        choice: Choice {
            headers: compare.headers.iter().map(|name| name.to_ascii_lowercase()).collect(),
            rules,
            limits: Limits::default(),
            digests: bodies == BodyComparison::Digest,
        },
        gates: wanted,
        endpoints: Endpoints::new(&compare.endpoints),
        bodies: bodies != BodyComparison::None,
        max_body_bytes: compare
            .max_body_bytes
            .map_or(usize::MAX, |bytes| usize::try_from(bytes).unwrap_or(usize::MAX)),
    })
}

fn gates(manifest: &GatesManifest) -> Gates {
    let defaults = Gates::default();
    let duration_ms = manifest.min_duration.as_ref().map(|span| span.duration().as_millis());
    Gates {
        min_pairs: manifest.min_pairs.unwrap_or(defaults.min_pairs),
        min_duration_ms: duration_ms
            .map_or(defaults.min_duration_ms, |ms| u64::try_from(ms).unwrap_or(u64::MAX)),
        max_error_excess: manifest.max_error_excess.or(defaults.max_error_excess),
        max_status_mismatch: manifest.max_status_mismatch.or(defaults.max_status_mismatch),
        max_body_mismatch: manifest.max_body_mismatch.or(defaults.max_body_mismatch),
        max_latency_ratio: manifest.max_latency_ratio.as_ref().map_or(defaults.max_latency_ratio, limits),
        ..defaults
    }
}

fn limits(ratio: &LatencyRatio) -> Vec<LatencyLimit> {
    [(50, ratio.p50), (95, ratio.p95), (99, ratio.p99)]
        .into_iter()
        .filter_map(|(percentile, limit)| Some(LatencyLimit { percentile, limit: limit? }))
        .collect()
}
