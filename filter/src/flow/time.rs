//! The two clocks, as arguments.

/// The moment at which an event happens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// Milliseconds of a clock that never steps back. Its zero differs from VM to VM, so it measures
    /// durations inside one VM and is never written to shared data.
    pub monotonic_ms: u64,
    /// Milliseconds since 1970. Comparable between the VMs of one Envoy, but it may step in both directions.
    pub wall_ms: u64,
}
