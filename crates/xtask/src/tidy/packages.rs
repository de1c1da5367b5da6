//! Which packages may use which: from cargo's own metadata, and from the tree that cargo resolves for each package
//! by itself, so that a feature which only another member turns on does not count against it.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use cargo_metadata::{Metadata, MetadataCommand};

use crate::checkout::Checkout;
use crate::run;

/// Each member of the workspace, and the members it may use, for whatever purpose.
const MEMBERS: [(&str, &[&str]); 10] = [
    ("umbra-audit", &[]),
    ("umbra-policy", &[]),
    ("umbra-compare", &[]),
    ("umbra-resource", &["umbra-policy", "umbra-compare"]),
    ("umbra-wire", &["umbra-policy", "umbra-compare"]),
    ("umbra-filter", &["umbra-policy", "umbra-compare", "umbra-resource", "umbra-wire"]),
    (
        "umbra-control-plane",
        &["umbra-audit", "umbra-policy", "umbra-compare", "umbra-resource", "umbra-wire"],
    ),
    ("umbractl", &["umbra-audit", "umbra-policy", "umbra-compare", "umbra-resource"]),
    // These two see the product as its users do: as binaries and over the network.
    ("umbra-e2e", &[]),
    ("xtask", &[]),
];

/// What does IO, draws random numbers or speaks a protocol.
const IMPURE: &[&str] = &[
    "async-std",
    "fastrand",
    "getrandom",
    "h2",
    "http",
    "hyper",
    "mio",
    "prost",
    "rand",
    "reqwest",
    "socket2",
    "tokio",
    "tonic",
];

/// Packages, the features they are looked at with, and what they must not reach on any path.
const REACH: [(&str, Features, &[&str]); 7] = [
    ("umbra-audit", Features::All, IMPURE),
    ("umbra-policy", Features::All, IMPURE),
    ("umbra-compare", Features::All, IMPURE),
    ("umbra-resource", Features::Default, IMPURE),
    ("umbra-wire", Features::Default, &["tokio", "tonic", "hyper"]),
    ("umbra-filter", Features::Default, &["tokio", "tonic", "hyper", "h2", "mio"]),
    ("umbra-control-plane", Features::All, &["proxy-wasm", "umbra-filter"]),
];

/// The packages that must build for wasm32: as parts of the filter they do, whenever the filter is built.
const IN_THE_FILTER: [&str; 4] = ["umbra-compare", "umbra-policy", "umbra-resource", "umbra-wire"];

#[derive(Debug, Clone, Copy)]
enum Features {
    /// Those that are on unless somebody says otherwise.
    Default,
    /// Every one.
    All,
}

/// Every dependency that should not be there.
///
/// # Errors
/// When cargo does not answer.
pub(crate) fn check(checkout: &Checkout) -> Result<Vec<String>> {
    let metadata = MetadataCommand::new()
        .manifest_path(checkout.root.join("Cargo.toml"))
        .no_deps()
        .exec()
        .context("cargo metadata failed")?;
    let mut breaches = members(&metadata);
    for (package, features, forbidden) in REACH {
        if !metadata.packages.iter().any(|member| member.name == package) {
            continue;
        }
        let reached = reached(checkout, package, features)?;
        for name in forbidden.iter().filter(|name| reached.contains(**name)) {
            breaches
                .push(format!("{package} reaches {name}: see `cargo tree -p {package} -e normal -i {name}`"));
        }
        if package == "umbra-filter" {
            for name in IN_THE_FILTER.iter().filter(|name| !reached.contains(**name)) {
                breaches.push(format!(
                    "{name} is not part of the filter, so nothing shows that it builds for wasm32"
                ));
            }
        }
    }
    Ok(breaches)
}

fn members(metadata: &Metadata) -> Vec<String> {
    let mut breaches = Vec::new();
    let names: BTreeSet<&str> = metadata.packages.iter().map(|package| package.name.as_str()).collect();
    for package in &metadata.packages {
        let Some((_, allowed)) = MEMBERS.iter().find(|(name, _)| package.name == *name) else {
            breaches.push(format!(
                "{}: no rule says what it may use; give it a row in xtask's tidy",
                package.name
            ));
            continue;
        };
        for dependency in &package.dependencies {
            let name = dependency.name.as_str();
            // A package may turn its own features on for its tests.
            let own = package.name == name;
            if names.contains(name) && !own && !allowed.contains(&name) {
                breaches.push(format!("{} must not use {name}", package.name));
            }
        }
    }
    breaches
}

/// The names of all packages that `package` is built from: what it needs to run, with features resolved for it alone.
fn reached(checkout: &Checkout, package: &str, features: Features) -> Result<BTreeSet<String>> {
    let mut command = Command::new("cargo");
    command.args(["tree", "--package", package, "--edges", "normal", "--prefix", "none", "--format", "{p}"]);
    if let Features::All = features {
        command.arg("--all-features");
    }
    if package == "umbra-filter" {
        command.args(["--target", "wasm32-wasip1"]);
    }
    let tree = run::capture(command.current_dir(&checkout.root), Duration::from_secs(120))?;
    Ok(tree.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect())
}
