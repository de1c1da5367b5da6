//! `cargo xtask fuzz`: the targets under fuzz/, each for a while on its kept corpus; and keeping what was found.
//!
//! Coverage comes from the compiler's own instrumentation, so that the pinned stable toolchain does; libFuzzer's C++
//! needs a C++ compiler. See fuzz/README.md.

mod corpus;
mod figures;
mod target;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use cargo_metadata::{MetadataCommand, TargetKind};

use crate::checkout::Checkout;
use crate::{run, say};
use figures::Figures;
use target::Target;

/// Long enough for a cold build on two slow cores; it only ends one that hangs.
const BUILD_LIMIT: Duration = Duration::from_secs(30 * 60);

/// What CI gives each target: a minute finds what a change broke in reach of the kept corpus.
const DEFAULT_SECONDS: u64 = 60;

/// As many as CI's machine has cores.
const DEFAULT_JOBS: usize = 2;

/// What to run, and for how long.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// This target alone
    target: Option<String>,
    /// For how long each target looks for new inputs; with 0 it only takes those that are kept
    #[arg(long, default_value_t = DEFAULT_SECONDS)]
    seconds: u64,
    /// How many targets run at a time
    #[arg(long, default_value_t = DEFAULT_JOBS)]
    jobs: usize,
    /// Write back the smallest set of inputs that covers all that was found, in place of the kept corpus
    #[arg(long)]
    minimise: bool,
}

impl Default for Arguments {
    fn default() -> Self {
        Arguments { target: None, seconds: DEFAULT_SECONDS, jobs: DEFAULT_JOBS, minimise: false }
    }
}

/// Every target, on what is kept alone: a crash that was once found is not found again.
///
/// # Errors
/// When something cannot be built, or an input fails.
pub(crate) fn replay(checkout: &Checkout) -> Result<()> {
    look(checkout, &Arguments { seconds: 0, ..Arguments::default() })
}

/// Runs the targets, and prints what they came to.
///
/// # Errors
/// When something cannot be built, or an input fails: then the message says which, and how to try it again.
pub(crate) fn look(checkout: &Checkout, arguments: &Arguments) -> Result<()> {
    let workspace = Workspace::build(checkout)?;
    let names: Vec<&String> = workspace
        .names
        .iter()
        .filter(|name| arguments.target.as_ref().is_none_or(|only| only == *name))
        .collect();
    if names.is_empty() {
        bail!("there is no such target: there are {}", workspace.names.join(", "));
    }
    ensure!(arguments.jobs > 0, "give at least one job");
    let mut targets = Vec::new();
    for name in names {
        targets.push(Target::new(&workspace.folder, &workspace.target, &workspace.binaries, name)?);
    }
    let outcomes = side_by_side(&targets, arguments.jobs, |target| target.run(arguments.seconds));
    let (mut rows, mut failures) = (Vec::new(), Vec::new());
    for (target, outcome) in targets.iter().zip(outcomes) {
        match outcome {
            Ok(figures) => rows.push((target.name.as_str(), figures)),
            Err(error) => failures.push(format!("{error:#}")),
        }
    }
    Figures::print(&rows);
    if !failures.is_empty() {
        bail!("{} of {} targets failed:\n{}", failures.len(), targets.len(), failures.join("\n"));
    }
    if arguments.minimise {
        for kept in side_by_side(&targets, arguments.jobs, corpus::minimise) {
            say::line(kept?);
        }
    }
    Ok(())
}

/// Does the work for each item, so many at a time, and gives what came of them in the items' order.
fn side_by_side<T: Sync, R: Send>(
    items: &[T],
    jobs: usize,
    work: impl Fn(&T) -> Result<R> + Sync,
) -> Vec<Result<R>> {
    let waiting: Mutex<VecDeque<usize>> = Mutex::new((0..items.len()).collect());
    let done: Mutex<Vec<(usize, Result<R>)>> = Mutex::default();
    let worker = || {
        loop {
            let next = waiting.lock().map(|mut waiting| waiting.pop_front());
            let Ok(Some(index)) = next else { return };
            let Some(item) = items.get(index) else { return };
            let outcome = work(item);
            if let Ok(mut done) = done.lock() {
                done.push((index, outcome));
            }
        }
    };
    thread::scope(|scope| (0..jobs).for_each(|_| drop(scope.spawn(worker))));
    let mut done = done.into_inner().unwrap_or_default();
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, outcome)| outcome).collect()
}

/// The fuzz targets, built.
struct Workspace {
    folder: PathBuf,
    target: PathBuf,
    binaries: PathBuf,
    names: Vec<String>,
}

impl Workspace {
    fn build(checkout: &Checkout) -> Result<Workspace> {
        run::need("c++", "libFuzzer is C++; on Debian it comes with build-essential")?;
        let folder = folder(checkout);
        run::show(&mut cargo(checkout, &["build", "--release", "--locked"]), BUILD_LIMIT)?;
        let metadata = MetadataCommand::new()
            .manifest_path(folder.join("Cargo.toml"))
            .no_deps()
            .exec()
            .context("cargo metadata of fuzz/ failed")?;
        let targets = metadata.packages.iter().flat_map(|package| &package.targets);
        let mut names: Vec<String> = targets
            .filter(|target| target.kind.contains(&TargetKind::Bin))
            .map(|target| target.name.clone())
            .collect();
        names.sort();
        let host = host()?;
        let target = target_folder(checkout);
        let binaries = target.join(host).join("release");
        Ok(Workspace { folder, target, binaries, names })
    }
}

/// Where the fuzz workspace is.
pub(crate) fn folder(checkout: &Checkout) -> PathBuf {
    checkout.root.join("fuzz")
}

/// What it is built into: of its own, below the target folder that was asked for, or within fuzz/ if none was.
fn target_folder(checkout: &Checkout) -> PathBuf {
    if checkout.target == checkout.root.join("target") {
        folder(checkout).join("target")
    } else {
        checkout.target.join("fuzz")
    }
}

/// cargo in the fuzz workspace, whose configuration it then takes: what surrounds it would undo that.
pub(crate) fn cargo(checkout: &Checkout, arguments: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.args(arguments).current_dir(folder(checkout));
    for undoing in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET"] {
        command.env_remove(undoing);
    }
    command.env("CARGO_TARGET_DIR", target_folder(checkout));
    command
}

fn host() -> Result<String> {
    let told = run::capture(Command::new("rustc").arg("-vV"), Duration::from_secs(60))?;
    let host = told.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).context("rustc does not name its host")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_built_where_the_checkout_is() {
        for (target, expected) in [("/a/target", "/a/fuzz/target"), ("/b", "/b/fuzz"), ("/a/b", "/a/b/fuzz")]
        {
            let checkout = Checkout { root: "/a".into(), target: target.into(), tools: "/a/.tools".into() };
            assert_eq!(target_folder(&checkout), PathBuf::from(expected));
            let command = cargo(&checkout, &["build"]);
            let told = command.get_envs().find(|(name, _)| *name == "CARGO_TARGET_DIR");
            assert_eq!(told.unwrap().1, Some(expected.as_ref()));
        }
    }

    #[test]
    fn outcomes_come_in_the_order_of_the_items() {
        let items: Vec<u64> = (0..20).collect();
        let done = side_by_side(&items, 3, |item| if *item == 7 { bail!("no") } else { Ok(item * 2) });
        assert_eq!(done.len(), items.len());
        for (item, outcome) in items.iter().zip(done) {
            assert_eq!(outcome.ok(), (*item != 7).then_some(item * 2));
        }
    }
}
