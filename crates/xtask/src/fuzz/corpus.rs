//! The corpus that is committed: small, and reaching all that was ever reached.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use super::target::Target;

/// Merging takes each input twice at most.
const LIMIT: Duration = Duration::from_secs(600);

/// So many found inputs are kept of a target; a file of its own each, they are cloned with everything else.
const MOST_FILES: usize = 100;

/// So long may they be together, in bytes.
const MOST_BYTES: u64 = 64 * 1024;

/// The longest found input that is kept, in bytes.
const LONGEST: u64 = 4 * 1024;

/// Puts the smallest set that covers what was found in the place of what was found before; says how large it is. Inputs
/// that somebody wrote, and gave a name, stay.
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
    let (found, named): (Vec<_>, Vec<_>) =
        list(&target.kept)?.into_iter().partition(|(_, input)| is_found(input));
    let chosen = telling(without(list(&merged)?, &named)?);
    for (_, old) in found {
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

/// Those that are not the same as one that has a name: merging gives them the names of what was found.
fn without(inputs: Vec<(u64, PathBuf)>, named: &[(u64, PathBuf)]) -> Result<Vec<(u64, PathBuf)>> {
    let read = |input: &Path| fs::read(input).with_context(|| format!("cannot read {}", input.display()));
    let named = named.iter().map(|(_, input)| read(input)).collect::<Result<BTreeSet<Vec<u8>>>>()?;
    let mut others = Vec::new();
    for (length, input) in inputs {
        if !named.contains(&read(&input)?) {
            others.push((length, input));
        }
    }
    Ok(others)
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

/// Those that take the most edges are among the longest; what they leave out is found again within seconds.
fn telling(mut inputs: Vec<(u64, PathBuf)>) -> Vec<(u64, PathBuf)> {
    inputs.retain(|(length, input)| *length <= LONGEST && is_found(input));
    inputs.sort_by(|a, b| b.cmp(a));
    inputs.truncate(MOST_FILES);
    let mut bytes = 0;
    inputs.retain(|(length, _)| {
        bytes += length;
        bytes <= MOST_BYTES
    });
    inputs
}

/// libFuzzer names what it finds by its SHA-1.
fn is_found(input: &Path) -> bool {
    let name = input.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.len() == 40 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(number: u64) -> PathBuf {
        PathBuf::from(format!("{number:040x}"))
    }

    #[test]
    fn the_most_telling_are_kept() {
        let kept = telling((1..200).map(|number| (number, found(number))).collect());
        assert_eq!((kept.len(), kept.first().unwrap().0, kept.last().unwrap().0), (MOST_FILES, 199, 100));
        assert_eq!(telling(vec![(LONGEST + 1, found(1))]), []);
        assert_eq!(telling((0..50).map(|number| (LONGEST, found(number))).collect()).len(), 16);
    }

    /// They are in the kept corpus already, and stay there.
    #[test]
    fn what_has_a_name_was_not_found() {
        assert_eq!(telling(vec![(1, PathBuf::from("overlong-host"))]), []);
        let folder = tempfile::TempDir::new().unwrap();
        let written = |name: &Path, bytes: &str| {
            let path = folder.path().join(name);
            fs::write(&path, bytes).unwrap();
            (bytes.len() as u64, path)
        };
        let named = written(Path::new("whole"), "same");
        let (same, other) = (written(&found(1), "same"), written(&found(2), "else"));
        assert_eq!(without(vec![same, other.clone()], &[named]).unwrap(), [other]);
    }
}
