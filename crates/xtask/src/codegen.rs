//! Protobuf to Rust. The generated files are committed, so that building needs no generator, and CI
//! compares them with what the `.proto` files say.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::checkout::Checkout;

/// Where the generated files live, below the root of the checkout.
const GENERATED: &str = "crates/wire/src/generated";

/// Put before what needs tonic.
const GRPC_ONLY: &str = "#[cfg(feature = \"grpc\")]";

/// Writes the generated files, or with `check` only compares them with those that are committed.
///
/// # Errors
/// When a `.proto` file does not compile, a file cannot be read or written, or, with `check`, a committed
/// file is missing, stale or no longer generated.
pub(crate) fn run(checkout: &Checkout, check: bool) -> anyhow::Result<()> {
    let committed = checkout.root.join(GENERATED);
    let fresh = generate(checkout)?;
    if check { compare(&committed, &fresh) } else { write(&committed, &fresh) }
}

/// The generated files by name.
fn generate(checkout: &Checkout) -> anyhow::Result<BTreeMap<String, String>> {
    let include = checkout.root.join("proto");
    let descriptors =
        protox::compile(proto_files(&include)?, [&include]).context("cannot compile the .proto files")?;
    // Outside src, so that a run that stops half-way leaves nothing to be committed.
    let scratch = checkout.target.join("codegen");
    if scratch.exists() {
        fs::remove_dir_all(&scratch).with_context(|| format!("cannot empty {}", scratch.display()))?;
    }
    fs::create_dir_all(&scratch).with_context(|| format!("cannot create {}", scratch.display()))?;
    tonic_prost_build::configure()
        // The module for wasm32 must not reach tonic: it gets the messages alone.
        .server_mod_attribute(".", GRPC_ONLY)
        .client_mod_attribute(".", GRPC_ONLY)
        // Connecting is the caller's matter.
        .build_transport(false)
        .codec_path("crate::telemetry::grpc::MeasuredCodec")
        // Ordered maps, so that equal messages have equal bytes.
        .btree_map(".")
        .emit_rerun_if_changed(false)
        .out_dir(&scratch)
        .compile_fds(descriptors)
        .context("cannot generate Rust from the .proto files")?;
    read(&scratch)
}

/// Every `.proto` file below `folder`, in order, so that the output does not depend on the file system.
fn proto_files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "proto") {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

fn read(folder: &Path) -> anyhow::Result<BTreeMap<String, String>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let entry = entry?;
        let text = fs::read_to_string(entry.path())
            .with_context(|| format!("cannot read {}", entry.path().display()))?;
        files.insert(entry.file_name().to_string_lossy().into_owned(), text);
    }
    Ok(files)
}

fn compare(folder: &Path, fresh: &BTreeMap<String, String>) -> anyhow::Result<()> {
    let committed = if folder.exists() { read(folder)? } else { BTreeMap::new() };
    let mut stale: Vec<&str> = Vec::new();
    for (name, text) in fresh {
        if committed.get(name) != Some(text) {
            stale.push(name);
        }
    }
    for name in committed.keys() {
        if !fresh.contains_key(name) {
            stale.push(name);
        }
    }
    if stale.is_empty() {
        return Ok(());
    }
    bail!("{GENERATED} is not what proto/ generates: {}; run `cargo xtask codegen`", stale.join(", "))
}

fn write(folder: &Path, fresh: &BTreeMap<String, String>) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    for name in read(folder)?.keys() {
        if !fresh.contains_key(name) {
            fs::remove_file(folder.join(name)).with_context(|| format!("cannot remove {name}"))?;
        }
    }
    for (name, text) in fresh {
        fs::write(folder.join(name), text).with_context(|| format!("cannot write {name}"))?;
    }
    Ok(())
}
