//! What the workers of one Envoy tell each other, through Envoy's shared data.
//!
//! Records carry no format version of their own: the keys do ([`KEY_PREFIX`]), so that two releases of the
//! filter that run side by side during an upgrade never read each other's records. A record that does not
//! decode counts as absent.

pub mod census;
pub mod freshness;
pub mod lease;
pub mod policy;
mod reader;

/// The start of every key. The number goes up when a record changes its meaning.
pub const KEY_PREFIX: &str = "umbra.1.";

/// Envoy's shared data: a map that all the VMs with one `vm_id` see, in whatever thread they run.
pub trait SharedData {
    /// The value and its version, or nothing.
    fn get(&self, key: &str) -> Option<Versioned>;

    /// Writes, and says whether it did. With `Some(version)`, only if nobody wrote since that version was read.
    ///
    /// With `None` it always writes: Envoy has no way to say "only if absent". Two workers that both
    /// create a key may thus both succeed, and only the later one's value stays.
    fn set(&self, key: &str, value: &[u8], version: Option<u32>) -> bool;
}

/// A value of the shared data and the version to give back for compare-and-swap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versioned {
    /// The bytes.
    pub value: Vec<u8>,
    /// Changes with every write.
    pub version: u32,
}

/// Identifies one worker's VM among those of one Envoy. Random; never 0, which stands for nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WorkerId(u64);

impl WorkerId {
    /// An id from a random number.
    pub fn new(random: u64) -> Self {
        Self(random.max(1))
    }

    fn from_wire(number: u64) -> Option<Self> {
        (number != 0).then_some(Self(number))
    }

    fn to_wire(id: Option<Self>) -> u64 {
        id.map_or(0, |id| id.0)
    }
}
