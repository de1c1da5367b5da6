//! The `umbractl` binary.

fn main() {}
