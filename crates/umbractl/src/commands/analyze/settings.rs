//! What a shadow's manifest asks of a comparison and of a verdict, with the defaults in place of what it leaves out.

use std::path::Path;

use umbra_compare::{answer::Choice, endpoint::Endpoints, gates::Gates};
use umbra_resource::{
    Resource, asked,
    manifest::{
        compare::{BodyComparison, Compare},
        gates::Gates as GatesManifest,
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
    // The bodies are at hand.
    let bodies = compare.body.unwrap_or(BodyComparison::Full);
    Ok(Settings {
        choice: asked::choice(compare, bodies)
            .map_err(|error| Failure::error(format!("spec.compare.{error}")))?,
        gates: asked::gates(compare, gates),
        endpoints: Endpoints::new(&compare.endpoints),
        bodies: bodies != BodyComparison::None,
        max_body_bytes: compare
            .max_body_bytes
            .map_or(usize::MAX, |bytes| usize::try_from(bytes).unwrap_or(usize::MAX)),
    })
}
