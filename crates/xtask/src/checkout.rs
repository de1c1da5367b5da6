//! Where things are: the checkout, the build's target folder, and the ignored folder of fetched tools.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use cargo_metadata::MetadataCommand;

/// The folders that every command works in.
#[derive(Debug, Clone)]
pub(crate) struct Checkout {
    /// The workspace's root.
    pub(crate) root: PathBuf,
    /// Cargo's target folder; honours `CARGO_TARGET_DIR` and cargo's configuration.
    pub(crate) target: PathBuf,
    /// Where tools that are not Rust are installed; ignored by git.
    pub(crate) tools: PathBuf,
}

impl Checkout {
    /// Asks cargo.
    ///
    /// # Errors
    /// When not started through `cargo xtask`, or when the workspace does not resolve.
    pub(crate) fn find() -> Result<Self> {
        let manifest_dir = env::var_os("CARGO_MANIFEST_DIR")
            .context("start this as `cargo xtask`, which says where the checkout is")?;
        let metadata = MetadataCommand::new()
            .manifest_path(Path::new(&manifest_dir).join("Cargo.toml"))
            .no_deps()
            .exec()
            .context("cargo metadata failed")?;
        let root = metadata.workspace_root.into_std_path_buf();
        Ok(Self { tools: root.join(".tools"), target: metadata.target_directory.into_std_path_buf(), root })
    }

    /// The module that ships, as `cargo xtask filter` leaves it.
    pub(crate) fn filter(&self) -> PathBuf {
        self.target.join("umbra-filter.wasm")
    }

    /// The module that traps when a request asks for it, which only tests use.
    pub(crate) fn trap_filter(&self) -> PathBuf {
        self.target.join("umbra-filter-trap.wasm")
    }

    /// Where cargo leaves binaries of the development profile.
    pub(crate) fn binaries(&self) -> PathBuf {
        self.target.join("debug")
    }
}
