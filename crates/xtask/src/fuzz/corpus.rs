//! The corpus that is committed: small, and reaching all that was ever reached.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use super::target::Target;

/// Merging takes each input twice at most.
const LIMIT: Duration = Duration::from_secs(600);

/// So many inputs are kept of a target; a file of its own each, they are reviewed and cloned with everything else.
const MOST_FILES: usize = 150;

/// The longest input that is kept, in bytes.
const MOST_BYTES: u64 = 8 * 1024;

/// Puts the smallest set that covers what was found in the place of the kept corpus; says how large it is.
///
/// # Errors
/// When an input fails, or a file cannot be written.
pub(crate) fn minimise(target: &Target) -> Result<String> {
    let merged = target.found.with_file_name("merged");
    if merged.exists() {
        fs::remove_dir_all(&merged).with_context(|| format!("cannot empty {}", merged.display()))?;
    }
    for folder in [&merged, &target.kept] {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let mut command = target.command();
    // By edges alone: how often each is taken would keep some thousand inputs.
    command.args(["-set_cover_merge=1", "-use_counters=0"]).args([&merged, &target.kept, &target.found]);
    target.logged(&mut command, LIMIT)?;
    let chosen = shortest(list(&merged)?);
    for (_, old) in list(&target.kept)? {
        fs::remove_file(&old).with_context(|| format!("cannot remove {}", old.display()))?;
    }
    let mut bytes = 0;
    for (length, input) in &chosen {
        let name = input.file_name().context("an input has a name")?;
        let kept = target.kept.join(name);
        fs::copy(input, &kept).with_context(|| format!("cannot write {}", kept.display()))?;
        bytes += length;
    }
    Ok(format!("kept {}: {} inputs, {bytes} bytes", target.name, chosen.len()))
}

fn list(folder: &Path) -> Result<Vec<(u64, PathBuf)>> {
    let mut inputs = Vec::new();
    let unreadable = || format!("cannot read {}", folder.display());
    for entry in fs::read_dir(folder).with_context(unreadable)? {
        let entry = entry.with_context(unreadable)?;
        inputs.push((entry.metadata().with_context(unreadable)?.len(), entry.path()));
    }
    Ok(inputs)
}

fn shortest(mut inputs: Vec<(u64, PathBuf)>) -> Vec<(u64, PathBuf)> {
    inputs.retain(|(length, _)| *length <= MOST_BYTES);
    inputs.sort();
    inputs.truncate(MOST_FILES);
    inputs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_are_kept() {
        let inputs = (0..200).map(|number| (number, PathBuf::from(number.to_string()))).collect();
        let kept = shortest(inputs);
        assert_eq!((kept.len(), kept.first().unwrap().0, kept.last().unwrap().0), (MOST_FILES, 0, 149));
        assert_eq!(shortest(vec![(MOST_BYTES + 1, PathBuf::from("long"))]), []);
    }
}
