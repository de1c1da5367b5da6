//! The policy that the leader received, for the other workers and for VMs that start later.
//!
//! A policy may be large and every worker looks every tick, so its version stands under a key of its own.

use super::reader::{Reader, put_short_bytes};
use super::{KEY_PREFIX, SharedData};

/// A policy as it was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The control plane's version of it.
    pub version: String,
    /// The encoded policy.
    pub bytes: Vec<u8>,
}

/// What the control plane has said so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Announced {
    /// Nothing.
    Never,
    /// That there is no policy.
    Removed,
    /// That this version is in force.
    Version(String),
}

/// The version in force. Cheap: to be called on every tick.
pub fn announced(shared: &impl SharedData) -> Announced {
    match shared.get(&version_key()) {
        None => Announced::Never,
        Some(entry) if entry.value.is_empty() => Announced::Removed,
        Some(entry) => String::from_utf8(entry.value).map_or(Announced::Never, Announced::Version),
    }
}

/// The policy itself. It may already be newer than what [`announced`] said.
pub fn read(shared: &impl SharedData) -> Option<Published> {
    let entry = shared.get(&policy_key())?;
    let mut reader = Reader::new(&entry.value);
    let version = String::from_utf8(reader.short_bytes()?.to_vec()).ok()?;
    Some(Published { version, bytes: reader.rest().to_vec() })
}

/// Publishes a policy. Its version, which must not be empty, is announced last, when all the rest is there.
pub fn publish(version: &str, bytes: &[u8], shared: &impl SharedData) {
    let mut record = Vec::with_capacity(version.len().saturating_add(bytes.len()).saturating_add(2));
    put_short_bytes(&mut record, version.as_bytes());
    record.extend_from_slice(bytes);
    shared.set(&policy_key(), &record, None);
    shared.set(&version_key(), version.as_bytes(), None);
}

/// Says that there is no policy any more.
pub fn withdraw(shared: &impl SharedData) {
    shared.set(&version_key(), &[], None);
    shared.set(&policy_key(), &[], None);
}

fn version_key() -> String {
    format!("{KEY_PREFIX}policy.version")
}

fn policy_key() -> String {
    format!("{KEY_PREFIX}policy")
}
