//! What `umbractl diff` compares.

use std::path::PathBuf;

use clap::Args;

use crate::value::ToleranceArg;

/// Two bodies, or manifests and what the control plane has.
#[derive(Args, Debug)]
pub(crate) struct DiffArgs {
    #[command(flatten)]
    pub(crate) bodies: BodyArgs,
    /// Manifests instead, as for `apply`: what would it change?
    #[arg(short, long, value_name = "FILE", conflicts_with_all = ["ignore", "unordered", "tolerance"])]
    pub(crate) filename: Vec<PathBuf>,
    /// Look into the directories of a directory too
    #[arg(short = 'R', long, requires = "filename")]
    pub(crate) recursive: bool,
}

/// Two bodies, and what may differ.
#[derive(Args, Debug)]
pub(crate) struct BodyArgs {
    /// The file that stands for the primary's body
    #[arg(required_unless_present = "filename", conflicts_with = "filename")]
    pub(crate) primary: Option<PathBuf>,
    /// The file that stands for the shadow's body
    #[arg(required_unless_present = "filename")]
    pub(crate) shadow: Option<PathBuf>,
    /// A JSONPath (RFC 9535) of what may differ; may be repeated
    #[arg(long, value_name = "PATH")]
    pub(crate) ignore: Vec<String>,
    /// A JSONPath of arrays whose order means nothing; may be repeated
    #[arg(long, value_name = "PATH")]
    pub(crate) unordered: Vec<String>,
    /// A JSONPath of numbers, and by how much they may differ; may be repeated
    #[arg(long, value_name = "PATH=N")]
    pub(crate) tolerance: Vec<ToleranceArg>,
}
