//! The generated messages, by their protobuf packages. `cargo xtask codegen` writes them.
#![expect(missing_docs, reason = "generated: the .proto files carry the comments")]

/// `umbra.policy`
pub mod policy {
    /// `umbra.policy.v1`: what a node's filter runs.
    pub mod v1 {
        include!("generated/umbra.policy.v1.rs");
    }
}

/// `umbra.delta`
pub mod delta {
    /// `umbra.delta.v1`: the part of Envoy's Delta xDS messages that Umbra uses.
    pub mod v1 {
        include!("generated/umbra.delta.v1.rs");
    }
}

/// `umbra.telemetry`
pub mod telemetry {
    /// `umbra.telemetry.v1`: what the filters saw.
    pub mod v1 {
        include!("generated/umbra.telemetry.v1.rs");
    }
}
