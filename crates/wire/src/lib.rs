//! Generated protobuf, conversions, and the delta protocol's two state machines.
